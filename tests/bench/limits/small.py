"""A small network, its data and its run, and whether a network is as it was."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from bench.limits.evidence import Probe
from bench.records import RunRecord
from tests.bench.fakes import random_state
from tests.bench.train.small import training

WIDTH = 6


def batch(n: int = 32) -> tuple[Tensor, Tensor]:
    """Inputs (n, 6) and labels (n,) of two classes, told apart by the first value."""
    inputs = torch.randn(n, WIDTH, generator=torch.Generator().manual_seed(0))
    return inputs, (inputs[:, 0] > 0).long()


def network(depth: int = 4, *, norm: bool = False) -> nn.Sequential:
    """`depth` weight layers, in hidden blocks that a network repeats and a head."""
    torch.manual_seed(0)
    blocks = [
        nn.Sequential(
            nn.Linear(WIDTH, WIDTH), *([nn.BatchNorm1d(WIDTH)] if norm else []), nn.ReLU()
        )
        for _ in range(depth - 1)
    ]
    return nn.Sequential(nn.Sequential(*blocks), nn.Linear(WIDTH, 2))


def accuracy(model: nn.Module) -> float:
    """The share of the batch that is right, in eval mode; the mode stays."""
    inputs, labels = batch()
    model.eval()
    with torch.no_grad():
        return float((model(inputs).argmax(1) == labels).float().mean())


def run(**changes: Any) -> RunRecord:
    """A run that ended well."""
    about = {"knobs": {}, "status": "ok", "train_accuracy": 0.9, "train_loss": 0.3}
    return RunRecord(**{**training().settings(), **about, **changes})


def values(probes: list[Probe], quantity: str) -> dict[str | None, float | None]:
    """The values of one quantity, by where they were taken."""
    return {probe.at: probe.value for probe in probes if probe.quantity == quantity}


@contextmanager
def left_alone(model: nn.Module) -> Iterator[None]:
    """Fails where weights, buffers, gradients, modes, hooks or global random states differ after
    what runs inside."""
    before = _state(model)
    yield
    assert _state(model) == before


def _state(model: nn.Module) -> list[Any]:
    tensors: list[Callable[[], Any]] = [model.named_parameters, model.named_buffers]
    kept = [(name, tensor.tolist()) for named in tensors for name, tensor in named()]
    gradients = [parameter.grad for parameter in model.parameters()]
    assert gradients == [None] * len(gradients)
    hooks = [
        (len(m._forward_hooks), len(m._forward_pre_hooks), len(m._backward_hooks))
        for m in model.modules()
    ]
    return [kept, hooks, [module.training for module in model.modules()], random_state()]
