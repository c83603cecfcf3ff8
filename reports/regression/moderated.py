"""Means over a few trios with errors that borrow from each other: moderated t (Smyth 2004).

The variance of each question is drawn towards what all questions of its kind show, and for that
the base against itself counts as much as the head against the base.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtr, stdtrit

from ..looks import chance
from ..moderation import Prior, freedom_known, prior_of
from .contrasts import Contrast, Question
from .trio import Array

FLOOR = 1e-12
"""Variance: a millionth of a time is below what clocks resolve. A clock that always shows the same
leaves no zero to divide by."""

CANARY_SCALE = 3 / 4
"""Var(head - (base + again) / 2) = 3/2 of a process's variance; Var(again - base) = 2."""


@dataclass(frozen=True)
class Estimate:
    """A mean over trios, and what it says of the change of a time.

    Attributes:
        mean, error: of the contrast, which is a logarithm unless `relative`; the standard error.
        n: trios.
    """

    mean: float
    error: float
    freedom: float
    n: int
    relative: bool = False

    @property
    def change(self) -> float:
        """Head over base, less 1."""
        return self._as_change(self.mean)

    @property
    def p_value(self) -> float:
        """Two-sided, against no change."""
        return 2 * float(stdtr(self.freedom, -abs(self.mean) / self.error))

    def interval(self, alpha: float) -> tuple[float, float]:
        """The change's: it misses the truth with this probability on each side."""
        reach = self.quantile(alpha) * self.error
        return self._as_change(self.mean - reach), self._as_change(self.mean + reach)

    def is_within(self, margin: float, alpha: float) -> bool:
        """Whether that interval is within the margin: two one-sided tests (Schuirmann 1987)."""
        low, high = self.interval(alpha)
        return -margin < low and high < margin

    def chance_beyond(self, margin: float, alpha: float, n: int) -> float:
        """That the estimate will be beyond the margin, and significant in two-sided tests at this
        level, once there are n trios."""
        growth = n / self.n
        later = self.error / math.sqrt(growth)
        needed = max(self.quantile(alpha / 2), self._of_change(margin) / later)
        lead = abs(self.mean) / self.error
        return min(1.0, chance(lead, needed, growth) + chance(-lead, needed, growth))

    def chance_within(self, margin: float, alpha: float, n: int) -> float:
        """That the interval will be within the margin once there are n trios."""
        needed, growth = self.quantile(alpha), n / self.n
        room = self._of_change(margin) / self.error
        lead = self.mean / self.error
        both = chance(room - lead, needed, growth) + chance(room + lead, needed, growth)
        return max(0.0, both - 1)

    def quantile(self, alpha: float) -> float:
        """Standard errors that chance exceeds with this probability."""
        return float(-stdtrit(self.freedom, alpha))

    def _as_change(self, value: float) -> float:
        return value if self.relative else math.expm1(value)

    def _of_change(self, change: float) -> float:
        return change if self.relative else math.log1p(change)


@dataclass(frozen=True)
class Pair:
    """The head's change and the canary's."""

    contrast: Contrast
    head: Estimate
    canary: Estimate


def priors(contrasts: Sequence[Contrast]) -> dict[str, Prior]:
    """By kind of question, from both the head's and the canary's variances."""
    kinds: dict[str, list[tuple[float, int]]] = {}
    for each in contrasts:
        spreads = kinds.setdefault(kind(each.question), [])
        spreads.append(_spread(each.head, 1.0))
        spreads.append(_spread(each.canary, CANARY_SCALE))
    return {name: prior_of(spreads, most=freedom_known(spreads)) for name, spreads in kinds.items()}


def estimated(contrasts: Sequence[Contrast], known: Mapping[str, Prior]) -> dict[Question, Pair]:
    """Each question's estimates, under the priors of its kind."""
    return {
        each.question: Pair(
            each,
            _estimate(each.head, 1.0, known[kind(each.question)], each.relative),
            _estimate(each.canary, CANARY_SCALE, known[kind(each.question)], each.relative),
        )
        for each in contrasts
    }


def kind(question: Question) -> str:
    """Cells, families, their time a layer and their overhead each have a noise of their own."""
    return question.part or ("family" if question.depth is None else "cell")


def _spread(values: Array, scale: float) -> tuple[float, int]:
    return max(float(values.var(ddof=1)) * scale, FLOOR), len(values) - 1


def _estimate(values: Array, scale: float, prior: Prior, relative: bool) -> Estimate:
    variance, freedom = prior.moderated(*_spread(values, scale))
    n = len(values)
    error = math.sqrt(max(variance, FLOOR) / scale / n)
    return Estimate(float(np.mean(values)), error, freedom, n, relative)
