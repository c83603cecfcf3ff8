"""What each pass costs against depth, with the line through it: what a layer adds."""

from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any, NamedTuple

import altair as alt

from ..block import setting_words
from ..findings import Findings
from ..labels import shortened
from ..passes import PassCost, PassTable
from ..per_layer import PerLayer
from ..units import Unit, unit_of
from .figure import Figure, Missing
from .style import chart, depth_axis, drawing, series, shown, tips, with_rows

EXACT = 1e-6
"""A share below which a deviation from a line is the arithmetic's own."""


class Cost(NamedTuple):
    """A figure of costs: its title, and the columns of `PassCost` in it with the name that a pass
    has there."""

    key: str
    title: str
    columns: tuple[tuple[str, str], ...]


DRAWN = (
    Cost("latency", "Latency of a batch", (("latency_seconds", "{}"),)),
    Cost(
        "memory",
        "Memory by kind",
        (("peak_bytes", "peak of {}"), ("activation_bytes", "activations kept")),
    ),
    Cost("flops", "FLOPs of a batch", (("flops", "{}"),)),
    Cost("energy", "Energy of a batch", (("energy_joules", "{}"),)),
)


class Line(NamedTuple):
    """One pass and column at each depth."""

    name: str
    column: str
    costs: tuple[PassCost, ...]
    per_layer: PerLayer | None

    def value(self, cost: PassCost) -> float | None:
        found: float | None = getattr(cost, self.column)
        return found


def draw(findings: Findings) -> Iterator[Figure | Missing]:
    """Up to four figures for each family and setting."""
    for place, table in enumerate(findings.passes, 1):
        for cost in DRAWN:
            lines = list(_lines(table, cost))
            if lines:
                yield _figure(f"cost-{place}-{cost.key}", table, cost, lines)
    if not findings.passes:
        yield Missing("", "No cost was measured.", "pytest bench -m cost --benchmark-json out.json")


def _lines(table: PassTable, cost: Cost) -> Iterator[Line]:
    """Those of which anything but 0 is known; passes that share a name (a backward and a step keep
    the same activations) are one line."""
    named = set()
    for column, words in cost.columns:
        for pass_, costs in table.passes.items():
            name = words.format(pass_)
            known = tuple(each for each in costs if getattr(each, column) is not None)
            if any(getattr(each, column) for each in known) and name not in named:
                named.add(name)
                yield Line(name, column, known, table.per_layer.get((pass_, column)))


def _figure(key: str, table: PassTable, cost: Cost, lines: Sequence[Line]) -> Figure:
    column = cost.columns[0][0]
    unit = unit_of(column, [line.value(each) for line in lines for each in line.costs])
    names = [line.name for line in lines]
    setting = setting_words(table.setting)
    return Figure(
        key=key,
        group=f"{shortened(table.family)}: {shortened(setting, 120)}",
        title=cost.title,
        words=_words(cost, unit, lines),
        spec=_spec(unit, lines),
        header=("depth", *(f"{name}, {unit.name}" for name in names)),
        rows=tuple(_rows(unit, lines)),
    )


def _spec(unit: Unit, lines: Sequence[Line]) -> dict[str, Any]:
    points = [
        {
            "series": line.name,
            "depth": each.depth,
            "value": unit.of(line.value(each)),
            "low": unit.of(each.q1_seconds) if line.column == "latency_seconds" else None,
            "high": unit.of(each.q3_seconds) if line.column == "latency_seconds" else None,
        }
        for line in lines
        for each in line.costs
    ]
    names = tuple(line.name for line in lines)
    depths = tuple(sorted({each.depth for line in lines for each in line.costs}))
    fitted = list(_fitted(unit, lines))
    return with_rows(_drawing(unit.name, names, depths), points=points, fitted=fitted)


@cache  # networks and settings have the same passes and depths, and drawing takes longest
def _drawing(unit: str, names: tuple[str, ...], depths: tuple[int, ...]) -> dict[str, Any]:
    x = depth_axis(depths, log=False)
    y = alt.Y("value:Q", title=unit, scale=alt.Scale(zero=True))
    colour = series(names)
    base = chart("points").encode(x=x, y=y, color=colour)
    fitted = chart("fitted").encode(x=x, y=y, color=colour)
    spread = base.mark_rule(strokeWidth=3, opacity=0.4)
    return drawing(
        alt.layer(
            fitted.mark_line(strokeWidth=1.5, opacity=0.7),
            spread.encode(y=alt.Y("low:Q"), y2=alt.Y2("high:Q")),
            base.mark_point(filled=True, size=40, opacity=1).encode(
                tooltip=tips("series:N", "depth:Q", "value:Q", "low:Q", "high:Q")
            ),
        )
    )


def _fitted(unit: Unit, lines: Sequence[Line]) -> Iterator[dict[str, Any]]:
    """The ends of each line, where one was fitted."""
    for line in lines:
        if line.per_layer is not None:
            for depth in (line.costs[0].depth, line.costs[-1].depth):
                value = unit.of(line.per_layer.at(depth))
                yield {"series": line.name, "depth": depth, "value": value}


def _rows(unit: Unit, lines: Sequence[Line]) -> Iterator[tuple[str, ...]]:
    by_line = [{each.depth: line.value(each) for each in line.costs} for line in lines]
    for depth in sorted({depth for costs in by_line for depth in costs}):
        yield (str(depth), *(shown(unit.of(costs.get(depth))) for costs in by_line))
    if any(line.per_layer for line in lines):
        yield ("a layer adds", *(_of_line(line, "each", unit) for line in lines))
        yield ("fixed", *(_of_line(line, "fixed", unit) for line in lines))


def _of_line(line: Line, name: str, unit: Unit) -> str:
    return shown(unit.of(getattr(line.per_layer, name, None)))


def _words(cost: Cost, unit: Unit, lines: Sequence[Line]) -> str:
    told = [_line_words(unit, line) for line in lines if line.per_layer is not None]
    if not told:
        return f"{cost.title} against depth."
    return f"{cost.title} against depth. Of one more layer: {'; '.join(told)}."


def _line_words(unit: Unit, line: Line) -> str:
    """What a layer adds, and how far from a straight line the depths are."""
    found = line.per_layer
    if found is None:
        return ""
    near = f"within {100 * found.worst:.2g}% of" if found.worst > EXACT else "on"
    return f"{line.name} {shown(unit.of(found.each), '.3g')} {unit.name} ({near} the line)"
