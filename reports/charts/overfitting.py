"""Limit: overfitting. The gap between training accuracy and that on other data, against depth."""

from collections.abc import Iterator, Sequence
from typing import Any

import altair as alt

from ..findings import Findings
from ..gap import Gap, gaps
from ..labels import labels, shortened
from ..verdict import Verdict
from .figure import Figure, Missing
from .front import together
from .metric import judged
from .style import GREY, chart, depth_axis, series, shown, spec, tips

GROUP = "Overfitting: the gap between training accuracy and that on other data"


def draw(findings: Findings) -> Iterator[Figure | Missing]:
    """One figure a task."""
    found = [each for each in judged(findings.verdicts) if gaps(each)]
    for place, same in enumerate(together(found), 1):
        yield _figure(f"gap-{place}", same)
    if not found:
        command = "pytest bench -m accuracy --benchmark-json results/study.json"
        yield Missing(GROUP, "No training accuracy is known.", command)


def _figure(key: str, verdicts: Sequence[Verdict]) -> Figure:
    task = verdicts[0].task
    return Figure(
        key=key,
        group=GROUP,
        title=f"On {shortened(task)}" if task else "Gap against depth",
        words=_words(verdicts),
        spec=_spec(verdicts),
        header=("network", "depth", "gap, points", "seeds"),
        rows=tuple(
            (shortened(each.family), str(gap.depth), shown(gap.mean, ".2f"), str(len(gap.by_seed)))
            for each in verdicts
            for gap in gaps(each)
        ),
    )


def _spec(verdicts: Sequence[Verdict]) -> dict[str, Any]:
    names = labels(each.family for each in verdicts)
    found = [(names[each.family], gap) for each in verdicts for gap in gaps(each)]
    x = depth_axis([gap.depth for _, gap in found])
    y = alt.Y("value:Q", title="gap, percentage points")
    colour = series(list(names.values()))
    means = chart("means").encode(x=x, y=y, color=colour)
    points = chart("seeds").mark_point(size=22, opacity=0.5, strokeWidth=1.2)
    zero = chart("zero").mark_rule(color=GREY).encode(y=y)
    return spec(
        alt.layer(
            zero,
            points.encode(x=x, y=y, color=colour),
            means.mark_line(strokeWidth=2),
            means.mark_point(filled=True, size=40, opacity=1).encode(
                tooltip=tips("series:N", "depth:Q", "value:Q")
            ),
        ),
        means=[_mean(*each) for each in found],
        seeds=[row for each in found for row in _seeds(*each)],
        zero=[{"value": 0}],
    )


def _mean(name: str, gap: Gap) -> dict[str, Any]:
    return {"series": name, "depth": gap.depth, "value": gap.mean}


def _seeds(name: str, gap: Gap) -> list[dict[str, Any]]:
    return [{"series": name, "depth": gap.depth, "value": value} for value in gap.by_seed]


def _words(verdicts: Sequence[Verdict]) -> str:
    ends = []
    for each in verdicts:
        deepest = gaps(each)[-1]
        ends.append(f"{shortened(each.family)} {deepest.mean:.1f} points at depth {deepest.depth}")
    return f"Training accuracy less that of the metric, a point a seed: {'; '.join(ends)}."
