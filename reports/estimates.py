"""How well each depth does, and whether two depths can be told apart.

Two sources of noise are known here: an accuracy is measured on a limited number of examples
(binomial), and a training is one of many that could have been (the spread over seeds). Runs with
several seeds show both; a single run shows only the first, and the result says so.

Left out on purpose: a fitted curve of accuracy against depth (saturating fits cannot see a turn);
`fits` has some, for the eye.
"""

import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from scipy.special import expit, stdtr, stdtrit

from .moderation import Prior, prior_of

CONFIDENCE = 0.95
ALPHA = 1 - CONFIDENCE
# Examples behind an accuracy where nobody said how many: the test split of CIFAR-10 and of MNIST.
ASSUMED_EXAMPLES = 10_000
# Degrees of freedom that the other depths' spreads may be worth: depths do differ in them.
MOST_BORROWED = 5


@dataclass(frozen=True)
class Moments:
    """A mean and how well it is known.

    Attributes:
        degrees_of_freedom: of the variance; infinite where the variance is known.
        borrowed: of these, those that are the other depths'.
    """

    mean: float
    variance_of_mean: float
    degrees_of_freedom: float
    borrowed: float = 0.0


@dataclass(frozen=True)
class Comparison:
    """The second mean less the first, with its 95% interval and two-sided p value."""

    difference: float
    low: float
    high: float
    p_value: float


@dataclass(frozen=True)
class Estimate:
    """The accuracy of one depth, as a fraction.

    Attributes:
        mean: over the seeds.
        n_examples: behind each accuracy.
        raw, tested: on the scale of accuracies, and on the one where depths are compared; null when
            nothing is known of the noise.
        low, high: a 95% interval of the accuracy, which comes from the logit scale.
    """

    depth: int
    mean: float
    n_seeds: int
    n_examples: int | None
    raw: Moments | None
    tested: Moments | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Observations:
    """What was seen of one depth.

    Attributes:
        accuracies: fractions, one a seed.
        n_examples: behind each accuracy; null if unknown.
    """

    depth: int
    accuracies: tuple[float, ...]
    n_examples: int | None


@dataclass(frozen=True)
class _Scale:
    """A scale of accuracies.

    Attributes:
        transform: from an accuracy and its number of examples onto the scale.
        binomial_variance: of one run's evaluation there, from the same two.
    """

    transform: Callable[[float, int], float]
    binomial_variance: Callable[[float, int], float]


def empirical_logit(accuracy: float, n_examples: int) -> float:
    """log((a n + 1/2) / ((1 - a) n + 1/2)), finite also at 0 and 1 (Haldane, Anscombe 1956)."""
    right = accuracy * n_examples
    return math.log((right + 0.5) / (n_examples - right + 0.5))


def inside(accuracy: float, n_examples: int) -> float:
    """The accuracy, kept half an example away from 0 and 1, where its variance would be 0."""
    margin = 0.5 / (n_examples + 1)
    return min(max(accuracy, margin), 1 - margin)


def _raw_variance(accuracy: float, n_examples: int) -> float:
    share = inside(accuracy, n_examples)
    return share * (1 - share) / n_examples


def _logit_variance(accuracy: float, n_examples: int) -> float:
    share = inside(accuracy, n_examples)
    return 1 / (n_examples * share * (1 - share))


RAW = _Scale(lambda accuracy, _: accuracy, _raw_variance)
LOGIT = _Scale(empirical_logit, _logit_variance)


def estimate_depths(observations: Sequence[Observations]) -> tuple[Estimate, ...]:
    """One estimate per depth, shallowest first.

    Where any depth has several seeds, depths are tested on the empirical logit of their accuracies.
    Why logit: the spread between seeds shrinks near 100%, so on the raw scale one collapsed depth
    has a variance that hides every other difference; on the logit scale spreads are comparable.
    The variance of a depth is drawn towards those of the others (see `moderation`), and never taken
    below the binomial variance of one run's evaluation: three seeds that agree by luck are not
    certain. A depth with one seed borrows the variance of the others. Where every depth has one
    run, depths are tested as two proportions.
    """
    ordered = sorted(observations, key=lambda each: each.depth)
    repeated = any(len(each.accuracies) > 1 for each in ordered)
    raw, logit = _moments(ordered, RAW), _moments(ordered, LOGIT)
    return tuple(_estimate(each, raw[each.depth], logit[each.depth], repeated) for each in ordered)


