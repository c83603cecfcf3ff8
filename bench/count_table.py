"""Counts judged against the truth, and the tables of them in Markdown.

A count is exact, or near (off by less than a thousandth: biases and the like, which some counters
take for multiply-adds), or wrong; or there is none, since the counter cannot give it.
"""

import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TypeVar

from tabulate import tabulate

# Biases taken for multiply-adds are 0.094% of ViT-B/16's, and less of the other networks'.
NEAR = 0.001

QUANTITIES = {
    "forward": "MACs forward",
    "step": "FLOPs forward and backward",
    "parameters": "parameters",
}


class Verdict(Enum):
    """What a count is worth."""

    EXACT = "exact"
    NEAR = "near"
    WRONG = "wrong"
    MISSING = "missing"


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One counter's number beside the true one.

    Attributes:
        quantity: a key of `QUANTITIES`.
        counted: None where the counter cannot.
        printed: its own total, where that holds more than products and convolutions.
        intended: False where the counter's documentation advises against it for this network.
    """

    network: str
    counter: str
    quantity: str
    counted: int | None
    truth: int
    printed: int | None = None
    intended: bool = True

    @property
    def error(self) -> float | None:
        """Relative; 0.0 only where the count is exact."""
        return None if self.counted is None else (self.counted - self.truth) / self.truth

    @property
    def verdict(self) -> Verdict:
        """Exact, near, wrong or missing, whether intended or not."""
        if self.error is None:
            return Verdict.MISSING
        if self.counted == self.truth:
            return Verdict.EXACT
        return Verdict.NEAR if abs(self.error) <= NEAR else Verdict.WRONG


@dataclass(frozen=True, kw_only=True)
class Timing:
    """One counter's times, and howdeep's for the same in the turns between them.

    Attributes:
        seconds: of each of its turns.
        ratios: of howdeep's time over the mean of the counter's before and after it.
    """

    network: str
    counter: str
    quantity: str
    seconds: tuple[float, ...]
    ratios: tuple[float, ...]

    @property
    def median_ratio(self) -> float:
        """Below 1, howdeep is the faster."""
        return statistics.median(self.ratios)


def ratios(ours: Sequence[float], theirs: Sequence[float]) -> tuple[float, ...]:
    """Each of our times over the mean of theirs just before and just after it.

    ours: n times; theirs: n + 1, in the order theirs, ours, theirs, …
    """
    around = zip(ours, theirs[:-1], theirs[1:], strict=True)
    return tuple(own / statistics.mean([before, after]) for own, before, after in around)


# --- the tables ------------------------------------------------------------------------------

NONE = "cannot"
_Row = TypeVar("_Row", Entry, Timing)


def markdown(entries: Iterable[Entry], timings: Iterable[Timing]) -> str:
    """All tables, a row a counter and a column a network; empty ones are left out.

    Wrong counts are bold; in brackets stands what the counter itself prints, where that holds more;
    in parentheses what its documentation advises against.
    """
    entries, timings = list(entries), list(timings)
    parts = []
    for quantity, words in QUANTITIES.items():
        counts = [e for e in entries if e.quantity == quantity]
        times = [t for t in timings if t.quantity == quantity]
        parts += [
            (f"Error of {words}", _grid(counts, _error)),
            (f"Counted {words}", _grid(counts, _count, first=_truths(counts))),
            (f"Time to count {words}, ms", _grid(times, _milliseconds)),
            (f"howdeep's time to count {words} over the counter's", _grid(times, _ratio)),
        ]
    return "\n\n".join(f"{title}:\n\n{table}" for title, table in parts if table)


def _grid(
    rows: Sequence[_Row], cell: Callable[[_Row], str], *, first: Sequence[list[str]] = ()
) -> str:
    if not rows:
        return ""
    networks: list[str] = list(dict.fromkeys(row.network for row in rows))
    lines: dict[str, list[str]] = {}
    for row in rows:
        line = lines.setdefault(row.counter, [""] * len(networks))
        line[networks.index(row.network)] = cell(row)
    body = [*first, *([name, *line] for name, line in lines.items())]
    right = ("left", *["right"] * len(networks))
    headers = ["", *networks]
    return str(tabulate(body, headers, tablefmt="pipe", colalign=right, disable_numparse=True))


def _truths(entries: Iterable[Entry]) -> list[list[str]]:
    truths = {entry.network: f"{entry.truth:,}" for entry in entries}
    return [["truth", *truths.values()]]


def _error(entry: Entry) -> str:
    if entry.error is None:
        return NONE
    words = {
        Verdict.EXACT: "0",
        Verdict.NEAR: f"{100 * entry.error:+.2g}%",
        Verdict.WRONG: f"**{entry.error:+.2%}**",
    }[entry.verdict]
    if entry.printed is not None:
        words += f" [{entry.printed / entry.truth - 1:+.2%}]"
    return words if entry.intended else f"({words.replace('*', '')})"


def _count(entry: Entry) -> str:
    if entry.counted is None:
        return NONE
    return f"{entry.counted:,}" + ("" if entry.printed is None else f" [{entry.printed:,}]")


def _milliseconds(timing: Timing) -> str:
    ms = [1e3 * seconds for seconds in timing.seconds]
    return f"{statistics.median(ms):,.0f} ({min(ms):,.0f}…{max(ms):,.0f})"


def _ratio(timing: Timing) -> str:
    low, high = min(timing.ratios), max(timing.ratios)
    return f"{timing.median_ratio:.3g} ({low:.3g}…{high:.3g})"
