"""A small task and a training of it, for tests that need some."""

from typing import Any

import torch

from bench import families
from bench.points import Training
from bench.train.tasks import Split, Task

SHAPE = (1, 6)


def split(n: int, seed: int) -> Split:
    """n samples (n, 1, 6); the sign of the first value, at least 1 from zero, is the class."""
    generator = torch.Generator().manual_seed(seed)
    inputs = torch.randn(n, *SHAPE, generator=generator)
    labels = torch.arange(n) % 2
    inputs[:, 0, 0] = (2 * labels - 1) * (1 + inputs[:, 0, 0].abs())
    return Split(inputs, labels)


def task(n: int = 40, *, validation: bool = True, code: str = "small") -> Task:
    """Two classes that a line separates."""
    held = split(20, 1) if validation else None
    return Task("small", split(n, 0), held, split(30, 2), 2, code)


def family(text: str = "mlp") -> families.Family:
    """A built-in family for the task."""
    return families.find(text).for_task(input_shape=SHAPE, classes=2)


def training(**changes: Any) -> Training:
    """Two layers, five epochs of five batches."""
    settings = {
        "family": "mlp",
        "depth": 2,
        "task": "small",
        "seed": 0,
        "epochs": 5,
        "optimizer": "adamw",
        "learning_rate": 0.01,
        "weight_decay": 0.01,
        "batch_size": 8,
        "dtype": "fp32",
        "device": "cpu",
        "threads": 1,
    }
    return Training(**{**settings, **changes})
