"""Limit: data. The error on data held out against the size of the training set."""

from collections.abc import Iterator
from typing import Any

import altair as alt

from ..evidence import Evidence
from ..findings import Findings
from .commands import limits_command, subject
from .figure import Figure, Missing
from .style import by_depth, chart, log_axis, shown, spec, tips

GROUP = "Data: error against the size of the training set"


def draw(findings: Findings) -> Iterator[Figure | Missing]:
    """One figure a network."""
    found = [each for each in findings.evidence if each.sizes]
    for place, each in enumerate(found, 1):
        yield _figure(f"data-{place}", each)
    if not found:
        words = "No network was trained on parts of its data."
        yield Missing(GROUP, words, limits_command(findings))


def _figure(key: str, evidence: Evidence) -> Figure:
    return Figure(
        key=key,
        group=GROUP,
        title=subject(evidence),
        words=_words(evidence),
        spec=_spec(evidence),
        header=("depth", "training samples", "seed", "error %"),
        rows=tuple(
            (str(e.depth), f"{e.n_train:,}", str(e.seed), shown(100 * e.error, ".2f"))
            for e in evidence.sizes
        ),
    )


def _spec(evidence: Evidence) -> dict[str, Any]:
    rows = [
        {"series": str(e.depth), "n": e.n_train, "seed": e.seed, "value": 100 * e.error}
        for e in evidence.sizes
    ]
    means = [
        {"series": str(depth), "n": n, "value": 100 * error}
        for depth, curve in evidence.fitted.items()
        for n, error in zip(curve.sizes, curve.errors, strict=True)
    ]
    axis = alt.Axis(
        values=sorted({each.n_train for each in evidence.sizes}), format="d", grid=False
    )
    x = alt.X(**log_axis("n", "training samples") | {"axis": axis})
    y = alt.Y("value:Q", title="error on data held out, %", scale=alt.Scale(zero=False, padding=8))
    colour = by_depth([each.depth for each in evidence.sizes])
    lines = chart("means").mark_line(strokeWidth=2)
    points = chart("seeds").mark_point(size=30, opacity=0.6, strokeWidth=1.4)
    return spec(
        alt.layer(
            lines.encode(x=x, y=y, color=colour),
            points.encode(
                x=x, y=y, color=colour, tooltip=tips("series:N", "n:Q", "seed:N", "value:Q")
            ),
        ),
        means=means,
        seeds=rows,
    )


def _words(evidence: Evidence) -> str:
    told = [
        f"at depth {depth} it falls as n to the power -{curve.exponent:.2g}"
        for depth, curve in evidence.fitted.items()
        if curve.exponent is not None
    ]
    fits = f"; {'; '.join(told)}" if told else ""
    return (
        f"Error on data held out against the size of the training set, {subject(evidence)}{fits}."
    )
