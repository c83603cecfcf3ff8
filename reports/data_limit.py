"""Error against the size of the training set: e(n) = a + b n^-c, and what a doubling brings.

The form is that of Hestness et al. 2017 (arXiv:1712.00409, section 4). The fit is drawn and its
exponent told; a verdict rests on the last doubling that was measured.
"""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import OptimizeWarning, curve_fit

from .trials import HELD_OUT, BySeed, mean

FEWEST_SIZES = 4
"""Three numbers are fitted."""

_RESAMPLES = 200
_QUANTILES = (0.025, 0.975)


@dataclass(frozen=True)
class LearningCurve:
    """The fit at one depth; all errors are fractions.

    Attributes:
        sizes, errors: what was measured, the mean over the seeds of each size.
        exponent: c, with a 95% interval from resampled residuals.
        next_gain: predicted fall of the error from the largest size to twice of it.
    """

    sizes: tuple[int, ...]
    errors: tuple[float, ...]
    exponent: float | None
    exponent_low: float | None
    exponent_high: float | None
    next_gain: float | None


def learning_curve(sized: Mapping[int, BySeed]) -> LearningCurve | None:
    """The fit to the trials of one depth by size; None with fewer than four sizes.

    The sizes are those trained on; each has the mean error of its seeds.
    """
    known = {n: 1 - m for n, rows in sized.items() if (m := mean(rows, HELD_OUT)) is not None}
    sizes, errors = tuple(sorted(known)), tuple(known[n] for n in sorted(known))
    if len(sizes) < FEWEST_SIZES:
        return None
    fitted = _fit(sizes, errors)
    if fitted is None:
        return LearningCurve(sizes, errors, None, None, None, None)
    low, high = _interval(sizes, errors, fitted)
    gain = float(_error(sizes[-1], *fitted) - _error(2 * sizes[-1], *fitted))
    return LearningCurve(sizes, errors, fitted[2], low, high, gain)


def last_doubling(sized: Mapping[int, BySeed]) -> tuple[BySeed, BySeed] | None:
    """The trials of the largest size, and of half of it: (less, more); None where there are none
    with a common seed beside the one that chose."""
    if not sized:
        return None
    largest = max(sized)
    less = sized.get(largest // 2)
    if less is None:
        return None
    fresh = {seed for seed in less if seed > 0} & {seed for seed in sized[largest] if seed > 0}
    if not fresh:
        return None
    return {s: less[s] for s in sorted(fresh)}, {s: sized[largest][s] for s in sorted(fresh)}


def _error(n: float | np.ndarray, a: float, b: float, c: float) -> float | np.ndarray:
    return a + b * np.asarray(n, dtype=float) ** -c


def _fit(sizes: Sequence[int], errors: Sequence[float]) -> tuple[float, float, float] | None:
    start = (min(errors) / 2, max(errors) * sizes[0] ** 0.5, 0.5)
    bounds = ((0.0, 0.0, 0.0), (1.0, np.inf, 5.0))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", OptimizeWarning)  # the covariance is not used
            found, _ = curve_fit(_error, sizes, errors, p0=start, bounds=bounds, maxfev=5_000)
    except RuntimeError:
        return None
    return float(found[0]), float(found[1]), float(found[2])


def _interval(
    sizes: Sequence[int], errors: Sequence[float], fitted: tuple[float, float, float]
) -> tuple[float | None, float | None]:
    """Of the exponent, from fits to the curve with its residuals drawn anew."""
    curve = np.asarray(_error(np.asarray(sizes), *fitted))
    spread = np.sqrt(len(sizes) / (len(sizes) - 3)) * (np.asarray(errors) - curve)
    generator = np.random.default_rng(0)
    draws = (curve + generator.choice(spread, len(sizes)) for _ in range(_RESAMPLES))
    exponents = [found[2] for draw in draws if (found := _fit(sizes, list(draw))) is not None]
    if len(exponents) < _RESAMPLES / 2:
        return None, None
    low, high = np.quantile(exponents, _QUANTILES)
    return float(low), float(high)
