"""Dense connections: each block reads all blocks before it (Huang et al. 2017, arXiv:1608.06993).

There the outputs are concatenated, which takes another network. Here they are averaged, so that any
network whose blocks keep their shape can be its own dense variant, with the same layers.
"""

from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from ...measure.repeated_blocks import repeated_blocks
from .treatment import Treatment


class DenselyConnected(nn.Sequential):
    """Modules in a row, each given the mean of the input and all outputs of the same shape so far;
    so is what follows."""

    def forward(self, x: Tensor) -> Tensor:
        total, count = x, 1
        for layer in self:
            out = layer(total / count)
            same = out.shape == total.shape
            total, count = (total + out, count + 1) if same else (out, 1)
        return total / count


def dense() -> Treatment:
    """Connects every block of each row of repeated blocks with all before it."""
    return Treatment(prepare=partial(_connect))


def _connect(model: nn.Module, batch: Tensor) -> nn.Module:
    rows = _rows(model)
    if not rows:
        raise ValueError("expected blocks in an nn.Sequential; found none to connect densely")
    for name, row in rows.items():
        new = DenselyConnected()
        new.training = row.training
        for child_name, child in row.named_children():
            new.add_module(child_name, child)
        _put(model, name, new)
    with torch.no_grad():
        training = model.training
        model.eval()(batch[:1])
        model.train(training)
    return model


def _rows(model: nn.Module) -> dict[str, nn.Sequential]:
    """Sequential containers, but for the network itself, that hold two repeated blocks or more."""
    blocks = set(repeated_blocks(model))
    return {
        name: module
        for name, module in model.named_modules()
        if name
        and type(module) is nn.Sequential
        and len(blocks.intersection(module.children())) > 1
    }


def _put(model: Any, name: str, module: nn.Module) -> None:
    parent, _, last = name.rpartition(".")
    setattr(model.get_submodule(parent), last, module)
