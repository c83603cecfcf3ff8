"""A quantity against depth, one line a machine, both axes logarithmic."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import altair as alt

from ..hardware import Comparison
from ..units import Unit
from .hardware_names import colour, drawn, shape
from .style import chart, depth_axis, drawing, log_axis, shown, tips, with_rows


class Reading(NamedTuple):
    """Of a machine at a depth; its interval may be unknown."""

    machine: str
    depth: int
    value: float
    low: float | None
    high: float | None


def against_depth(
    found: Comparison, readings: Sequence[Reading], unit: Unit, axis: str
) -> dict[str, Any]:
    """Points, the lines between them and their intervals."""
    labels = drawn(found)
    names = [labels[name] for name in labels if any(each.machine == name for each in readings)]
    x = depth_axis([each.depth for each in readings])
    y = alt.Y(**log_axis("value", ", ".join(filter(None, (axis, unit.name)))))
    hue = colour(found, names)
    base = chart("points").encode(x=x, y=y, color=hue)
    spans = chart("spans").mark_rule(strokeWidth=3, opacity=0.4)
    rows = [_row(labels, unit, each) for each in readings]
    return with_rows(
        drawing(
            alt.layer(
                base.mark_line(strokeWidth=1.5, opacity=0.8),
                spans.encode(x=x, y=alt.Y("low:Q"), y2=alt.Y2("high:Q"), color=hue),
                base.mark_point(filled=True, size=46, opacity=1).encode(
                    shape=shape(found, names),
                    tooltip=tips("series:N", "depth:Q", "value:Q", "low:Q", "high:Q"),
                ),
            )
        ),
        points=rows,
        spans=[row for row in rows if row["low"] and row["high"]],
    )


def _row(labels: Mapping[str, str], unit: Unit, reading: Reading) -> dict[str, Any]:
    return {
        "series": labels[reading.machine],
        "depth": reading.depth,
        "value": unit.of(reading.value),
        "low": unit.of(reading.low),
        "high": unit.of(reading.high),
    }


def depth_rows(
    found: Comparison, readings: Sequence[Reading], unit: Unit
) -> Iterator[tuple[str, ...]]:
    """The numbers that are drawn: depth, machine, value and interval."""
    labels = drawn(found)
    for each in sorted(readings, key=lambda reading: reading.depth):
        numbers = (shown(unit.of(value)) for value in (each.value, each.low, each.high))
        yield (str(each.depth), labels[each.machine], *numbers)


def deepest_words(found: Comparison, readings: Sequence[Reading], unit: Unit) -> str:
    """`At depth 32: cpu 3.2 ms, gpu 2.6 ms`."""
    labels, last = drawn(found), max(each.depth for each in readings)
    told = (
        f"{labels[each.machine]} {shown(unit.of(each.value), '.3g')} {unit.name}".strip()
        for each in readings
        if each.depth == last
    )
    return f"At depth {last}: {', '.join(told)}."
