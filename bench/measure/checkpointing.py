"""Activation checkpointing for any network: its repeated blocks keep only their inputs.

In the backward each block is run forward once more (Chen et al. 2016, "Training deep nets with
sublinear memory cost", arXiv:1604.06174), so that memory is paid for with FLOPs. Gradients are the
same to the last bit; the running statistics of a batch norm in a block are updated twice a step.
"""

import functools
from collections import Counter
from collections.abc import Iterator

from torch import nn
from torch.utils.checkpoint import checkpoint

_CONTAINERS = (nn.Sequential, nn.ModuleList, nn.ModuleDict)


def apply(model: nn.Module) -> int:
    """Checkpoint the repeated blocks of `model`, in place; the number of blocks.

    Raises:
        ValueError: the model has no repeated blocks.
    """
    found = list(dict.fromkeys(blocks(model)))
    if not found:
        raise ValueError(
            "no repeated blocks to checkpoint: expected an nn.Sequential or nn.ModuleList of two "
            "or more blocks that are alike"
        )
    for block in found:
        block.forward = functools.partial(checkpoint, block.forward, use_reentrant=False)
    return len(found)


def blocks(model: nn.Module) -> Iterator[nn.Module]:
    """The repeated blocks: of the outermost containers in which two or more children are alike and
    hold layers themselves, all children that do. A block in two containers is given twice."""
    if isinstance(model, _CONTAINERS) and _repeats(model):
        yield from filter(_holds_layers, model.children())
        return
    for child in model.children():
        yield from blocks(child)


def _repeats(container: nn.Module) -> bool:
    kinds = Counter(_kind(child) for child in container.children() if _holds_layers(child))
    return any(n > 1 for n in kinds.values())


def _holds_layers(module: nn.Module) -> bool:
    return any(True for _ in module.children()) or not type(module).__module__.startswith("torch.")


def _kind(module: nn.Module) -> tuple[object, ...]:
    """Modules of one class are alike; containers, if what they hold is alike."""
    if not isinstance(module, _CONTAINERS):
        return (type(module),)
    return (type(module), *map(_kind, module.children()))
