"""What one depth costs, and how its signals begin, before it is trained.

FLOPs and memory are predicted, on fake tensors; the network itself is built once, in the child
process that surveys it, and sees one batch.
"""

import statistics
import time
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F

from . import cost
from .families import Family
from .limits import gradients
from .measure import latency, machine
from .measure.signals import signals
from .measure.state import random_state
from .points import Cell, Training
from .prediction import predict
from .train.child import family_and_task
from .train.tasks import Task

# A latency is the median of passes for so long, of this many at least.
_LATENCY_SECONDS, _FEWEST_PASSES = 0.3, 9


@dataclass(frozen=True, kw_only=True)
class Survey:
    """What one depth costs before it is trained.

    Attributes:
        batch_size: of the passes below, that of a training.
        flops: forward, of one sample.
        step_flops: of a training step of the batch.
        train_flops: of one training.
        peak_bytes: predicted of a training step.
        latencies: seconds of forward passes of the batch; none where they were not asked for.
        trainable_depth: that mean-field theory predicts for the network (Schoenholz et al. 2017);
            None where there is no theory for it.
        nonfinite: the first layer that is not finite at initialisation.
    """

    depth: int
    parameters: int
    batch_size: int
    flops: float | None
    step_flops: float | None
    train_flops: float | None
    peak_bytes: float | None
    latencies: tuple[float, ...]
    trainable_depth: float | None
    nonfinite: str | None

    @property
    def latency_seconds(self) -> float | None:
        """The median."""
        return statistics.median(self.latencies) if self.latencies else None


def survey(training: Training, data: bytes, timed: bool) -> Survey:
    """One depth, in a child process."""
    torch.set_num_threads(training.threads)
    family, task = family_and_task(training, data)
    family = family.at_width(training.width)
    batch_size = min(training.batch_size, len(task.train))
    step = _cell(training, "step", batch_size)
    predicted = predict(family, training.optimizer, step)
    trainable, nonfinite = _at_start(family, task, training)
    steps = training.steps_on(len(task.train))
    flops, forward = predicted.operations.flops("step"), predicted.operations.flops("forward")
    return Survey(
        depth=training.depth,
        parameters=predicted.parameters,
        batch_size=batch_size,
        flops=None if forward is None else forward / batch_size,
        step_flops=flops,
        train_flops=None if flops is None else float(flops * steps),
        peak_bytes=predicted.peak.peak_bytes,
        latencies=_latencies(family, replace(step, pass_="forward")) if timed else (),
        trainable_depth=trainable,
        nonfinite=nonfinite,
    )


def _cell(training: Training, pass_: str, batch_size: int) -> Cell:
    return Cell(
        family=training.family,
        depth=training.depth,
        pass_=pass_,
        batch_size=batch_size,
        dtype=training.dtype,
        device=training.device,
        threads=training.threads,
    )


def _latencies(family: Family, cell: Cell) -> tuple[float, ...]:
    network = cost.prepare(family, "adamw", cell)
    clock = latency.Clock()
    iteration = latency.timed(network.pass_, clock, machine.synchronizer(cell.device))
    latency.warm_up(iteration, clock)
    samples: list[float] = []
    end = time.perf_counter() + _LATENCY_SECONDS
    while len(samples) < _FEWEST_PASSES or time.perf_counter() < end:
        start = clock()
        iteration()
        samples.append(clock() - start)
    return tuple(samples)


def _at_start(family: Family, task: Task, training: Training) -> tuple[float | None, str | None]:
    """The trainable depth, and the first layer that is not finite."""
    with random_state(seed=training.seed):
        model = family.build(training.depth)
    trainable = gradients.trainable_depth(model, family.all_knobs)
    rows = min(training.batch_size, len(task.train))
    inputs, labels = task.train.inputs[:rows], task.train.labels[:rows]
    found = signals(model, inputs, lambda logits: F.cross_entropy(logits.float(), labels))
    return trainable, found.first_nonfinite
