"""Depths shown to be as good as the best, and what it takes to tell the others from it."""

import pytest

from reports.best_depth import stand
from reports.estimates import Observations, estimate_depths
from reports.separation import separations
from reports.within_margin import within_margin

SURE = {4: (0.940, 0.941, 0.942), 8: (0.950, 0.951, 0.952), 16: (0.951, 0.952, 0.953)}


def estimates(accuracies: dict[int, tuple[float, ...]], n: int | None = 1_000_000) -> tuple:  # type: ignore[type-arg]
    return estimate_depths([Observations(d, a, n) for d, a in accuracies.items()])


@pytest.mark.parametrize(
    ("margin", "depths"), [(0.02, (4, 8, 16)), (0.005, (8, 16)), (0.0005, (16,)), (0.0, ())]
)
def test_depths_are_shown_to_be_within_a_margin(margin: float, depths: tuple[int, ...]) -> None:
    """The best one too, which the others could be ahead of in truth."""
    assert within_margin(estimates(SURE), margin) == depths


def test_what_cannot_be_told_from_the_best_is_not_shown_to_be_as_good() -> None:
    """Two seeds that differ by 10 points show nothing."""
    noisy = estimates({4: (0.80, 0.90), 8: (0.81, 0.91)})
    assert stand(noisy).members == (4, 8)
    assert within_margin(noisy, 0.02) == ()


def test_without_a_known_noise_nothing_is_shown() -> None:
    """One run a depth, and no number of examples."""
    assert within_margin(estimates({4: (0.9,), 8: (0.91,)}, n=None), 0.5) == ()


def test_more_seeds_separate_what_is_behind() -> None:
    """At four times the seeds errors are half as large: a lead of half of what is needed asks for
    four times as many."""
    found = estimates({4: (0.80, 0.82, 0.84, 0.86), 8: (0.82, 0.84, 0.86, 0.88)})
    standing = stand(found)
    (needed,) = separations(found, standing.candidates, best=8)
    each = standing.candidates[4]
    assert (needed.depth, needed.examples) == (4, None)
    assert needed.seeds == pytest.approx(4 * (each.needed / each.lead) ** 2, abs=1)
    assert needed.seeds > 4


def test_single_runs_ask_for_examples() -> None:
    """56 layers of the ResNet paper's table lead by 1.53 of 1.96 standard errors."""
    found = estimates({56: (0.9303,), 110: (0.9357,)}, n=10_000)
    (needed,) = separations(found, stand(found).candidates, best=110)
    assert (needed.depth, needed.seeds) == (56, None)
    assert needed.examples == pytest.approx(10_000 * (1.96 / 1.53) ** 2, rel=0.01)


def test_depths_outside_the_set_need_nothing() -> None:
    """They are told already; the best one needs nothing either."""
    found = estimates({4: (0.5, 0.51, 0.52), 8: (0.9, 0.91, 0.92)})
    assert separations(found, stand(found).candidates, best=8) == ()
