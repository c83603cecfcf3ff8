"""Evidence on the limits of a network, made from a few planted numbers.

Accuracies are planted as means; each training is that mean and a deviation of its own. Without
noise the deviations of the fresh seeds add up to nothing, so that a planted mean is met exactly.
"""

import math
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Row = dict[str, Any]
Deviation = Callable[[int], float]

FAMILY, TASK = "net", "task"
CLASSES = 10
EXAMPLES = 10_000
RATE, TUNED_RATE = 0.01, 0.1
TUNED = "tuned learning rate"

# A network that fits its data and does as well as shallower ones.
LEVEL = {4: 0.995, 8: 0.995, 16: 0.995, 32: 0.995}
HELD = {4: 0.90, 8: 0.90, 16: 0.90, 32: 0.90}
# A deep one that fits its training data worse, and therefore all data.
UNFIT = LEVEL | {32: 0.80}
UNFIT_HELD = HELD | {32: 0.75}
# A deep one that fits as well and does worse on data held out.
OVERFIT_HELD = HELD | {32: 0.80}
# Deeper still pays.
RISING = {4: 0.70, 8: 0.80, 16: 0.88, 32: 0.94}

VANISHING = {"log_gradient_change": 12.0, "last_cosine": 0.5, "dead_share": 0.1}
CLEAN = {"log_gradient_change": 0.5, "last_cosine": 0.5, "dead_share": 0.1}


@dataclass(frozen=True, kw_only=True)
class Remedied:
    """The accuracies that one remedy leads to.

    Attributes:
        held: on data held out; by default as far below the fit as without the remedy.
        confirmed: trained with fresh seeds, and not with the seed that chooses only.
    """

    limit: str
    name: str
    fit: float
    held: float | None = None
    change: str = "changed"
    confirmed: bool = True


def exact(seed: int) -> float:
    """A deviation that is 0 for the seed that chooses and in the mean of three fresh seeds."""
    return (0.0, -0.002, 0.0, 0.002)[seed % 4]


def noisy(generator: random.Random, spread: float) -> Deviation:
    """Gaussian deviations of that standard deviation, anew for each training."""
    return lambda _: generator.gauss(0.0, spread)


def trial(
    role: str, *, depth: int = 32, seed: int = 0, fit: float | None = 0.9, **more: Any
) -> Row:
    """One training; its loss falls linearly from that of chance to 0 as its fit rises."""
    missing = None if fit is None else (1 - fit) / (1 - 1 / CLASSES)
    return {
        "kind": "trial", "family": FAMILY, "task": TASK, "asked_depth": 32, "classes": CLASSES,
        "depth": depth, "seed": seed, "role": role, "limit": None, "remedy": None, "change": None,
        "status": "ok", "reason": None, "learning_rate": RATE, "train_accuracy": fit,
        "train_loss": None if missing is None else missing * math.log(CLASSES),
        "validation_accuracy": fit, "test_accuracy": fit, "n_train": EXAMPLES,
        "n_validation": EXAMPLES, "n_test": EXAMPLES, "train_seconds": 0.5 * depth,
        "train_flops": 1e9 * depth,
    } | more  # fmt: skip


def failed(status: str, reason: str) -> Row:
    """Of a training without an accuracy: diverged, oom, error, …"""
    names = ("train_accuracy", "validation_accuracy", "test_accuracy", "train_loss")
    return {"status": status, "reason": reason} | dict.fromkeys(names)


def probe(quantity: str, value: float | None, *, limit: str = "gradients", **more: Any) -> Row:
    """One number about the network as asked."""
    return {
        "kind": "probe", "family": FAMILY, "task": TASK, "asked_depth": 32, "depth": 32,
        "limit": limit, "quantity": quantity, "value": value, "at": None, "seed": None,
        "low": None, "high": None, "note": None,
    } | more  # fmt: skip


