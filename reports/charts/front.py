"""Accuracy against cost: the networks of one task together, with the Pareto front of each.

The knee is a ring on the picture and decides nothing.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import altair as alt

from ..findings import Findings
from ..labels import labels, shortened
from ..pareto import COSTS, FrontPoint
from ..units import Unit, unit_of
from ..verdict import Verdict
from .figure import Figure, Missing
from .metric import judged, metric_title, percent
from .style import TEXT, chart, log_axis, series, shown, spec, tips

TITLES = {
    "flops": "forward FLOPs of a sample",
    "latency_seconds": "forward latency of a batch",
    "peak_bytes": "peak memory of a step",
    "energy_joules": "energy of a forward pass",
    "train_flops": "training FLOPs",
    "train_seconds": "training time",
}
MOST_NETWORKS = 8
"""In one picture: more colours cannot be told apart."""

SURE = {"on": "yes", "off": "no", None: "cannot be told"}


def draw(findings: Findings) -> Iterator[Figure | Missing]:
    """A figure for each task, metric and cost."""
    found = [verdict for verdict in judged(findings.verdicts) if verdict.pareto]
    place = 0
    for same in together(found):
        for cost in COSTS:
            shown_here = [verdict for verdict in same if cost in verdict.pareto]
            if shown_here:
                place += 1
                yield _figure(f"front-{place}", cost, shown_here)
    if not found:
        words = "No depth has both an accuracy and a cost."
        yield Missing("", words, "pytest bench --benchmark-json results/study.json")


def together(verdicts: Sequence[Verdict]) -> Iterator[list[Verdict]]:
    """Verdicts of one task and metric, as many as one picture holds."""
    for task in dict.fromkeys((each.task, each.metric) for each in verdicts):
        same = [each for each in verdicts if (each.task, each.metric) == task]
        for start in range(0, len(same), MOST_NETWORKS):
            yield same[start : start + MOST_NETWORKS]


def _figure(key: str, cost: str, verdicts: Sequence[Verdict]) -> Figure:
    first = verdicts[0]
    unit = unit_of(cost, [point.cost for each in verdicts for point in each.pareto[cost]])
    title = f"Against {TITLES[cost]}"
    return Figure(
        key=key,
        group=f"On {shortened(first.task)}" if first.task else "",
        title=title,
        words=_words(cost, verdicts),
        spec=_spec(cost, unit, verdicts),
        header=("network", "depth", unit.name, metric_title(first), "on the front", "surely"),
        rows=tuple(_table(cost, unit, verdicts)),
    )


def _spec(cost: str, unit: Unit, verdicts: Sequence[Verdict]) -> dict[str, Any]:
    names = labels(each.family for each in verdicts)
    points = [
        _point(each, names[each.family], point, unit)
        for each in verdicts
        for point in each.pareto[cost]
    ]
    x = alt.X(**log_axis("cost", f"{TITLES[cost]}, {unit.name}"))
    scale = alt.Scale(zero=False, padding=12)
    y = alt.Y("value:Q", title=metric_title(verdicts[0]), scale=scale)
    colour = series(list(names.values()))
    base = chart("points").encode(x=x, y=y, color=colour)
    line = chart("front").mark_line(strokeWidth=2, interpolate="step-after")
    knees = chart("knees").mark_point(size=220, strokeWidth=1.5)
    shape = alt.Shape("series:N", scale=alt.Scale(domain=list(names.values())))
    return spec(
        alt.layer(
            base.mark_rule(opacity=0.4).encode(y=alt.Y("low:Q", scale=scale), y2=alt.Y2("high:Q")),
            base.mark_rule(opacity=0.4).encode(x=alt.X("least:Q"), x2=alt.X2("most:Q")),
            line.encode(x=x, y=y, color=colour, order=alt.Order("cost:Q")),
            knees.encode(x=x, y=y, color=colour),
            base.mark_point(filled=True, size=48, opacity=1).encode(
                shape=shape,
                fillOpacity=alt.condition("datum.front", alt.value(1), alt.value(0.45)),
                tooltip=tips("series:N", "depth:Q", "cost:Q", "value:Q", "low:Q", "high:Q"),
            ),
            chart("front")
            .mark_text(dy=-12, fontSize=10, color=TEXT)
            .encode(x=x, y=y, text=alt.Text("depth:Q")),
        ),
        points=points,
        front=[each for each in points if each["front"]],
        knees=[each for each in points if each["knee"]],
    )


def _point(verdict: Verdict, name: str, point: FrontPoint, unit: Unit) -> dict[str, Any]:
    return {
        "series": name,
        "depth": point.depth,
        "cost": unit.of(point.cost),
        "least": unit.of(point.cost_low),
        "most": unit.of(point.cost_high),
        "value": percent(verdict, point.accuracy),
        "low": percent(verdict, point.low),
        "high": percent(verdict, point.high),
        "front": point.on_front,
        "knee": point.knee,
    }


def _table(cost: str, unit: Unit, verdicts: Sequence[Verdict]) -> Iterator[tuple[str, ...]]:
    for verdict in verdicts:
        for point in verdict.pareto[cost]:
            yield (
                shortened(verdict.family),
                str(point.depth),
                shown(unit.of(point.cost)),
                shown(percent(verdict, point.accuracy), ".2f"),
                "yes" if point.on_front else "no",
                SURE[point.sure],
            )


def _words(cost: str, verdicts: Sequence[Verdict]) -> str:
    fronts = []
    for each in verdicts:
        members = [str(point.depth) for point in each.pareto[cost] if point.on_front]
        fronts.append(f"{shortened(each.family)}: depths {', '.join(members)}")
    return (
        f"Accuracy against {TITLES[cost]}, a point a depth. On the Pareto front (filled) of "
        f"{'; '.join(fronts)}. A ring marks the knee of a front."
    )