def _estimate(
    each: Observations, raw: Moments | None, logit: Moments | None, repeated: bool
) -> Estimate:
    low, high = _accuracy_interval(logit)
    return Estimate(
        depth=each.depth,
        mean=_mean(each.accuracies),
        n_seeds=len(each.accuracies),
        n_examples=each.n_examples,
        raw=raw,
        tested=logit if repeated else raw,
        low=low,
        high=high,
    )


def _moments(observations: Sequence[Observations], scale: _Scale) -> Mapping[int, Moments | None]:
    # The logit of 100% depends on the examples: the same number for all.
    fewest = min((each.n_examples or ASSUMED_EXAMPLES for each in observations), default=0)
    values = {
        each.depth: [scale.transform(a, fewest) for a in each.accuracies] for each in observations
    }
    spreads = [
        (statistics.variance(sorted(each)), len(each) - 1)
        for each in values.values()
        if len(each) > 1
    ]
    prior = prior_of(spreads, most=MOST_BORROWED)
    pooled = _pooled(spreads)
    return {
        each.depth: _moments_of(each, values[each.depth], prior, pooled, scale)
        for each in observations
    }


def _moments_of(
    each: Observations,
    values: list[float],
    prior: Prior,
    pooled: tuple[float, int] | None,
    scale: _Scale,
) -> Moments | None:
    count = len(values)
    binomial = scale.binomial_variance(_mean(each.accuracies), each.n_examples or ASSUMED_EXAMPLES)
    if count > 1:
        variance, freedom = prior.moderated(statistics.variance(sorted(values)), count - 1)
        borrowed = max(0.0, freedom - (count - 1))
        return Moments(_mean(values), max(variance, binomial) / count, freedom, borrowed)
    if pooled is not None:
        return Moments(values[0], max(pooled[0], binomial), pooled[1], pooled[1])
    return Moments(values[0], binomial, math.inf) if each.n_examples else None


def _pooled(spreads: Sequence[tuple[float, int]]) -> tuple[float, int] | None:
    """The variance between seeds over all depths that have several; its degrees of freedom."""
    freedom = sum(each for _, each in spreads)
    return (math.fsum(v * f for v, f in sorted(spreads)) / freedom, freedom) if freedom else None


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)  # fsum: the order of the rows must not matter


def _accuracy_interval(logit: Moments | None) -> tuple[float | None, float | None]:
    """A t interval on the logit scale, carried back: it never leaves 0 to 1."""
    if logit is None:
        return None, None
    reach = _quantile(logit.degrees_of_freedom, 1 - ALPHA / 2) * math.sqrt(logit.variance_of_mean)
    return float(expit(logit.mean - reach)), float(expit(logit.mean + reach))


def compare(first: Moments, second: Moments) -> Comparison:
    """Welch's unequal-variances t test; with known variances the normal test that it becomes.

    For two single runs on the raw scale this is the two-proportion z test with unpooled variance
    p1(1-p1)/n1 + p2(1-p2)/n2.
    """
    difference = second.mean - first.mean
    error, freedom = _error(first, second)
    reach = _quantile(freedom, 1 - ALPHA / 2) * error
    p_value = 2 * float(stdtr(freedom, -abs(difference) / error))
    return Comparison(difference, difference - reach, difference + reach, p_value)


def upper_bound(first: Moments, second: Moments, level: float = CONFIDENCE) -> float:
    """Of the second mean less the first, one-sided at that confidence; Welch's."""
    error, freedom = _error(first, second)
    return second.mean - first.mean + _quantile(freedom, level) * error


def _error(first: Moments, second: Moments) -> tuple[float, float]:
    """Of a difference: its standard error, and Welch's degrees of freedom."""
    variance = first.variance_of_mean + second.variance_of_mean
    uncertain = math.fsum(
        each.variance_of_mean**2 / each.degrees_of_freedom for each in (first, second)
    )
    return math.sqrt(variance), variance**2 / uncertain if uncertain else math.inf


def _quantile(degrees_of_freedom: float, level: float) -> float:
    return float(stdtrit(degrees_of_freedom, level))
