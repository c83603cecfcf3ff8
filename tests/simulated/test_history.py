"""How often a history is told a change that is none, and one that is: `tox -e simulated`."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from scipy.stats import binomtest

from reports.regression.change_points import change_points

POINTS, NOISE, LEVEL = 200, 0.05, 0.01
SERIES, STEPS, STEP, AFTER, NEAR = 2_000, 500, 0.10, 10, 3
KINDS = ("normal", "t3", "autocorrelation 0.2", "autocorrelation 0.3")
RESULTS = Path("results/simulated/history.md")


def series(kind: str, generator: np.random.Generator) -> npt.NDArray[np.float64]:
    """One without a change, of that noise."""
    drawn = generator.standard_normal(POINTS)
    if kind == "t3":
        drawn = generator.standard_t(3, POINTS) / np.sqrt(3)
    if kind.startswith("autocorrelation"):
        share = float(kind.split()[1])
        for place in range(1, POINTS):
            rest = np.sqrt(1 - share**2) * drawn[place]
            drawn[place] = share * drawn[place - 1] + rest
    return 1 + NOISE * drawn


def _write(line: str) -> None:
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    with RESULTS.open("a") as file:
        file.write(f"{line}\n")


@pytest.mark.simulated
@pytest.mark.parametrize("kind", KINDS)
def test_a_history_without_a_change_seldom_shows_one(kind: str) -> None:
    """At most 1% of 200 points each, as far as so many tell."""
    generator = np.random.default_rng(0)
    drawn = (series(kind, generator) for _ in range(SERIES))
    count = sum(bool(change_points(each.tolist(), LEVEL)) for each in drawn)
    _write(f"- any alarm, {kind}: {count} of {SERIES}")
    assert binomtest(count, SERIES, LEVEL, alternative="greater").pvalue > 0.01


@pytest.mark.simulated
def test_a_step_is_found_within_ten_points() -> None:
    """10% with 5% noise, when ten points lie behind it: in 75% or more, to three points."""
    generator, found = np.random.default_rng(1), 0
    for _ in range(STEPS):
        drawn = series("normal", generator)
        drawn[-AFTER:] += STEP
        places = [each.index for each in change_points(drawn.tolist(), LEVEL)]
        found += any(abs(place - (POINTS - AFTER)) <= NEAR for place in places)
    _write(f"- step found: {found} of {STEPS}")
    assert found / STEPS >= 0.75
