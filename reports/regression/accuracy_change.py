"""How an accuracy changed between two studies, and how well that is known.

Seeds that both sides have are paired, as one seed draws the same weights and the same batches;
others are compared by Welch's test. How single runs differ is known from those of other depths.
"""

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from ..estimates import Estimate, compare, inside, upper_bound
from ..paired import Paired, paired
from ..sweep import Sweep
from ..trained import Trained

BEST = "best_accuracy"


@dataclass(frozen=True)
class Difference:
    """New less base, as fractions; null: nothing is known of the noise.

    Attributes:
        low, high: 95% bounds, each one-sided.
        worse_p, better_p: one-sided, against no difference.
        repeated: every seed ended with the accuracy that it had.
    """

    base: float
    new: float
    value: float
    low: float | None = None
    high: float | None = None
    worse_p: float | None = None
    better_p: float | None = None
    words: str = ""
    repeated: bool = False


Named = Mapping[str, Difference]
"""By depth as text, and `BEST`."""

Both = Sequence[tuple[Estimate, Estimate]]
"""Of each depth that both sides have, the base's first."""

FEWEST_OTHERS = 2
"""Depths whose differences have a variance."""


def differences_of(base: Sweep, new: Sweep) -> Named:
    """Of each depth that both have, and of the best of each side."""
    theirs = {each.depth: each for each in new.estimates}
    both = [(each, theirs[each.depth]) for each in base.estimates if each.depth in theirs]
    if not both:
        return {}
    by_seed = _paired_differences(base, new, both)
    unpaired = partial(_single, both) if _is_single(both) else _unpaired
    found = {
        str(one.depth): by_seed.get(str(one.depth)) or unpaired(one, other) for one, other in both
    }
    one, other = (
        max(side, key=lambda each: (each.mean, -each.depth)) for side in zip(*both, strict=True)
    )
    best = found[str(one.depth)] if one.depth == other.depth else unpaired(one, other)
    return {**found, BEST: best}


def _paired_differences(base: Sweep, new: Sweep, both: Both) -> dict[str, Difference]:
    """Of the depths whose seeds are the same, evaluated on as many examples. The variance of a
    difference is never below that of two evaluations."""
    differences, floors = {}, {}
    for one, other in both:
        ours, theirs = _by_seed(base.trained, one.depth), _by_seed(new.trained, one.depth)
        n = one.n_examples
        if ours.keys() == theirs.keys() and len(ours) > 1 and n and n == other.n_examples:
            name = str(one.depth)
            differences[name] = [theirs[seed] - ours[seed] for seed in sorted(ours)]
            floors[name] = _evaluated(one) + _evaluated(other)
    means = {str(one.depth): (one.mean, other.mean) for one, other in both}
    return {
        name: Difference(
            *means[name], each.mean, each.low, each.high, each.p_below(0.0), each.p_value,
            _paired_words(differences[name]), repeated=not any(differences[name]),
        )
        for name, each in paired(differences, floors).items()
    }  # fmt: skip


def _by_seed(runs: Sequence[Trained], depth: int) -> dict[int, float]:
    return {
        each.seed: each.accuracy for each in runs if each.depth == depth and each.seed is not None
    }


def _paired_words(differences: Sequence[float]) -> str:
    if not any(differences):
        return f"{len(differences)} seeds with the same accuracies as before"
    return f"{len(differences)} seeds, paired"


def _unpaired(base: Estimate, new: Estimate) -> Difference:
    """Welch's."""
    value = new.mean - base.mean
    if base.raw is None or new.raw is None:
        return Difference(base.mean, new.mean, value, words="one seed, and no number of examples")
    found = compare(base.raw, new.raw)
    half = found.p_value / 2
    worse = half if value < 0 else 1 - half
    return Difference(
        base.mean, new.mean, value, -upper_bound(new.raw, base.raw),
        upper_bound(base.raw, new.raw), worse, 1 - worse,
        f"{base.n_seeds} and {new.n_seeds} seeds, not the same",
    )  # fmt: skip


def _is_single(both: Both) -> bool:
    """Whether no depth was trained twice."""
    return all(each.n_seeds == 1 for pair in both for each in pair)


def _single(both: Both, base: Estimate, new: Estimate) -> Difference:
    """Of one run a side: Student's t, with the variance of the other depths' differences.
    With that of evaluations alone, a quarter of checks without a change would find one. What all
    depths lose together is no part of that variance."""
    value = new.mean - base.mean
    others = [
        other.mean - one.mean for one, other in both if one.depth not in (base.depth, new.depth)
    ]
    known = _evaluated(base) and _evaluated(new)
    if len(others) < FEWEST_OTHERS or not known:
        words = "one seed, and too few depths: how trainings differ is not known"
        return Difference(base.mean, new.mean, value, words=words)
    variance = max(statistics.variance(others), _evaluated(base) + _evaluated(new))
    found = Paired(value, math.sqrt(variance), len(others) - 1, 1)
    words = f"one seed: trainings differ as at {len(others)} other depths"
    return Difference(
        base.mean, new.mean, value, found.low, found.high, found.p_below(0.0), found.p_value, words
    )


def _evaluated(each: Estimate) -> float:
    """The variance of an evaluation; 0 if the number of examples is not known."""
    if not each.n_examples:
        return 0.0
    share = inside(each.mean, each.n_examples)
    return share * (1 - share) / each.n_examples
