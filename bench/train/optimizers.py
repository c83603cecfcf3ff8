"""The optimizers by name: a table from name to `(parameters, *, lr, weight_decay) -> Optimizer`."""

from collections.abc import Callable, Mapping
from typing import Any

import torch

MOMENTUM = 0.9

OPTIMIZERS: Mapping[str, Callable[..., torch.optim.Optimizer]] = {
    "adamw": torch.optim.AdamW,
    "adam": torch.optim.Adam,
    "rmsprop": torch.optim.RMSprop,
    "sgd": torch.optim.SGD,
    "momentum": lambda params, **options: torch.optim.SGD(params, momentum=MOMENTUM, **options),
}


def still(name: str, parameters: list[torch.nn.Parameter], **options: Any) -> torch.optim.Optimizer:
    """The optimizer with a learning rate of zero: it does all its work, and the weights stay."""
    return OPTIMIZERS[name](parameters, lr=0.0, **options)