def evidence(
    *,
    fit: Mapping[int, float] = LEVEL,
    held: Mapping[int, float] = HELD,
    remedies: Sequence[Remedied] = (),
    sizes: Mapping[int, Mapping[int, float]] | None = None,
    screen: Mapping[str, float] = CLEAN,
    stopping: float | None = None,
    seeds: int = 3,
    deviation: Deviation = exact,
) -> list[Row]:
    """The rows of one experiment on the network of depth 32.

    Args:
        fit, held: accuracy on training data and on data held out by depth.
        sizes: accuracy on data held out by depth and number of training samples, beside that on
            all of them.
        screen: the probes at initialisation.
        stopping: what an early stop gains in accuracy.
        seeds: fresh ones, beside the one that chooses.
    """
    rows = [
        _trained("asked" if depth == 32 else "shallower", seed, deviation, fit[depth], held[depth])
        | {"depth": depth, "train_seconds": 0.5 * depth, "train_flops": 1e9 * depth}
        for depth in fit
        for seed in range(seeds + 1)
    ]
    gap = fit[32] - held[32]
    for remedy in remedies:
        rows += _remedied(remedy, gap, seeds, deviation)
    for depth, by_size in (sizes or {}).items():
        rows += _sized(depth, by_size, seeds, deviation)
    rows += [probe(quantity, value, seed=0) for quantity, value in screen.items()]
    if stopping is not None:
        rows += [
            probe("early_stopping_gain", stopping + deviation(seed), limit="overfitting", seed=seed)
            for seed in range(seeds + 1)
        ]
    return rows


def _trained(role: str, seed: int, deviation: Deviation, fit: float, held: float) -> Row:
    scores = [_accuracy(mean + deviation(seed)) for mean in (fit, held)]
    row = trial(role, seed=seed, fit=scores[0])
    return row | {"validation_accuracy": scores[1], "test_accuracy": scores[1]}


def _accuracy(value: float) -> float:
    return min(1.0, max(0.0, value))


def _remedied(remedy: Remedied, gap: float, seeds: int, deviation: Deviation) -> list[Row]:
    tuned = remedy.name == TUNED
    held = remedy.fit - gap if remedy.held is None else remedy.held
    about = {"limit": remedy.limit, "remedy": remedy.name, "change": remedy.change}
    rate = {"learning_rate": TUNED_RATE if tuned else RATE}
    chose = {} if tuned else about  # the window of learning rates belongs to no remedy
    role = "window" if tuned else "screening"
    rows = [_trained(role, 0, deviation, remedy.fit, held) | chose | rate]
    if remedy.confirmed:
        rows += [
            _trained("confirmation", seed, deviation, remedy.fit, held) | about | rate
            for seed in range(1, seeds + 1)
        ]
    return rows


def _sized(depth: int, by_size: Mapping[int, float], seeds: int, deviation: Deviation) -> list[Row]:
    """The largest size with all seeds, the others with the one that chooses."""
    largest = max(by_size)
    return [
        _trained("data", seed, deviation, 0.995, held)
        | {"depth": depth, "limit": "data", "n_train": n, "change": f"n={n}"}
        | {"remedy": "twice the data" if n > EXAMPLES else None}
        for n, held in by_size.items()
        for seed in range(seeds + 1 if n == largest else 1)
    ]


def residual(fit: float, **more: Any) -> Remedied:
    """The twin with shortcuts."""
    return Remedied(limit="degradation", name="residual connections", fit=fit, **more)


def normalized(fit: float, **more: Any) -> Remedied:
    """A remedy for gradients."""
    return Remedied(limit="gradients", name="normalization", fit=fit, **more)


def tuned(fit: float, **more: Any) -> Remedied:
    """Another learning rate."""
    return Remedied(limit="optimization", name=TUNED, fit=fit, **more)


def momentum(fit: float, **more: Any) -> Remedied:
    """Another optimizer."""
    return Remedied(limit="optimization", name="another optimizer", fit=fit, **more)


def dropout(held: float, **more: Any) -> Remedied:
    """A remedy for overfitting."""
    return Remedied(limit="overfitting", name="dropout", fit=0.99, held=held, **more)


def without_effect(fit: float, held: float) -> list[Remedied]:
    """One remedy for each limit that has some, which changes nothing."""
    return [
        normalized(fit, held=held),
        residual(fit, held=held),
        tuned(fit, held=held),
        momentum(fit, held=held),
        Remedied(limit="overfitting", name="dropout", fit=fit, held=held),
    ]
