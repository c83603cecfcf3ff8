"""What a network costs, known without running it: it is built and counted on the meta device.

A network that needs real tensors is built and counted on these.
"""

from collections.abc import Callable
from typing import Any, TypeVar

import torch
from torch import nn

from .families import Family
from .measure import operations
from .measure.state import random_state

_Result = TypeVar("_Result")


def parameters(family: Family, depth: int) -> int:
    """Number of parameters; what the family raises is passed on."""
    return _of(family, depth, 1, lambda model, _: operations.parameter_count(model))


def forward_flops(family: Family, depth: int) -> int:
    """Of one sample."""

    def count(model: nn.Module, inputs: Any) -> int:
        model.requires_grad_(False)  # so that no backward is counted
        return operations.count(model, inputs, loss=family.loss).forward_flops

    return _of(family, depth, 1, count)


def step_flops(family: Family, depth: int, batch_size: int) -> int | None:
    """Forward and backward of one batch, as a run's `train_flops` has them; None where nothing can
    be trained."""

    def count(model: nn.Module, inputs: Any) -> int | None:
        return operations.count(model, inputs).flops("step")

    return _of(family, depth, batch_size, count)


def _of(
    family: Family, depth: int, batch_size: int, count: Callable[[nn.Module, Any], _Result]
) -> _Result:
    with random_state(seed=0):
        try:
            return count(*_made(family, depth, batch_size, device="meta"))
        except Exception:
            return count(*_made(family, depth, batch_size, device="cpu"))


def _made(family: Family, depth: int, batch_size: int, *, device: str) -> tuple[nn.Module, Any]:
    with torch.device(device):
        return family.build(depth), family.example_input(batch_size)
