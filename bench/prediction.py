"""Predicts what a training step costs before it is run: FLOPs, and memory by what holds it.

FLOPs are counted on the meta device, memory is followed on fake tensors: nothing is computed and
nothing allocated. On fake tensors operators run as they do on a CPU, so that attention keeps what a
fused kernel keeps; the meta device would take it apart.

Left out are the workspaces of kernels. The running statistics of a batch norm that cannot train on
one row are used instead of the row's own, which takes as much memory.
"""

from dataclasses import dataclass, replace
from typing import Any

import psutil
import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode

from .families import Family
from .measure import checkpointing, fake_twins, memory, operations, passes, tracking
from .measure.state import random_state
from .measure.tracking import StepPeak
from .points import Cell
from .records import Operations
from .specs import InputError, one_line
from .train.optimizers import still

# They refuse to train on one value a channel.
_BATCH_NORM = nn.modules.batchnorm._BatchNorm

# Characters of an error's text that stand in a warning.
_LONGEST_REASON = 100


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """What one training step of a cell would cost.

    Attributes:
        activation_bytes: saved for the backward by one forward pass; None under checkpointing,
            where the blocks' inputs are kept in another way.
        measured: on real tensors, because the network does not run on fake ones.
        warnings: what was done otherwise than asked, and why.
    """

    parameters: int
    operations: Operations
    activation_bytes: int | None
    peak: StepPeak
    measured: bool = False
    warnings: tuple[str, ...] = ()


def predict(family: Family, optimizer: str, cell: Cell) -> Prediction:
    """The prediction for one step of `cell`; where the network needs real tensors, measured on
    these, which a warning says. With checkpointing and no repeated blocks it is as without.

    With `cuda` as the device sizes are rounded up as its allocator does, and the optimizer works on
    all parameters at once, as it does there by default; what kernels take beside their tensors is
    not known. No GPU is needed.

    The global random states are left as they were.

    Raises:
        InputError: the family refuses the depth, nothing can be trained, or the network needs real
            tensors and more than the machine has memory free.
    """
    with random_state(seed=0):
        try:
            return _on_fakes(family, optimizer, cell)
        except InputError:
            raise
        except Exception as error:
            why = f"does not run on fake tensors ({one_line(error)[:_LONGEST_REASON]})"
        family.check_depth(cell.depth)
        prediction = _on_real(family, optimizer, cell)
    warning = f"{family.name} {why}: measured on real ones"
    return replace(prediction, measured=True, warnings=(*prediction.warnings, warning))


def made(family: Family, cell: Cell, *, device: str) -> tuple[nn.Module, Any]:
    """The cell's network and input on `meta` or `cpu`, in its dtype, as written."""
    family = family.at_width(cell.width)
    with torch.device(device):
        model, inputs = family.build(cell.depth), family.example_input(cell.batch_size)
    return passes.place(model, inputs, device=device, dtype=cell.dtype)


def _on_fakes(family: Family, optimizer: str, cell: Cell) -> Prediction:
    model, inputs = made(family, cell, device="meta")
    blocks = _prepared(model, cell)
    counted = operations.count(model, inputs, loss=family.loss)
    with FakeTensorMode():
        model, inputs = fake_twins.on_cpu(model, inputs)
        return _of(model, inputs, counted, family.loss, optimizer, cell, blocks)


def _on_real(family: Family, optimizer: str, cell: Cell) -> Prediction:
    check_room(family, cell)
    model, inputs = made(family, cell, device="cpu")
    blocks = _prepared(model, cell)
    counted = operations.count(model, inputs, loss=family.loss)
    return _of(model, inputs, counted, family.loss, optimizer, cell, blocks)


def check_room(family: Family, cell: Cell) -> None:
    """Weights and gradients must fit, as far as their size is known."""
    try:
        with torch.device("meta"):
            model = family.at_width(cell.width).build(cell.depth)
            needed = 2 * memory.tensor_bytes(list(model.parameters()))
    except Exception:
        return
    free = psutil.virtual_memory().available
    if needed > free:
        raise InputError(
            f"{family.name} at depth {cell.depth} does not run on fake tensors, and needs more "
            f"than {needed:,} bytes of real ones; {free:,} are free"
        )


def _prepared(model: nn.Module, cell: Cell) -> int:
    """The number of blocks that are checkpointed now."""
    if not any(p.requires_grad for p in model.parameters()):
        raise InputError(f"{cell.family} has no parameter that needs a gradient: nothing to train")
    return checkpointing.apply(model) if "checkpointing" in cell.variants else 0


def _of(
    model: nn.Module,
    inputs: Any,
    counted: Operations,
    loss: passes.Loss,
    optimizer: str,
    cell: Cell,
    checkpointed_blocks: int,
) -> Prediction:
    saved_bytes, warnings = _trained_on(model.train(), inputs, cell)
    on_cuda = cell.device.startswith("cuda")
    trained = [p for p in model.parameters() if p.requires_grad]
    if "checkpointing" in cell.variants and not checkpointed_blocks:
        warnings += (f"{cell.family} at depth {cell.depth} has {checkpointing.NO_BLOCKS}",)
    return Prediction(
        parameters=operations.parameter_count(model),
        operations=counted,
        activation_bytes=None if checkpointed_blocks else saved_bytes,
        peak=tracking.step_peak(
            model,
            inputs,
            still(optimizer, trained, foreach=on_cuda),
            loss=loss,
            block_bytes=tracking.CUDA_BLOCK_BYTES if on_cuda else 1,
        ),
        warnings=warnings,
    )


def _trained_on(model: nn.Module, inputs: Any, cell: Cell) -> tuple[int, tuple[str, ...]]:
    """Bytes saved by a forward pass, and what it took: on one row some batch norms cannot train."""
    try:
        return memory.saved_bytes(model, inputs), ()
    except ValueError:
        norms = [m for m in model.modules() if isinstance(m, _BATCH_NORM)]
        if cell.batch_size > 1 or not norms:
            raise
    for norm in norms:
        norm.eval()
    why = "cannot be trained on one row: predicted with batch norms in eval mode"
    return memory.saved_bytes(model, inputs), (f"{cell.family} {why}; take 2 rows or more",)
