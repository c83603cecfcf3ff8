"""Limit: degradation. The plain network against the one with residual connections."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import altair as alt

from ..evidence import Evidence
from ..findings import Findings
from ..labels import shortened
from ..twins import twin_pairs
from ..verdict import Verdict
from .commands import limits_command, subject
from .figure import Figure, Missing
from .metric import metric_title, percent
from .style import chart, depth_axis, series, shown, spec, tips

GROUP = "Degradation: plain against residual"
PLAIN, RESIDUAL = "plain", "residual"


class Point(NamedTuple):
    """One network at one depth; value: in percent."""

    network: str
    depth: int
    value: float


def draw(findings: Findings) -> Iterator[Figure | Missing]:
    """One figure for each pair of twins, and for each network that was trained with shortcuts."""
    pairs = twin_pairs(findings.verdicts)
    for place, (plain, residual) in enumerate(pairs, 1):
        yield _twins(f"twins-{place}", plain, residual)
    found = [each for each in findings.evidence if each.shortcuts]
    for place, each in enumerate(found, 1):
        yield _remedied(f"shortcuts-{place}", each)
    if not pairs and not found:
        words = "No network was trained both plain and with residual connections."
        yield Missing(GROUP, words, limits_command(findings))


def _twins(key: str, plain: Verdict, residual: Verdict) -> Figure:
    points = [
        Point(name, row.depth, value)
        for name, verdict in ((PLAIN, plain), (RESIDUAL, residual))
        for row in verdict.rows
        if row.accuracy and (value := percent(verdict, row.accuracy.mean)) is not None
    ]
    title = f"{shortened(plain.family)} and its residual twin"
    return _figure(key, title, metric_title(plain), points, lines=True)


def _remedied(key: str, evidence: Evidence) -> Figure:
    """A point a seed."""
    points = [
        Point(each.network, each.depth, 100 * each.fit)
        for each in evidence.shortcuts
        if each.fit is not None
    ]
    return _figure(key, subject(evidence), "training accuracy %", points, lines=False)


def _figure(key: str, title: str, metric: str, points: Sequence[Point], *, lines: bool) -> Figure:
    return Figure(
        key=key,
        group=GROUP,
        title=title,
        words=_words(title, metric, points, lines=lines),
        spec=_spec(metric, points, lines=lines),
        header=("network", "depth", metric),
        rows=tuple((each.network, str(each.depth), shown(each.value, ".2f")) for each in points),
    )


def _spec(metric: str, points: Sequence[Point], *, lines: bool) -> dict[str, Any]:
    base = chart("points").encode(
        x=depth_axis([each.depth for each in points]),
        y=alt.Y("value:Q", title=metric, scale=alt.Scale(zero=False, padding=10)),
        color=series(list(dict.fromkeys(each.network for each in points)), "network"),
    )
    marks = base.mark_point(filled=lines, size=40, opacity=1 if lines else 0.6)
    drawn = [base.mark_line(strokeWidth=2)] if lines else []
    layers = alt.layer(*drawn, marks.encode(tooltip=tips("network:N", "depth:Q", "value:Q")))
    return spec(layers, points=[each._asdict() for each in points])


def _words(title: str, metric: str, points: Sequence[Point], *, lines: bool) -> str:
    about = f"{metric[0].upper()}{metric[1:]} against depth, {title}"
    if not lines:
        return f"{about}; a ring a seed."
    deepest = max(each.depth for each in points)
    ends = [f"{e.network} {e.value:.1f}" for e in points if e.depth == deepest]
    return f"{about}; at depth {deepest}: {', '.join(ends)}."
