"""What each pass costs at each depth: one table a family and setting, and what a layer adds.

`costs` keeps what a verdict weighs: the forward's latency, the step's memory. Here every pass has
all its figures, with their spread.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields

from .costs import Setting, by_setting, median_of
from .per_layer import PerLayer, per_layer
from .tables import Row, Tables, grouped, records

PASSES = ("forward", "backward", "step")
"""In the order in which a training takes them."""

PER_LAYER = ("latency_seconds", "peak_bytes", "activation_bytes", "flops", "energy_joules")
"""The columns of which the slope over depth is told."""


@dataclass(frozen=True)
class PassCost:
    """One pass at one depth, of the whole batch; null is unknown.

    Attributes:
        latency_seconds: the median; q1_seconds and q3_seconds, its quartiles.
        activation_bytes: kept for the backward.
        flops_per_byte: of the traffic to memory, as the roofline counts it.
        compute_share, memory_share, launch_share: what each alone would take, over the time taken.
        bound: the largest of them: compute, memory or launches.
    """

    depth: int
    latency_seconds: float | None
    q1_seconds: float | None
    q3_seconds: float | None
    peak_bytes: float | None
    activation_bytes: float | None
    flops: float | None
    energy_joules: float | None
    flops_per_byte: float | None
    compute_share: float | None
    memory_share: float | None
    launch_share: float | None
    bound: str | None


@dataclass(frozen=True)
class PassTable:
    """The passes of one family in one setting, shallowest first.

    Attributes:
        per_layer: by pass and column, where a line could be fitted.
    """

    family: str
    setting: Setting
    passes: Mapping[str, tuple[PassCost, ...]]
    per_layer: Mapping[tuple[str, str], PerLayer]


def pass_tables(tables: Tables) -> tuple[PassTable, ...]:
    """One table per family and setting, in the order of their names."""
    cells = [row for row in records(tables.cells) if row["status"] == "ok"]
    return tuple(_table(family, setting, rows) for family, setting, rows in by_setting(cells))


def _table(family: str, setting: Setting, rows: list[Row]) -> PassTable:
    by_pass = {name: [row for row in rows if row["pass"] == name] for name in _named(rows)}
    passes = {name: _costs(same) for name, same in by_pass.items()}
    return PassTable(family, setting, passes, _lines(passes))


def _named(rows: list[Row]) -> list[str]:
    """The usual passes in their order, then others."""
    there = {str(row["pass"]) for row in rows}
    return [name for name in PASSES if name in there] + sorted(there - set(PASSES))


def _costs(rows: list[Row]) -> tuple[PassCost, ...]:
    numbers = [field.name for field in fields(PassCost) if field.name not in ("depth", "bound")]
    return tuple(
        PassCost(
            depth=depth,
            bound=same[-1]["bound"],
            **{name: median_of(same, name) for name in numbers},
        )
        for (depth,), same in sorted(grouped(rows, ("depth",)), key=lambda group: group[0])
    )


def _lines(
    passes: Mapping[str, tuple[PassCost, ...]],
) -> Mapping[tuple[str, str], PerLayer]:
    found = {
        (pass_, name): per_layer(_known(costs, name))
        for pass_, costs in passes.items()
        for name in PER_LAYER
    }
    return {key: line for key, line in found.items() if line is not None}


def _known(costs: tuple[PassCost, ...], name: str) -> dict[int, float]:
    values = {cost.depth: getattr(cost, name) for cost in costs}
    return {depth: value for depth, value in values.items() if value is not None}
