"""Error against the size of the training set: e(n) = a + b n^-c, and what a doubling brings.

The form is that of Hestness et al. 2017 (arXiv:1712.00409, section 4). The fit is told beside the
verdict, which rests on the last doubling that was measured: four to six sizes fix three numbers
loosely.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from .trials import HELD_OUT, BySeed, mean

FEWEST_SIZES = 4
"""Three numbers are fitted."""

EXPONENTS = np.arange(1, 501) / 100
"""Tried for c: what is left, a and b, is linear, and no start can mislead."""

_RESAMPLES = 200
_QUANTILES = (0.025, 0.975)


@dataclass(frozen=True)
class LearningCurve:
    """The fit at one depth; all errors are fractions.

    Attributes:
        sizes, errors: what was measured, the mean over the seeds of each size.
        exponent: c, with a 95% interval from resampled residuals; None where the error does not
            fall, the interval also where it holds all exponents.
        next_gain: predicted fall of the error from the largest size to twice of it.
    """

    sizes: tuple[int, ...]
    errors: tuple[float, ...]
    exponent: float | None
    exponent_low: float | None
    exponent_high: float | None
    next_gain: float | None


def learning_curve(sized: Mapping[int, BySeed]) -> LearningCurve | None:
    """The fit to the trials of one depth by size; None with fewer than four sizes."""
    known = {n: 1 - m for n, rows in sized.items() if (m := mean(rows, HELD_OUT)) is not None}
    sizes, errors = tuple(sorted(known)), tuple(known[n] for n in sorted(known))
    if len(sizes) < FEWEST_SIZES:
        return None
    fitted = _fit(sizes, errors)
    if fitted is None:
        return LearningCurve(sizes, errors, None, None, None, None)
    low, high = _interval(sizes, errors, fitted)
    return LearningCurve(sizes, errors, fitted.c, low, high, fitted.b * (1 - 2**-fitted.c))


def last_doubling(sized: Mapping[int, BySeed]) -> tuple[BySeed, BySeed] | None:
    """The trials of half of the largest size and of the largest: (less, more), on the seeds that
    both have beside the one that chose; None without such."""
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


@dataclass(frozen=True)
class _Fit:
    """e(n) = a + b (n / N)^-c, N the largest size."""

    a: float
    b: float
    c: float

    def at(self, sizes: Sequence[int]) -> np.ndarray:
        return self.a + self.b * (np.asarray(sizes) / max(sizes)) ** -self.c


def _fit(sizes: Sequence[int], errors: Sequence[float]) -> _Fit | None:
    """Least squares with a and b at least 0; None where the error does not fall with the size."""
    powers = (np.asarray(sizes) / max(sizes)) ** -EXPONENTS[:, None]  # (exponent, size)
    found = np.asarray(errors)
    centred = powers - powers.mean(axis=1, keepdims=True)
    b = np.maximum(centred @ found / (centred**2).sum(axis=1), 0.0)
    a = found.mean() - b * powers.mean(axis=1)
    b = np.where(a < 0, powers @ found / (powers**2).sum(axis=1), b)
    a = np.maximum(a, 0.0)
    squares = ((a[:, None] + b[:, None] * powers - found) ** 2).sum(axis=1)
    best = int(np.argmin(squares))
    return _Fit(float(a[best]), float(b[best]), float(EXPONENTS[best])) if b[best] > 0 else None


def _interval(
    sizes: Sequence[int], errors: Sequence[float], fitted: _Fit
) -> tuple[float | None, float | None]:
    """Of the exponent, from fits to the curve with its residuals drawn anew."""
    curve = fitted.at(sizes)
    residuals = np.sqrt(len(sizes) / (len(sizes) - 3)) * (np.asarray(errors) - curve)
    generator = np.random.default_rng(0)
    draws = (curve + generator.choice(residuals, len(sizes)) for _ in range(_RESAMPLES))
    fits = [_fit(sizes, np.maximum(draw, 0.0).tolist()) for draw in draws]
    exponents = [each.c for each in fits if each is not None]
    if len(exponents) < _RESAMPLES / 2:
        return None, None
    low, high = np.quantile(exponents, _QUANTILES)
    if low <= EXPONENTS[0] and high >= EXPONENTS[-1]:
        return None, None
    return float(low), float(high)
