"""A chart for each family: every series against its first level, and where levels change."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby, pairwise
from statistics import median
from typing import Any

import altair as alt

from ..charts.style import CONFIG, EXPORT_WIDTH, by_depth, chart
from ..labels import shortened
from ..pictures import Picture
from .history import History, Series, Told
from .history_blocks import commit_words, name, sentence, size_words

PANEL_HEIGHT = 150


def pictures(history: History) -> Iterator[Picture]:
    """A picture for each family, one panel for each of its passes, metrics and settings; what is
    the same in every study is left out."""
    drawn = [each for each in history.series if len(set(each.values)) > 1]
    groups = groupby(drawn, key=lambda each: each.place.family)
    for number, (family, series) in enumerate(groups, start=1):
        words = [sentence(history, each) for each in history.told if each.place.family == family]
        yield Picture(
            name=f"history-{number}",
            section="History",
            title=shortened(family),
            words="; ".join(words) or f"{shortened(family)}: no change",
            spec=_spec(history, list(series)),
        )


def _spec(history: History, series: Sequence[Series]) -> dict[str, Any]:
    groups = groupby(series, key=lambda each: replace(each.place, depth=None))
    panels = [
        _panel(number, list(members), [each for each in history.told if each.place == place], place)
        for number, (place, members) in enumerate(groups)
    ]
    drawn = alt.vconcat(*(panel for panel, _ in panels)).resolve_scale(color="independent")
    found: dict[str, Any] = drawn.to_dict(validate=False)
    found["datasets"] = {name: rows for _, sets in panels for name, rows in sets(history).items()}
    return {**found, "background": "white", "config": CONFIG}


def _panel(number: int, series: Sequence[Series], told: Sequence[Told], place: Any) -> Any:
    points, levels, starts = (f"{kind}{number}" for kind in ("points", "levels", "starts"))
    unit = (
        "points against the first level" if place.metric == "accuracy" else "% of the first level"
    )
    x = alt.X("study:Q", title="study", axis=alt.Axis(tickMinStep=1, format="d"))
    y = alt.Y("value:Q", title=unit, scale=alt.Scale(zero=False))
    colour = by_depth([each.place.depth or 0 for each in series])
    dots = chart(points).mark_point(filled=True, size=14, opacity=0.45)
    lines = chart(levels).mark_line(strokeWidth=2)
    rules = chart(starts).mark_rule(strokeDash=[4, 3], color="#7d8590")
    texts = chart(starts).mark_text(align="right", dx=-4, baseline="top", fontSize=10)
    layers = [
        dots.encode(x=x, y=y, color=colour),
        lines.encode(x=x, y=y, color=colour, detail="part:N"),
        rules.encode(x=x),
        texts.encode(x=x, y=alt.value(2), text="text:N"),
    ]
    title = alt.TitleParams(name(place), fontSize=12, anchor="start")
    panel = alt.layer(*layers).properties(width=EXPORT_WIDTH, height=PANEL_HEIGHT, title=title)

    def sets(history: History) -> dict[str, list[dict[str, Any]]]:
        return {
            points: [row for each in series for row in _points(each)],
            levels: [row for each in series for row in _levels(each)],
            starts: [_start(history, each) for each in told],
        }

    return panel, sets


def _shown(series: Series, value: float) -> float | None:
    """Against the first level: percent of it, of an accuracy the points above it."""
    ends = [each.index for each in series.changes] or [len(series.values)]
    first = median(series.values[: ends[0]])
    if series.place.metric == "accuracy":
        return 100 * (value - first)
    return 100 * value / first if first else None


def _points(series: Series) -> Iterator[dict[str, Any]]:
    for study, value in zip(series.studies, series.values, strict=True):
        yield {
            "study": study + 1,
            "value": _shown(series, value),
            "series": str(series.place.depth or 0),
        }


def _levels(series: Series) -> Iterator[dict[str, Any]]:
    """Both ends of each level."""
    ends = [0, *(each.index for each in series.changes), len(series.values)]
    for part, (start, stop) in enumerate(pairwise(ends)):
        value = _shown(series, median(series.values[start:stop]))
        for index in (start, stop - 1):
            yield {
                "study": series.studies[index] + 1, "value": value,
                "series": str(series.place.depth or 0), "part": f"{series.place.depth} {part}",
            }  # fmt: skip


def _start(history: History, told: Told) -> dict[str, Any]:
    study = history.studies[told.study]
    sizes = sorted(told.sizes)
    size = size_words(told.place.metric, sizes[len(sizes) // 2]) if sizes else ""
    words = (commit_words(study) or f"{study.when:%Y-%m-%d}", size)
    return {"study": told.study + 0.5, "text": " ".join(filter(None, words))}
