"""Where did a series change its level, and how sure is that?

A split of a window of the series is judged by its normal scores (van der Waerden): ranks as
quantiles of a normal distribution. They need no distribution of the noise, and an outlier weighs no
more than the highest rank, so that a single bad point is no change. Windows are those of seeded
binary segmentation (Kovács, Bühlmann, Li & Munk 2023, Biometrika 110): of every length, so that a
change that was undone soon is seen, too. The p-value of a change is that of the largest statistic
over all windows and splits of a series without a change (`chance`).

Studies that follow each other may be alike, as the machine's state drifts: the statistic is divided
by what an autocorrelation of first order adds to it. Slow drift over many points is no noise here:
it is told as a change.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt
from scipy.stats import norm, rankdata

from .chance import LEAST_POINTS, p_value_of

Array = npt.NDArray[np.float64]

LEAST_SIDE = 5
"""Points on each side of a change: of fewer, noise makes any order."""

RANKS_SATURATE = 1.25
"""By how much the step between medians must pass what is asked of the ranks, where it stands for
them: chosen so that autocorrelated series keep the level (tests/simulated/test_history.py)."""

CLIPPED, MOST_AUTOCORRELATION = 4.5, 0.9
"""Differences are clipped at so many times their median; what is more is a trend."""

_SHRINK = math.sqrt(0.5)
"""The length of a layer's windows over that of the layer before."""


@dataclass(frozen=True)
class ChangePoint:
    """One change of level.

    Attributes:
        index: of the first point after it.
        statistic: in standard errors.
        p_value: that a series of this length without any change shows as much anywhere.
    """

    index: int
    statistic: float
    p_value: float


def change_points(values: Sequence[float], most_p: float) -> tuple[ChangePoint, ...]:
    """The changes whose p-value is at most `most_p`, in order of time; none of fewer points than
    `LEAST_POINTS`.

    values: one a study, finite, in the order of time.
    """
    series = np.asarray(values, dtype=np.float64)
    if len(series) < LEAST_POINTS:
        return ()
    found = _segmented(series, (0, len(series)), inflation(series), most_p)
    return tuple(sorted(found, key=lambda each: each.index))


def _segmented(
    series: Array, within: tuple[int, int], inflated: float, most_p: float
) -> Iterator[ChangePoint]:
    """The largest change inside `within`, then those on each side of it (binary segmentation)."""
    start, stop = within
    inside = [each for each in windows(len(series)) if start <= each[0] and each[1] <= stop]
    splits = [_largest(series, each) for each in {*inside, within} if _fits(each)]
    score, index, window = max(splits, default=(0.0, 0, within))
    statistic = _statistic(series, score, index, window, inflated)
    p_value = p_value_of(statistic, len(series))
    if p_value <= most_p:
        yield ChangePoint(index, statistic, p_value)
        yield from _segmented(series, (start, index), inflated, most_p)
        yield from _segmented(series, (index, stop), inflated, most_p)


@cache
def windows(length: int) -> tuple[tuple[int, int], ...]:
    """Start and end of each window of a series: layers of half-overlapping windows, each layer's
    shorter by the root of two."""
    found = []
    for layer in range(2 * length):
        size = length * _SHRINK**layer
        if size < 2 * LEAST_SIDE:
            break
        count = 2 * math.ceil(round(_SHRINK**-layer, 9)) - 1
        starts = [place * (length - size) / max(1, count - 1) for place in range(count)]
        found += [(math.floor(s + 1e-9), min(length, math.ceil(s + size - 1e-9))) for s in starts]
    return tuple(dict.fromkeys(found))


def _fits(window: tuple[int, int]) -> bool:
    return window[1] - window[0] >= 2 * LEAST_SIDE


def _largest(series: Array, window: tuple[int, int]) -> tuple[float, int, tuple[int, int]]:
    """The largest statistic of a window, the index where its second side begins, and the window."""
    start, stop = window
    found = np.abs(split_statistics(series[start:stop]))
    place = int(found.argmax())
    return float(found[place]), start + LEAST_SIDE + place, window


def split_statistics(window: Array) -> Array:
    """The sum of normal scores before each split, in standard deviations of random orders.

    Args:
        window: (..., points).

    Returns:
        (..., splits); the first split has `LEAST_SIDE` points before it. Equal values share their
        mean rank and keep the variance of unequal ones, which makes the statistic smaller.
    """
    points = window.shape[-1]
    ranks = rankdata(window, axis=-1)
    untied = norm.ppf(np.arange(1, points + 1) / (points + 1))
    scores = norm.ppf(ranks / (points + 1)) / math.sqrt(float((untied**2).sum()) / (points - 1))
    before = np.arange(LEAST_SIDE, points - LEAST_SIDE + 1)
    sums = scores.cumsum(axis=-1)[..., LEAST_SIDE - 1 : points - LEAST_SIDE]
    return np.asarray(sums * np.sqrt(points / (before * (points - before))), dtype=np.float64)


def inflation(series: Array) -> float:
    """By what factor an autocorrelation of first order makes statistics larger.

    It is estimated from differences of neighbours and of next neighbours, which hardly see a few
    steps (Chakar, Lebarbier, Lévy-Leduc & Robin 2017, Bernoulli 23; here with means of clipped
    squares), and a standard error is added: too little would be a false alarm.
    """
    near, far = (_mean_square(series[lag:] - series[:-lag]) for lag in (1, 2))
    estimate = far / near - 1 if near > 0 else 0.0
    bounded = min(max(estimate + 1 / math.sqrt(len(series)), 0.0), MOST_AUTOCORRELATION)
    return math.sqrt((1 + bounded) / (1 - bounded))


def _mean_square(differences: Array) -> float:
    """Not clipped where most differences are zero: then the rest is all there is."""
    sizes = np.abs(differences)
    most = CLIPPED * float(np.median(sizes)) or math.inf
    return float((np.minimum(sizes, most) ** 2).mean())


def _statistic(
    series: Array, score: float, index: int, window: tuple[int, int], inflated: float
) -> float:
    """Without what autocorrelation adds. Ranks cannot exceed a perfect order, however large a step
    is against the noise: there the step between the medians may stand for them."""
    step = _median_step(series[window[0] : index], series[index : window[1]])
    return max(score / inflated, min(score, step / (RANKS_SATURATE * inflated)))


def _median_step(before: Array, after: Array) -> float:
    """The difference of the medians in its standard errors, of normal noise whose size the median
    deviation tells."""
    if min(len(before), len(after)) < LEAST_SIDE:
        return 0.0
    step = abs(float(np.median(after) - np.median(before)))
    rest = np.concatenate([before - np.median(before), after - np.median(after)])
    spread = 1.4826 * float(np.median(np.abs(rest))) * len(rest) / (len(rest) - 2)
    error = math.sqrt(math.pi / 2 * (1 / len(before) + 1 / len(after))) * spread
    return step / error if error > 0 else math.inf * step if step else 0.0
