"""Activation checkpointing for any network: its repeated blocks keep only their inputs.

In the backward each block is run forward once more (Chen et al. 2016, "Training deep nets with
sublinear memory cost", arXiv:1604.06174), so that memory is paid for with FLOPs. Gradients are the
same to the last bit; the running statistics of a batch norm in a block are updated twice a step.
"""

import functools

from torch import nn
from torch.utils.checkpoint import checkpoint

from .repeated_blocks import repeated_blocks

NO_BLOCKS = (
    "no repeated blocks to checkpoint (an nn.Sequential or nn.ModuleList of two or more that are "
    "alike): run as without checkpointing"
)


def apply(model: nn.Module) -> int:
    """Checkpoint the repeated blocks of `model`, in place; the number of blocks, maybe none."""
    found = repeated_blocks(model)
    for block in found:
        block.forward = functools.partial(checkpoint, block.forward, use_reentrant=False)
    return len(found)
