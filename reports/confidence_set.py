"""Which depths may truly be the best: a set that holds the best one with a confidence of 95%.

A depth is in the set unless the data refute that it is the best. What is compared is the largest
standardised lead that another depth has over it; with what, its distribution over trainings as
they would be at the likeliest accuracies under which this depth is the best (a parametric bootstrap
at the projection onto the simple tree order). So the choice of the best is made anew in each
resample, depths that are far behind do not count as rivals, and those that are near do: which is
why the set is smaller than with Dunnett's bounds, which take all depths for equals, and holds the
best one more surely than comparisons one by one, which take each for the only rival.

Estimated distances are not the true ones: rivals are taken to be some standard errors nearer than
they seem. Where all that is known of the noise is the size of the test split, differences between
trainings are in no figure: there a lead must be significant by itself, two-sided, as well.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import chi2, norm

from .estimates import ALPHA, Moments

CLOSER, CLOSER_KNOWN = 0.5, 0.25
"""Standard errors of a difference, where variances are estimated and where they are known: about
the smallest with which the set holds the best depth of simulated studies (`tests/simulated`)."""

LEAST_KNOWN_LEAD = 1.96
"""Standard errors; see above."""

DRAWS = 10_000

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Candidate:
    """One depth as the best.

    Attributes:
        p_value: of the hypothesis that no other depth is truly better; 1 for the best mean.
        lead: the largest that another depth has, in standard errors; 0 for the best mean.
        needed: the lead from which on it is out of the set, in standard errors.
    """

    p_value: float
    lead: float
    needed: float

    @property
    def is_member(self) -> bool:
        """Whether it may be the best."""
        return self.lead <= 0 or self.lead < self.needed


def candidates(depths: Sequence[Moments]) -> tuple[Candidate, ...]:
    """Each depth as the best.

    Means are taken to be normal, their variances to be estimated with their degrees of freedom,
    and all independent.
    """
    means = np.array([each.mean for each in depths])
    variances = np.array([each.variance_of_mean for each in depths])
    generator = np.random.default_rng(0)
    noise = generator.standard_normal((DRAWS, len(depths))) * np.sqrt(variances)
    drawn = variances * scales(depths, generator)
    known = is_known(depths)
    return tuple(_candidate(i, means, variances, noise, drawn, known) for i in range(len(depths)))


def is_known(depths: Sequence[Moments]) -> bool:
    """Whether all that is known of the noise is the number of examples."""
    return all(math.isinf(each.degrees_of_freedom) for each in depths)


def two_sided(lead: float) -> float:
    """The p value of a lead in known standard errors."""
    return float(2 * norm.sf(lead))


def scales(depths: Sequence[Moments], generator: np.random.Generator) -> Array:
    """(draws, depths): what estimated variances are multiplied by in each resample. What depths
    borrow from each other is the same for all of them."""
    place = generator.uniform(size=DRAWS)
    common = {x: chi2.ppf(place, x) for x in {each.borrowed for each in depths} if x > 0}
    own = {i: generator.chisquare(df, DRAWS) for i, df in enumerate(map(_own, depths)) if df > 0}
    # A depth with nothing of its own has the pooled variance of those that have.
    pooled = np.sum(list(own.values()), axis=0) if own else np.zeros(DRAWS)
    columns = [_scales(each, own.get(i), pooled, common) for i, each in enumerate(depths)]
    return np.column_stack(columns)


def _own(each: Moments) -> float:
    known = math.isinf(each.degrees_of_freedom)
    return 0.0 if known else each.degrees_of_freedom - each.borrowed


def _scales(
    each: Moments, own: Array | None, pooled: Array, common: Mapping[float, Array]
) -> Array:
    if math.isinf(each.degrees_of_freedom):
        return np.ones(DRAWS)
    squares = pooled if own is None else own + common.get(each.borrowed, 0.0)
    return squares / each.degrees_of_freedom


def _candidate(
    i: int, means: Array, variances: Array, noise: Array, drawn: Array, known: bool
) -> Candidate:
    others = np.arange(len(means)) != i
    errors = np.sqrt(variances[i] + variances[others])
    leads = (means[others] - means[i]) / errors
    if not len(leads) or leads.max() <= 0:
        return Candidate(1.0, 0.0, 0.0)
    best = _projected(i, means, 1 / variances)
    closer = CLOSER_KNOWN if known else CLOSER
    rivals = np.minimum(best[i], best[others] + closer * errors)
    ahead = rivals + noise[:, others] - best[i] - noise[:, [i]]
    largest = (ahead / np.sqrt(drawn[:, others] + drawn[:, [i]])).max(axis=1)
    needed = float(np.quantile(largest, 1 - ALPHA))
    lead = float(leads.max())
    p_value = float((largest >= lead).mean())
    if known:
        return Candidate(max(p_value, two_sided(lead)), lead, max(needed, LEAST_KNOWN_LEAD))
    return Candidate(p_value, lead, needed)


def _projected(i: int, means: Array, weights: Array) -> Array:
    """The likeliest means of which the i-th is the largest: it is pooled with those above, the
    highest first, until no other is above it."""
    pool = [i]
    for j in np.argsort(-means, kind="stable"):
        if j != i and means[j] > np.average(means[pool], weights=weights[pool]):
            pool.append(int(j))
    projected = means.copy()
    projected[pool] = np.average(means[pool], weights=weights[pool])
    return projected
