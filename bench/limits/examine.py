"""Looks into networks: before training, and after one training that is watched.

Each function runs in a child process and takes what can be sent there: a training and its packed
task. What one instrument cannot do with a network becomes a row that says so; the others go on.
"""

import contextlib
import math
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from functools import partial

import torch
import torch.nn.functional as F
from torch import nn

from ..families import Family
from ..measure.signals import signals
from ..measure.state import random_state
from ..measure.training_probe import TURNS, TrainingProbe
from ..points import Training, steps_per_epoch
from ..specs import one_line
from ..train import trainer
from ..train.child import family_and_task
from ..train.evaluation import evaluate
from ..train.tasks import Split, Task
from . import degradation, gradients, optimization, structure
from .evidence import Probe

# Readings along a training, at most.
READINGS = 20

# Training samples that accuracies, curvature and representations are measured on.
ROWS = 1_000
# … and for curvature, whose cost is that of some hundred training steps.
CURVATURE_ROWS = 128

Probing = tuple[str, str, Callable[[], Iterable[Probe]]]
"""A limit, what is probed of it, and the probing."""


def screened(training: Training, data: bytes) -> list[Probe]:
    """The gradients at initialisation and the structure; nothing is trained."""
    family, task = family_and_task(training, data)
    torch.set_num_threads(training.threads)
    rows = min(training.batch_size, len(task.train))
    inputs, labels = task.train.inputs[:rows], task.train.labels[:rows]
    with random_state(seed=training.seed):
        model = family.build(training.depth)
    depth = training.depth
    return _attempted(
        (
            (
                gradients.NAME,
                "screen",
                lambda: gradients.screen(
                    model, inputs, labels, depth=depth, knobs=family.all_knobs, seed=training.seed
                ),
            ),
            (
                structure.NAME,
                "receptive field",
                lambda: structure.receptive_field(model, inputs[:1], depth=depth),
            ),
        ),
        depth,
    )


def examined(training: Training, data: bytes, shallower: Training | None) -> list[Probe]:
    """The probes of a training that is watched, and of what comes of it.

    Args:
        shallower: the training of the constructive check, None without.
    """
    family, task = family_and_task(training, data)
    per_epoch = steps_per_epoch(len(task.train), training.batch_size)
    every = per_epoch * math.ceil(training.epochs / READINGS)
    probe = TrainingProbe(every, turns=min(TURNS, per_epoch))
    model, record = trainer.trained(family, task, training, watch=probe.watch)
    seed, depth = training.seed, training.depth
    rows = [
        row
        for step in probe.steps
        for row in gradients.along(
            step, at=f"epoch {step.step // per_epoch + 1}", depth=depth, seed=seed
        )
    ]
    if record.status == "ok":
        rows += _attempted(_after(model.cpu(), family, task, training, shallower), depth)
    if record.status == "diverged":
        last = (len(record.loss_curve) - 1) * per_epoch
        look = partial(_divergence, family, task, training, first=last - 1)
        rows += _attempted([(gradients.NAME, "divergence", look)], depth)
    return rows


def _divergence(family: Family, task: Task, training: Training, *, first: int) -> list[Probe]:
    """Trains again and reads each step from `first` on, and the network as it is left."""
    probe = TrainingProbe(every=1)

    def watch(model: nn.Module, step: int) -> AbstractContextManager[None]:
        return contextlib.nullcontext() if step < first else probe.watch(model, step)

    model, _ = trainer.trained(family, task, training, watch=watch)
    rows = min(training.batch_size, len(task.train))
    inputs, labels = task.train.inputs[:rows], task.train.labels[:rows]
    after = signals(model.cpu(), inputs, lambda logits: F.cross_entropy(logits.float(), labels))
    return [gradients.divergence(probe.steps, after, depth=training.depth, seed=training.seed)]


def _after(
    model: nn.Module, family: Family, task: Task, training: Training, shallower: Training | None
) -> tuple[Probing, ...]:
    """What is measured of a trained network."""
    depth = training.depth
    train = Split(task.train.inputs[:ROWS], task.train.labels[:ROWS])
    sizes = min(CURVATURE_ROWS, max(1, len(train) // 2))
    batches = list(zip(train.inputs.split(sizes), train.labels.split(sizes), strict=True))
    sample = train.inputs[:64]

    def accuracy(network: nn.Module) -> float:
        return evaluate(network, train, training)[0]

    def checked() -> list[Probe]:
        if shallower is None:
            return []
        shallow, _ = trainer.trained(family, task, shallower)
        deep = family.build(depth)
        return [degradation.constructed(shallow.cpu(), deep, sample, accuracy, depth=depth)]

    held = task.validation or task.test
    return (
        (
            degradation.NAME,
            "effective depth",
            lambda: degradation.effective_depth(model, sample, accuracy, depth=depth),
        ),
        (degradation.NAME, "constructive check", checked),
        (
            optimization.NAME,
            "landscape",
            lambda: optimization.landscape(model, batches, depth=depth),
        ),
        (
            structure.NAME,
            "representations",
            lambda: structure.representations(
                model,
                (train.inputs, train.labels),
                (held.inputs[:ROWS], held.labels[:ROWS]),
                depth=depth,
            ),
        ),
    )


def _attempted(probings: Iterable[Probing], depth: int) -> list[Probe]:
    rows: list[Probe] = []
    for limit, what, probing in probings:
        try:
            rows += probing()
        except Exception as error:  # whatever a user's network raises
            note = one_line(error)
            rows.append(
                Probe(limit=limit, quantity="failed", depth=depth, value=None, at=what, note=note)
            )
    return rows
