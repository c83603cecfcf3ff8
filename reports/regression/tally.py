"""How much was compared, by lane and metric, and how small a change could have been found."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from ..block import Block, Column, header_and_rows
from .finding import EQUIVALENT, INCONCLUSIVE, Finding
from .quantities import finite, is_accuracy, margin_words, metric_words, percent


@dataclass(frozen=True)
class Compared:
    """The findings of one lane on one metric."""

    lane: str
    metric: str
    findings: tuple[Finding, ...]

    def count(self, verdict: str) -> int:
        """How many have that verdict."""
        return sum(each.verdict == verdict for each in self.findings)

    @property
    def margins(self) -> str:
        """What was let pass, from the least to the most."""
        given = (finite(each.margin) for each in self.findings)
        known = sorted({margin for margin in given if margin is not None})
        words = [margin_words(self.metric, each) for each in known[:1] + known[1:][-1:]]
        return " to ".join(words)


def smallest_found(finding: Finding) -> float | None:
    """The smallest change for the worse whose whole interval would have lain beyond the margin: the
    margin and the half of the interval that points back to it."""
    near = finite(finding.high if is_accuracy(finding.metric) else finding.low)
    change, margin = finite(finding.change), finite(finding.margin)
    if near is None or change is None or margin is None:
        return None
    return margin + abs(change - near)


def tally_block(findings: Sequence[Finding]) -> Block | None:
    """A row for each lane and metric; None where nothing was compared."""
    alike: dict[tuple[str, str], list[Finding]] = {}
    for each in findings:
        alike.setdefault((each.lane, each.metric), []).append(each)
    rows = [Compared(lane, metric, tuple(found)) for (lane, metric), found in alike.items()]
    header, texts = header_and_rows(_COLUMNS, rows)
    explained = (_EXPLAINED,) if _FOUND in header else ()
    return Block("What was compared", header, texts, captions=explained) if rows else None


def _found_words(compared: Compared) -> str:
    sizes = [size for each in compared.findings if (size := smallest_found(each)) is not None]
    if not sizes:
        return ""
    ends = dict.fromkeys(percent(each) for each in (statistics.median(sizes), max(sizes)))
    return f"{' to '.join(ends)}{' pp' if is_accuracy(compared.metric) else '%'}"


_FOUND = "could\nfind"
_EXPLAINED = (
    "could find: how much worse it would have to be for its whole interval to lie beyond what is "
    "let pass, in the middle of the comparisons and in the noisiest."
)
_COLUMNS = (
    Column("lane", lambda each: each.lane),
    Column("metric", lambda each: metric_words(each.metric)),
    Column("compared", lambda each: f"{len(each.findings):,}"),
    Column("equivalent", lambda each: f"{each.count(EQUIVALENT):,}"),
    Column("inconclusive", lambda each: f"{each.count(INCONCLUSIVE):,}"),
    Column("let pass", lambda each: each.margins),
    Column(_FOUND, _found_words),
)
