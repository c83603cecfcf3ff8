"""Trains one network on one task with one seed: AdamW and a one-cycle schedule by default.

The seed determines the weights at the start, the order of the batches and whatever else a network
draws; the global random states are as before afterwards.
"""

import contextlib
import itertools
import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..families import Family
from ..measure import machine, operations
from ..measure.state import random_state
from ..points import Training, steps_per_epoch
from ..records import RunRecord
from . import layout
from .evaluation import autocast, both_halves, evaluate, evaluations, is_evaluated_after, logits
from .schedule import WARM_UP, scheduled
from .tasks import Split, Task
from .treatments import table as treatments
from .treatments.treatment import Treatment

Watch = Callable[[nn.Module, int], AbstractContextManager[object]]
"""What is entered around each step of a training: (the model, the number of the step from 0)."""


@dataclass(frozen=True)
class Fit:
    """How the training itself went.

    Attributes:
        model: as trained; a treatment may have put another in place of the one it was given.
        steps: that were taken.
        loss_curve: mean training loss of each epoch, the last of which may be a part of one.
        curves: accuracies along the training on the two halves of the validation split.
    """

    model: nn.Module
    seconds: float
    steps: int
    loss_curve: tuple[float, ...]
    curves: tuple[tuple[float, ...], tuple[float, ...]]

    @property
    def diverged_in(self) -> int | None:
        """The first epoch (from 1) whose loss is not finite, or None."""
        bad = (i for i, loss in enumerate(self.loss_curve, 1) if not math.isfinite(loss))
        return next(bad, None)


def train(
    family: Family,
    task: Task,
    training: Training,
    *,
    fused: bool = False,
    channels_last: bool = False,
) -> RunRecord:
    """One run, evaluated on every split in eval mode at its end.

    A run whose loss is no longer finite stops there and is recorded as `diverged`.

    Args:
        fused: update all parameters in one kernel where the optimizer has one: less time, and
            other roundings.
        channels_last: let convolutions have that layout in memory; other roundings, too.
    """
    return trained(family, task, training, fused=fused, channels_last=channels_last)[1]


def trained(
    family: Family,
    task: Task,
    training: Training,
    *,
    watch: Watch | None = None,
    fused: bool = False,
    channels_last: bool = False,
) -> tuple[nn.Module, RunRecord]:
    """The trained network beside the record of `train`.

    Args:
        watch: entered around each step; nothing is added to a step without it.
        fused, channels_last: as in `train`.
    """
    torch.set_num_threads(training.threads)
    chosen = [treatments.find(text) for text in training.treatments]
    task = on_device(training.device, _fewer(task, chosen))
    with random_state(seed=training.seed, device=training.device):
        model = network(family, training)
        with layout.channels_last(model) if channels_last else contextlib.nullcontext():
            fit = _fit(model, task, training, chosen, watch or _unwatched, fused=fused)
            record = concluded(family, task, training, fit)
    return fit.model, replace(record, way="channels_last") if channels_last else record


def network(family: Family, training: Training) -> nn.Module:
    """The network at its start, drawn from the global generators."""
    return family.at_width(training.width).build(training.depth).to(training.device)


def concluded(family: Family, task: Task, training: Training, fit: Fit) -> RunRecord:
    """The record of a run that was trained: evaluated, unless it diverged."""
    results = evaluations(fit.model, task, training) if fit.diverged_in is None else {}
    return _outcome(_record(family, task, training, fit), fit, results)


def _outcome(record: dict[str, Any], fit: Fit, results: dict[str, Any]) -> RunRecord:
    if fit.diverged_in is not None:
        reason = f"the training loss was not finite in epoch {fit.diverged_in}"
        return RunRecord(**record, status="diverged", reason=reason)
    if not all(map(math.isfinite, results.values())):
        reason = "the loss was not finite after the last step"
        return RunRecord(**record, status="diverged", reason=reason)
    return RunRecord(**record, **results, status="ok")


def _unwatched(_model: nn.Module, _step: int) -> AbstractContextManager[None]:
    return contextlib.nullcontext()


def _fewer(task: Task, chosen: Sequence[Treatment]) -> Task:
    """The task with as many training rows as a treatment leaves."""
    rows = min((each.rows for each in chosen if each.rows), default=len(task.train))
    split = Split(task.train.inputs[:rows], task.train.labels[:rows])
    return replace(task, train=split)


def on_device(device: str, task: Task) -> Task:
    """The task with all its tensors there."""

    def moved(split: Split) -> Split:
        return Split(split.inputs.to(device), split.labels.to(device))

    validation = moved(task.validation) if task.validation else None
    return Task(task.name, moved(task.train), validation, moved(task.test), task.classes, task.code)


