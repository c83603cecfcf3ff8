"""What further depth, other learning rates and more data would change: sentences with numbers."""

import math
from collections.abc import Iterator

from .case import Case
from .data_limit import learning_curve
from .trials import FIT, HELD_OUT, Trials, mean, score

TRAINS = 0.5
"""A learning rate is in the window if training accuracy is this part of the way from chance to the
best at that depth."""


def outlook(case: Case) -> tuple[str, ...]:
    """Everything that can be said of these."""
    one = [next_doubling(case), best_depth_by_size(case)]
    return (
        *gains(case),
        *filter(None, one),
        *learning_rate_windows(case),
        *curve_words(case),
    )


def gains(case: Case) -> Iterator[str]:
    """Points of accuracy on data held out per doubling of training FLOPs, step by step."""
    for shallow, deep in case.steps:
        step = case.compared.get(f"step {shallow}")
        if step is not None:
            each = 100 / case.doublings_of(shallow, deep)
            yield (
                f"from depth {shallow} to {deep}: {each * step.mean:.1f} points a doubling of "
                f"training FLOPs (95% bounds {each * step.low:.1f} and {each * step.high:.1f})"
            )


def next_doubling(case: Case) -> str | None:
    """What twice the depth would cost and is expected to bring, from the last two doublings.

    The gain is taken to shrink by the same factor again, and to grow no more than it did.
    """
    depths = sorted(case.trials.shallower)
    last = case.last_step
    if not depths or last is None:
        return None
    seconds = _median(case.trials, "train_seconds")
    flops = _median(case.trials, "train_flops")
    costs = [f"{2 * flops:.2g} FLOPs"] if flops else []
    costs += [f"about {_seconds(2 * seconds)}"] if seconds else []
    cost = f"; a training would take {' and '.join(costs)}" if costs else ""
    expected, how = last.mean, "as the last did"
    if len(depths) > 1:
        before = _gain(case.trials, depths[-2], depths[-1])
        if before is not None:
            factor = min(1.0, max(0.0, last.mean / before)) if before > 0 else 1.0
            expected, how = last.mean * factor, f"after {_points(before)} and {_points(last.mean)}"
    return f"twice the depth would be expected to bring {_points(expected)} ({how}){cost}"


def learning_rate_windows(case: Case) -> Iterator[str]:
    """The learning rates at which each depth trains, the deepest first, as far as they were
    tried."""
    for depth in (case.depth, *sorted(case.trials.shallower, reverse=True)):
        tried = case.trials.window(depth)
        scores = {rate: score(row, FIT) for rate, row in tried.items()}
        known = {rate: value for rate, value in scores.items() if value is not None}
        if len(known) > 1:
            yield _window_words(depth, known, 1 / next(iter(tried.values()))["classes"])


def _window_words(depth: int, known: dict[float, float], chance: float) -> str:
    best = max(known.values())
    least = chance + TRAINS * (best - chance)
    inside = sorted(rate for rate, value in known.items() if value >= least and best > 2 * chance)
    if not inside:
        low, high = min(known), max(known)
        return f"depth {depth} trains at no learning rate tried from {low:.2g} to {high:.2g}"
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
        interval = ""
        if curve.exponent_low is not None and curve.exponent_high is not None:
            interval = f" (95% {curve.exponent_low:.2g} to {curve.exponent_high:.2g})"
        yield (
            f"depth {depth}: e(n) = a + b n^-c has c = {curve.exponent:.2g}{interval}; twice the "
            f"data of {curve.sizes[-1]:,} samples would win {_points(curve.next_gain)}"
        )


def _gain(trials: Trials, shallow: int, deep: int) -> float | None:
    first, second = (mean(trials.shallower[depth], HELD_OUT) for depth in (shallow, deep))
    return None if first is None or second is None else second - first


def _median(trials: Trials, name: str) -> float | None:
    known = sorted(row[name] for row in trials.asked.values() if row.get(name))
    return known[len(known) // 2] if known else None


def _points(gain: float) -> str:
    return f"{100 * gain:.1f} points"


def _seconds(value: float) -> str:
    return f"{value:.2g} s" if value < 100 else f"{value / 60:.0f} min"
