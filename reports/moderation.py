"""Variances of a few values each, drawn towards what all of them together show.

Three seeds tell little of their own spread; several groups of three tell much, as far as they agree
(Smyth 2004, "Linear models and empirical Bayes methods", sections 3 and 6.2; as limma's `eBayes`).
"""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from scipy.special import digamma, polygamma

FEWEST_SPREADS = 3
"""Groups with a variance of their own, for these to say what variances are like."""


@dataclass(frozen=True)
class Prior:
    """The variance that all groups share.

    Attributes:
        freedom: degrees of freedom that it is worth; infinite where all have the same.
        pooled_freedom: of all groups together.
    """

    variance: float
    freedom: float
    pooled_freedom: float

    def moderated(self, variance: float, freedom: float) -> tuple[float, float]:
        """One group's variance and its degrees of freedom, at least one; without any of its own it
        has those of the prior, if there is one."""
        total = freedom + self.freedom
        if math.isinf(total):
            variance = self.variance
        elif total:
            variance = (freedom * variance + self.freedom * self.variance) / total
        # All groups together know no more than they have degrees of freedom.
        return variance, max(1.0, min(total, self.pooled_freedom))


def prior_of(spreads: Sequence[tuple[float, int]], *, most: float = math.inf) -> Prior:
    """From the moments of the logarithms of the variances (Smyth 2004, section 6.2). Of fewer than
    three nothing is learnt.

    Args:
        spreads: variance and degrees of freedom of each group.
        most: degrees of freedom that the prior may be worth. Few groups look alike by luck.
    """
    known = [(variance, freedom) for variance, freedom in spreads if variance > 0]
    pooled_freedom = sum(freedom for _, freedom in spreads)
    if len(known) < FEWEST_SPREADS:
        return Prior(0.0, 0.0, pooled_freedom)
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
        return Prior(pooled, most, pooled_freedom)
    freedom = min(most, 2 * _inverse_trigamma(excess))
    variance = math.exp(mean + float(digamma(freedom / 2)) - math.log(freedom / 2))
    return Prior(variance, freedom, pooled_freedom)


def freedom_known(spreads: Sequence[tuple[float, int]]) -> float:
    """Degrees of freedom that a prior of so many variances may be worth: few look alike by luck.

    As many as it would have if the logarithms of these variances spread by one standard error more
    than chance has it (of their sample variance, by the moments of the logarithm of chi squared).
    """
    known = [freedom for variance, freedom in spreads if variance > 0]
    n = len(known)
    if n < FEWEST_SPREADS:
        return math.inf
    half = statistics.fmean(known) / 2
    variance, excess = float(polygamma(1, half)), float(polygamma(3, half))
    error = math.sqrt((excess + 2 * variance**2 * n / (n - 1)) / n)
    return 2 * _inverse_trigamma(error)


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
