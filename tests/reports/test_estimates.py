"""The statistics behind a verdict against closed forms and scipy."""

import math
import statistics

import pytest
from scipy import stats

from reports.estimates import Estimate, Observations, compare, empirical_logit, estimate_depths


def estimates(accuracies: dict[int, tuple[float, ...]], n: int | None = 4000) -> list[Estimate]:
    """Estimates of these accuracies by depth."""
    return list(estimate_depths([Observations(d, a, n) for d, a in accuracies.items()]))


def p_value(first: Estimate, second: Estimate) -> float:
    """The p value of the comparison of two depths."""
    assert first.tested is not None
    assert second.tested is not None
    return compare(first.tested, second.tested).p_value


def test_single_runs_are_compared_as_two_proportions() -> None:
    """z = (p1 - p2) / sqrt(p1 (1 - p1) / n + p2 (1 - p2) / n), two-sided."""
    first, second = estimates({56: (0.9303,), 110: (0.9357,)}, n=10_000)
    z = 0.0054 / math.sqrt(0.0697 * 0.9303 / 1e4 + 0.0643 * 0.9357 / 1e4)
    assert z == pytest.approx(1.53, abs=0.005)
    assert p_value(first, second) == pytest.approx(2 * statistics.NormalDist().cdf(-z))


def test_seeds_are_compared_by_welch_on_the_logit() -> None:
    """Where seeds differ by more than the evaluation's noise it is scipy's Welch test."""
    a, b = (0.70, 0.80, 0.90), (0.50, 0.65, 0.80)
    first, second = estimates({2: a, 4: b})
    logits = [[empirical_logit(value, 4000) for value in values] for values in (a, b)]
    assert p_value(first, second) == pytest.approx(stats.ttest_ind(*logits, equal_var=False).pvalue)


def test_three_lucky_seeds_are_not_certain() -> None:
    """Equal accuracies have the variance of one evaluation, not none."""
    first, second = estimates({2: (0.900,) * 3, 4: (0.902,) * 3})
    assert first.tested is not None
    assert first.tested.variance_of_mean == pytest.approx(1 / (4000 * 0.9 * 0.1) / 3)
    assert p_value(first, second) > 0.5


@pytest.mark.parametrize("accuracy", [0.0, 1.0])
def test_perfect_and_hopeless_nets_have_finite_estimates(accuracy: float) -> None:
    """At 0% and 100% the binomial variance is 0; the test and the interval still exist."""
    for seeds in (1, 3):
        first, second = estimates({2: (accuracy,) * seeds, 4: (0.5,) * seeds})
        assert 0 <= (first.low or 0.0) <= (first.high or 0.0) <= 1
        assert p_value(first, second) < 0.05


def test_one_collapsed_depth_does_not_hide_the_others() -> None:
    """The spread of a collapsed depth is its own: 97% is still told from 90%."""
    shallow, good, _ = estimates(
        {2: (0.899, 0.900, 0.901), 8: (0.969, 0.970, 0.971), 32: (0.20, 0.55, 0.90)}
    )
    assert p_value(shallow, good) < 0.001


def test_a_single_seed_borrows_the_spread_of_the_other_depths() -> None:
    """A depth that lost its other seeds is not treated as free of training noise."""
    wide = {2: (0.80, 0.85, 0.90), 4: (0.81, 0.86, 0.91), 8: (0.88,)}
    *_, lone = estimates(wide)
    assert lone.tested is not None
    assert lone.tested.degrees_of_freedom == 4
    assert lone.tested.variance_of_mean > 10 / (4000 * 0.88 * 0.12)


def test_without_seeds_and_examples_nothing_is_known_of_the_noise() -> None:
    """No moments, so nothing can be tested; several seeds suffice for a test."""
    (alone,) = estimates({2: (0.9,)}, n=None)
    assert (alone.raw, alone.tested, alone.low) == (None, None, None)
    (several,) = estimates({2: (0.9, 0.91)}, n=None)
    assert several.tested is not None


def test_an_interval_covers_the_truth_as_often_as_it_says() -> None:
    """Of 95% intervals from 3 simulated trainings at least 93% hold the true mean."""
    import numpy as np

    generator = np.random.default_rng(0)
    logits = generator.normal(3.0, 0.3, size=(1000, 3))
    draws = generator.binomial(4000, 1 / (1 + np.exp(-logits))) / 4000
    truth = 1 / (1 + math.exp(-3.0))
    held = [
        (each.low or 0.0) <= truth <= (each.high or 0.0)
        for (each,) in (estimates({8: tuple(map(float, row))}) for row in draws)
    ]
    assert statistics.fmean(held) > 0.93
