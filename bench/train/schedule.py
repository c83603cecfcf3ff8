"""The optimizer of a training with its learning-rate schedule: one cycle (Smith and Topin 2017)."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from ..points import Training
from .optimizers import FUSED, OPTIMIZERS

# The share of the steps in which the learning rate rises; PyTorch's own.
WARM_UP = 0.3


def scheduled(
    parameters: Mapping[float, Sequence[Tensor]],
    training: Training,
    *,
    steps: int,
    warm_up: float = WARM_UP,
    fused: bool,
) -> tuple[torch.optim.Optimizer, torch.optim.lr_scheduler.OneCycleLR]:
    """The optimizer of a training and its learning-rate schedule.

    Args:
        parameters: by the highest learning rate of their schedule.
        fused: one kernel for all parameters, where the optimizer has one.
    """
    # The scale of fp16's gradients is not for a kernel on a CPU to undo.
    one_kernel = fused and training.optimizer in FUSED and training.dtype != "fp16"
    for group in parameters.values():  # nor are complex weights for any kernel
        one_kernel = one_kernel and all(each.dtype.is_floating_point for each in group)
    optimizer = OPTIMIZERS[training.optimizer](
        [{"params": list(group), "lr": rate} for rate, group in parameters.items()],
        lr=training.learning_rate,
        weight_decay=training.weight_decay,
        **({"fused": True} if one_kernel else {}),
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer,
        max_lr=list(parameters),
        total_steps=steps,
        pct_start=warm_up,
        # It would give every optimizer that has a momentum at all, 0 included, one of 0.95.
        cycle_momentum="betas" in optimizer.defaults,
    )
    return optimizer, schedule
