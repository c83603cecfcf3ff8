"""Limit: optimization. Learning-rate windows by optimizer, and slices of the loss by depth."""

from collections.abc import Iterator
from typing import Any

import altair as alt

from ..evidence import Evidence, RatePoint
from ..findings import Findings
from .commands import limits_command, subject
from .figure import Figure, Missing
from .style import GREY, by_depth, chart, log_axis, series, shown, spec, tips

GROUP = "Optimization: learning-rate windows by optimizer, and slices of the loss"


def draw(findings: Findings) -> Iterator[Figure | Missing]:
    """Two figures a network at most."""
    for place, each in enumerate(findings.evidence, 1):
        if _rates(each):
            yield _window(f"rates-{place}", each)
        if each.slices:
            yield _slice(f"slices-{place}", each)
    if not any(_rates(each) or each.slices for each in findings.evidence):
        words = "No other learning rate or optimizer was tried."
        yield Missing(GROUP, words, limits_command(findings))


def _rates(evidence: Evidence) -> list[RatePoint]:
    """Those of the depth asked about."""
    return [each for each in evidence.rates if each.depth == evidence.depth]


def _window(key: str, evidence: Evidence) -> Figure:
    return Figure(
        key=key,
        group=GROUP,
        title=f"Training accuracy by learning rate: {subject(evidence)}",
        words=_window_words(evidence),
        spec=_window_spec(evidence),
        header=("optimizer", "learning rate", "training accuracy %", "diverged"),
        rows=tuple(
            (
                e.optimizer,
                f"{e.learning_rate:g}",
                shown(100 * e.fit, ".1f"),
                "yes" if e.diverged else "no",
            )
            for e in sorted(_rates(evidence), key=lambda e: (e.optimizer, e.learning_rate))
        ),
    )


def _window_spec(evidence: Evidence) -> dict[str, Any]:
    rows = [
        {
            "optimizer": each.optimizer,
            "rate": each.learning_rate,
            "value": 100 * each.fit,
            "end": "diverged" if each.diverged else "finished",
        }
        for each in _rates(evidence)
    ]
    base = chart("rates").encode(
        x=alt.X(**log_axis("rate", "learning rate")),
        color=series(list(dict.fromkeys(str(row["optimizer"]) for row in rows)), "optimizer"),
    )
    y = alt.Y("value:Q", title="training accuracy %", scale=alt.Scale(zero=False, padding=8))
    shapes = alt.Shape(
        "end:N",
        legend=alt.Legend(symbolFillColor=GREY),
        scale=alt.Scale(domain=["finished", "diverged"], range=["circle", "cross"]),
    )
    return spec(
        alt.layer(
            base.mark_line(strokeWidth=1.5, opacity=0.6).encode(y=y),
            base.mark_point(size=44, filled=True, opacity=0.8).encode(
                y=y,
                shape=shapes,
                tooltip=tips("optimizer:N", "rate:Q", "value:Q", "end:N"),
            ),
        ),
        rates=rows,
    )


def _window_words(evidence: Evidence) -> str:
    rates = _rates(evidence)
    best = max(rates, key=lambda each: each.fit)
    diverged = sum(each.diverged for each in rates)
    return (
        f"Training accuracy against the learning rate, {subject(evidence)}: best "
        f"{100 * best.fit:.1f}% at {best.learning_rate:g}, optimizer {best.optimizer}; {diverged} "
        f"of {len(rates)} trainings diverged."
    )


def _slice(key: str, evidence: Evidence) -> Figure:
    depths = sorted({each.depth for each in evidence.slices})
    return Figure(
        key=key,
        group=GROUP,
        title=f"Loss along a random direction: {subject(evidence)}",
        words=(
            "Training loss at a distance along one random direction from the weights that training "
            f"found, at depth {', '.join(map(str, depths))}."
        ),
        spec=_slice_spec(evidence),
        header=("depth", "distance", "loss"),
        rows=tuple(
            (str(e.depth), f"{e.distance:g}", shown(e.loss, ".3g")) for e in evidence.slices
        ),
    )


def _slice_spec(evidence: Evidence) -> dict[str, Any]:
    rows = [
        {"series": str(each.depth), "distance": each.distance, "value": each.loss}
        for each in evidence.slices
        if each.loss > 0
    ]
    base = chart("slices").encode(
        x=alt.X("distance:Q", title="distance, in norms of each filter"),
        y=alt.Y(**log_axis("value", "training loss")),
        color=by_depth([each.depth for each in evidence.slices]),
    )
    told = tips("series:N", "distance:Q", "value:Q")
    return spec(base.mark_line(strokeWidth=2).encode(tooltip=told), slices=rows)
