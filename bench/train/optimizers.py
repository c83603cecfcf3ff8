"""The optimizers by name: a table from name to `(parameters, *, lr, weight_decay) -> Optimizer`.

Lion (Chen et al. 2023, arXiv:2302.06675), which descends by the sign of a momentum, is there where
the optional package `pytorch_optimizer` is.
"""

import importlib.util
from collections.abc import Callable, Mapping
from typing import Any

import torch

from .. import sources

MOMENTUM = 0.9


def _momentum(parameters: Any, **options: Any) -> torch.optim.Optimizer:
    return torch.optim.SGD(parameters, momentum=MOMENTUM, **options)


def _lion(parameters: Any, **options: Any) -> torch.optim.Optimizer:
    from pytorch_optimizer import Lion  # takes seconds to import

    lion: torch.optim.Optimizer = Lion(parameters, **{"foreach": False, **options})
    return lion


OPTIMIZERS: Mapping[str, Callable[..., torch.optim.Optimizer]] = {
    "adamw": torch.optim.AdamW,
    "adam": torch.optim.Adam,
    "rmsprop": torch.optim.RMSprop,
    "sgd": torch.optim.SGD,
    "momentum": _momentum,
    **({"lion": _lion} if importlib.util.find_spec("pytorch_optimizer") else {}),
}

# Those that PyTorch has one kernel for, on a CPU and on a GPU.
FUSED = frozenset({"adamw", "adam", "sgd", "momentum"})


def still(name: str, parameters: list[torch.nn.Parameter], **options: Any) -> torch.optim.Optimizer:
    """The optimizer with a learning rate of zero: it does all its work, and the weights stay."""
    return OPTIMIZERS[name](parameters, lr=0.0, **options)


def package_versions(name: str) -> dict[str, str]:
    """What the optimizer comes from, where that is not PyTorch: package and version."""
    return sources.versions(["pytorch_optimizer"] if name == "lion" else [])
