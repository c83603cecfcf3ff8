"""What the next doubling of depth would bring, with bounds."""

import itertools
import math
import random

import numpy as np
import pytest

from reports.case import Case
from reports.margin import MARGIN
from reports.outlook import learning_rate_windows, next_doubling, next_gain, step_costs
from reports.paired import Paired
from tests.reports import experiments as planted
from tests.reports.experiments import RISING, evidence

SURE = 1_000.0  # degrees of freedom


def gain(mean: float, error: float = 1e-9, freedom: float = SURE) -> Paired:
    return Paired(mean, error, freedom, 4)


@pytest.mark.parametrize(
    ("before", "last", "expected"),
    [
        (0.08, 0.06, 0.045),
        (0.06, 0.08, 0.08),
        (-0.01, 0.06, 0.06),
        (0.08, -0.03, -0.03),
        (0.08, 0.0, 0.0),
        (None, 0.06, 0.06),
    ],
)
def test_gains_shrink_by_the_same_factor_again(
    before: float | None, last: float, expected: float
) -> None:
    """They do not grow; what fell falls on; without noise the bounds are the gain itself."""
    found = next_gain(gain(last), None if before is None else gain(before))
    assert (found.mean, found.low, found.high) == pytest.approx((expected,) * 3, abs=1e-6)


def test_bounds_are_those_of_the_last_gain_if_there_is_no_other() -> None:
    """One-sided, 95% each."""
    last = gain(0.06, 0.01, 5.0)
    found = next_gain(last, None)
    assert (found.low, found.high) == (last.low, last.high)


def test_bounds_hold_the_gain_that_would_come() -> None:
    """Simulated accuracies of three depths with noise of their own, gains that halve: each bound
    holds in 95 of 100 (to three standard errors), and is not wider than it must be by half."""
    generator, noise, trials = random.Random(0), 0.005, 2_000
    below, above, widths = 0, 0, []
    for _ in range(trials):
        means = [x + generator.gauss(0, noise) for x in (0.80, 0.88, 0.92)]
        steps = [gain(b - a, noise * math.sqrt(2)) for a, b in itertools.pairwise(means)]
        found = next_gain(steps[1], steps[0])
        below += found.low <= 0.02
        above += found.high >= 0.02
        widths.append(found.high - found.low)
    exact = [
        (0.92 - 0.88 + c - b) ** 2 / (0.88 - 0.80 + b - a)
        for a, b, c in np.random.default_rng(1).normal(0, noise, (trials, 3))
    ]
    assert min(below, above) / trials > 0.95 - 3 * math.sqrt(0.95 * 0.05 / trials)
    low, high = np.quantile(exact, (0.05, 0.95))
    assert np.mean(widths) < 1.5 * (high - low)


def test_the_next_doubling_is_told_with_its_cost() -> None:
    """70, 80, 88 and 94%: 6 points after 8 become 4.5."""
    words = next_doubling(Case(evidence(fit=RISING, held=RISING), MARGIN))
    assert words is not None
    assert words.startswith(
        "twice the training FLOPs, by depth, would be expected to bring 4.5 points (one-sided "
    )
    assert "; after 8.0 points and 6.0 points a doubling)" in words
    assert "6.4e+10 FLOPs" in words


@pytest.mark.parametrize(("best", "window"), [(0.99, True), (0.52, False)])
def test_two_classes_have_a_window_of_learning_rates(best: float, window: bool) -> None:
    """Twice as good as guessing is more than there can be."""
    rates = {0.001: 0.5, 0.01: best, 0.1: 0.5}
    rows = [
        planted.trial("asked" if rate == planted.RATE else "window", fit=fit)
        | {"learning_rate": rate, "classes": 2, "chance": 0.5}
        for rate, fit in rates.items()
    ]
    (words,) = learning_rate_windows(Case(rows, MARGIN))
    assert words.startswith(
        "depth 32 trains at learning rates from 0.01 to 0.01"
        if window
        else "depth 32 trains at no learning rate tried from 0.001 to 0.1"
    )


def test_steps_cost_time_and_memory() -> None:
    """The shallowest depth first; without a figure the depth is left out."""
    costs = {16: (0.02, 2e6), 32: (0.05, 4.25e6), 8: (0.01, None)}
    rows = evidence()
    for depth, (seconds, peak) in costs.items():
        for quantity, value in (("step_seconds", seconds), ("peak_bytes", peak)):
            rows.append(planted.probe(quantity, value, limit="compute", depth=depth))
    assert step_costs(Case(rows, MARGIN)) == (
        "a training step takes 20 ms and 2 MB at depth 16, 50 ms and 4.25 MB at depth 32 "
        "(peak memory)"
    )
    assert step_costs(Case(evidence(), MARGIN)) is None


def test_one_depth_alone_has_no_next_doubling() -> None:
    """Nor has one without a shallower one that ended."""
    rows = evidence(fit={32: 0.9}, held={32: 0.9})
    assert next_doubling(Case(rows, MARGIN)) is None
    assert next_doubling(Case([planted.probe("dead_share", 0.1)], MARGIN)) is None
