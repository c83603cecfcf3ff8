"""The three passes of a network as callables, and the device and dtype it runs on.

forward   eval mode, no gradient
backward  the backward alone; the forward that it needs belongs to its preparation
step      forward + backward + optimizer

`zero_grad` is preparation in both training passes.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_flatten, tree_map

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


def _nothing() -> None:
    """The preparation of a pass that needs none."""


Loss = Callable[[Any, Any], Tensor]
"""From a network's output and its input to a scalar."""


@dataclass(frozen=True)
class Pass:
    """`run` is what is measured; `prepare` comes before each `run` and is not."""

    run: Callable[[], object]
    prepare: Callable[[], None] = _nothing


def call(model: nn.Module, inputs: Any) -> Any:
    """The network's output for a tensor, a tuple (positional) or a dict (keyword) of tensors."""
    if isinstance(inputs, Mapping):
        return model(**inputs)
    if isinstance(inputs, tuple | list):
        return model(*inputs)
    return model(inputs)


def scalar_loss(output: Any, _inputs: Any = None) -> Tensor:
    """A scalar whose gradient reaches every floating-point output: the sum of their means.

    It stands for the loss of a network that brings none: nearly free, and no labels are needed.

    Raises:
        ValueError: the output holds no floating-point tensor.
    """
    leaves, _ = tree_flatten(dict(output) if isinstance(output, Mapping) else output)
    means = [t.float().mean() for t in leaves if isinstance(t, Tensor) and t.is_floating_point()]
    if not means:
        raise ValueError(f"expected a floating-point tensor as output; got {type(output).__name__}")
    return torch.stack(means).sum() if len(means) > 1 else means[0]


def place(model: nn.Module, inputs: Any, *, device: str, dtype: str) -> tuple[nn.Module, Any]:
    """The model and its input on `device`; floating-point tensors as `dtype`."""
    kind = DTYPES[dtype]

    def move(leaf: Any) -> Any:
        if not isinstance(leaf, Tensor):
            return leaf
        return leaf.to(device, kind if leaf.is_floating_point() else leaf.dtype)

    return model.to(device, kind), tree_map(move, inputs)


def make(
    pass_: str,
    model: nn.Module,
    inputs: Any,
    optimizer: torch.optim.Optimizer | None,
    *,
    loss: Loss = scalar_loss,
) -> Pass:
    """The callables of `pass_`; only a step needs `optimizer`. The model's mode is set for it."""
    model.train(pass_ != "forward")
    if pass_ == "forward":
        return Pass(lambda: _forward(model, inputs))
    if pass_ == "backward":
        return _backward(model, inputs, loss)
    if optimizer is None:
        raise ValueError("a step needs an optimizer")
    return _step(model, inputs, optimizer, loss)


@torch.no_grad()
def _forward(model: nn.Module, inputs: Any) -> Any:
    return call(model, inputs)


def _backward(model: nn.Module, inputs: Any, loss: Loss) -> Pass:
    pending: list[Tensor] = []

    def prepare() -> None:
        model.zero_grad(set_to_none=True)
        pending.append(loss(call(model, inputs), inputs))

    return Pass(lambda: pending.pop().backward(), prepare)


def _step(model: nn.Module, inputs: Any, optimizer: torch.optim.Optimizer, loss: Loss) -> Pass:
    def run() -> None:
        loss(call(model, inputs), inputs).backward()
        optimizer.step()

    return Pass(run, lambda: optimizer.zero_grad(set_to_none=True))
