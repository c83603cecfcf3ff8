"""Small charts for a terminal: a bar a depth, from 0 to the largest value."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from .block import Bars
from .charts.metric import metric_title, percent
from .verdict import DepthRow, Verdict

if TYPE_CHECKING:
    from rich.table import Table

BAR_WIDTH = 28
"""Columns of the longest bar."""

WIDE = 100
"""Columns of a terminal from which on there is room for bars."""


def verdict_bars(verdict: Verdict) -> tuple[Bars, ...]:
    """The verdict's metric in percent, and the latency of a forward pass, by depth."""
    means = [row.accuracy.mean if row.accuracy else None for row in verdict.rows]
    found = (
        _bars(metric_title(verdict), (percent(verdict, mean) for mean in means), ".1f"),
        _bars("forward ms", map(_milliseconds, verdict.rows), ".3g"),
    )
    return tuple(each for each in found if any(value is not None for value in each.values))


def _bars(heading: str, values: Iterable[float | None], digits: str) -> Bars:
    known = tuple(values)
    texts = tuple("" if each is None else format(each, digits) for each in known)
    return Bars(heading, known, texts)


def _milliseconds(row: DepthRow) -> float | None:
    seconds = row.cost.latency_seconds
    return None if seconds is None else 1e3 * seconds


def bars_table(labels: Sequence[str], bars: Sequence[Bars]) -> Table:
    """All bars side by side, a line a label."""
    from rich.bar import Bar
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column(Text("depth"))
    for each in bars:
        table.add_column(Text(each.heading), width=BAR_WIDTH)
        table.add_column("", justify="right")
    for place, label in enumerate(labels):
        cells: list[Text | Bar] = [Text(label)]
        for each in bars:
            largest = max((value for value in each.values if value is not None), default=0.0)
            cells += [
                Bar(largest or 1.0, 0, each.values[place] or 0.0, width=BAR_WIDTH),
                Text(each.texts[place]),
            ]
        table.add_row(*cells)
    return table
