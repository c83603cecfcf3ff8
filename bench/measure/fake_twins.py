"""Turns a network on the meta device into one of fake tensors on the CPU, under `FakeTensorMode`.

Built under that mode directly, a network could not be moved to another dtype.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_map


def on_cpu(model: nn.Module, inputs: Any) -> tuple[nn.Module, Any]:
    """The model, changed in place, and its input with tensors on the CPU; shared ones stay so."""
    made: dict[Tensor, Tensor] = {}

    def put(table: dict[str, Any]) -> None:
        for name, tensor in table.items():
            if tensor is not None:
                made[tensor] = made[tensor] if tensor in made else _like(tensor)
                table[name] = made[tensor]

    for module in model.modules():
        put(module._parameters)
        put(module._buffers)
    return model, tree_map(_like, inputs)


def _like(leaf: Any) -> Any:
    """A tensor of the same kind on the CPU; what is no tensor stays."""
    if not isinstance(leaf, Tensor):
        return leaf
    tensor = torch.empty_strided(leaf.shape, leaf.stride(), dtype=leaf.dtype, device="cpu")
    if isinstance(leaf, nn.Parameter):
        return nn.Parameter(tensor, requires_grad=leaf.requires_grad)
    return tensor
