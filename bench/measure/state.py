"""Keeps what a measurement touches: the user's model and the global random states."""

import random
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import numpy as np
import torch
from torch import Tensor, nn


@contextmanager
def random_state(*, seed: int | None = None, device: str = "cpu") -> Iterator[None]:
    """Inside, the global generators of PyTorch, NumPy and Python start from `seed` (or go on);
    afterwards they are as before."""
    numpy_state, python_state = np.random.get_state(), random.getstate()
    devices = [device] if device.startswith("cuda") else []
    with torch.random.fork_rng(devices=devices):
        try:
            if seed is not None:
                torch.manual_seed(seed)
                np.random.seed(seed)
                random.seed(seed)
            yield
        finally:
            np.random.set_state(numpy_state)
            random.setstate(python_state)


@contextmanager
def left_as_found(model: nn.Module) -> Iterator[None]:
    """Afterwards the modes and buffers of `model` and the global random states are as before.

    Buffers count by their values and by their place: `self.average = …` is undone too.
    """
    modules = [(module, module.training, dict(module._buffers)) for module in model.modules()]
    values = [(b, b.detach().clone()) for b in model.buffers() if not b.is_meta]
    with random_state(), ExitStack() as stack:
        stack.callback(_put_back, modules, values)
        yield


def _put_back(
    modules: list[tuple[nn.Module, bool, dict[str, Tensor | None]]],
    values: list[tuple[Tensor, Tensor]],
) -> None:
    for module, training, buffers in modules:
        module.training = training
        module._buffers.clear()
        module._buffers.update(buffers)
    with torch.no_grad():
        for buffer, value in values:
            buffer.detach().copy_(value)
