"""Limit: what a further layer brings is less than the user cares for, or costs more than there is.

The evidence are the step's and the training's time, FLOPs and memory at each depth; what a doubling
of training FLOPs gains follows from the trainings' accuracies. The remedy is not to go deeper.
"""

from collections.abc import Iterator
from statistics import median_low

from ..points import steps_per_epoch
from ..records import Facts, RunRecord
from .evidence import Probe

NAME = "compute"


def costs(run: RunRecord, facts: Facts) -> Iterator[Probe]:
    """What one depth costs.

    Args:
        run: one training at that depth.
        facts: of its training step.
    """
    seconds = None
    if run.train_seconds is not None and run.n_train and run.epochs:
        seconds = run.train_seconds / run.epochs / steps_per_epoch(run.n_train, run.batch_size)
    yield _probe("step_seconds", seconds, run)
    yield _probe("train_seconds", run.train_seconds, run)
    yield _probe("train_flops", run.train_flops, run)
    yield _probe("step_flops", facts.flops, run)
    yield _probe("peak_bytes", facts.peak_bytes, run, at=facts.peak_source)


def _probe(quantity: str, value: float | None, run: RunRecord, *, at: str | None = None) -> Probe:
    number = None if value is None else float(value)
    return Probe(limit=NAME, quantity=quantity, depth=run.depth, value=number, at=at)


def typical(runs: list[RunRecord]) -> RunRecord:
    """Of the trainings at one depth, one of median time; the first if no time is known."""
    timed = {run.train_seconds: run for run in runs if run.train_seconds is not None}
    return timed[median_low(timed)] if timed else runs[0]
