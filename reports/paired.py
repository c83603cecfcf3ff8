"""Paired comparisons over seeds, few to a comparison: moderated t tests, and Holm's correction.

Three seeds tell little of their own spread. The comparisons of one experiment together tell much,
so each variance is drawn towards what all of them show, as far as they agree (Smyth 2004, "Linear
models and empirical Bayes methods", sections 3 and 6.2; as in limma's `eBayes`). That comparisons
share trainings, and are not independent, is left out.
"""

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from scipy.special import digamma, polygamma, stdtr, stdtrit

CONFIDENCE = 0.95

FEWEST_SPREADS = 3
"""Comparisons with a variance of their own, for these to say what variances are like."""


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

    @property
    def low(self) -> float:
        return self.mean - self._reach

    @property
    def high(self) -> float:
        return self.mean + self._reach

    @property
    def p_value(self) -> float:
        return self.p_above(0.0)

    def p_above(self, value: float) -> float:
        """One-sided, against a mean of `value` or less."""
        return float(stdtr(self.degrees_of_freedom, -(self.mean - value) / self.error))

    def p_below(self, value: float) -> float:
        """One-sided, against a mean of `value` or more."""
        return float(stdtr(self.degrees_of_freedom, (self.mean - value) / self.error))

    @property
    def _reach(self) -> float:
        return float(stdtrit(self.degrees_of_freedom, CONFIDENCE)) * self.error


@dataclass(frozen=True)
class _Prior:
    """The variance that all comparisons share.

    Attributes:
        freedom: degrees of freedom that it is worth; infinite where all have the same.
        pooled_freedom: of all comparisons together.
    """

    variance: float
    freedom: float
    pooled_freedom: float


def paired(
    differences: Mapping[str, Sequence[float]], floors: Mapping[str, float]
) -> dict[str, Paired]:
    """Each comparison by its name; those without a difference are left out.

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
    prior = _prior([spreads[name] for name in sorted(spreads)])
    return {
        name: _moderated(values, spreads.get(name), prior, floors[name])
        for name, values in known.items()
    }


def _moderated(
    values: Sequence[float],
    spread: tuple[float, int] | None,
    prior: _Prior,
    floor: float,
) -> Paired:
    variance, freedom = spread or (floor, 0)
    total = freedom + prior.freedom
    if math.isinf(total):
        moderated = prior.variance
    elif total:
        moderated = (freedom * variance + prior.freedom * prior.variance) / total
    else:
        moderated = variance
    n = len(values)
    error = math.sqrt(max(moderated, floor) / n)
    # All seeds together know no more than they have degrees of freedom.
    return Paired(math.fsum(values) / n, error, max(1.0, min(total, prior.pooled_freedom)), n)


def _prior(spreads: Sequence[tuple[float, int]]) -> _Prior:
    """Moments of the logarithms of the variances (Smyth 2004, section 6.2). Of fewer than three
    nothing is learnt."""
    known = [(variance, freedom) for variance, freedom in spreads if variance > 0]
    pooled_freedom = sum(freedom for _, freedom in spreads)
    if len(known) < FEWEST_SPREADS:
        return _Prior(0.0, 0.0, pooled_freedom)
    logs = [
        math.log(variance) - float(digamma(freedom / 2)) + math.log(freedom / 2)
        for variance, freedom in known
    ]
    mean = statistics.fmean(logs)
    excess = statistics.variance(logs) - statistics.fmean(
        float(polygamma(1, freedom / 2)) for _, freedom in known
    )
    if excess <= 0:  # the variances differ no more than chance would have it: one for all
        pooled = math.fsum(variance * freedom for variance, freedom in known) / pooled_freedom
        return _Prior(pooled, math.inf, pooled_freedom)
    freedom = 2 * _inverse_trigamma(excess)
    variance = math.exp(mean + float(digamma(freedom / 2)) - math.log(freedom / 2))
    return _Prior(variance, freedom, pooled_freedom)


def _inverse_trigamma(value: float) -> float:
    """Newton's method on 1 / trigamma, which is nearly linear (Smyth 2004, appendix)."""
    y = 0.5 + 1 / value
    for _ in range(50):
        trigamma = float(polygamma(1, y))
        step = trigamma * (1 - trigamma / value) / float(polygamma(2, y))
        y += step
        if -step / y < 1e-10:
            break
    return y


def holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """Adjusted p values that hold for all together (Holm 1979)."""
    adjusted: dict[str, float] = {}
    highest = 0.0
    for place, (name, p) in enumerate(sorted(p_values.items(), key=lambda item: item[1])):
        highest = max(highest, min(1.0, p * (len(p_values) - place)))
        adjusted[name] = highest
    return adjusted
