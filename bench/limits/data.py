"""Limit: too few training samples for this depth.

Each depth is trained on the first n = N/16 … N samples, with as many steps each: so that less
data does not mean less training. What twice the data would bring is measured where a task can make
more, and predicted from the curve e(n) = a + b n^-c where it cannot.
"""

from collections.abc import Iterable

from ..points import steps_per_epoch
from ..specs import parse
from ..train.tasks import (
    BUILT_IN,
    DEFAULT_TEST,
    DEFAULT_VALIDATION,
    DIGITS_TRAIN,
    MOST_SAMPLES,
)
from .remedy import Change, Situation

NAME = "data"

MORE = "twice the data"
"""The remedy; augmentation, which makes data of data, is among those of overfitting."""

# Parts of the training set, as divisors.
SHARES = (16, 8, 4, 2)

# Training samples that a task can make; of others there are no more than it gives.
MOST_ROWS = {
    "mnist1d": MOST_SAMPLES - DEFAULT_VALIDATION - DEFAULT_TEST,
    "digits": DIGITS_TRAIN,
}

# Fewer rows are no training set.
FEWEST_ROWS = 20


def sizes(situation: Situation) -> dict[int, Change]:
    """The change to each number of training samples: parts of the data, and twice of it where the
    task can make it."""
    parts = [situation.n_train // share for share in SHARES]
    changes = {n: _rows(situation, n) for n in parts if n >= FEWEST_ROWS}
    return changes | _twice(situation)


def telling(sizes: Iterable[int], n_train: int) -> list[int]:
    """The one size that shows what a doubling brings: twice the data, or else half of it."""
    others = [n for n in sizes if n != n_train]
    return [max(others)] if others else []


def _rows(situation: Situation, n: int) -> Change:
    epochs = _epochs_of_as_many_steps(situation, n)
    return Change(treatments=(f"rows:n={n}",), settings={"epochs": epochs})


def _twice(situation: Situation) -> dict[int, Change]:
    spec = parse(situation.training.task, built_in=BUILT_IN, kind="task")
    n = 2 * situation.n_train
    if n > MOST_ROWS.get(spec.target, 0) or spec.knobs.get("standard"):
        return {}
    epochs = _epochs_of_as_many_steps(situation, n)
    return {n: Change(task={"train": n}, settings={"epochs": epochs})}


def _epochs_of_as_many_steps(situation: Situation, n: int) -> int:
    batch_size = situation.training.batch_size
    steps = situation.training.epochs * steps_per_epoch(situation.n_train, batch_size)
    return max(1, round(steps / steps_per_epoch(n, batch_size)))
