"""What is fixed and what a layer adds on each machine, and at which depth the lines cross."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

import altair as alt

from ..hardware import Comparison
from ..hardware_scaling import Crossing, Line
from ..units import Unit, unit_of
from .figure import Figure
from .forest import Value, forest, row_words
from .hardware_names import by_network, drawn, network, others, some
from .style import shown


class Part(NamedTuple):
    """Of a line: the beginning of its columns' names, a title, what the axis says."""

    key: str
    column: str
    title: str
    axis: str


PARTS = (
    Part("overhead", "overhead", "Overhead", "whatever the depth"),
    Part("layer", "per_layer", "Time a layer", "a layer"),
)

MOST_DECIMALS = 12
"""Of a fitted number of seconds: what is left beyond them is the rounding of the fit."""


def draw(found: Comparison) -> Iterator[Figure]:
    """Overhead, time per layer and crossings of each network."""
    series = by_network(found)
    for place, (group, same) in enumerate(groupby(series, lambda each: network(found, each)), 1):
        alike = list(same)
        lines = [
            line
            for each in alike
            for line in found.lines
            if line.series == each and line.machine in drawn(found)
        ]
        for part in PARTS if lines else ():
            yield _part(f"line-{place}-{part.key}", group, found, lines, part)
        crossed = [
            crossing
            for each in alike
            for crossing in found.crossings
            if crossing.series == each and crossing.machine in others(found)
        ]
        if any(each.depth is not None for each in crossed):
            yield _crossings(f"crossing-{place}", group, found, crossed)


def _part(key: str, group: str, found: Comparison, lines: Sequence[Line], part: Part) -> Figure:
    unit = unit_of("seconds", [abs(_span(line, part.column)[0]) for line in lines])
    values = [_value(found, line, part.column, unit) for line in lines]
    x = alt.X("value:Q", title=f"{unit.name} {part.axis}", scale=alt.Scale(zero=True))
    told = row_words(values, lambda value: f"{value.value:.3g} {unit.name}")
    return Figure(
        key=key,
        group=group,
        title=part.title,
        words=f"Lines are 95% intervals. {told}.{some(found)}",
        spec=forest(found, values, x, reference=0.0),
        header=("pass", "machine", unit.name, "low", "high"),
        rows=tuple(
            (v.row, v.series, *(shown(number) for number in (v.value, v.low, v.high)))
            for v in values
        ),
    )


def _span(line: Line, name: str) -> tuple[float, float, float]:
    value, low, high = (
        round(getattr(line, f"{name}_{part}"), MOST_DECIMALS) for part in ("seconds", "low", "high")
    )
    return value, low, high


def _value(found: Comparison, line: Line, name: str, unit: Unit) -> Value:
    value, low, high = (each / unit.factor for each in _span(line, name))
    return Value(line.series.pass_ or "", drawn(found)[line.machine], value, low, high)


def _crossings(key: str, group: str, found: Comparison, crossed: Sequence[Crossing]) -> Figure:
    values = [
        Value(
            each.series.pass_ or "",
            others(found)[each.machine],
            depth,
            _low(each),
            _high(each),
        )
        for each in crossed
        if (depth := each.depth) is not None
    ]
    x = alt.X("value:Q", title="depth", scale=alt.Scale(zero=False, padding=14))
    return Figure(
        key=key,
        group=group,
        title=f"Where lines cross that of {drawn(found)[found.base]}",
        words=(
            "The depth at which two machines take the same time, with 95% intervals as far as "
            f"anything is said of them. {_crossing_words(values)}.{some(found)}"
        ),
        spec=forest(found, values, x),
        header=("pass", "machine", "depth", "low", "high", "faster below", "faster above"),
        rows=tuple(_crossing_row(found, each) for each in crossed),
    )


def _low(each: Crossing) -> float | None:
    return None if each.low is None else max(each.low, each.first)


def _high(each: Crossing) -> float | None:
    return None if each.high is None else min(each.high, each.last)


def _crossing_words(values: Sequence[Value]) -> str:
    return "; ".join(f"{value.row}: {value.series} at {value.value:.3g}" for value in values)


def _crossing_row(found: Comparison, each: Crossing) -> tuple[str, ...]:
    names = drawn(found)
    crosses = each.depth is not None
    return (
        each.series.pass_ or "",
        names[each.machine],
        shown(each.depth, ".3g") or each.kind,
        shown(_low(each), ".3g"),
        shown(_high(each), ".3g"),
        names[each.faster_shallow] if crosses else "",
        names[each.faster_deep] if crosses else "",
    )
