"""What trios of processes say of the head, and which trio is to be measured next.

A state machine without a state: after each trio all that was measured is given, and the answer is
what to measure next or, in the end, the findings. The levels are in `paired_rules`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from ..moderation import Prior
from .contrasts import Question, contrasts
from .finding import Finding
from .margins import Margins
from .moderated import Pair, estimated, priors
from .paired_findings import canary_reasons, findings, unconfirmed_reasons
from .paired_rules import (
    Looks,
    Test,
    Tests,
    canary_tests,
    confirming_looks,
    confirming_tests,
    first_looks,
    head_tests,
)
from .trio import Cell, Trio, logs_of

MEASURE, CONFIRM, DONE = "measure", "confirm", "done"


@dataclass(frozen=True)
class Decision:
    """What to do next, or the verdicts.

    Attributes:
        step: `measure`: another trio, for `first`; `confirm`: a trio of fresh processes, for
            `confirming`; or `done`.
        cells: what that trio must measure; empty before the first one: all there are.
        findings: once it is done: families first, the whole before its parts, then cells.
        cannot_tell: why nothing is called changed, as the base seems to differ from itself; or
            what was flagged, and there was no time to confirm it.
    """

    step: str
    cells: tuple[Cell, ...] = ()
    findings: tuple[Finding, ...] = ()
    cannot_tell: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Stage:
    """What one set of trios says."""

    known: Mapping[str, Prior]
    pairs: Mapping[Question, Pair]
    tests: Tests
    canary: Tests

    @property
    def flagged(self) -> set[Question]:
        return {question for question, test in self.tests.items() if test.flagged}


def decide(
    first: Sequence[Trio],
    confirming: Sequence[Trio],
    *,
    margins: Margins,
    most: int,
    ended: bool = False,
) -> Decision:
    """What to do after these trios.

    Args:
        most: trios in all; at least four, and those that are kept for confirming, are measured
            where they are needed.
        ended: no more can be measured: verdicts with what there is.
    """
    looks = first_looks(most)
    if not ended and not confirming and not looks.has(len(first)):
        return Decision(MEASURE, tuple(sorted(first[-1].cells)) if first else ())
    stage = _once_flagged(
        [_first_stage(first[:n], margins, looks) for n in looks.up_to(len(first))]
    )
    fresh_looks = confirming_looks(most, len(first))
    seen = len(confirming) if ended else fresh_looks.reached(len(confirming))
    share = 1 / (len(looks.at) + 1)
    fresh = _once_flagged(
        [
            _confirming_stage(stage, confirming[:n], margins, fresh_looks, share)
            for n in fresh_looks.up_to(seen)
        ]
    )
    canaries = canary_reasons((stage.canary, fresh.canary))
    unconfirmed = () if canaries else _unconfirmed(stage, fresh)
    if not (ended or canaries):
        wanted = _open_cells(stage) if not confirming else ()
        if wanted and len(first) < looks.last:
            return Decision(MEASURE, wanted)
        if unconfirmed and len(confirming) < fresh_looks.last:
            return Decision(CONFIRM, unconfirmed)
    seconds = {question: pair.contrast.seconds for question, pair in stage.pairs.items()}
    found = findings(seconds, stage.tests, fresh.tests, first, canary_flagged=bool(canaries))
    open_groups = {(cell.family, cell.pass_) for cell in unconfirmed if ended}
    open_groups -= {question.group for question in fresh.flagged}
    untold = unconfirmed_reasons(stage.tests, open_groups)
    return Decision(DONE, (), found, (*canaries, *untold))


def _once_flagged(stages: Sequence[_Stage]) -> _Stage:
    """The last look, with what an earlier one flagged as it was then: no more was measured for it,
    while what the others of its kind show, and so what it is held against, has changed."""
    flagged = {
        q: test for stage in reversed(stages) for q, test in stage.tests.items() if test.flagged
    }
    return replace(stages[-1], tests={**stages[-1].tests, **flagged})


def _first_stage(first: Sequence[Trio], margins: Margins, looks: Looks) -> _Stage:
    asked = contrasts(logs_of(first))
    known = priors(asked)
    pairs = estimated(asked, known)
    share = len(looks.at) / (len(looks.at) + 1)  # one more for the fresh trios
    canary = canary_tests(pairs, margins, looks, share)
    return _Stage(known, pairs, head_tests(pairs, margins, looks), canary)


def _confirming_stage(
    stage: _Stage, trios: Sequence[Trio], margins: Margins, looks: Looks, share: float
) -> _Stage:
    """Fresh means of what was flagged, under the priors of the first trios: two processes tell
    little of a spread. share: of the canary's level."""
    asked = [each for each in contrasts(logs_of(trios)) if each.question in stage.flagged]
    pairs = estimated(asked, stage.known)
    canary = canary_tests(pairs, margins, looks, share)
    return _Stage(stage.known, pairs, confirming_tests(pairs, margins, looks), canary)


def _open_cells(stage: _Stage) -> tuple[Cell, ...]:
    """All cells of a family and pass while one of its questions is open; a family that is flagged
    as a whole goes on to be confirmed, and is not kept waiting for others without promise."""
    closed = {each.group for each in stage.flagged if each.is_whole}
    groups = {
        q.group for q, test in stage.tests.items() if (test.promising if closed else test.open)
    }
    return _cells(stage.pairs, groups - closed)


def _unconfirmed(stage: _Stage, fresh: _Stage) -> tuple[Cell, ...]:
    """Cells of what was flagged, of each family and pass where something may yet be confirmed."""
    done = {q for q, test in fresh.tests.items() if not _may_confirm(stage, q, test)}
    groups = {question.group for question in stage.flagged - done}
    asked = {question for question in stage.flagged if question.group in groups}
    whole = {question.group for question in asked if question.depth is None}
    cells = {_cell(question) for question in asked if question.depth is not None}
    return tuple(sorted(cells | set(_cells(stage.pairs, whole))))


def _may_confirm(stage: _Stage, question: Question, test: Test) -> bool:
    """Not yet confirmed, on the same side as it was, and likely enough to be."""
    same_side = test.estimate.mean * stage.tests[question].estimate.mean > 0
    return not test.flagged and same_side and test.may_flag()


def _cells(pairs: Mapping[Question, Pair], groups: set[tuple[str, str]]) -> tuple[Cell, ...]:
    return tuple(sorted(_cell(q) for q in pairs if q.depth is not None and q.group in groups))


def _cell(question: Question) -> Cell:
    assert question.depth is not None
    return Cell(question.family, question.depth, question.pass_)
