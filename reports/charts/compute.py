"""Limit: compute. What one percentage point costs, from one member of the Pareto front to the
next."""

from collections.abc import Iterator, Sequence
from typing import Any

import altair as alt

from ..findings import Findings
from ..labels import labels, shortened
from ..point_price import PointPrice, point_prices
from ..units import Unit, unit_of
from ..verdict import Verdict
from .figure import Figure, Missing
from .front import TITLES, together
from .metric import judged
from .style import chart, log_axis, series, shown, spec, tips

GROUP = "Compute: the cost of a percentage point gained"

PRICED = ("train_flops", "flops", "train_seconds", "latency_seconds", "peak_bytes")
"""The first of these that is known of a network's depths is drawn."""

SIGNIFICANT = {True: "yes", False: "no", None: "unknown"}


def draw(findings: Findings) -> Iterator[Figure | Missing]:
    """One figure a task and cost."""
    found = [each for each in judged(findings.verdicts) if _cost(each)]
    place = 0
    for cost in PRICED:
        for same in together([each for each in found if _cost(each) == cost]):
            place += 1
            yield _figure(f"price-{place}", cost, same)
    if not found:
        words = "No depth that costs more is more accurate, or no cost is known."
        command = "pytest bench --depths 2,4,8,16 --benchmark-json results/study.json"
        yield Missing(GROUP, words, command)


def _cost(verdict: Verdict) -> str | None:
    return next((cost for cost in PRICED if point_prices(verdict.pareto.get(cost, ()))), None)


def _figure(key: str, cost: str, verdicts: Sequence[Verdict]) -> Figure:
    names = labels(each.family for each in verdicts)
    steps = [(names[e.family], step) for e in verdicts for step in point_prices(e.pareto[cost])]
    unit = unit_of(cost, [step.per_point for _, step in steps])
    task = verdicts[0].task
    return Figure(
        key=key,
        group=GROUP,
        title=f"On {shortened(task)}: {TITLES[cost]}" if task else TITLES[cost],
        words=_words(cost, unit, steps),
        spec=_spec(unit, steps),
        header=(
            "network",
            "from depth",
            "to depth",
            "points gained",
            f"{unit.name} a point",
            "significant",
        ),
        rows=tuple(_row(name, step, unit) for name, step in steps),
    )


def _spec(unit: Unit, steps: Sequence[tuple[str, PointPrice]]) -> dict[str, Any]:
    rows = [_bar(name, step, unit) for name, step in steps]
    order = list(dict.fromkeys(row["step"] for row in sorted(rows, key=lambda row: row["depth"])))
    names = list(dict.fromkeys(name for name, _ in steps))
    x = alt.X("step:N", title="step in depth", sort=order, axis=alt.Axis(labelAngle=0))
    y = alt.Y(**log_axis("value", f"{unit.name} a point"))
    beside, colour = alt.XOffset("series:N"), series(names)
    rings = chart("steps").mark_point(size=90, strokeWidth=2, opacity=1)
    sure = chart("significant").mark_point(size=90, filled=True, opacity=1)
    told = tips("series:N", "step:N", "points:Q", "value:Q", "significant:N")
    return spec(
        alt.layer(
            sure.encode(x=x, xOffset=beside, y=y, color=colour),
            rings.encode(x=x, xOffset=beside, y=y, color=colour, tooltip=told),
        ),
        steps=rows,
        significant=[row for row in rows if row["significant"] == "yes"],
    )


def _bar(name: str, step: PointPrice, unit: Unit) -> dict[str, Any]:
    return {
        "series": name,
        "step": f"{step.from_depth}→{step.depth}",
        "depth": step.depth,
        "points": step.points,
        "value": unit.of(step.per_point),
        "significant": SIGNIFICANT[step.is_significant],
    }


def _row(name: str, step: PointPrice, unit: Unit) -> tuple[str, ...]:
    return (
        name,
        str(step.from_depth),
        str(step.depth),
        shown(step.points, ".2f"),
        shown(unit.of(step.per_point), ".3g"),
        SIGNIFICANT[step.is_significant],
    )


def _words(cost: str, unit: Unit, steps: Sequence[tuple[str, PointPrice]]) -> str:
    last = dict(steps)
    told = [
        f"{name} {shown(unit.of(step.per_point), '.3g')} {unit.name} a point from depth "
        f"{step.from_depth} to {step.depth}"
        for name, step in last.items()
    ]
    return (
        f"Cost of a percentage point in {TITLES[cost]}, along the Pareto front; filled where the "
        f"gain is significant. The last steps: {'; '.join(told)}."
    )