class Learner:
    """A model with what changes it: optimizer, learning-rate schedule, loss scale, treatments."""

    def __init__(
        self,
        model: nn.Module,
        training: Training,
        chosen: Sequence[Treatment],
        *,
        steps: int,
        fused: bool = False,
    ) -> None:
        self._model = model
        self._training = training
        self._augment = [each.augment for each in chosen if each.augment]
        self._penalties = [each.penalty for each in chosen if each.penalty]
        self._after_backward = [each.after_backward for each in chosen if each.after_backward]
        self._draws = torch.Generator().manual_seed(training.seed)
        self._trained = [p for p in model.parameters() if p.requires_grad]
        if not self._trained:
            raise ValueError("no parameter needs a gradient: there is nothing to train")
        warm_up = next((each.warmup for each in chosen if each.warmup is not None), WARM_UP)
        parameters = {training.learning_rate: self._trained}
        self._optimizer, self._schedule = scheduled(
            parameters, training, steps=steps, warm_up=warm_up, fused=fused
        )
        # Gradients of fp16 underflow unless the loss is scaled (Micikevicius et al. 2018, 3.2).
        enabled = training.dtype == "fp16"
        self._scaler = torch.amp.GradScaler(torch.device(training.device).type, enabled=enabled)

    def update(self, batch: Split) -> Tensor:
        """One step; the batch's mean loss before it, penalties left out."""
        inputs = batch.inputs
        for augment in self._augment:
            inputs = augment(inputs, self._draws)
        with autocast(self._training):
            loss = F.cross_entropy(logits(self._model, inputs), batch.labels)
        total = sum((penalty(self._model) for penalty in self._penalties), start=loss)
        self._optimizer.zero_grad(set_to_none=True)
        self._scaler.scale(total).backward()
        if self._after_backward:
            self._scaler.unscale_(self._optimizer)
        for change in self._after_backward:
            change(self._trained)
        self._scaler.step(self._optimizer)
        self._scaler.update()
        self._schedule.step()
        return loss.detach()


def _fit(
    model: nn.Module,
    task: Task,
    training: Training,
    chosen: Sequence[Treatment],
    watch: Watch,
    *,
    fused: bool,
) -> Fit:
    data = task.train
    batch_size = min(training.batch_size, len(data))
    per_epoch = steps_per_epoch(len(data), batch_size)
    for each in chosen:
        if each.prepare:
            model = each.prepare(model, data.inputs[:batch_size])
    steps = training.steps_on(len(data))
    epochs = math.ceil(steps / per_epoch)
    learner = Learner(model, training, chosen, steps=steps, fused=fused)
    generator = torch.Generator().manual_seed(training.seed)
    curve: list[float] = []
    halves = both_halves(task.validation) if training.curves and task.validation else ()
    accuracies: list[list[float]] = [[], []]
    wait = machine.synchronizer(training.device)
    model.train()
    seconds = 0.0
    while len(curve) < epochs and all(map(math.isfinite, curve)):
        start = time.perf_counter()
        before = len(curve) * per_epoch
        losses: list[Tensor] = []
        for batch in itertools.islice(_batches(data, batch_size, generator), steps - before):
            with watch(model, before + len(losses)):
                losses.append(learner.update(batch))
        curve.append(torch.stack(losses).mean().item())
        wait()
        seconds += time.perf_counter() - start
        due = is_evaluated_after(len(curve), epochs)
        for half, values in zip(halves if due else (), accuracies, strict=False):
            values.append(evaluate(model, half, training)[0])
            model.train()
    curves = tuple(accuracies[0]), tuple(accuracies[1])
    taken = min(steps, len(curve) * per_epoch)
    return Fit(model, seconds, taken, tuple(curve), curves)


def _batches(data: Split, size: int, generator: torch.Generator) -> Iterator[Split]:
    """The data in random order; an incomplete last batch is left out, as a batch norm needs."""
    order = torch.randperm(len(data), generator=generator).to(data.labels.device)
    for rows in order.split(size)[: len(data) // size]:
        yield Split(data.inputs[rows], data.labels[rows])


def _record(family: Family, task: Task, training: Training, fit: Fit) -> dict[str, Any]:
    return {
        **training.settings(),
        "knobs": family.all_knobs,
        "n_train": len(task.train),
        "n_validation": len(task.validation) if task.validation else None,
        "n_test": len(task.test),
        "steps": fit.steps,
        "train_seconds": fit.seconds,
        "train_flops": _train_flops(fit.model, task.train, training, fit.steps),
        "parameters": operations.parameter_count(fit.model),
        "loss_curve": tuple(x if math.isfinite(x) else None for x in fit.loss_curve),
        "selection_curve": fit.curves[0],
        "holdout_curve": fit.curves[1],
    }


def _train_flops(model: nn.Module, data: Split, training: Training, steps: int) -> int | None:
    """FLOPs of a step (forward and backward of one batch) times the steps taken."""
    batch = data.inputs[: min(training.batch_size, len(data))]
    flops = operations.count(model, batch).flops("step")
    return None if flops is None else flops * steps
