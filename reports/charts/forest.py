"""A forest plot: values with their intervals on rows, one colour a machine."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import altair as alt

from ..hardware import Comparison
from .hardware_names import colour, shape
from .style import GREY, TEXT, chart, drawing, tips, with_rows

ROW = 15
"""Pixels of a machine on a row."""

BETWEEN = 12
"""Pixels between rows."""


class Value(NamedTuple):
    """On a row, of a machine; an interval may be unknown.

    Attributes:
        mean: of the rows above it, which is marked.
        label: what stands beside its bar.
    """

    row: str
    series: str
    value: float
    low: float | None = None
    high: float | None = None
    mean: bool = False
    label: str = ""


def forest(
    found: Comparison, values: Sequence[Value], x: alt.X, *, title: str = "",
    reference: float | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Points with intervals; reference: where a line is drawn down the rows."""
    places = _places(values, title)
    points = chart("values").mark_point(filled=True, opacity=1).encode(
        x=x,
        **places,
        color=colour(found, _names(values)),
        shape=shape(found, _names(values)),
        size=alt.condition("datum.mean", alt.value(130), alt.value(45)),
        tooltip=tips("series:N", "row:N", "value:Q", "low:Q", "high:Q"),
    )  # fmt: skip
    spans = chart("spans").mark_rule(strokeWidth=2, opacity=0.6).encode(
        x=alt.X("low:Q"), x2=alt.X2("high:Q"), **places, color=colour(found, _names(values))
    )  # fmt: skip
    marked = [] if reference is None else [{"at": reference}]
    line = chart("marked").mark_rule(color=GREY, strokeDash=[4, 3]).encode(x=alt.X("at:Q"))
    rows = [value._asdict() for value in values]
    known = [row for row in rows if row["low"] is not None and row["high"] is not None]
    drawn = drawing(alt.layer(line, spans, points), _height(values))
    return with_rows(drawn, values=rows, spans=known, marked=marked)


def bars(found: Comparison, values: Sequence[Value], axis: str) -> dict[str, Any]:
    """Bars from nothing, each with its label beside it."""
    room = 1.25 * max(value.value for value in values)
    x = alt.X(
        "value:Q",
        title=axis,
        scale=alt.Scale(domain=[0, room], nice=False),
        axis=alt.Axis(tickCount=4, format="~s" if room >= 1e4 else "~r"),
    )
    places = _places(values, "")
    drawn = chart("values").mark_bar().encode(
        x=x, **places, color=colour(found, _names(values)), tooltip=tips("series:N", "value:Q")
    )  # fmt: skip
    words = chart("values").mark_text(align="left", dx=4, fontSize=10, color=TEXT).encode(
        x=x, **places, text=alt.Text("label:N")
    )  # fmt: skip
    rows = [value._asdict() for value in values]
    return with_rows(drawing(alt.layer(drawn, words), _height(values)), values=rows)


def row_words(values: Sequence[Value], number: Callable[[Value], str]) -> str:
    """`forward: cpu 3.2 ms, gpu 2.6 ms; step: …`."""
    rows = dict.fromkeys(value.row for value in values)
    return "; ".join(
        f"{row}: " + ", ".join(f"{v.series} {number(v)}" for v in values if v.row == row)
        for row in rows
    )


def _places(values: Sequence[Value], title: str) -> Mapping[str, Any]:
    """A row each, and on it a place for each machine."""
    rows = list(dict.fromkeys(value.row for value in values))
    axis = alt.Axis(grid=False, ticks=False, domain=False, labelLimit=170, labelOverlap=False)
    return {
        "y": alt.Y("row:N", title=title or None, sort=rows, axis=axis),
        "yOffset": alt.YOffset("series:N", sort=_names(values)),
    }


def _names(values: Sequence[Value]) -> list[str]:
    return list(dict.fromkeys(value.series for value in values))


def _height(values: Sequence[Value]) -> int:
    rows = len({value.row for value in values})
    return max(60, rows * (ROW * len(_names(values)) + BETWEEN))
