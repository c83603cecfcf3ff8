"""The search for the largest that fits, with made-up needs: right, and with few questions."""

import itertools
import math
from collections.abc import Callable

import pytest

from howdeep.fit import Fit, largest


class Need:
    """Bytes by a formula for each phase; remembers what it was asked."""

    def __init__(self, *formulas: Callable[[int], float]) -> None:
        self._formulas = formulas
        self.asked: list[int] = []

    def __call__(self, number: int) -> tuple[float, ...]:
        self.asked.append(number)
        return tuple(formula(number) for formula in self._formulas)


def every(number: int) -> int:
    return max(number, 1)


def six_n_plus_2(number: int) -> int:
    """8, 14, 20, …"""
    return max(8, number - (number - 8) % 6)


def named(number: int) -> int:
    """18, 34, 50, 101, 152 and no more."""
    return max([d for d in (18, 34, 50, 101, 152) if d <= number], default=18)


NEEDS: dict[str, Callable[[int], float]] = {
    "linear": lambda n: 1000 + 37 * n,
    "proportional": lambda n: n,
    "steep": lambda n: 10**9 * n,
    "quadratic": lambda n: 50 + n * n,
    "cubic": lambda n: n**3,
    "root": lambda n: math.isqrt(10**6 * n),
    "steps": lambda n: 512 * -(-(37 * n) // 512),
    "large steps": lambda n: 10_000 * (1 + n // 25),
    "flat, then linear": lambda n: max(5_000, 40 * n),
    "linear, then steep": lambda n: max(1_000 + n, 900 * (n - 60)),
    "ends": lambda n: 100 * n if n <= 90 else math.inf,
}
ALLOWED = {"every": (every, 1), "6n+2": (six_n_plus_2, 8), "named": (named, 18)}


@pytest.mark.parametrize("allowed", ALLOWED)
@pytest.mark.parametrize("limit", [1_000, 4_999, 5_000, 20_000, 123_456, 10**6])
@pytest.mark.parametrize("name", NEEDS)
def test_the_answer_fits_and_the_next_does_not(name: str, limit: int, allowed: str) -> None:
    """Whatever the need, as long as it does not fall; no number is asked about twice."""
    at_most, first = ALLOWED[allowed]
    need = Need(NEEDS[name])
    fit = largest(need, limit, first=first, allowed=at_most)
    assert len(need.asked) == len(set(need.asked))
    assert all(at_most(n) == n for n in need.asked)
    assert not fit.extrapolated
    if fit.value is None:
        assert need.asked == [first]
        assert fit.need_bytes == NEEDS[name](first) > limit
        return
    assert fit.need_bytes == NEEDS[name](fit.value) <= limit
    following = next((n for k in range(1, 65) if (n := at_most(fit.value + k)) > fit.value), None)
    assert following is None or NEEDS[name](following) > limit
    assert not fit.at_least


@pytest.mark.parametrize("limit", [10_000, 10**6, 10**9, 10**15])
@pytest.mark.parametrize("allowed", ["every", "6n+2"])
def test_a_line_takes_few_questions(allowed: str, limit: int) -> None:
    """The first, two more to see that it is a line, where it meets the limit, and the next one."""
    at_most, first = ALLOWED[allowed]
    need = Need(NEEDS["linear"])
    assert largest(need, limit, first=first, allowed=at_most).value == at_most((limit - 1000) // 37)
    assert len(need.asked) <= 6


@pytest.mark.parametrize("name", NEEDS)
def test_a_curve_takes_no_more_than_halving_would(name: str) -> None:
    """Of a million."""
    need = Need(NEEDS[name])
    largest(need, 10**6, first=1, allowed=every)
    assert len(need.asked) <= 3 * math.log2(10**6)


def test_what_is_not_affordable_is_read_off_a_line() -> None:
    """The answer says so, and is exact where the need is a line."""
    need = Need(NEEDS["linear"])
    fit = largest(need, 10**12, first=1, allowed=every, affordable=lambda n: n <= 100)
    number = (10**12 - 1000) // 37
    assert fit == Fit(value=number, need_bytes=1000 + 37 * number, extrapolated=True)
    assert max(need.asked) <= 100
    assert len(need.asked) <= 4


@pytest.mark.parametrize("flat", [0, 3_000])
def test_the_phase_that_needs_most_may_change_beyond_what_is_affordable(flat: int) -> None:
    """Up to 160 the first needs more, and that is all that is asked about; then the second, which
    rises faster, meets the limit first."""
    need = Need(lambda n: 10_000 + 50 * n, lambda n: 2_000 + 100 * n, lambda _: flat)
    fit = largest(need, 10**6, first=1, allowed=every, affordable=lambda n: n <= 100)
    assert max(need.asked) <= 100
    assert fit == Fit(value=9980, need_bytes=10**6, extrapolated=True)


def test_a_line_is_read_off_at_allowed_numbers_within_the_limit() -> None:
    """Also where the points lie on it only roughly, and the limit is as large as can be typed."""
    for limit in (10**9, 10**12, 10**30):
        fit = largest(
            Need(lambda n: 1_000_000 + 3701 * n + n % 7),
            limit,
            first=8,
            allowed=six_n_plus_2,
            affordable=lambda n: n <= 200,
        )
        assert fit.extrapolated
        assert fit.value is not None
        assert fit.value % 6 == 2
        assert fit.need_bytes <= limit
        assert fit.value == pytest.approx((limit - 10**6) / 3701, rel=0.01)


@pytest.mark.parametrize("name", ["quadratic", "cubic", "root", "large steps"])
def test_a_curve_is_not_extrapolated(name: str) -> None:
    """The answer is what was asked about, and says that larger ones may fit."""
    need = Need(NEEDS[name])
    fit = largest(need, 10**15, first=1, allowed=every, affordable=lambda n: n <= 100)
    assert fit.value == max(need.asked) <= 100
    assert fit == Fit(value=fit.value, need_bytes=int(NEEDS[name](fit.value)), at_least=True)
    assert fit.value > 50


def test_affordable_numbers_are_asked_about() -> None:
    """A line through three points is no answer where the answer itself can be had."""
    fit = largest(
        Need(NEEDS["linear"]), 10_000, first=1, allowed=every, affordable=lambda n: n <= 1000
    )
    assert fit == Fit(value=243, need_bytes=9991)


def test_nothing_fits() -> None:
    """The smallest need is told."""
    need = Need(NEEDS["linear"])
    assert largest(need, 1, first=3, allowed=every) == Fit(value=None, need_bytes=1111)
    assert largest(need, 0, first=3, allowed=every).value is None


def test_a_need_that_does_not_grow_has_no_largest() -> None:
    """The search ends, and says that larger ones may fit."""
    need = Need(lambda _: 500)
    fit = largest(need, 1_000, first=1, allowed=every)
    assert fit.at_least
    assert fit.need_bytes == 500
    assert len(need.asked) < 25


def test_a_need_that_falls_ends_the_search_too() -> None:
    """Its answer fits, though no more is known of it."""
    for limit, first in itertools.product((10, 1_000, 10**5), (1, 2, 17)):
        need = Need(lambda n: 10**5 // n + n)
        fit = largest(need, limit, first=first, allowed=every)
        assert fit.value is None or fit.need_bytes <= limit
        assert len(need.asked) < 60


def test_all_that_is_allowed_may_fit() -> None:
    """Then the last is the answer."""
    assert largest(Need(NEEDS["linear"]), 10**9, first=18, allowed=named) == Fit(
        value=152, need_bytes=1000 + 37 * 152
    )
