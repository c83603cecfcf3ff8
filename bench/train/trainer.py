"""Trains one network on one task with one seed: AdamW and a one-cycle schedule by default.

The seed determines the weights at the start, the order of the batches and whatever else a network
draws; the global random states are as before afterwards.
"""

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..families import Family
from ..measure import machine, operations
from ..measure.passes import DTYPES
from ..measure.state import random_state
from ..records import RunRecord, Training
from .optimizers import OPTIMIZERS
from .tasks import Split, Task

# Rows in one batch of an evaluation; it does not change the result, only the memory.
EVALUATION_BATCH = 1_000


@dataclass(frozen=True)
class _Fit:
    """How the training itself went. `loss_curve`: mean training loss of each epoch."""

    seconds: float
    steps: int
    loss_curve: tuple[float, ...]

    @property
    def diverged_in(self) -> int | None:
        """The first epoch (from 1) whose loss is not finite, or None."""
        bad = (i for i, loss in enumerate(self.loss_curve, 1) if not math.isfinite(loss))
        return next(bad, None)


def train(family: Family, task: Task, training: Training) -> RunRecord:
    """One run, evaluated on every split in eval mode at its end.

    A run whose loss is no longer finite stops there and is recorded as `diverged`.
    """
    torch.set_num_threads(training.threads)
    task = _on(training.device, task)
    with random_state(seed=training.seed, device=training.device):
        model = family.build(training.depth).to(training.device)
        fit = _fit(model, task.train, training)
        results = _evaluations(model, task, training) if fit.diverged_in is None else {}
    record = _record(family, model, task, training, fit)
    if fit.diverged_in is not None:
        reason = f"the training loss was not finite in epoch {fit.diverged_in}"
        return RunRecord(**record, status="diverged", reason=reason)
    if not all(map(math.isfinite, results.values())):
        reason = "the loss was not finite after the last step"
        return RunRecord(**record, status="diverged", reason=reason)
    return RunRecord(**record, **results, status="ok")


def _on(device: str, task: Task) -> Task:
    def moved(split: Split) -> Split:
        return Split(split.inputs.to(device), split.labels.to(device))

    validation = moved(task.validation) if task.validation else None
    return Task(task.name, moved(task.train), validation, moved(task.test), task.classes, task.code)


class _Learner:
    """A model with what changes it: optimizer, learning-rate schedule and loss scale."""

    def __init__(self, model: nn.Module, training: Training, *, steps: int) -> None:
        self._model = model
        self._training = training
        trained = [p for p in model.parameters() if p.requires_grad]
        if not trained:
            raise ValueError("no parameter needs a gradient: there is nothing to train")
        self._optimizer = OPTIMIZERS[training.optimizer](
            trained, lr=training.learning_rate, weight_decay=training.weight_decay
        )
        self._schedule = torch.optim.lr_scheduler.OneCycleLR(
            self._optimizer, max_lr=training.learning_rate, total_steps=steps
        )
        # Gradients of fp16 underflow unless the loss is scaled (Micikevicius et al. 2018, 3.2).
        enabled = training.dtype == "fp16"
        self._scaler = torch.amp.GradScaler(torch.device(training.device).type, enabled=enabled)

    def update(self, batch: Split) -> Tensor:
        """One step; the batch's mean loss before it."""
        with _autocast(self._training):
            loss = F.cross_entropy(_logits(self._model, batch.inputs), batch.labels)
        self._optimizer.zero_grad(set_to_none=True)
        self._scaler.scale(loss).backward()
        self._scaler.step(self._optimizer)
        self._scaler.update()
        self._schedule.step()
        return loss.detach()


def _fit(model: nn.Module, data: Split, training: Training) -> _Fit:
    batch_size = min(training.batch_size, len(data))
    per_epoch = len(data) // batch_size
    learner = _Learner(model, training, steps=training.epochs * per_epoch)
    generator = torch.Generator().manual_seed(training.seed)
    curve: list[float] = []
    wait = machine.synchronizer(training.device)
    model.train()
    start = time.perf_counter()
    while len(curve) < training.epochs and all(map(math.isfinite, curve)):
        losses = [learner.update(batch) for batch in _batches(data, batch_size, generator)]
        curve.append(torch.stack(losses).mean().item())
    wait()
    return _Fit(time.perf_counter() - start, len(curve) * per_epoch, tuple(curve))


def _batches(data: Split, size: int, generator: torch.Generator) -> Iterator[Split]:
    """The data in random order; an incomplete last batch is left out, as a batch norm needs."""
    order = torch.randperm(len(data), generator=generator).to(data.labels.device)
    for rows in order.split(size)[: len(data) // size]:
        yield Split(data.inputs[rows], data.labels[rows])


def _logits(model: nn.Module, inputs: Tensor) -> Tensor:
    """inputs: (batch, …) -> (batch, classes)."""
    output = model(inputs)
    if not isinstance(output, Tensor) or output.ndim != 2:
        found = tuple(output.shape) if isinstance(output, Tensor) else type(output).__name__
        raise TypeError(f"expected logits of shape (batch, classes) from the network; got {found}")
    return output


def _autocast(training: Training) -> torch.autocast:
    """Weights stay fp32; a lower dtype is mixed precision."""
    kind = torch.device(training.device).type
    return torch.autocast(kind, DTYPES[training.dtype], enabled=training.dtype != "fp32")


def _record(
    family: Family, model: nn.Module, task: Task, training: Training, fit: _Fit
) -> dict[str, Any]:
    return {
        **vars(training),
        "knobs": family.all_knobs,
        "n_train": len(task.train),
        "n_validation": len(task.validation) if task.validation else None,
        "n_test": len(task.test),
        "train_seconds": fit.seconds,
        "train_flops": _train_flops(model, task.train, training, fit.steps),
        "parameters": operations.parameter_count(model),
        "loss_curve": tuple(x if math.isfinite(x) else None for x in fit.loss_curve),
    }


def _train_flops(model: nn.Module, data: Split, training: Training, steps: int) -> int | None:
    """FLOPs of a step (forward and backward of one batch) times the steps taken."""
    batch = data.inputs[: min(training.batch_size, len(data))]
    flops = operations.count(model, batch).flops("step")
    return None if flops is None else flops * steps


def _evaluations(model: nn.Module, task: Task, training: Training) -> dict[str, Any]:
    splits = {"train": task.train, "validation": task.validation, "test": task.test}
    result: dict[str, Any] = {}
    for name, split in splits.items():
        if split is not None:
            result[f"{name}_accuracy"], result[f"{name}_loss"] = _evaluate(model, split, training)
    return result


@torch.no_grad()
def _evaluate(model: nn.Module, split: Split, training: Training) -> tuple[float, float]:
    """Accuracy (a fraction) and mean cross-entropy in eval mode."""
    model.eval()
    correct, loss = 0, 0.0
    batches = zip(
        split.inputs.split(EVALUATION_BATCH), split.labels.split(EVALUATION_BATCH), strict=True
    )
    for inputs, labels in batches:
        with _autocast(training):
            output = _logits(model, inputs)
        correct += int((output.argmax(1) == labels).sum())
        loss += F.cross_entropy(output.float(), labels, reduction="sum").item()
    return correct / len(split), loss / len(split)
