"""How many times as long one machine takes as another: a ratio of medians and its interval.

What a median is known to depends on what is there. The rounds of one process are no replicates of
it: another process of the same cell may be faster or slower as a whole, by its memory layout, the
clocks and the neighbours of that minute. So an interval from rounds says how well this process
knows its own median, and leaves the spread from process to process out; only a cell that was
measured in several processes shows that spread.
"""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from scipy.stats import binom, norm, t

from .cost_bounds import FEWEST
from .estimates import ALPHA

# Of the median of a normal distribution, the standard error is 1.2533 sigma / sqrt(n), and its
# interquartile range is 1.349 sigma (McGill, Tukey and Larsen 1978, section 7).
_ERROR_OF_IQR = 1.2533 / 1.349


@dataclass(frozen=True)
class Timing:
    """A cell as one process measured it, in seconds an iteration; null is unknown.

    Attributes:
        samples: one a round; empty where the file does not hold them.
    """

    median: float
    samples: tuple[float, ...] = ()
    iqr: float | None = None
    rounds: int | None = None


@dataclass(frozen=True)
class KnownMedian:
    """The median of a cell on one machine, with a 95% interval; null is unknown.

    Attributes:
        basis: what the interval is from: `processes`, `rounds`, `quartiles`, or null without one.
    """

    seconds: float
    low: float | None
    high: float | None
    basis: str | None
    processes: int


@dataclass(frozen=True)
class Ratio:
    """Time over the time of the base, with a 95% interval; null is unknown.

    Attributes:
        covers: `processes` where both sides were measured in several, so that the interval holds
            for another process too; else `rounds`.
    """

    value: float
    low: float | None
    high: float | None
    covers: str | None

    @property
    def verdict(self) -> str:
        """`faster` or `slower` than the base where the interval excludes 1, else `undecided`."""
        if self.low is None or self.high is None or self.low <= 1 <= self.high:
            return "undecided"
        return "faster" if self.high < 1 else "slower"


def known_median(timings: Sequence[Timing]) -> KnownMedian:
    """The median of a cell; timings: of each time it was measured, at least one.

    Several processes: Student's t on the logarithms of their medians. One: the order statistics
    between which the median lies, whatever the distribution (Conover 1999, section 3.2); where
    the rounds are not kept, the quartiles as of a normal distribution. The same median again is the
    same measurement.
    """
    distinct = {each.median: each for each in timings}
    if len(distinct) > 1:
        return _of_processes(sorted(distinct))
    (only,) = distinct.values()
    if len(only.samples) >= FEWEST:
        return _of_rounds(only)
    return _of_quartiles(only)


def _of_processes(medians: Sequence[float]) -> KnownMedian:
    logs = [math.log(each) for each in medians]
    middle, error = statistics.fmean(logs), statistics.stdev(logs) / math.sqrt(len(logs))
    reach = float(t.ppf(1 - ALPHA / 2, len(logs) - 1)) * error
    low, high = (_exp(middle + sign * reach) for sign in (-1, 1))
    return KnownMedian(math.exp(middle), low, high, "processes", len(logs))


def _exp(power: float) -> float:
    """Two processes may differ so much that they bound nothing."""
    return math.exp(max(min(power, 700.0), -700.0))


def _of_rounds(timing: Timing) -> KnownMedian:
    """With five rounds the smallest and the largest hold the median in 94%; that is let pass."""
    ordered = sorted(timing.samples)
    k = max(int(binom.ppf(ALPHA / 2, len(ordered), 0.5)), 1)
    low, high = ordered[k - 1], ordered[-k]
    if low <= 0 or not low <= timing.median <= high:
        return _of_quartiles(timing)
    return KnownMedian(timing.median, low, high, "rounds", 1)


def _of_quartiles(timing: Timing) -> KnownMedian:
    if not timing.iqr or not timing.rounds or timing.rounds < FEWEST:
        return KnownMedian(timing.median, None, None, None, 1)
    spread = _ERROR_OF_IQR * timing.iqr / timing.median
    reach = float(norm.ppf(1 - ALPHA / 2)) * spread / math.sqrt(timing.rounds)
    low, high = (timing.median * _exp(sign * reach) for sign in (-1, 1))
    return KnownMedian(timing.median, low, high, "quartiles", 1)


def ratio_of(base: KnownMedian, other: KnownMedian) -> Ratio:
    """The other's median over the base's.

    Two intervals become that of the difference of the logarithms by the method of variance
    estimates recovery (Zou and Donner 2008, doi:10.1002/sim.3095, equation 6), which needs neither
    to be symmetric.
    """
    value = other.seconds / base.seconds
    if base.low is None or base.high is None or other.low is None or other.high is None:
        return Ratio(value, None, None, None)
    below = math.hypot(math.log(other.seconds / other.low), math.log(base.high / base.seconds))
    above = math.hypot(math.log(other.high / other.seconds), math.log(base.seconds / base.low))
    covers = "processes" if min(base.processes, other.processes) > 1 else "rounds"
    return Ratio(value, value * _exp(-below), value * _exp(above), covers)
