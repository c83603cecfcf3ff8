"""The paired lane's findings: each question's verdict, and cells that only one side has."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from .contrasts import Question
from .finding import EQUIVALENT, IMPROVED, INCONCLUSIVE, MISSING, NEW, PAIRED, REGRESSED, Finding
from .paired_rules import Test, Tests
from .trio import Cell, Logs, Trio, logs_of

TIME = "time"


def findings(
    asked: Mapping[Question, float | None],
    tests: Tests,
    fresh: Tests,
    first: Sequence[Trio],
    *,
    canary_flagged: bool,
) -> tuple[Finding, ...]:
    """Families first, the whole before its parts; then cells, and those that were on one side only.

    Args:
        asked: the base's seconds by question, in the order in which they are told.
        tests: on the first trios; fresh: on those that confirm.
    """
    logs = logs_of(first)
    failed = {cell: _failures(logs, place) for place, cell in enumerate(logs.cells)}
    told = [_finding(q, tests[q], fresh.get(q), s) for q, s in asked.items()]
    if canary_flagged:
        told = [_withheld(each) for each in told]
    families = [each for each in told if each.depth is None]
    cells = {Cell(e.family, e.depth, e.pass_ or ""): e for e in told if e.depth is not None}
    return (
        *families,
        *(
            replace(cells[cell], reason="; ".join(filter(None, (cells[cell].reason, why))))
            if cell in cells
            else _untested(logs, place)
            for place, (cell, why) in enumerate(failed.items())
        ),
    )


def canary_reasons(canaries: Sequence[Tests]) -> tuple[str, ...]:
    """What differs between two processes of the same code: the first of each family and pass."""
    flagged = _first_flagged(each for tests in canaries for each in tests.items())
    return tuple(f"the base differs from itself: {_told(*each)}" for each in flagged.values())


def unconfirmed_reasons(tests: Tests, groups: Collection[tuple[str, str]]) -> tuple[str, ...]:
    """What was flagged of these families and passes, where the measuring ended before an answer."""
    flagged = _first_flagged(tests.items())
    return tuple(
        f"not confirmed in the end: {_told(*flagged[group])}; more --max-minutes may tell"
        for group in sorted(groups)
    )


def _first_flagged(
    tests: Iterable[tuple[Question, Test]],
) -> dict[tuple[str, str], tuple[Question, Test]]:
    by_group: dict[tuple[str, str], tuple[Question, Test]] = {}
    for question, test in tests:
        if test.flagged:
            by_group.setdefault(question.group, (question, test))
    return by_group


def _told(question: Question, test: Test) -> str:
    change = f"{100 * test.estimate.change:+.1f}% over {test.estimate.n} trios"
    return f"{_finding(question, test, None, None).place} by {change}"


def _finding(question: Question, test: Test, fresh: Test | None, seconds: float | None) -> Finding:
    verdict, reason = _verdict(test, fresh)
    told = fresh if fresh and verdict in (REGRESSED, IMPROVED) else test
    change = told.estimate.change
    low, high = told.interval
    return Finding(
        lane=PAIRED,
        verdict=verdict,
        metric=TIME,
        family=question.family,
        depth=question.depth,
        pass_=question.pass_,
        part=question.part,
        base=seconds,
        new=None if seconds is None else seconds * (1 + change),
        change=change,
        low=low,
        high=high,
        margin=test.margin,
        p_value=test.p_value if told is test else max(test.p_value, told.p_value / 2),
        reason=reason,
    )


def _verdict(test: Test, fresh: Test | None) -> tuple[str, str]:
    if not test.flagged:
        if test.equivalent:
            return EQUIVALENT, ""
        return INCONCLUSIVE, f"the interval of {test.estimate.n} trios is not within the margin"
    change = f"{100 * test.estimate.change:+.1f}% on {test.estimate.n} trios"
    if fresh is None:
        return INCONCLUSIVE, f"{change}, not confirmed: no fresh trios were measured"
    if fresh.flagged and fresh.estimate.mean * test.estimate.mean > 0:
        return (REGRESSED if fresh.estimate.mean > 0 else IMPROVED), ""
    again = f"{100 * fresh.estimate.change:+.1f}% on {fresh.estimate.n} fresh ones"
    return INCONCLUSIVE, f"{change}, not confirmed: {again}"


def _withheld(finding: Finding) -> Finding:
    """Where the base differs from itself, nothing is called changed."""
    if finding.verdict not in (REGRESSED, IMPROVED):
        return finding
    reason = "the base differs from itself"
    return replace(finding, verdict=INCONCLUSIVE, reason=reason)


def _counts(logs: Logs, place: int) -> tuple[int, int]:
    """Processes with a time: of the base, both together, and of the head."""
    bases = np.isfinite(logs.base[:, place]).sum() + np.isfinite(logs.again[:, place]).sum()
    return int(bases), int(np.isfinite(logs.head[:, place]).sum())


def _failures(logs: Logs, place: int) -> str:
    """In words; a trio in which no process has the cell was not asked for it."""
    sides = np.stack([logs.base[:, place], logs.again[:, place], logs.head[:, place]])
    gone = np.isnan(sides[:, ~np.isnan(sides).all(axis=0)])
    words = (("base", gone[:2].sum(), gone[:2].size), ("head", gone[2].sum(), gone[2].size))
    return "; ".join(f"failed in {n} of {of} processes of the {w}" for w, n, of in words if n)


def _untested(logs: Logs, place: int) -> Finding:
    """A cell that both sides never, or hardly ever, have in one trio."""
    cell = logs.cells[place]
    bases, heads = _counts(logs, place)
    verdict = MISSING if not heads else NEW if not bases else INCONCLUSIVE
    return Finding(
        lane=PAIRED,
        verdict=verdict,
        metric=TIME,
        family=cell.family,
        depth=cell.depth,
        pass_=cell.pass_,
        reason=_failures(logs, place) or "measured in one trio only",
    )
