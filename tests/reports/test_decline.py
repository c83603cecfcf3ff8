"""Which depths are worse than a shallower one, all of them together."""

import math
import statistics

import numpy as np
import pytest

from reports.best_depth import stand
from reports.decline import decline_p_values
from reports.estimates import Moments, Observations, estimate_depths


def known(*means: float) -> list[Moments]:
    """Means with a standard error of 1."""
    return [Moments(mean, 1.0, math.inf) for mean in means]


def test_two_depths_are_compared_by_the_z_test() -> None:
    """Two-sided, as the set does; the first depth has nothing to be worse than."""
    first, second = decline_p_values(known(2 * math.sqrt(2), 0.0))
    assert first == 1.0
    assert second == pytest.approx(2 * statistics.NormalDist().cdf(-2), abs=0.001)


def test_nothing_declines_where_accuracy_rises() -> None:
    """However little; and one depth, or none, is no course."""
    assert min(decline_p_values(known(0.0, 0.1, 0.2, 5.0))) > 0.3
    assert decline_p_values(known(0.5)) == (1.0,)
    assert decline_p_values([]) == ()


def test_a_dip_and_a_decline_are_told_apart() -> None:
    """Each depth has its own p value, against all that are shallower."""
    rising, dip, back, low = decline_p_values(known(10.0, 0.0, 9.5, -5.0))
    assert rising == 1.0
    assert max(dip, low) < 0.001
    assert back > 0.1


@pytest.mark.parametrize("seeds", [3, 5])
def test_alike_depths_seldom_decline(seeds: int) -> None:
    """Of 600 studies with five depths at most 8.5% show any decline at a nominal 5%: three seeds do
    not tell their spread well."""
    generator = np.random.default_rng(seeds)
    alarms = []
    for _ in range(600):
        values = generator.normal(0.9, 0.02, (5, seeds)).tolist()
        observed = [Observations(2**i, tuple(row), 10_000) for i, row in enumerate(values)]
        alarms.append(min(stand(estimate_depths(observed)).declines.values()) < 0.05)
    assert statistics.fmean(alarms) <= 0.085
