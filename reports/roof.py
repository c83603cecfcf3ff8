"""The roofline of each device: how near to its peaks every cell comes (Williams et al. 2009).

A cell's speed is told as a share of the peak that a large matrix product reached on the same device
just then, so cells of one machine share a roof whose height is 1. Its slope ends at the ridge: the
FLOPs a byte at which arithmetic takes as long as the traffic to memory.
"""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from .passes import PassCost, PassTable


@dataclass(frozen=True)
class RoofPoint:
    """One cell; see `PassCost`. `reach` is the share of the roof above it that the cell reaches:
    1 is all that its FLOPs a byte allow."""

    family: str
    pass_: str
    cost: PassCost
    flops_per_byte: float
    compute_share: float
    reach: float


@dataclass(frozen=True)
class Roof:
    """One device in one dtype.

    Attributes:
        ridge: FLOPs a byte; null where no cell knows its share of the memory's peak.
    """

    machine: str | None
    device: str | None
    dtype: str | None
    ridge: float | None
    points: tuple[RoofPoint, ...]


def roofs(tables: Sequence[PassTable]) -> tuple[Roof, ...]:
    """One roof for each device and dtype of which any cell is known."""
    places = dict.fromkeys(_place(table) for table in tables)
    found = [(place, [each for each in tables if _place(each) == place]) for place in places]
    return tuple(roof for place, same in found if (roof := _roof(place, same)).points)


def _place(table: PassTable) -> tuple[str | None, str | None, str | None]:
    return table.setting.machine, table.setting.device, table.setting.dtype


def _roof(place: tuple[str | None, str | None, str | None], tables: Sequence[PassTable]) -> Roof:
    cells = [
        (table.family, name, cost)
        for table in tables
        for name, costs in table.passes.items()
        for cost in costs
        if cost.flops_per_byte and cost.compute_share
    ]
    ridges = [ridge for _, _, cost in cells if (ridge := _ridge(cost)) is not None]
    ridge = statistics.median(ridges) if ridges else None
    return Roof(*place, ridge, tuple(_point(*cell, ridge) for cell in cells))


def _ridge(cost: PassCost) -> float | None:
    """Times of traffic and of arithmetic are bytes over bandwidth and FLOPs over peak, so that
    their ratio is the ridge over the cell's own FLOPs a byte."""
    if not (cost.memory_share and cost.compute_share and cost.flops_per_byte):
        return None
    return cost.flops_per_byte * cost.memory_share / cost.compute_share


def _point(family: str, pass_: str, cost: PassCost, ridge: float | None) -> RoofPoint:
    intensity, share = cost.flops_per_byte or 0.0, cost.compute_share or 0.0
    above = min(1.0, intensity / ridge) if ridge else 1.0
    return RoofPoint(family, pass_, cost, intensity, share, share / above)
