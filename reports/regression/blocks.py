"""The answer of a check as headings, tables and sentences, for the terminal and Markdown.

The verdict comes first, then what asks for an action, the worst first; the rest is counted.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from ..block import Block, Column, header_and_rows
from ..labels import shortened
from ..text import markdown_of
from ..trim import MOST_CHARACTERS
from .finding import (
    EXACT,
    IMPROVED,
    INCOMPARABLE,
    INCONCLUSIVE,
    MISSING,
    NEW,
    REGRESSED,
    Answer,
    Finding,
)
from .folding import Group, folded, named
from .quantities import (
    interval_words,
    margin_words,
    metric_words,
    sides_and_change,
)
from .sentence import details, headline
from .tally import tally_block

MARKER = "<!-- howdeep check -->"
"""The first line of the Markdown, unseen: by it a pull request's one comment is found again."""

MOST_ROWS = 40
"""Of a table, and of the reasons under it; JSON holds all."""

MOST_PLACES = 6
"""Named of those that share a verdict and a reason."""

LONGEST_REASON = 400
"""Characters."""


def check_blocks(answer: Answer) -> tuple[Block, ...]:
    """What was found, the worst first."""
    shown = replace(answer, findings=named(answer.findings))
    return tuple(block for block in _blocks(shown) if block is not None)


def check_markdown(answer: Answer) -> str:
    """The same as Markdown for a comment of a pull request; it begins with `MARKER`."""
    blocks = check_blocks(answer)
    room = MOST_CHARACTERS - len(MARKER) - 1
    told = markdown_of("howdeep check", blocks, most=room, whole="howdeep check --json")
    return f"{MARKER}\n{told}"


def _blocks(answer: Answer) -> Iterator[Block | None]:
    yield Block(headline(answer), paragraphs=tuple(_first_words(answer)))
    yield _changes("Regressed", answer, REGRESSED)
    yield _listed("Cannot be told", answer, (MISSING, INCOMPARABLE), answer.cannot_tell)
    yield _changes("Improved", answer, IMPROVED)
    yield _changes("Not decided", answer, INCONCLUSIVE)
    yield _listed("New, with nothing to compare with", answer, (NEW,))
    yield tally_block(answer.findings)
    if answer.notes:
        yield Block("Notes", items=answer.notes)


def _first_words(answer: Answer) -> Iterator[str]:
    yield f"{details(answer)}."
    if any(each.fails and each.lane == EXACT for each in answer.findings):
        yield "If the exact counts are meant to change: howdeep check --accept."
    yield f"Base: {shortened(answer.base)}; new: {shortened(answer.new)}."


def _changes(heading: str, answer: Answer, verdict: str) -> Block | None:
    groups = folded(each for each in answer.findings if each.verdict == verdict)
    if not groups:
        return None
    lines = [line for group in groups for line in (group, *map(Group, group.parts))]
    header, rows = header_and_rows(_COLUMNS, lines[:MOST_ROWS])
    more = len(lines) - MOST_ROWS
    captions = (_more(more),) if more > 0 else ()
    given = [line.finding for line in lines if line.finding.reason]
    return Block(heading, header, rows, captions, items=tuple(_reasons(given)))


def _listed(
    heading: str, answer: Answer, verdicts: tuple[str, ...], first: Sequence[str] = ()
) -> Block | None:
    """Findings without numbers: a line for each verdict and reason, with their places."""
    found = [each for each in answer.findings if each.verdict in verdicts]
    items = (*(shortened(each, LONGEST_REASON) for each in first), *_reasons(found, verdicts))
    return Block(heading, items=items) if items else None


def _reasons(findings: Sequence[Finding], verdicts: Sequence[str] = ()) -> Iterator[str]:
    """`missing: mlp/depth 8/step time: the reason`; with the verdict where there are several."""
    alike: dict[tuple[str, str], list[Finding]] = {}
    for each in findings:
        alike.setdefault((each.verdict, each.reason), []).append(each)
    kept = list(alike.items())[:MOST_ROWS]
    for (verdict, reason), found in kept:
        said = verdict if len(verdicts) > 1 else ""
        parts = (said, _places(found), shortened(reason, LONGEST_REASON))
        yield ": ".join(part for part in parts if part)
    if len(alike) > len(kept):
        yield _more(len(alike) - len(kept))


def _more(count: int) -> str:
    return f"… and {count:,} more: howdeep check --json has all."


def _places(findings: Sequence[Finding]) -> str:
    named = [f"{each.place} {metric_words(each.metric)}" for each in findings[:MOST_PLACES]]
    more = len(findings) - len(named)
    return ", ".join(named) + (f" and {more:,} more" if more else "")


_COLUMNS = (
    Column("where", lambda each: each.finding.place),
    Column("metric", lambda each: metric_words(each.finding.metric)),
    Column("change", lambda each: sides_and_change(each.finding)),
    Column("interval", lambda each: interval_words(each.finding)),
    Column("let pass", lambda each: margin_words(each.finding.metric, each.finding.margin)),
    Column("also at\ndepth", lambda each: ", ".join(str(depth) for depth in each.depths)),
)
