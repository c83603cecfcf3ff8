"""Throughput, MFU, memory and energy of the machines, side by side."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from .hardware_cells import Point, Points, Series
from .hardware_pairs import Pair, series_rank


@dataclass(frozen=True)
class Use:
    """How well a machine does on a cell that it shares; null is unknown.

    Attributes:
        mfu: model FLOP/s over those of a large matrix product on the same device.
        joules_per_sample: energy of the pass, a sample.
        bound: compute, memory or launches.
    """

    machine: str
    series: Series
    depth: int
    samples_per_second: float | None
    mfu: float | None
    mfu_published: float | None
    peak_bytes: float | None
    joules_per_sample: float | None
    bound: str | None


def uses(points: Sequence[Points], found: Sequence[Pair]) -> Iterator[Use]:
    """Of each shared cell of a study, every machine that has it."""
    keys = dict.fromkeys(pair.key for pair in sorted(found, key=_cell_rank) if pair.key.depth)
    for key in keys:
        for each in points:
            if key in each.by_key:
                yield _use(each.machine, each.by_key[key])


def deepest(found: Sequence[Use]) -> list[Use]:
    """Of each series the deepest shared cell."""
    last: dict[Series, int] = {}
    for use in found:
        last[use.series] = max(use.depth, last.get(use.series, 0))
    return [use for use in found if use.depth == last[use.series]]


def _cell_rank(pair: Pair) -> tuple[tuple[str, ...], int]:
    return series_rank(pair.series), pair.key.depth or 0


def _use(machine: str, point: Point) -> Use:
    joules = point.measure("energy_joules")
    batch = point.series.batch_size
    return Use(
        machine=machine,
        series=point.series,
        depth=point.key.depth or 0,
        samples_per_second=batch / point.median.seconds if batch else None,
        mfu=point.measure("mfu"),
        mfu_published=point.measure("mfu_published"),
        peak_bytes=point.measure("peak_bytes"),
        joules_per_sample=None if joules is None or not batch else joules / batch,
        bound=point.row.get("bound"),
    )
