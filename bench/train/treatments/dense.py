"""Dense connections: each block reads all blocks before it (Huang et al. 2017, arXiv:1608.06993).

There the outputs are concatenated, which takes another network. Here they are averaged, so that any
network whose blocks keep their shape can be its own dense variant, with the same layers.
"""

from collections import OrderedDict

from torch import Tensor, nn

from ...measure.repeated_blocks import repeated_blocks
from .surgery import replaced
from .treatment import Treatment


class DenselyConnected(nn.Sequential):
    """Modules in a row, each given the mean of the input and all outputs of the same shape so far;
    so is what follows. x: any shape that the first module takes."""

    def forward(self, x: Tensor) -> Tensor:
        total, count = x, 1
        for layer in self:
            out = layer(total / count)
            same = out.shape == total.shape
            total, count = (total + out, count + 1) if same else (out, 1)
        return total / count


def dense() -> Treatment:
    """Connects every block of each row of repeated blocks with all before it."""
    return Treatment(prepare=_connect)


def _connect(model: nn.Module, batch: Tensor) -> nn.Module:
    rows = _rows(model)
    if not rows:
        raise ValueError("expected blocks in an nn.Sequential; found none to connect densely")
    new = {row: DenselyConnected(OrderedDict(row.named_children())) for row in rows}
    return replaced(model, batch, new, remedy="dense connections")


def _rows(model: nn.Module) -> list[nn.Module]:
    """Sequential containers, but for the network itself, that hold two repeated blocks or more."""
    blocks = set(repeated_blocks(model))
    return [
        module
        for module in model.modules()
        if module is not model
        and type(module) is nn.Sequential
        and len(blocks.intersection(module.children())) > 1
    ]
