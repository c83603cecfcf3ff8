"""Accuracy against depth: a point a seed, means with intervals, training beside validation, and
the fitted curves."""

from collections.abc import Iterator
from typing import Any

import altair as alt

from ..estimates import Estimate
from ..findings import Findings
from ..fits import best_fit
from ..verdict import Verdict
from .figure import Figure, Missing
from .metric import judged, metric_title, name, percent
from .style import GREY, HEIGHT, chart, depth_axis, series, shown, spec, tips

TRAIN = "training"
HEADROOM = 0.08
"""Of the height that the accuracies take, left free above and below: curves may leave it."""


def draw(findings: Findings) -> Iterator[Figure | Missing]:
    """One figure a verdict."""
    found = judged(findings.verdicts)
    for place, verdict in enumerate(found, 1):
        yield _figure(f"accuracy-{place}", verdict)
    if not found:
        words = "No training gave an accuracy."
        yield Missing("", words, "pytest bench -m accuracy --benchmark-json results/study.json")


def _figure(key: str, verdict: Verdict) -> Figure:
    chosen = metric_title(verdict).removesuffix(" %")
    return Figure(
        key=key,
        group="",
        title=name(verdict),
        words=_words(verdict, chosen),
        spec=_spec(verdict, chosen),
        header=("depth", f"{chosen} %", "95% interval", "training %", "seeds"),
        rows=tuple(_row(verdict, each.depth) for each in verdict.rows if each.accuracy),
    )


def _spec(verdict: Verdict, chosen: str) -> dict[str, Any]:
    means = _means(verdict, chosen)
    depths = [row["depth"] for row in means]
    x = depth_axis(depths)
    domain = _domain(verdict, means)
    y = alt.Y("value:Q", title=metric_title(verdict), scale=alt.Scale(domain=domain, nice=False))
    colour = series([chosen, TRAIN])
    base = chart("means").encode(x=x, y=y, color=colour)
    seeds = chart("seeds").mark_point(size=22, opacity=0.5, strokeWidth=1.2, clip=True)
    points = base.mark_point(size=46, filled=True, opacity=1)
    interval = base.mark_rule(strokeWidth=2, opacity=0.55)
    return spec(
        alt.layer(
            _fits(verdict, x, y),
            _marks(x),
            interval.encode(y=alt.Y("low:Q"), y2=alt.Y2("high:Q")),
            base.mark_line(strokeWidth=2),
            seeds.encode(
                x=x, y=y, color=colour, tooltip=tips("series:N", "depth:Q", "value:Q", "seed:N")
            ),
            points.encode(tooltip=tips("series:N", "depth:Q", "value:Q", "low:Q", "high:Q")),
        ),
        means=means,
        seeds=_seeds(verdict, chosen),
        fits=_curves(verdict),
        marks=_marked(verdict),
    )


def _domain(verdict: Verdict, means: list[dict[str, Any]]) -> list[float]:
    ends = [row[end] for row in means for end in ("low", "high", "value") if row[end] is not None]
    ends += [row["value"] for row in _seeds(verdict, "")]
    room = HEADROOM * ((max(ends) - min(ends)) or 1.0)
    return [max(0.0, min(ends) - room), min(100.0, max(ends) + room)]


def _means(verdict: Verdict, chosen: str) -> list[dict[str, Any]]:
    both = [(chosen, row.accuracy) for row in verdict.rows]
    both += [(TRAIN, row.train) for row in verdict.rows]
    return [_mean(verdict, series, each) for series, each in both if each is not None]


def _mean(verdict: Verdict, series: str, each: Estimate) -> dict[str, Any]:
    low, high = percent(verdict, each.low), percent(verdict, each.high)
    value = percent(verdict, each.mean)
    return {"depth": each.depth, "series": series, "value": value, "low": low, "high": high}


def _seeds(verdict: Verdict, chosen: str) -> list[dict[str, Any]]:
    return [
        {"depth": run.depth, "seed": run.seed, "series": series, "value": percent(verdict, value)}
        for run in verdict.trained
        for series, value in ((chosen, run.accuracy), (TRAIN, run.train))
        if value is not None
    ]


def _curves(verdict: Verdict) -> list[dict[str, Any]]:
    """Each form, as far as it may be drawn."""
    return [
        {"depth": depth, "form": fit.form, "value": percent(verdict, 1 - error)}
        for fit in verdict.fits
        if fit.curve is not None
        for depth, error in zip(*fit.points().values(), strict=True)
    ]


def _fits(verdict: Verdict, x: alt.X, y: alt.Y) -> Any:
    forms = [fit.form for fit in verdict.fits if fit.curve is not None]
    dashes = alt.StrokeDash(
        "form:N",
        legend=alt.Legend(symbolStrokeColor=GREY) if forms else None,
        scale=alt.Scale(domain=forms, range=[[2, 3], [7, 3], [7, 3, 2, 3]][: len(forms)]),
    )
    lines = chart("fits").mark_line(color=GREY, strokeWidth=1.2, clip=True)
    return lines.encode(x=x, y=y, strokeDash=dashes)


def _marked(verdict: Verdict) -> list[dict[str, Any]]:
    """Where the best and the sufficient depth are."""
    named = {"best": verdict.best_depth, "sufficient": verdict.sufficient_depth}
    depths = {depth for depth in named.values() if depth is not None}
    return [
        {"depth": depth, "label": " and ".join(n for n, d in named.items() if d == depth)}
        for depth in sorted(depths)
    ]


def _marks(x: alt.X) -> Any:
    base = chart("marks").encode(x=x)
    texts = base.mark_text(align="left", angle=270, dx=6, dy=-3, fontSize=10, baseline="bottom")
    rule = base.mark_rule(color=GREY, strokeDash=[1, 3])
    return alt.layer(rule, texts.encode(y=alt.value(HEIGHT), text=alt.Text("label:N")))


def _row(verdict: Verdict, depth: int) -> tuple[str, ...]:
    row = verdict.row(depth)
    ends = (_percent_of(verdict, row.accuracy, end) for end in ("low", "high"))
    return (
        str(depth),
        shown(_percent_of(verdict, row.accuracy, "mean"), ".2f"),
        " to ".join(shown(end, ".2f") for end in sorted(each for each in ends if each is not None)),
        shown(_percent_of(verdict, row.train, "mean"), ".2f"),
        str(row.accuracy.n_seeds) if row.accuracy else "",
    )


def _percent_of(verdict: Verdict, each: Estimate | None, what: str) -> float | None:
    return percent(verdict, getattr(each, what, None))


def _words(verdict: Verdict, chosen: str) -> str:
    depths = [row.depth for row in verdict.rows if row.accuracy]
    best = verdict.row(verdict.best_depth or depths[0])
    value = shown(_percent_of(verdict, best.accuracy, "mean"), ".1f")
    told = (
        f"{chosen} of {name(verdict)} at depths {', '.join(map(str, depths))}: best at depth "
        f"{best.depth}, {value}%"
    )
    return f"{told[0].upper()}{told[1:]}; {_foretold(verdict)}."


def _foretold(verdict: Verdict) -> str:
    """Which curve is nearest to the point that it has not seen."""
    fit = best_fit(verdict.fits)
    if fit.form is None:
        return f"no fitted curve is the best: {fit.reason}"
    return f"of the fitted curves, the {fit.form} one foretells the deepest depth best"
