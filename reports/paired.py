"""Paired comparisons over seeds, few to a comparison: moderated t tests, and Holm's correction.

Three seeds tell little of their own spread. The comparisons of one experiment together tell much,
so each variance is drawn towards what all of them show, as far as they agree (Smyth 2004, "Linear
models and empirical Bayes methods", section 3 and 6.2).
"""

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from scipy.special import digamma, polygamma, stdtr, stdtrit

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Paired:
    """The mean of paired differences.

    Attributes:
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


def paired(
    differences: Mapping[str, Sequence[float]], floors: Mapping[str, float]
) -> dict[str, Paired]:
    """Each comparison by its name; those without a difference are left out.

    Args:
        differences: one number a seed.
        floors: the variance of one difference that is known beforehand, such as that of a limited
            number of examples: seeds that agree by luck are not certain.
    """
    known = {name: list(values) for name, values in differences.items() if len(values)}
    spreads = {
        name: (max(statistics.variance(values), floors[name]), len(values) - 1)
        for name, values in known.items()
        if len(values) > 1
    }
    prior = _prior(list(spreads.values()))
    return {
        name: _moderated(values, spreads.get(name), prior, floors[name])
        for name, values in known.items()
    }


def _moderated(
    values: Sequence[float],
    spread: tuple[float, int] | None,
    prior: tuple[float, float],
    floor: float,
) -> Paired:
    variance, freedom = spread or (floor, 0)
    prior_variance, prior_freedom = prior
    if math.isinf(prior_freedom):
        total, moderated = math.inf, prior_variance
    else:
        total = freedom + prior_freedom
        weighted = freedom * variance + prior_freedom * prior_variance
        moderated = weighted / total if total else variance
    n = len(values)
    error = math.sqrt(max(moderated, floor) / n)
    return Paired(math.fsum(values) / n, error, max(total, 1.0), n)


def _prior(spreads: Sequence[tuple[float, int]]) -> tuple[float, float]:
    """The variance that all share and the degrees of freedom it is worth: moments of the logarithms
    of the variances (Smyth 2004, section 6.2). Of fewer than three nothing is learnt."""
    known = [(variance, freedom) for variance, freedom in spreads if variance > 0]
    if len(known) < 3:
        return 0.0, 0.0
    logs = [
        math.log(variance) - float(digamma(freedom / 2)) + math.log(freedom / 2)
        for variance, freedom in known
    ]
    mean = statistics.fmean(logs)
    excess = statistics.variance(logs) - statistics.fmean(
        float(polygamma(1, freedom / 2)) for _, freedom in known
    )
    if excess <= 0:  # the variances differ no more than chance would have it
        return math.exp(mean), float(sum(freedom for _, freedom in known))
    freedom = 2 * _inverse_trigamma(excess)
    variance = math.exp(mean + float(digamma(freedom / 2)) - math.log(freedom / 2))
    return variance, freedom


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
