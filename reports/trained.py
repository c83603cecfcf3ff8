"""The trainings behind a verdict, one by one: a point a seed, and a loss curve a depth."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, zip_longest

from .rows import number_or_none
from .tables import Row


@dataclass(frozen=True)
class Trained:
    """One finished training.

    Attributes:
        train, accuracy: fractions, on the training split and of the verdict's metric.
        losses: mean training loss of each epoch; null where it is unknown.
    """

    depth: int
    seed: int | None
    train: float | None
    accuracy: float
    losses: tuple[float | None, ...]


@dataclass(frozen=True)
class LossCurve:
    """The training loss of one depth after each epoch: the mean over the seeds that have one."""

    depth: int
    seeds: int
    losses: tuple[float | None, ...]


def trained(finished: Mapping[int, Sequence[Row]], split: str) -> tuple[Trained, ...]:
    """The runs with an accuracy on this split, shallowest first; finished: by depth."""
    return tuple(
        Trained(depth, _whole(row["seed"]), row["train_accuracy"], row[split], _losses(row))
        for depth, rows in finished.items()
        for row in rows
        if row[split] is not None
    )


def loss_curves(runs: Sequence[Trained]) -> tuple[LossCurve, ...]:
    """One curve a depth, of those that have any loss."""
    told = [run for run in runs if run.losses]
    by_depth = groupby(sorted(told, key=lambda run: run.depth), key=lambda run: run.depth)
    return tuple(_mean_curve(depth, list(group)) for depth, group in by_depth)


def _mean_curve(depth: int, runs: Sequence[Trained]) -> LossCurve:
    epochs = zip_longest(*(run.losses for run in runs))
    return LossCurve(depth, len(runs), tuple(map(_mean, epochs)))


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return math.fsum(known) / len(known) if known else None


def _losses(row: Row) -> tuple[float | None, ...]:
    curve = row["loss_curve"]
    return tuple(map(number_or_none, curve)) if isinstance(curve, list | tuple) else ()


def _whole(value: float | None) -> int | None:
    return None if value is None else int(value)
