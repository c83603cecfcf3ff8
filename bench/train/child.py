"""What a child process does with a training, and how it is given the task."""

import io
from collections.abc import Sequence

import torch

from .. import families
from ..families import Family
from ..points import Training
from ..records import RunRecord
from . import trainer, ways
from .tasks import Task
from .ways import Choice


def packed(task: Task) -> bytes:
    """The task as a child can be given it, without the shared memory of tensors."""
    packed = io.BytesIO()
    torch.save(task, packed)
    return packed.getvalue()


def unpacked(data: bytes) -> Task:
    """The inverse of `packed`, in a child."""
    task: Task = torch.load(io.BytesIO(data), weights_only=False)
    return task


def family_and_task(training: Training, data: bytes) -> tuple[Family, Task]:
    """The family of a training, for the task that was packed; and that task."""
    task = unpacked(data)
    family = families.find(training.family)
    return family.for_task(input_shape=task.input_shape, classes=task.classes), task


def alone(training: Training, data: bytes) -> RunRecord:
    """One run."""
    return trainer.train(*family_and_task(training, data), training)


def alone_fused(training: Training, data: bytes) -> RunRecord:
    """One run, its parameters updated in one kernel."""
    return trainer.train(*family_and_task(training, data), training, fused=True)


def alone_channels_last(training: Training, data: bytes) -> RunRecord:
    """One run, its parameters updated in one kernel, and its convolutions with channels last."""
    return trainer.train(*family_and_task(training, data), training, fused=True, channels_last=True)


def together(trainings: Sequence[Training], data: bytes) -> Choice:
    """The runs as a stack, if that is faster than one by one."""
    return ways.train(*family_and_task(trainings[0], data), trainings)
