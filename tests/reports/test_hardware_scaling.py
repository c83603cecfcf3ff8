"""Lines of time against depth and where they cross, on times whose line is known."""

import numpy as np
import pytest

from reports.hardware_cells import Series
from reports.hardware_scaling import Crossing, Line, crossing, line

SERIES = Series("mlp", "forward", 32, "fp32")
DEPTHS = (2, 4, 8, 16, 32)


def straight(
    overhead: float, per_layer: float, *, noise: float = 0.0, seed: int = 0
) -> dict[int, float]:
    """Times on a line, with relative noise."""
    generator = np.random.default_rng(seed)
    return {
        depth: (overhead + per_layer * depth) * (1 + noise * float(generator.normal()))
        for depth in DEPTHS
    }


def fitted(times: dict[int, float], machine: str = "a") -> Line:
    """Their line."""
    found = line(machine, SERIES, times)
    assert found is not None
    return found


def crossed(base: dict[int, float], other: dict[int, float]) -> Crossing:
    """Where the line of `b` crosses that of `a`."""
    return crossing(fitted(base), fitted(other, "b"))


def test_a_line_is_found_again() -> None:
    """Overhead and time per layer of exact times, with no misfit."""
    found = fitted(straight(3e-3, 1e-4))
    assert found.overhead_seconds == pytest.approx(3e-3)
    assert found.per_layer_seconds == pytest.approx(1e-4)
    assert found.misfit == pytest.approx(0, abs=1e-9)
    assert found.depths == DEPTHS


def test_the_intervals_hold_the_line_as_often_as_they_say() -> None:
    """Of 1,000 lines with 5% relative noise, 95% of the slopes' intervals hold the slope."""
    held = 0
    for seed in range(1000):
        found = fitted(straight(3e-3, 1e-4, noise=0.05, seed=seed))
        held += found.per_layer_low <= 1e-4 <= found.per_layer_high
    assert 930 <= held <= 970


def test_a_deep_cell_does_not_outvote_the_shallow_ones() -> None:
    """A tenth off at depth 32 moves the time at depth 2 by less than a tenth."""
    times = straight(1e-3, 1e-3)
    found = fitted(times | {32: 1.1 * times[32]})
    at_two = found.overhead_seconds + 2 * found.per_layer_seconds
    assert at_two == pytest.approx(times[2], rel=0.1)


def test_two_lines_cross_where_they_do() -> None:
    """More overhead and cheaper layers: 3 + d = 1 + 1.2 d at depth 10."""
    found = crossed(straight(1.0, 1.2), straight(3.0, 1.0))
    assert found.kind == "crosses"
    assert found.depth == pytest.approx(10)
    assert (found.low, found.high) == (pytest.approx(10, rel=1e-3), pytest.approx(10, rel=1e-3))
    assert (found.faster_shallow, found.faster_deep) == ("a", "b")


def test_the_interval_holds_the_crossing_as_often_as_it_says() -> None:
    """With 1% noise at least 95% of the intervals of the crossings that are found hold depth 10."""
    pairs = [
        crossed(
            straight(1.0, 1.5, noise=0.01, seed=seed),
            straight(6.0, 1.0, noise=0.01, seed=10_000 + seed),
        )
        for seed in range(500)
    ]
    found = [each for each in pairs if each.low is not None and each.high is not None]
    assert len(found) > 450
    held = sum((each.low or 0) <= 10 <= (each.high or 0) for each in found)
    assert held >= 0.95 * len(found)


def test_nothing_is_said_beyond_twice_the_deepest() -> None:
    """Lines that cross at depth 100 do not cross up to 64."""
    found = crossed(straight(1.0, 1.1), straight(11.0, 1.0))
    assert (found.kind, found.depth, found.first, found.last) == ("none", None, 2, 64)
    assert found.faster_deep == "a"


def test_equal_slopes_cannot_be_told_apart() -> None:
    """Noise of a tenth on two equal machines: no crossing is claimed."""
    found = crossed(straight(1.0, 1.0, noise=0.1, seed=1), straight(1.0, 1.0, noise=0.1, seed=2))
    assert (found.kind, found.depth) == ("undecided", None)


def test_a_curve_is_no_line() -> None:
    """Time with the square of depth: the line says nothing, so no crossing is read off it."""
    found = crossed(straight(1.0, 1.0), {depth: float(depth**2) for depth in DEPTHS})
    assert found.kind == "not straight"
    assert found.depth is None
