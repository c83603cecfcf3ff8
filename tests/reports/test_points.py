"""Percentage points in words."""

import pytest

from reports.points import asked_points


@pytest.mark.parametrize(
    ("margin", "words"),
    [(0.01, "1 point"), (0.005, "0.5 points"), (0.0025, "0.25 points"), (0.03, "3 points")],
)
def test_a_margin_keeps_its_digits(margin: float, words: str) -> None:
    """As it was given; one point is one."""
    assert asked_points(margin) == words
