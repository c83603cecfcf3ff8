"""Changes of level in series whose truth is known."""

import math

import numpy as np
import pytest

from reports.regression.chance import LEAST_POINTS, p_value_of
from reports.regression.change_points import LEAST_SIDE, change_points, windows

LEVEL = 0.01


def noise(points: int, seed: int = 0) -> np.ndarray:
    """5% around 1."""
    return 1 + 0.05 * np.random.default_rng(seed).standard_normal(points)


def test_a_step_is_found_where_it_is() -> None:
    """One of six standard deviations, ten points before the end, to the point."""
    series = noise(200)
    series[190:] += 0.3
    assert [each.index for each in change_points(series.tolist(), LEVEL)] == [190]


def test_a_change_that_was_undone_is_two() -> None:
    """Twenty slow points in the middle; each end is found to two points."""
    series = noise(200)
    series[90:110] += 0.3
    begins, ends = (each.index for each in change_points(series.tolist(), LEVEL))
    assert abs(begins - 90) <= 2
    assert abs(ends - 110) <= 2


def test_a_single_bad_point_is_no_change() -> None:
    """However bad it is and wherever it stands, nor are three together; also between values that
    are otherwise all the same."""
    for place in (0, 100, 197):
        for series in (noise(200), np.ones(200)):
            series[place : place + 3] *= 100
            assert change_points(series.tolist(), LEVEL) == ()


def test_neither_unit_nor_direction_matters() -> None:
    """Times in other units and read backwards have the same changes."""
    series = noise(100)
    series[60:] += 0.4
    (found,) = change_points(series.tolist(), LEVEL)
    assert change_points((1e-6 * series).tolist(), LEVEL)[0].index == found.index
    assert change_points(series[::-1].tolist(), LEVEL)[0].index == 100 - found.index


def test_a_series_too_short_or_constant_has_none() -> None:
    """Fewer points than were simulated tell nothing."""
    short = [1.0] * 9 + [2.0] * (LEAST_POINTS - 10)
    assert change_points(short, LEVEL) == ()
    assert change_points([1.0] * 50, LEVEL) == ()


def test_few_histories_without_a_change_show_one() -> None:
    """At most 1%: of 300 series not more than 8 (a chance of 0.4% at exactly 1%)."""
    series = (noise(60, seed) for seed in range(300))
    assert sum(bool(change_points(each.tolist(), LEVEL)) for each in series) <= 8


@pytest.mark.parametrize("points", [20, 27, 200, 5_000])
def test_chances_fall_with_the_statistic(points: int) -> None:
    """From 1 downwards; a longer series has larger statistics by chance."""
    found = [p_value_of(x, points) for x in (0.0, 3.0, 4.0, 5.0, math.inf)]
    assert found == sorted(found, reverse=True)
    assert (found[0], found[-1]) == (1.0, 0.0)
    assert p_value_of(4.0, 2 * points) > p_value_of(4.0, points)


def test_windows_reach_both_ends() -> None:
    """The first is the series; the shortest hold the least of both sides at either end."""
    found = windows(200)
    assert found[0] == (0, 200)
    shortest = min(stop - start for start, stop in found)
    assert shortest >= 2 * LEAST_SIDE
    assert {start for start, stop in found if stop == 200} >= {0, found[-1][0]}
    assert found[-1][1] - found[-1][0] < 1.5 * 2 * LEAST_SIDE
