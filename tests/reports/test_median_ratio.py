"""Ratios of medians and their intervals."""

import math

import numpy as np
import pytest

from reports.median_ratio import KnownMedian, Ratio, Timing, known_median, ratio_of


def timing(samples: tuple[float, ...]) -> Timing:
    """A process with these rounds."""
    return Timing(float(np.median(samples)), samples)


def known(seconds: float, low: float | None, high: float | None) -> KnownMedian:
    """A median with this interval, of one process."""
    return KnownMedian(seconds, low, high, "rounds", 1)


def test_rounds_bound_their_median_by_order_statistics() -> None:
    """Of 10 rounds the 2nd and the 9th hold the median with 97.9% (Conover 1999: 1 - 2 x 11/1024),
    the 3rd and the 8th with 89.1% only."""
    found = known_median([timing(tuple(map(float, range(1, 11))))])
    assert (found.low, found.high, found.basis) == (2.0, 9.0, "rounds")


def test_five_rounds_have_their_range() -> None:
    """The smallest and the largest of five hold the median in 15 of 16 cases; four have nothing."""
    five = known_median([timing((1.0, 2.0, 3.0, 4.0, 9.0))])
    assert (five.low, five.high) == (1.0, 9.0)
    four = known_median([timing((1.0, 2.0, 3.0, 4.0))])
    assert (four.seconds, four.low, four.high, four.basis) == (2.5, None, None, None)


def test_quartiles_stand_for_rounds_that_were_not_kept() -> None:
    """1.96 x 1.2533 sigma / sqrt(n) with sigma = IQR / 1.349, relative to the median."""
    found = known_median([Timing(2.0, iqr=0.1, rounds=100)])
    reach = 1.959964 * 1.2533 / 1.349 * 0.1 / 2.0 / 10
    assert found.basis == "quartiles"
    assert found.high == pytest.approx(2.0 * math.exp(reach), rel=1e-6)
    assert found.low == pytest.approx(2.0 * math.exp(-reach), rel=1e-6)


@pytest.mark.parametrize("gap", [{"iqr": None}, {"iqr": 0.0}, {"rounds": None}, {"rounds": 3}])
def test_without_spread_or_rounds_there_is_no_interval(gap: dict[str, float | None]) -> None:
    """The median stays, and what it is known to is unknown."""
    found = known_median([Timing(**({"median": 2.0, "iqr": 0.1, "rounds": 50} | gap))])  # type: ignore[arg-type]
    assert (found.seconds, found.low, found.high) == (2.0, None, None)


def test_processes_bound_their_median_by_students_t() -> None:
    """Of two processes a factor of 4 apart: 1 x exp(+-12.706 x ln(4)/2), however many rounds."""
    many = tuple(1.0 + i / 1e6 for i in range(1000))
    found = known_median([Timing(0.5, many), Timing(2.0, many)])
    assert (found.seconds, found.basis, found.processes) == (pytest.approx(1.0), "processes", 2)
    assert found.high == pytest.approx(math.exp(12.7062 * math.log(4) / 2), rel=1e-4)


def test_the_same_median_again_is_the_same_measurement() -> None:
    """A file that repeats another's cells shows no spread between processes."""
    one = timing((1.0, 2.0, 3.0, 4.0, 5.0, 6.0))
    assert known_median([one, one]) == known_median([one])


def test_a_ratio_of_exact_medians_is_exact() -> None:
    """Intervals without width stay so; the base's own width alone is turned round."""
    assert ratio_of(known(2.0, 2.0, 2.0), known(3.0, 3.0, 3.0)) == Ratio(1.5, 1.5, 1.5, "rounds")
    found = ratio_of(known(2.0, 1.0, 8.0), known(2.0, 2.0, 2.0))
    assert (found.low, found.high) == (pytest.approx(1 / 4), pytest.approx(2.0))


def test_turning_the_base_round_turns_the_ratio_round() -> None:
    """a over b is the inverse of b over a, interval and all."""
    a, b = known(2.0, 1.8, 2.5), known(3.0, 2.9, 3.4)
    there, back = ratio_of(a, b), ratio_of(b, a)
    assert there.low is not None
    assert there.high is not None
    assert back.value == pytest.approx(1 / there.value)
    assert (back.low, back.high) == (pytest.approx(1 / there.high), pytest.approx(1 / there.low))


@pytest.mark.parametrize(
    ("ratio", "verdict"),
    [
        (Ratio(0.5, 0.4, 0.6, "rounds"), "faster"),
        (Ratio(2.0, 1.5, 2.5, "rounds"), "slower"),
        (Ratio(0.9, 0.8, 1.0, "rounds"), "undecided"),
        (Ratio(0.5, None, None, None), "undecided"),
    ],
)
def test_only_an_interval_that_excludes_1_decides(ratio: Ratio, verdict: str) -> None:
    """Without an interval nothing is won."""
    assert ratio.verdict == verdict


@pytest.mark.parametrize("rounds", [7, 30])
def test_the_interval_holds_the_ratio_as_often_as_it_says(rounds: int) -> None:
    """Of 1,000 pairs of skewed samples whose true medians are 1 and 1.3, at least 93% of the
    intervals hold 1.3 (nominal 95%)."""
    generator = np.random.default_rng(rounds)
    held = 0
    for _ in range(1000):
        base, other = np.exp(generator.normal(size=(2, rounds)) * 0.3)
        found = ratio_of(
            known_median([timing(tuple(base))]), known_median([timing(tuple(1.3 * other))])
        )
        assert found.low is not None
        assert found.high is not None
        held += found.low <= 1.3 <= found.high
    assert held >= 930
