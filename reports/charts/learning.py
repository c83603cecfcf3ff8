"""The training loss after each epoch, one curve a depth."""

from collections.abc import Iterator, Sequence
from typing import Any

import altair as alt

from ..findings import Findings
from ..trained import LossCurve, loss_curves
from .figure import Figure, Missing
from .metric import judged, name
from .style import by_depth, chart, log_axis, shown, spec, tips


def draw(findings: Findings) -> Iterator[Figure | Missing]:
    """One figure a verdict whose runs kept their losses."""
    curves = [(verdict, loss_curves(verdict.trained)) for verdict in judged(findings.verdicts)]
    found = [(verdict, curve) for verdict, curve in curves if curve]
    for place, (verdict, curve) in enumerate(found, 1):
        yield _figure(f"learning-{place}", name(verdict), curve)
    if not found:
        words = "No run kept its training loss."
        yield Missing("", words, "pytest bench -m accuracy --benchmark-json results/study.json")


def _figure(key: str, title: str, curves: Sequence[LossCurve]) -> Figure:
    epochs = max(len(curve.losses) for curve in curves)
    return Figure(
        key=key,
        group="",
        title=title,
        words=_words(title, curves),
        spec=_spec(curves),
        header=("epoch", *(f"depth {curve.depth}" for curve in curves)),
        rows=tuple(
            (str(epoch + 1), *(shown(_at(curve, epoch), ".3g") for curve in curves))
            for epoch in range(epochs)
        ),
    )


def _at(curve: LossCurve, epoch: int) -> float | None:
    return curve.losses[epoch] if epoch < len(curve.losses) else None


def _spec(curves: Sequence[LossCurve]) -> dict[str, Any]:
    points = [
        {"series": str(curve.depth), "epoch": epoch, "value": loss}
        for curve in curves
        for epoch, loss in enumerate(curve.losses, 1)
        if loss is not None and loss > 0
    ]
    base = chart("points").encode(
        x=alt.X(
            "epoch:Q",
            title="epoch",
            axis=alt.Axis(tickMinStep=1),
            scale=alt.Scale(zero=False, nice=False),
        ),
        y=alt.Y(**log_axis("value", "training loss")),
        color=by_depth([curve.depth for curve in curves]),
    )
    return spec(
        alt.layer(
            base.mark_line(strokeWidth=2),
            base.mark_point(size=14, filled=True).encode(
                tooltip=tips("series:N", "epoch:Q", "value:Q")
            ),
        ),
        points=points,
    )


def _words(title: str, curves: Sequence[LossCurve]) -> str:
    ends = [(curve.depth, curve.losses[-1]) for curve in curves if curve.losses[-1] is not None]
    told = ", ".join(f"{loss:.3g} at depth {depth}" for depth, loss in ends)
    return f"Training loss of {title} after each epoch, mean over the seeds; it ends at {told}."
