"""Which depths may be the best, against closed forms and simulated studies."""

import itertools
import math
import statistics

import numpy as np
import pytest
from scipy import stats

from reports.confidence_set import Candidate, candidates
from reports.estimates import Moments

NORMAL = statistics.NormalDist()


def known(*means: float, error: float = 1.0) -> list[Moments]:
    """Means with a known standard error."""
    return [Moments(mean, error**2, math.inf) for mean in means]


def p_values(depths: list[Moments]) -> list[float]:
    return [each.p_value for each in candidates(depths)]


def test_the_best_mean_is_the_best_of_one() -> None:
    """Nothing speaks against it, however many there are."""
    for depths in (known(0.9), known(0.1, 0.9), known(0.1, 0.9, 0.3)):
        best = max(range(len(depths)), key=lambda i: depths[i].mean)
        assert candidates(depths)[best] == Candidate(1.0, 0.0, 0.0)
        assert candidates(depths)[best].is_member


@pytest.mark.parametrize("lead", [0.5, 1.5, 2.5])
def test_two_depths_are_compared_by_the_z_and_the_t_test(lead: float) -> None:
    """Two-sided with variances that are known, one-sided with those that are estimated."""
    behind, _ = p_values(known(0.0, lead * math.sqrt(2)))
    assert behind == pytest.approx(2 * NORMAL.cdf(-lead), abs=0.001)
    estimated = [Moments(x, 1.0, 6) for x in (0.0, lead * math.sqrt(2))]
    assert p_values(estimated)[0] == pytest.approx(stats.t.sf(lead, 12), abs=0.015)


def test_equals_are_rivals_as_in_dunnett_s_test() -> None:
    """One depth behind three equal ones by 2.06 standard errors: p is 5% (Dunnett 1955)."""
    behind, *_ = p_values(known(0.0, *[2.06 * math.sqrt(2)] * 3))
    assert behind == pytest.approx(0.05, abs=0.006)


def test_a_depth_far_behind_is_no_rival() -> None:
    """It changes no other's p value but by the draws."""
    two, three = ([Moments(x, 1.0, 30) for x in each] for each in ((0.0, 2.2), (-30.0, 0.0, 2.2)))
    assert p_values(three)[1:] == pytest.approx(p_values(two), abs=0.01)
    assert p_values(three)[0] == 0.0


def test_the_order_does_not_matter() -> None:
    """But for the draws."""
    means = (0.0, 1.0, 1.5, 2.5)
    expected = dict(zip(means, p_values(known(*means)), strict=True))
    for order in itertools.permutations(means):
        found = dict(zip(order, p_values(known(*order)), strict=True))
        assert found == pytest.approx(expected, abs=0.02)


def test_the_same_depths_give_the_same_answer() -> None:
    """The draws are seeded, and no global state is touched."""
    before = np.random.get_state()[1].tolist()
    assert p_values(known(0.0, 1.0, 1.2)) == p_values(known(0.0, 1.0, 1.2))
    assert np.random.get_state()[1].tolist() == before


def test_single_runs_must_lead_significantly_by_themselves() -> None:
    """1.9 standard errors are significant one-sided, and not two-sided."""
    for lead, member in ((1.9, True), (2.0, False)):
        behind, _ = candidates(known(0.0, lead * math.sqrt(2)))
        assert behind.is_member is member
        assert (behind.p_value > 0.05) is member


def test_a_single_run_beside_seeds_has_their_variance() -> None:
    """Three seeds and one: what is needed is the quantile of t with the two degrees of freedom that
    both depths share."""
    seeded, single = Moments(0.0, 1 / 3, 2), Moments(9.0, 1.0, 2, borrowed=2)
    behind, _ = candidates([seeded, single])
    assert behind.needed == pytest.approx(stats.t.ppf(0.95, 2), rel=0.05)


def test_what_is_needed_is_the_lead_at_which_a_depth_leaves_the_set() -> None:
    """For each p value below 5% the lead is larger."""
    for gap in (1.0, 2.0, 3.0, 4.0):
        depths = [Moments(x, 1.0, 8) for x in (0.0, gap, gap - 0.2, -3.0)]
        for each in candidates(depths):
            assert each.is_member == (each.p_value > 0.05)


def test_the_set_holds_one_of_equals_about_as_often_as_it_says() -> None:
    """All eight depths alike, three seeds: the first is in the set in 92% of 400 studies at
    least, and comparisons with the best one by one lose it in more."""
    generator = np.random.default_rng(0)
    held, alone = [], []
    for _ in range(400):
        seeds = generator.normal(0, 1, (8, 3))
        moments = [Moments(x.mean(), x.var(ddof=1).mean() / 3, 2) for x in seeds]
        held.append(candidates(moments)[0].is_member)
        best = max(moments, key=lambda each: each.mean)
        error = math.sqrt(best.variance_of_mean + moments[0].variance_of_mean)
        alone.append(best.mean - moments[0].mean < 1.96 * error)
    assert statistics.fmean(held) > 0.92
    assert statistics.fmean(alone) < statistics.fmean(held)
