"""Paired comparisons over seeds, few to a comparison: moderated t tests, and Holm's correction.

Three seeds tell little of their own spread: each variance is drawn towards what all comparisons of
one experiment show, see `moderation`. That these share trainings, and are not independent, is left
out.
"""

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from scipy.special import stdtr, stdtrit

from .moderation import Prior, prior_of

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Paired:
    """The mean of paired differences.

    Attributes:
        error: the standard error of the mean.
        n: the pairs.
        low, high: one-sided 95% bounds; each alone holds with that confidence.
        p_value: one-sided, against a mean of 0 or less.
    """

    mean: float
    error: float
    degrees_of_freedom: float
    n: int

    def over(self, divisor: float) -> "Paired":
        """All of it divided, as by a number of doublings."""
        return replace(self, mean=self.mean / divisor, error=self.error / divisor)

    @property
    def low(self) -> float:
        return self.mean - self._reach

    @property
    def high(self) -> float:
        return self.mean + self._reach

    @property
    def p_value(self) -> float:
        return float(stdtr(self.degrees_of_freedom, -self.mean / self.error))

    def p_below(self, value: float) -> float:
        """One-sided, against a mean of `value` or more."""
        return float(stdtr(self.degrees_of_freedom, (self.mean - value) / self.error))

    @property
    def _reach(self) -> float:
        return float(stdtrit(self.degrees_of_freedom, CONFIDENCE)) * self.error


Key = TypeVar("Key")
"""Names a comparison."""


def paired(
    differences: Mapping[Key, Sequence[float]], floors: Mapping[Key, float]
) -> dict[Key, Paired]:
    """Each comparison by its key; those without a difference are left out.

    Args:
        differences: one number a seed.
        floors: the variance of one difference that is known beforehand, above 0, such as that of a
            limited number of examples: seeds that agree by luck are not certain.
    """
    known = {name: list(values) for name, values in differences.items() if len(values)}
    spreads = {
        name: (max(statistics.variance(values), floors[name]), len(values) - 1)
        for name, values in known.items()
        if len(values) > 1
    }
    prior = prior_of([spreads[name] for name in spreads])
    return {
        name: _moderated(values, spreads.get(name), prior, floors[name])
        for name, values in known.items()
    }


def _moderated(
    values: Sequence[float],
    spread: tuple[float, int] | None,
    prior: Prior,
    floor: float,
) -> Paired:
    variance, freedom = prior.moderated(*(spread or (floor, 0)))
    n = len(values)
    return Paired(math.fsum(values) / n, math.sqrt(max(variance, floor) / n), freedom, n)


def holm(p_values: Mapping[Key, float]) -> dict[Key, float]:
    """Adjusted p values that hold for all together (Holm 1979)."""
    adjusted: dict[Key, float] = {}
    highest = 0.0
    for place, (name, p) in enumerate(sorted(p_values.items(), key=lambda item: item[1])):
        highest = max(highest, min(1.0, p * (len(p_values) - place)))
        adjusted[name] = highest
    return adjusted
