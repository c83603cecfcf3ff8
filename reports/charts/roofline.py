"""The roofline: how much of the machine's peaks each cell reaches, against its FLOPs a byte."""

from collections.abc import Iterator
from typing import Any

import altair as alt

from ..findings import Findings
from ..labels import labels, shortened
from ..roof import Roof, RoofPoint
from .figure import Figure, Missing
from .style import GREY, chart, log_axis, series, shown, spec, tips

BEYOND = 4.0
"""Times the most FLOPs a byte of any cell: where the drawn roof ends."""


def draw(findings: Findings) -> Iterator[Figure | Missing]:
    """One figure a device and dtype."""
    for place, roof in enumerate(findings.roofs, 1):
        yield _figure(f"roofline-{place}", roof)
    if not findings.roofs:
        words = "No cell knows its FLOPs a byte, as studies of older versions do not."
        yield Missing("", words, "pytest bench -m cost --benchmark-json results/study.json")


def _figure(key: str, roof: Roof) -> Figure:
    where = ", ".join(filter(None, (roof.dtype, roof.device, roof.machine)))
    return Figure(
        key=key,
        group="",
        title=f"Roofline: {shortened(where, 100)}",
        words=_words(roof),
        spec=_spec(roof),
        header=(
            "network",
            "depth",
            "pass",
            "FLOPs a byte",
            "% of the peak",
            "% of the roof",
            "bound by",
        ),
        rows=tuple(map(_row, roof.points)),
    )


def _spec(roof: Roof) -> dict[str, Any]:
    names = labels(point.family for point in roof.points)
    cells = [_cell(names[point.family], point) for point in roof.points]
    x = alt.X(**log_axis("intensity", "FLOPs a byte"))
    y = alt.Y(**log_axis("share", "% of the peak FLOP/s"))
    passes = list(dict.fromkeys(point.pass_ for point in roof.points))
    line = chart("roof").mark_line(color=GREY, strokeWidth=2).encode(x=x, y=y)
    points = chart("cells").mark_point(filled=True, size=44, opacity=0.8)
    return spec(
        alt.layer(
            line,
            points.encode(
                x=x,
                y=y,
                color=series(list(names.values())),
                shape=alt.Shape(
                    "pass:N",
                    scale=alt.Scale(domain=passes),
                    legend=alt.Legend(symbolFillColor=GREY),
                ),
                tooltip=tips("series:N", "depth:Q", "pass:N", "bound:N", "intensity:Q", "share:Q"),
            ),
        ),
        roof=_roof(roof),
        cells=cells,
    )


def _cell(name: str, point: RoofPoint) -> dict[str, Any]:
    return {
        "series": name,
        "depth": point.cost.depth,
        "pass": point.pass_,
        "bound": point.cost.bound,
        "intensity": point.flops_per_byte,
        "share": 100 * point.compute_share,
    }


def _roof(roof: Roof) -> list[dict[str, float]]:
    """Up the slope to the ridge, then level."""
    places = [point.flops_per_byte for point in roof.points]
    if roof.ridge is None:
        return [{"intensity": place, "share": 100.0} for place in (min(places), max(places))]
    start, end = min(*places, roof.ridge), BEYOND * max(*places, roof.ridge)
    slope = {"intensity": start, "share": 100 * start / roof.ridge}
    return [slope, *({"intensity": place, "share": 100.0} for place in (roof.ridge, end))]


def _row(point: RoofPoint) -> tuple[str, ...]:
    return (
        shortened(point.family),
        str(point.cost.depth),
        point.pass_,
        shown(point.flops_per_byte, ".3g"),
        shown(100 * point.compute_share, ".3g"),
        shown(100 * point.reach, ".3g"),
        point.cost.bound or "",
    )


def _words(roof: Roof) -> str:
    bounds = [point.cost.bound for point in roof.points if point.cost.bound]
    counted = ", ".join(f"{bounds.count(bound)} by {bound}" for bound in dict.fromkeys(bounds))
    ridge = "" if roof.ridge is None else f" The ridge is at {roof.ridge:.3g} FLOPs a byte."
    return (
        f"Share of the measured peak FLOP/s that {len(roof.points)} cells reach against their "
        f"FLOPs a byte of memory traffic (an upper bound: nothing cached or fused). "
        f"Bound: {counted or 'unknown'}.{ridge}"
    )
