"""What a network gets right: accuracy and mean cross-entropy on the splits of a task."""

import math
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..measure.passes import DTYPES
from ..points import Training
from .tasks import Split, Task

# Rows in one batch of an evaluation; it does not change the result, only the memory.
EVALUATION_BATCH = 1_000

# Evaluations along a training whose curves are asked for, at most.
CURVE_POINTS = 20


def evaluations(model: nn.Module, task: Task, training: Training) -> dict[str, Any]:
    """Accuracy and loss on every split, as they stand in a run's record."""
    splits = {"train": task.train, "validation": task.validation, "test": task.test}
    if task.validation and not training.test:
        del splits["test"]
    result: dict[str, Any] = {}
    for name, split in splits.items():
        if split is not None:
            result[f"{name}_accuracy"], result[f"{name}_loss"] = evaluate(model, split, training)
    return result


@torch.no_grad()
def evaluate(model: nn.Module, split: Split, training: Training) -> tuple[float, float]:
    """Accuracy (a fraction) and mean cross-entropy in eval mode."""
    model.eval()
    correct, loss = 0, 0.0
    batches = zip(
        split.inputs.split(EVALUATION_BATCH), split.labels.split(EVALUATION_BATCH), strict=True
    )
    for inputs, labels in batches:
        with autocast(training):
            output = logits(model, inputs)
        correct += int((output.argmax(1) == labels).sum())
        loss += F.cross_entropy(output.float(), labels, reduction="sum").item()
    return correct / len(split), loss / len(split)


def is_evaluated_after(epoch: int, epochs: int) -> bool:
    """Whether the curves have a point there: `CURVE_POINTS` of them at most, and one at the end."""
    every = math.ceil(epochs / CURVE_POINTS)
    return epoch % every == 0 or epoch == epochs


def both_halves(split: Split) -> tuple[Split, Split]:
    """Every other row, from the first and from the second."""
    return (
        Split(split.inputs[::2], split.labels[::2]),
        Split(split.inputs[1::2], split.labels[1::2]),
    )


def logits(model: Callable[[Tensor], object], inputs: Tensor) -> Tensor:
    """inputs: (batch, …) -> (batch, classes)."""
    output = model(inputs)
    if not isinstance(output, Tensor) or output.ndim != 2:
        found = tuple(output.shape) if isinstance(output, Tensor) else type(output).__name__
        raise TypeError(f"expected logits of shape (batch, classes) from the network; got {found}")
    return output


def autocast(training: Training) -> torch.autocast:
    """Weights stay fp32; a lower dtype is mixed precision."""
    kind = torch.device(training.device).type
    return torch.autocast(kind, DTYPES[training.dtype], enabled=training.dtype != "fp32")
