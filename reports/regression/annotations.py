"""The answer of a check as annotations of GitHub: workflow commands, a line each.

The runner reads them from what a step prints, on either stream, and shows ten of a level and step:
the worst are kept, and the last says how many were not. Escaped as in `actions/toolkit`,
`packages/core/src/command.ts`.
"""

from collections.abc import Iterator, Sequence

from ..labels import shortened, visible
from .finding import IMPROVED, INCOMPARABLE, INCONCLUSIVE, MISSING, REGRESSED, Answer
from .folding import Group, folded, named
from .sentence import phrase

MOST = 10
"""Of one level; what GitHub shows of a step."""

LONGEST_MESSAGE = 1_000
"""Characters."""

_LEVELS = {
    REGRESSED: "error",
    MISSING: "warning",
    INCOMPARABLE: "warning",
    INCONCLUSIVE: "warning",
    IMPROVED: "notice",
}


def annotations(answer: Answer) -> tuple[str, ...]:
    """Lines such as `::error title=howdeep%3A regressed::mlp step is 10.2%25 slower …`."""
    told = [("warning", "cannot tell", reason) for reason in answer.cannot_tell]
    told += [_told(group) for verdict in _LEVELS for group in _groups(answer, verdict)]
    if not told and not answer.findings:
        told = [("warning", "cannot tell", "nothing was compared")]
    levels = ("error", "warning", "notice")
    return tuple(line for level in levels for line in _lines([t for t in told if t[0] == level]))


def _groups(answer: Answer, verdict: str) -> tuple[Group, ...]:
    return folded(each for each in named(answer.findings) if each.verdict == verdict)


def _told(group: Group) -> tuple[str, str, str]:
    finding = group.finding
    level = "error" if finding.fails else _LEVELS[finding.verdict]
    reason = f": {finding.reason}" if finding.reason else ""
    return level, finding.verdict, f"{phrase(group)}{reason}"


def _lines(told: Sequence[tuple[str, str, str]]) -> Iterator[str]:
    kept = told if len(told) <= MOST else told[: MOST - 1]
    for level, title, message in kept:
        yield _command(level, f"howdeep: {title}", message)
    if len(told) > len(kept):
        more = f"{len(told) - len(kept):,} more are in the report"
        yield _command(told[0][0], "howdeep", more)


def _command(level: str, title: str, message: str) -> str:
    shown = _escaped(shortened(message, LONGEST_MESSAGE))
    return f"::{level} title={_escaped_property(title)}::{shown}"


def _escaped(text: str) -> str:
    """Of what a command's message may not hold, `visible` has already taken the line breaks."""
    return visible(text).replace("%", "%25")


def _escaped_property(text: str) -> str:
    return _escaped(text).replace(":", "%3A").replace(",", "%2C")
