"""What further depth, other learning rates and more data would change: sentences with numbers."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .case import ABOVE_CHANCE, Case
from .data_limit import learning_curve
from .paired import CONFIDENCE, Paired
from .points import bounds, points
from .trials import FIT, HELD_OUT, chance, median, score

Gains = npt.NDArray[np.float64]

_DRAWS = 20_000

TRAINS = 0.5
"""A learning rate is in the window if training accuracy is this part of the way from chance to the
best at that depth."""


def outlook(case: Case) -> tuple[str, ...]:
    """Everything that can be said of these."""
    one = [step_costs(case), next_doubling(case), best_depth_by_size(case)]
    return (
        *gains(case),
        *filter(None, one),
        *learning_rate_windows(case),
        *curve_words(case),
    )


def gains(case: Case) -> Iterator[str]:
    """Points of accuracy on data held out per doubling of training FLOPs, step by step."""
    for shallow, deep in case.steps:
        step = _per_doubling(case, (shallow, deep))
        if step is not None:
            yield (
                f"from depth {shallow} to {deep}: {points(step.mean)} a doubling of training FLOPs "
                f"({bounds(step.low, step.high)})"
            )


def step_costs(case: Case) -> str | None:
    """Time and peak memory of a training step, the shallowest depth first."""
    rows = sorted(case.probes, key=lambda row: row["depth"])
    seconds = {r["depth"]: r["value"] for r in rows if r["quantity"] == "step_seconds"}
    peak = {r["depth"]: r["value"] for r in rows if r["quantity"] == "peak_bytes"}
    known = [depth for depth, value in seconds.items() if value and peak.get(depth)]
    if not known:
        return None
    listed = ", ".join(
        f"{1e3 * seconds[d]:.3g} ms and {peak[d] / 1e6:.3g} MB at depth {d}" for d in known
    )
    return f"a training step takes {listed} (peak memory)"


def next_doubling(case: Case) -> str | None:
    """What the next doubling of training FLOPs would cost and is expected to bring, from the last
    two steps."""
    if not case.steps:
        return None
    *others, deepest = case.steps
    last = _per_doubling(case, deepest)
    before = _per_doubling(case, others[-1]) if others else None
    if last is None:
        return None
    expected = next_gain(last, before)
    how = f"after {points(before.mean)} and {points(last.mean)}" if before else "as the last did"
    seconds = median(case.trials.asked, "train_seconds")
    flops = median(case.trials.asked, "train_flops")
    costs = [f"{2 * flops:.2g} FLOPs"] if flops else []
    costs += [f"about {_seconds(2 * seconds)}"] if seconds else []
    cost = f"; a training would take {' and '.join(costs)}" if costs else ""
    return (
        f"twice the training FLOPs, by depth, would be expected to bring {points(expected.mean)} "
        f"({bounds(expected.low, expected.high)}; {how} a doubling){cost}"
    )


def _per_doubling(case: Case, step: tuple[int, int]) -> Paired | None:
    gain, doublings = case.step(step[0]), case.doublings_of(*step)
    return None if gain is None else gain.over(doublings)


@dataclass(frozen=True)
class Expected:
    """A gain in accuracy that was not measured; low and high are one-sided 95% bounds."""

    mean: float
    low: float
    high: float


def next_gain(last: Paired, before: Paired | None) -> Expected:
    """What another step in depth would bring: as much as the last one, less by the factor by which
    that was less than the one before; without one before, or where either is negative, as much.

    The bounds are quantiles over what the two may be in truth. Both share the depth between them,
    whose error moves one up and the other down: a correlation of -1/2. That gains shrink in this
    way is an assumption, and not in the bounds.
    """
    if before is None:
        return Expected(last.mean, last.low, last.high)
    generator = np.random.default_rng(0)
    freedoms = (before.degrees_of_freedom, last.degrees_of_freedom)
    depths = generator.standard_normal((3, _DRAWS))
    noise = np.diff(depths, axis=0) / math.sqrt(2)
    draws = [
        step.mean + step.error * each / np.sqrt(generator.chisquare(df, _DRAWS) / df)  # Student's t
        for step, each, df in zip((before, last), noise, freedoms, strict=True)
    ]
    low, high = np.quantile(_continued(draws[1], draws[0]), (1 - CONFIDENCE, CONFIDENCE))
    (mean,) = _continued(np.array([last.mean]), np.array([before.mean]))
    return Expected(float(mean), float(low), float(high))


def _continued(last: Gains, before: Gains) -> Gains:
    shrinks = (last > 0) & (before > last)
    factor: Gains = np.divide(last, before, out=np.ones_like(last), where=shrinks)
    return last * factor


def learning_rate_windows(case: Case) -> Iterator[str]:
    """The learning rates at which each depth trains, the deepest first, as far as they were
    tried."""
    for depth in (case.depth, *sorted(case.trials.shallower, reverse=True)):
        tried = case.trials.window(depth)
        scores = {rate: score(row, FIT) for rate, row in tried.items()}
        known = {rate: value for rate, value in scores.items() if value is not None}
        if len(known) > 1:
            yield _window_words(depth, known, chance(next(iter(tried.values()))))


def _window_words(depth: int, known: dict[float, float], guessing: float) -> str:
    best = max(known.values())
    if best <= guessing + ABOVE_CHANCE:
        low, high = min(known), max(known)
        return f"depth {depth} trains at no learning rate tried from {low:.2g} to {high:.2g}"
    least = guessing + TRAINS * (best - guessing)
    inside = sorted(rate for rate, value in known.items() if value >= least)
    decades = math.log10(inside[-1] / inside[0])
    ends = f"{inside[0]:.2g} to {inside[-1]:.2g}"
    return f"depth {depth} trains at learning rates from {ends} ({decades:.1f} decades)"


def best_depth_by_size(case: Case) -> str | None:
    """The best depth for each number of training samples, on the seed that chose."""
    best: dict[int, tuple[float, int]] = {}
    for depth in (*case.trials.shallower, case.depth):
        for n, rows in case.trials.sized(depth).items():
            value = score(rows[0], HELD_OUT) if 0 in rows else None
            if value is not None and value > best.get(n, (-1.0, 0))[0]:
                best[n] = (value, depth)
    if len(best) < 2:
        return None
    listed = ", ".join(f"{depth} at n = {n:,}" for n, (_, depth) in sorted(best.items()))
    return f"the best depth by training samples is {listed} (one seed)"


def curve_words(case: Case) -> Iterator[str]:
    """The fitted learning curve of each depth, the deepest first."""
    for depth in (case.depth, *sorted(case.trials.shallower, reverse=True)):
        curve = learning_curve(case.trials.sized(depth))
        if curve is None or curve.exponent is None or curve.next_gain is None:
            continue
        interval = " (95% interval not determined)"
        if curve.exponent_low is not None and curve.exponent_high is not None:
            interval = f" (95% {curve.exponent_low:.2g} to {curve.exponent_high:.2g})"
        yield (
            f"depth {depth}: e(n) = a + b n^-c has c = {curve.exponent:.2g}{interval}; twice the "
            f"data of {curve.sizes[-1]:,} samples would win {points(curve.next_gain)}"
        )


def _seconds(value: float) -> str:
    return f"{value:.2g} s" if value < 100 else f"{value / 60:.0f} min"
