"""Looks at data that grow, against published constants and closed forms."""

import pytest
from scipy.stats import norm

from reports.looks import chance, level_of_each


@pytest.mark.parametrize(
    ("looks", "level"), [(1, 0.05), (2, 0.0294), (3, 0.0221), (4, 0.0182), (5, 0.0158)]
)
def test_levels_are_those_of_pocock(looks: int, level: float) -> None:
    """Pocock 1977, table 1: of two-sided tests at 5%, each side has half."""
    assert 2 * level_of_each(1, looks, 0.025) == pytest.approx(level, rel=0.05)


def test_looks_that_begin_late_need_less() -> None:
    """Those with two to five seeds are fewer than with one to five, and more alike than four that
    begin with one; never as cheap as one look, nor as dear as Bonferroni's."""
    late = level_of_each(2, 5, 0.05)
    assert level_of_each(1, 5, 0.05) < level_of_each(1, 4, 0.05) < late < 0.05
    assert late > 0.05 / 4


def test_the_chance_of_a_lead_is_normal() -> None:
    """Around the lead that it grows to; with nothing more to come it is there or not."""
    assert chance(1.0, 2.0, 4.0) == pytest.approx(0.5)
    assert chance(0.5, 2.0, 4.0) == pytest.approx(norm.sf(1 / 3**0.5))
    assert chance(0.0, 1.645, 2.5) == pytest.approx(norm.sf(1.645 / 1.5**0.5))
    assert (chance(2.1, 2.0, 1.0), chance(1.9, 2.0, 1.0)) == (1.0, 0.0)
