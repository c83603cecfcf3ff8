"""A treatment: what one remedy changes in the training of any network.

Remedies are switched on alone, so that what they recover can be booked to them. Some are knobs of
a family; where a family has no such knob, the remedy is a treatment. What a treatment leaves alone
is None, and a treatment in which all is None changes nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True, kw_only=True)
class Treatment:
    """What one remedy changes in a training; what it leaves alone is None.

    Attributes:
        prepare: surgery on the fresh network, in place, given a batch of training inputs; returns
            the network to train. Its draws come from PyTorch's global generator. It raises
            `ValueError` where the network has no place for the remedy.
        augment: from the inputs of a training batch to changed inputs of the same shape; the
            generator alone determines the draws.
        penalty: a scalar of the network's parameters, added to the loss.
        after_backward: changes the unscaled gradients of the parameters before the optimizer's
            step, in place.
        rows: trains on the first so many rows only.
        warmup: share of the steps in which the learning rate rises.
    """

    prepare: Callable[[nn.Module, Tensor], nn.Module] | None = None
    augment: Callable[[Tensor, torch.Generator], Tensor] | None = None
    penalty: Callable[[nn.Module], Tensor] | None = None
    after_backward: Callable[[list[nn.Parameter]], None] | None = None
    rows: int | None = None
    warmup: float | None = None
