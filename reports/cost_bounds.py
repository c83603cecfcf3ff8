"""How well a cost is known: bounds on it from repeated measurements.

Counts (FLOPs, parameters, bytes) repeat exactly and need none. Times do not.

The rounds of one process know nothing of how that process differs from another, which for times
is often more: a cell that was measured in several processes (several files) is bounded by their
spread.
"""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from scipy.stats import binom, t

from .estimates import ALPHA, CONFIDENCE

NOISY = frozenset({"latency_seconds", "train_seconds", "energy_joules"})
"""The costs that differ from one measurement to the next."""

FEWEST = 5
"""Samples that a median's bounds need: the least of four is below it in 15 of 16 cases only."""


@dataclass(frozen=True)
class Bounds:
    """Each holds alone with a confidence of 95%."""

    low: float
    high: float


def of_median(samples: Sequence[float]) -> Bounds | None:
    """Bounds on the median of what the samples were drawn from, whatever its distribution.

    The k-th smallest of n samples is above the median if fewer than k are below it: with
    probability P(Binomial(n, 1/2) < k), which is 5% at most (Conover 1999, section 3.2). Null for
    fewer than `FEWEST` samples.
    """
    if len(samples) < FEWEST:
        return None
    k = int(binom.ppf(ALPHA, len(samples), 0.5))
    ordered = sorted(samples)
    return Bounds(ordered[k - 1], ordered[-k])


def of_mean(samples: Sequence[float]) -> Bounds | None:
    """Student's t bounds on a mean; null for fewer than two samples, or without any spread."""
    if len(set(samples)) < 2:
        return None
    error = statistics.stdev(sorted(samples)) / math.sqrt(len(samples))
    reach = float(t.ppf(CONFIDENCE, len(samples) - 1)) * error
    middle = math.fsum(samples) / len(samples)
    return Bounds(middle - reach, middle + reach)


def of_latency(measurements: Sequence[tuple[float, Sequence[float]]]) -> Bounds | None:
    """Bounds on the median latency of a cell.

    Args:
        measurements: the median and the samples of each time that the cell was measured; the same
            median again is the same measurement.
    """
    distinct = dict(sorted(measurements, key=lambda each: each[0]))
    medians = list(distinct)
    if len(medians) == 1:
        return of_median(distinct[medians[0]])
    # With few processes only a t interval has bounds; it holds their median as well as their mean.
    return of_median(medians) or of_mean(medians)
