"""A chart for each family: every series against its first level, and where levels change."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby, pairwise
from statistics import median
from typing import Any

import altair as alt

from ..charts.style import CONFIG, EXPORT_WIDTH, GREY, by_depth, chart
from ..labels import shortened
from ..pictures import Picture
from .history import History, Series, Told
from .history_blocks import commit_words, name, sentence, size_words
from .history_files import Place

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
    panels = []
    datasets: dict[str, list[dict[str, Any]]] = {}
    for number, (place, members) in enumerate(groups):
        alike = list(members)
        panels.append(_panel(number, place, alike))
        datasets |= _datasets(number, place, alike, history)
    drawn = alt.vconcat(*panels).resolve_scale(color="independent")
    found: dict[str, Any] = drawn.to_dict(validate=False)
    return {**found, "datasets": datasets, "background": "white", "config": CONFIG}


def _panel(number: int, place: Place, series: Sequence[Series]) -> Any:
    """Points, levels and where they start, of the datasets with that number."""
    of_accuracy = place.metric == "accuracy"
    unit = "points against the first level" if of_accuracy else "% of the first level"
    x = alt.X("study:Q", title="study", axis=alt.Axis(tickMinStep=1, format="d"))
    y = alt.Y("value:Q", title=unit, scale=alt.Scale(zero=False))
    colour = by_depth([each.place.depth or 0 for each in series])
    starts = chart(f"starts{number}")
    dots = chart(f"points{number}").mark_point(filled=True, size=14, opacity=0.45)
    lines = chart(f"levels{number}").mark_line(strokeWidth=2)
    rules = starts.mark_rule(strokeDash=[4, 3], color=GREY)
    texts = starts.mark_text(align="right", dx=-4, baseline="top", fontSize=10)
    layers = [
        dots.encode(x=x, y=y, color=colour),
        lines.encode(x=x, y=y, color=colour, detail="part:N"),
        rules.encode(x=x),
        texts.encode(x=x, y=alt.value(2), text="text:N"),
    ]
    title = alt.TitleParams(name(place), fontSize=12, anchor="start")
    drawn = alt.layer(*layers)
    return drawn.properties(width=EXPORT_WIDTH, height=PANEL_HEIGHT, title=title)


def _datasets(
    number: int, place: Place, series: Sequence[Series], history: History
) -> dict[str, list[dict[str, Any]]]:
    """The rows that a panel draws, by name."""
    return {
        f"points{number}": [row for each in series for row in _points(each)],
        f"levels{number}": [row for each in series for row in _levels(each)],
        f"starts{number}": [_start(history, each) for each in history.told if each.place == place],
    }


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
