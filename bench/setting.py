"""What is chosen for each depth, so that depths are alike in what was asked for: width and steps.

A study has the same width and epochs at all depths unless its options say otherwise.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from .families import Family
from .isolate import OutOfTimeError, time_limit
from .matching import WIDTH, Matching, reference_depth
from .options import DEFAULT_EPOCHS, Options
from .points import Match, steps_per_epoch
from .specs import InputError
from .train import tuning
from .train.duration import steps_within
from .train.tasks import Task


@dataclass(frozen=True, kw_only=True)
class Setting:
    """Of one depth.

    Attributes:
        match: where the width is solved for; else it is the family's own.
        epochs: passes over the training data; `steps` end within the last of them.
        steps: None where epochs were asked for.
    """

    match: Match | None = None
    epochs: int = DEFAULT_EPOCHS
    steps: int | None = None


def depends_on_task(options: Options) -> bool:
    """Whether data must be at hand to choose, which may take seconds to make."""
    return options.match != WIDTH or options.train_for is not None or options.tune


def settings(
    family: Family, depths: Sequence[int], options: Options, task: Task | None
) -> Mapping[int, Setting]:
    """The setting of each of a family's depths.

    Args:
        task: needed where the options depend on it.

    Raises:
        InputError: the depths cannot be made alike, or there is nothing to tune on.
    """
    if task is None:
        return dict.fromkeys(depths, Setting(epochs=options.epochs or DEFAULT_EPOCHS))
    if options.tune:
        tuning.check(task)
    chooser = Chooser(family, options, task, reference=reference_depth(depths))
    return {depth: chooser.at(depth) for depth in depths}


class Chooser:
    """Chooses for one family on one task, a depth at a time.

    Args:
        reference: the depth that keeps the family's own width.
    """

    def __init__(self, family: Family, options: Options, task: Task, *, reference: int) -> None:
        self._options = options
        self._family = family.for_task(input_shape=task.input_shape, classes=task.classes)
        self._n_train = len(task.train)
        self._matching: Matching | None = None
        if options.match != WIDTH:
            with self._limited(reference):
                self._matching = Matching(self._family, cost=options.match, reference=reference)

    def at(self, depth: int) -> Setting:
        """The setting of that depth."""
        with self._limited(depth):
            match = self._matching.at(depth) if self._matching else None
            steps = self._steps(self._family.at_width(match.width if match else None), depth)
        if steps is None:
            return Setting(match=match, epochs=self._options.epochs or DEFAULT_EPOCHS)
        per_epoch = steps_per_epoch(self._n_train, self._options.batch_sizes[0])
        return Setting(match=match, epochs=math.ceil(steps / per_epoch), steps=steps)

    def _steps(self, family: Family, depth: int) -> int | None:
        wanted = self._options.train_for
        if wanted is None:
            return None
        if wanted.unit == "steps":
            return int(wanted.amount)
        batch_size = min(self._options.batch_sizes[0], self._n_train)
        return steps_within(wanted.amount, family, depth, batch_size=batch_size)

    @contextmanager
    def _limited(self, depth: int) -> Iterator[None]:
        seconds = self._options.cell_timeout
        try:
            with time_limit(seconds):
                yield
        except OutOfTimeError as error:
            where = f"{self._family.name} at depth {depth}"
            raise InputError(
                f"{where} was not counted within {seconds:g} s: raise --cell-timeout"
            ) from error


def check_for_limits(options: Options) -> None:
    """Raise `InputError` for what the experiment on limits does not do: it chooses by itself."""
    if options.match != WIDTH or options.train_for is not None or options.tune:
        raise InputError(
            "limits are measured at the family's own width, in epochs, and at learning rates "
            "around --lr: leave out --match, --lr tune, and steps or FLOPs of --train-for"
        )
