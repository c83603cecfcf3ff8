"""Throughput, MFU, memory and energy of the machines side by side, at the deepest shared depth."""

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

from ..hardware import Comparison
from ..hardware_use import Use, deepest
from ..units import unit_of
from .figure import Figure
from .forest import Value, bars, row_words
from .hardware_names import by_network, drawn, network, some


class Measure(NamedTuple):
    """A number of a use: what it is called, and the column that says what its unit may be; null
    where it has one unit."""

    key: str
    title: str
    of: Callable[[Use], float | None]
    column: str | None
    unit: str


MEASURES = (
    Measure("throughput", "Throughput", lambda use: use.samples_per_second, None, "samples/s"),
    Measure(
        "mfu", "MFU", lambda use: use.mfu and 100 * use.mfu, None, "% of a large matrix product"
    ),
    Measure("memory", "Peak memory", lambda use: use.peak_bytes, "peak_bytes", ""),
    Measure("energy", "Energy of a sample", lambda use: use.joules_per_sample, "joules", ""),
)


def draw(found: Comparison) -> Iterator[Figure]:
    """A figure for each network and measure that is known."""
    uses = [use for use in deepest(found.uses) if use.machine in drawn(found)]
    series = by_network(found)
    for place, (group, same) in enumerate(groupby(series, lambda each: network(found, each)), 1):
        alike = list(same)
        ours = [use for each in alike for use in uses if use.series == each]
        for measure in MEASURES:
            known = [use for use in ours if measure.of(use) is not None]
            if any(measure.of(use) for use in known):
                yield _figure(f"use-{place}-{measure.key}", group, found, measure, known)


def _figure(
    key: str, group: str, found: Comparison, measure: Measure, uses: Sequence[Use]
) -> Figure:
    numbers = [measure.of(use) or 0.0 for use in uses]
    unit = unit_of(measure.column, numbers) if measure.column else None
    factor, name = (unit.factor, unit.name) if unit else (1.0, measure.unit)
    values = [
        _value(found, use, number / factor) for use, number in zip(uses, numbers, strict=True)
    ]
    depths = ", ".join(dict.fromkeys(str(use.depth) for use in uses))
    told = row_words(values, lambda value: value.label)
    return Figure(
        key=key,
        group=group,
        title=f"{measure.title} at depth {depths}",
        words=f"{measure.title} in {name}. {told}.{some(found)}",
        spec=bars(found, values, name),
        header=("pass", "machine", name),
        rows=tuple((value.row, value.series, value.label) for value in values),
    )


def _value(found: Comparison, use: Use, value: float) -> Value:
    machine = drawn(found)[use.machine]
    return Value(use.series.pass_ or "", machine, value, label=_number(value))


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"
