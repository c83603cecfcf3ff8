"""Error against the size of the training set."""

from collections.abc import Mapping

import pytest

from reports.data_limit import last_doubling, learning_curve
from reports.trials import BySeed
from tests.reports.experiments import trial

SIZES = (250, 500, 1000, 2000, 4000, 8000)


def sized(errors: Mapping[int, float]) -> dict[int, BySeed]:
    """One training a size, by its error on data held out."""
    return {
        n: {0: trial("data", n_train=n, validation_accuracy=1 - error)}
        for n, error in errors.items()
    }


def test_a_planted_curve_is_found() -> None:
    """e(n) = 0.05 + 4 n^-0.5: its exponent, and what the next doubling brings."""
    curve = learning_curve(sized({n: 0.05 + 4 * n**-0.5 for n in SIZES}))
    assert curve is not None
    assert curve.sizes == SIZES
    assert curve.exponent == pytest.approx(0.5, abs=1e-3)
    assert curve.next_gain == pytest.approx(4 * (8000**-0.5 - 16_000**-0.5), rel=1e-2)
    assert curve.exponent_low == pytest.approx(0.5, abs=0.01)
    assert curve.exponent_high == pytest.approx(0.5, abs=0.01)


def test_noise_widens_the_interval_around_the_exponent() -> None:
    """The truth lies inside."""
    noise = (0.004, -0.004, 0.003, -0.003, 0.002, -0.002)
    errors = {n: 0.05 + 4 * n**-0.5 + shift for n, shift in zip(SIZES, noise, strict=True)}
    curve = learning_curve(sized(errors))
    assert curve is not None
    assert curve.exponent_low is not None
    assert curve.exponent_high is not None
    assert curve.exponent_low < 0.5 < curve.exponent_high
    assert curve.exponent_high - curve.exponent_low > 0.02


def test_fewer_than_four_sizes_make_no_curve() -> None:
    """Three numbers are fitted; sizes whose trainings failed do not count."""
    assert learning_curve({}) is None
    assert learning_curve(sized({250: 0.4, 500: 0.3, 1000: 0.2})) is None
    failed = {2000: {0: trial("data", status="oom", fit=None)}}
    assert learning_curve(sized({250: 0.4, 500: 0.3, 1000: 0.2}) | failed) is None


@pytest.mark.parametrize(
    "errors",
    [(0.0, 0.0, 0.0, 0.0), (0.3, 0.0, 0.001, 0.0), (0.9, 0.9, 0.9, 0.9), (0.1, 0.2, 0.3, 0.4)],
    ids=["none", "almost none", "all", "rising"],
)
def test_no_errors_and_other_strange_curves_are_no_failure(errors: tuple[float, ...]) -> None:
    """More data is never predicted to do harm."""
    curve = learning_curve(sized(dict(zip(SIZES, errors, strict=False))))
    assert curve is not None
    assert curve.next_gain is None or curve.next_gain >= 0
    assert (curve.exponent is None) == (errors[0] <= errors[-1])


def seeds(*known: int) -> BySeed:
    """Trainings with these seeds."""
    return {seed: trial("data", seed=seed) for seed in known}


def test_the_last_doubling() -> None:
    """The largest size against half of it, on the fresh seeds that both have."""
    found = last_doubling({1000: seeds(0), 2000: seeds(0, 1, 2, 3), 4000: seeds(0, 2, 3)})
    assert found is not None
    less, more = found
    assert list(less) == list(more) == [2, 3]
    assert list(last_doubling({2000: seeds(0, 1), 4001: seeds(1)}) or ()) != []


def test_without_a_doubling_there_is_none() -> None:
    """No half of the largest size, or no fresh seed that both have."""
    assert last_doubling({}) is None
    assert last_doubling({1000: seeds(1), 4000: seeds(1)}) is None
    assert last_doubling({2000: seeds(0, 1), 4000: seeds(0, 2)}) is None
