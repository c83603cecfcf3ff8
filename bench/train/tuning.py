"""The learning rate of each depth, chosen on the validation split before its seeds are trained.

Every depth has the same number of trials, all with one seed that is none of the study's, so that a
depth wins neither by more tries nor by the seed that chose for it. Where the best rate is at an end
of the grid, the grid is not extended: the runs say so. Trials do not look at the test split, and
the store keeps them as a kind of their own.
"""

import math
from collections.abc import Sequence
from dataclasses import replace

from ..points import Training
from ..records import RunRecord
from ..specs import InputError
from .runs import Runs
from .tasks import Task

# Times the learning rate that was asked for: two a decade, from a tenth to ten times.
FACTORS = (0.1, 0.32, 1.0, 3.2, 10.0)

# Beyond every seed that is reported.
SEED = 1_000_000

KIND = "tuning"

# Depths whose trials are queued while one is waited for, so that no worker is idle.
AHEAD = 2


def check(task: Task) -> None:
    """Raise `InputError` where a choice would look at the test split."""
    if task.validation is None:
        raise InputError(
            f"--lr tune chooses on a validation split, and {task.name} has none: give --lr a "
            "number, or take a task with one"
        )


def trials(training: Training) -> list[Training]:
    """Those that choose the learning rate of `training`, by whose own rate they are spread."""
    rates = [float(f"{training.learning_rate * factor:.6g}") for factor in FACTORS]
    return [replace(training, seed=SEED, learning_rate=rate, test=False) for rate in rates]


def best(records: Sequence[RunRecord]) -> RunRecord | None:
    """The highest validation accuracy, of equals the lowest validation loss, then the lowest rate;
    None where no trial came to its end."""

    def rank(record: RunRecord) -> tuple[float, float, float]:
        loss = record.validation_loss
        accuracy = record.validation_accuracy or 0.0
        return -accuracy, math.inf if loss is None else loss, record.learning_rate

    return min((record for record in records if record.status == "ok"), key=rank, default=None)


class Tuning:
    """Trains the seeds of each depth at the best of its learning rates.

    Args:
        runs: of the study; the trials share its workers.
        groups: the seeds of each depth, in the order in which they will be waited for, as far as
            they are known.
    """

    def __init__(self, runs: Runs, groups: Sequence[tuple[Training, ...]] = ()) -> None:
        self._runs = runs
        self._trials = runs.of_kind(KIND)
        self._groups = list(groups)

    def wait(self, group: tuple[Training, ...]) -> list[RunRecord]:
        """The runs of one depth at the rate chosen for it; where no trial came to its end, at the
        rate that was asked for."""
        if group not in self._groups:
            self._groups.append(group)
        place = self._groups.index(group)
        self._begin(place + AHEAD)
        chosen = self._chosen(group)
        self._runs.start(chosen)
        self._begin(place + AHEAD + 1)
        return self._runs.wait(chosen)

    def wait_together(self, groups: Sequence[tuple[Training, ...]]) -> list[RunRecord]:
        """The runs of several depths as of `wait`, side by side: the trials of all begin at once,
        and the seeds of each as soon as its rate is chosen."""
        for group in groups:
            self._trials.start(trials(group[0]))
        chosen: list[Training] = []
        for group in groups:
            seeds = self._chosen(group)
            self._runs.start(seeds)
            chosen += seeds
        return self._runs.wait(chosen)

    def _begin(self, depths: int) -> None:
        for group in self._groups[:depths]:
            self._trials.start(trials(group[0]))

    def _chosen(self, group: tuple[Training, ...]) -> list[Training]:
        tried = trials(group[0])
        found = best(self._trials.wait(tried)) or group[0]
        rates = tuple(trial.learning_rate for trial in tried)
        return [
            replace(seed, learning_rate=found.learning_rate, tuned_from=rates) for seed in group
        ]

    def finished(self) -> list[RunRecord]:
        """The trials so far."""
        return self._trials.finished()
