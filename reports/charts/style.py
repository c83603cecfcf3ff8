"""What all charts share: colours, axes, the marks of depth.

Colours have a contrast of 3 or more with white and with the page's dark ground, so that one
drawing serves both; lines, grids and letters are recoloured by the page's style.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt

COLOURS = (
    "#2f7ed8", "#d9700f", "#1f9d6b", "#b04fc4", "#d1495b", "#7c8500", "#0f97a8", "#9a6a4a",
)  # fmt: skip
DEPTHS = ("#1f9d6b", "#2f7ed8", "#8a5cd6", "#d1495b")
"""Of a scale over depths, from shallow to deep."""

GREY = "#7d8590"
TEXT = "#59636e"

HEIGHT = 240
EXPORT_WIDTH = 460

CONFIG: dict[str, Any] = {
    "aria": False,  # the page gives each chart one description, and a table
    "background": "transparent",
    "font": "system-ui, sans-serif",
    "view": {"stroke": None},
    "axis": {
        "labelColor": TEXT, "titleColor": TEXT, "gridColor": "#d8dee4",
        "domainColor": "#9aa3ad", "tickColor": "#9aa3ad", "labelFontSize": 11,
        "titleFontSize": 11, "titleFontWeight": "normal", "titlePadding": 8, "labelOverlap": True,
    },
    "legend": {
        "orient": "top", "direction": "horizontal", "title": None, "labelFontSize": 11,
        "labelColor": TEXT, "labelLimit": 300, "symbolStrokeWidth": 2, "symbolOpacity": 1,
        "offset": 6, "columns": 3, "titleFontWeight": "normal", "titleFontSize": 11,
        "titleColor": TEXT, "layout": {"top": {"anchor": "start", "direction": "vertical"}},
    },
    "text": {"color": TEXT},
}  # fmt: skip


def chart(name: str) -> alt.Chart:
    """A chart of the rows that `spec` is given under that name."""
    return alt.Chart(alt.NamedData(name=name))


def spec(drawn: Any, **rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The chart as Vega-Lite with its rows; see `drawing` and `with_rows`."""
    return with_rows(drawing(drawn), **rows)


def drawing(drawn: Any, height: int = HEIGHT) -> dict[str, Any]:
    """The chart as Vega-Lite, as wide as the place where it stands and without what all charts
    share. That it is valid is for tests to say: to check it takes longer than to make it."""
    sized = drawn.properties(width="container", height=height)
    found: dict[str, Any] = sized.to_dict(validate=False)
    return {key: value for key, value in found.items() if key not in ("$schema", "config")}


def with_rows(drawing: dict[str, Any], **rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The drawing with its rows; rows: by their name in it, with fixed names of fields."""
    return drawing | {"datasets": {name: [*map(_drawn, each)] for name, each in rows.items()}}


def _drawn(row: Mapping[str, Any]) -> dict[str, Any]:
    """Six digits are more than can be seen."""
    return {
        key: float(f"{value:.6g}") if isinstance(value, float) else value
        for key, value in row.items()
    }


def tips(*fields: str) -> list[alt.Tooltip]:
    """What is shown of a mark under the pointer: fields as `name:Q`."""
    return [_tip(*each.split(":")) for each in fields]


def _tip(name: str, kind: str) -> alt.Tooltip:
    if kind == "Q":
        return alt.Tooltip(field=name, type="quantitative", format=".4~g")
    return alt.Tooltip(field=name, type="nominal")


def depth_axis(depths: Sequence[int], *, log: bool = True) -> alt.X:
    """Depth, with a tick at each depth that was tried."""
    scale = alt.Scale(type="log", base=2, nice=False) if log else alt.Scale(zero=True, nice=False)
    ticks = sorted(set(depths))
    return alt.X("depth:Q", title="depth", scale=scale, axis=alt.Axis(values=ticks, format="d"))


def log_axis(field: str, title: str, *, room: int = 10) -> dict[str, Any]:
    """Settings of an axis over powers of ten, for `alt.X` or `alt.Y`."""
    return {
        "shorthand": f"{field}:Q",
        "title": f"{title} (log)",
        "scale": alt.Scale(type="log", nice=False, padding=room),
        "axis": alt.Axis(tickCount=5, format="~g", grid=False),
    }


def series(names: Sequence[str], field: str = "series") -> alt.Color:
    """One colour a name, in this order, whatever the data hold."""
    scale = alt.Scale(
        domain=list(names), range=[COLOURS[i % len(COLOURS)] for i in range(len(names))]
    )
    return alt.Color(f"{field}:N", scale=scale)


def by_depth(depths: Sequence[int]) -> alt.Color:
    """From green (shallow) over blue to red (deep)."""
    names = [str(depth) for depth in sorted(set(depths))]
    return alt.Color(
        "series:N",
        scale=alt.Scale(domain=names, range=spread(len(names))),
        legend=alt.Legend(title="depth", titleOrient="left", columns=8, symbolType="stroke"),
    )


def spread(count: int) -> list[str]:
    """So many colours between those of `DEPTHS`."""
    ends = [tuple(int(colour[i : i + 2], 16) for i in (1, 3, 5)) for colour in DEPTHS]
    places = [i * (len(ends) - 1) / max(1, count - 1) for i in range(count)]
    return [_between(ends, place) for place in places]


def _between(ends: Sequence[tuple[int, ...]], place: float) -> str:
    start = min(int(place), len(ends) - 2)
    mixed = (
        a + (b - a) * (place - start) for a, b in zip(ends[start], ends[start + 1], strict=True)
    )
    return "#" + "".join(f"{round(part):02x}" for part in mixed)


def shown(value: float | None, digits: str = ".4g") -> str:
    """A number in a table; empty where it is unknown."""
    return "" if value is None else format(value, digits)
