"""Looks at data that grow, seed by seed: how sure each look must be, and whether more can tell."""

import math
from functools import cache

import numpy as np
from scipy.special import ndtr
from scipy.stats import norm

_DRAWS = 100_000


@cache
def level_of_each(fewest: int, most: int, alpha: float) -> float:
    """The level of a one-sided test that is made with `fewest` seeds, with one more, … with `most`:
    what is true is rejected at any of these looks with the probability `alpha`.

    The same at all looks (Pocock 1977), where a normal statistic grows by one seed at a time. With
    estimated variances it is the level that is kept, of Student's t in place of the normal
    (Jennison & Turnbull 2000). A difference of which one side has all its seeds grows by less: then
    the error is smaller.
    """
    seeds = np.arange(1, most + 1)
    drawn = np.random.default_rng(0).standard_normal((_DRAWS, most))
    looks = drawn.cumsum(axis=1) / np.sqrt(seeds)
    return float(norm.sf(np.quantile(looks[:, fewest - 1 :].max(axis=1), 1 - alpha)))


def chance(lead: float, needed: float, growth: float) -> float:
    """That a lead will be at least `needed` standard errors once there are more data, from what it
    is now and nothing else: predictive power (Spiegelhalter, Freedman & Blackburn 1986).

    Args:
        lead: now, in standard errors.
        growth: of the information: the variance of the difference now over that by then.
    """
    if growth <= 1:
        return float(lead >= needed)
    return float(ndtr((lead * math.sqrt(growth) - needed) / math.sqrt(growth - 1)))
