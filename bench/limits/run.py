"""Runs the experiment of one network: what the command and the benchmark both call."""

import contextlib
import math
from collections.abc import Callable
from typing import Any

from .. import families
from ..isolate import Children, OutOfTimeError, time_limit
from ..options import DEFAULT_EPOCHS, Options
from ..points import Training, steps_per_epoch
from ..setting import check_for_limits
from ..specs import InputError
from ..train import places, tasks
from ..train.store import Store
from .evidence import Trial
from .experiment import Experiment
from .lab import Lab

# A training of fewer steps tells of too little training, and of nothing else.
LEAST_STEPS = 300

LEAST_ROWS = 20

# What a child needs, loaded once where children are forked.
PRELOAD = ("bench.limits.examine", "bench.cost", "bench.train.child", "fvcore.nn")


def evidence(
    training: Training,
    options: Options,
    store: Store,
    *,
    seeds: int,
    quick: bool,
    tell: Callable[[Trial], None],
) -> list[dict[str, Any]]:
    """The evidence rows of one network, see `experiment`."""
    place = places.find(options, Children(preload=PRELOAD))
    lab = Lab(options, store, place, tell=tell)
    try:
        return Experiment(training, lab, seeds=seeds, quick=quick).rows()
    finally:
        lab.close()


def checked_training(options: Options) -> Training:
    """The training asked about, by the first depth of `options`.

    Raises:
        InputError: no such family, task or depth, or nothing there that could be compared.
    """
    check_for_limits(options)
    task = tasks.load(options.task)
    family = families.find(options.families[0])
    family = family.for_task(input_shape=task.input_shape, classes=task.classes)
    (depth,) = options.depths or ()
    with contextlib.suppress(OutOfTimeError), time_limit(options.cell_timeout):
        family.check_depth(depth)  # what takes too long here will do so in its child
    if len(task.train) < LEAST_ROWS:
        raise InputError(
            f"task {task.name}: at least {LEAST_ROWS} training samples are needed to tell depths "
            f"apart; got {len(task.train)}"
        )
    batch_size = options.batch_sizes[0]
    return Training(
        family=family.name,
        depth=depth,
        task=task.name,
        seed=0,
        epochs=options.epochs or default_epochs(len(task.train), batch_size),
        optimizer=options.optimizer,
        learning_rate=options.learning_rate,
        weight_decay=options.weight_decay,
        batch_size=batch_size,
        dtype=options.dtype,
        device=options.device,
        threads=options.threads,
    )


def default_epochs(n_train: int, batch_size: int) -> int:
    """Ten, or as many as make enough steps of a small training set."""
    return max(DEFAULT_EPOCHS, math.ceil(LEAST_STEPS / steps_per_epoch(n_train, batch_size)))
