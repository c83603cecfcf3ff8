"""The levels of the paired lane, and when its questions are answered.

Nothing is called changed on one look at one set of processes. On the first trios a question is
*flagged*: its change is beyond the margin and significant. On fresh trios of what was flagged it is
*confirmed*: beyond the margin again, on the same side, and significant on these alone. Without any
change both must go wrong: at most `FLAG * CONFIRM` of checks have any false alarm. Each look has an
equal share of its level, which holds however the looks depend on each other.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from ..paired import holm
from .contrasts import Question
from .margins import Margins
from .moderated import Estimate, Pair

FLAG = 0.10
"""That anything is flagged where nothing changed, over all questions and looks; two-sided."""

CONFIRM = 0.05
"""That anything flagged by chance is confirmed, over all that was flagged and all looks."""

CANARY = 0.02
"""That the base differs from itself, over all questions and looks; two-sided."""

WITHIN = 0.05
"""That one question is called equivalent whose change is beyond the margin, over all looks. To call
all of them equivalent each must be shown: no correction for many (Berger 1982)."""

LEAST_CHANCE = 0.10
"""Where more trios would flag a question, or confirm it, with less, none are measured for it."""

LIKELY = 0.50
"""Nor where they would show a question to be equivalent with less."""

FEWEST, EVERY = 4, 2
"""Trios until the first look, and from one look to the next."""

RESERVED = 2
"""Trios that are kept for confirming."""


@dataclass(frozen=True)
class Looks:
    """How many trios there are at each look."""

    at: tuple[int, ...]

    @property
    def last(self) -> int:
        return self.at[-1]

    def has(self, n: int) -> bool:
        """Whether n trios are looked at; more than planned are."""
        return n in self.at or n > self.last

    def up_to(self, n: int) -> tuple[int, ...]:
        """Trios at each look with n of them, and n itself: where that is none, it is the end."""
        return (*(each for each in self.at if each < n), n)

    def reached(self, n: int) -> int:
        """Trios at the latest look with n of them; all, after the last."""
        return n if n > self.last else max((each for each in self.at if each <= n), default=0)


def first_looks(most: int) -> Looks:
    """Of `most` trios in all, without those that are kept for confirming."""
    return Looks((FEWEST, *range(FEWEST + EVERY, most - RESERVED + 1, EVERY)))


def confirming_looks(most: int, first: int) -> Looks:
    """All trios that are left may confirm, and at least those that are kept for it."""
    return Looks(tuple(range(EVERY, max(RESERVED, most - first) + 1, EVERY)))


@dataclass(frozen=True)
class Test:
    """One side's estimate for one question, after so many looks.

    Attributes:
        level: of `p_value`, which is corrected for all questions and looks.
        per_question: what is left of the level for one question at one look.
        within: the level at which it is called equivalent, at one look.
        last: trios at the last look that there may be.
        patient: whether it is asked to the last, however small the chance of an answer.
    """

    estimate: Estimate
    margin: float
    p_value: float
    level: float
    per_question: float
    within: float
    last: int
    patient: bool

    @property
    def flagged(self) -> bool:
        """Beyond the margin and significant."""
        return abs(self.estimate.change) > self.margin and self.p_value <= self.level

    @property
    def equivalent(self) -> bool:
        return self.estimate.is_within(self.margin, self.within)

    @property
    def interval(self) -> tuple[float, float]:
        """The one that is compared with the margin."""
        return self.estimate.interval(self.within)

    def may_flag(self) -> bool:
        """Whether more trios are likely enough to flag it."""
        last = max(self.last, self.estimate.n)
        chance = self.estimate.chance_beyond(self.margin, self.per_question, last)
        return chance >= LEAST_CHANCE

    @property
    def open(self) -> bool:
        """Whether it is to be answered yet. A family as a whole is not given up: four trios tell
        little of the chance, and a burst in one of them makes it look small."""
        return self.promising or (self.patient and not self.flagged and not self.equivalent)

    @property
    def promising(self) -> bool:
        """Whether it has no answer, and more trios are likely enough to give one."""
        if self.flagged or self.equivalent:
            return False
        last = max(self.last, self.estimate.n)
        return self.may_flag() or self.estimate.chance_within(self.margin, self.within, last) >= (
            LIKELY
        )


Tests = Mapping[Question, Test]


def head_tests(pairs: Mapping[Question, Pair], margins: Margins, looks: Looks) -> Tests:
    """Whether the head differs from the base."""
    return _tests({q: pair.head for q, pair in pairs.items()}, margins, looks, FLAG)


def canary_tests(
    pairs: Mapping[Question, Pair], margins: Margins, looks: Looks, share: float
) -> Tests:
    """Whether the base differs from itself; share: of the level, for these looks."""
    found = {q: pair.canary for q, pair in pairs.items()}
    return _tests(found, margins, looks, CANARY * share)


def confirming_tests(pairs: Mapping[Question, Pair], margins: Margins, looks: Looks) -> Tests:
    """Whether what was flagged is so on fresh trios; one-sided, as the side is known."""
    found = {q: pair.head for q, pair in pairs.items()}
    return _tests(found, margins, looks, 2 * CONFIRM)


def _tests(
    estimates: Mapping[Question, Estimate], margins: Margins, looks: Looks, level: float
) -> Tests:
    """Half of the level is for families, half for cells, if there are both; Holm within each."""
    families = {q: each.p_value for q, each in estimates.items() if q.depth is None}
    cells = {q: each.p_value for q, each in estimates.items() if q.depth is not None}
    shares = len(looks.at) * sum(bool(kind) for kind in (families, cells))
    adjusted = {**holm(families), **holm(cells)}
    return {
        question: Test(
            estimate,
            margins.of("time", question.family),
            min(1.0, adjusted[question] * shares),
            level,
            level / shares / len(families if question.depth is None else cells),
            WITHIN / len(looks.at),
            looks.last,
            question.is_whole,
        )
        for question, estimate in estimates.items()
    }
