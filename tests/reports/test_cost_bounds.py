"""Bounds on times from repeated measurements."""

import numpy as np
import pytest

from reports.cost_bounds import Bounds, of_latency, of_mean, of_median


@pytest.mark.parametrize(("count", "low", "high"), [(5, 1, 5), (8, 2, 7), (20, 6, 15)])
def test_the_bounds_on_a_median_are_order_statistics(count: int, low: int, high: int) -> None:
    """One-sided 95%: the probability that k - 1 of n fair coins at most are heads is below 5%."""
    samples = list(range(count, 0, -1))
    assert of_median(samples) == Bounds(low, high)


def test_four_samples_bound_no_median() -> None:
    """All are above it in 1 of 16 cases."""
    assert of_median([1, 2, 3, 4]) is None


@pytest.mark.parametrize("count", [5, 13, 40])
def test_each_bound_holds_in_95_of_100_cases(count: int) -> None:
    """Of skewed samples, whose median is ln 2."""
    generator = np.random.default_rng(0)
    found = [of_median(list(generator.exponential(size=count))) for _ in range(2000)]
    assert np.mean([each is not None and each.low <= np.log(2) for each in found]) > 0.94
    assert np.mean([each is not None and each.high >= np.log(2) for each in found]) > 0.94


def test_the_bounds_on_a_mean_are_students() -> None:
    """2.920 standard errors for three samples (t table, 2 degrees of freedom, 95%)."""
    found = of_mean([9.0, 10.0, 11.0])
    assert found is not None
    assert found.high - 10 == pytest.approx(2.920 / 3**0.5, abs=1e-3)
    assert found.low + found.high == pytest.approx(20)


@pytest.mark.parametrize("samples", [[], [3.0], [3.0, 3.0, 3.0]])
def test_without_a_spread_nothing_bounds_a_mean(samples: list[float]) -> None:
    """The same figure in every row of a table is no measurement of its noise."""
    assert of_mean(samples) is None


def test_the_spread_between_processes_counts_where_it_is_known() -> None:
    """Each process is sure of itself; a second one that differs by 3% shows what that is worth."""
    rounds = [1.0 + 0.001 * place for place in range(-10, 11)]
    alone = of_latency([(1.0, rounds)])
    assert alone is not None
    assert alone.high < 1.01
    both = of_latency([(1.0, rounds), (1.03, [1.03 * each for each in rounds])])
    assert both is not None
    assert both.low < 0.95
    assert both.high > 1.08


def test_the_same_file_twice_is_one_measurement() -> None:
    """Its bounds are those of the file alone."""
    rounds = [1.0, 1.1, 1.2, 1.3, 1.4]
    assert of_latency([(1.2, rounds), (1.2, rounds)]) == of_latency([(1.2, rounds)])


def test_a_latency_without_its_rounds_has_no_bounds() -> None:
    """As in a table of somebody's own numbers; nor has one that was not measured."""
    assert of_latency([(1.2, ())]) is None
    assert of_latency([]) is None
