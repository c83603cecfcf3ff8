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
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._pytree import tree_map

from .families import Family
from .measure import checkpointing, layers, memory, operations, passes, tracking
from .measure.layers import Part
from .measure.state import random_state
from .measure.tracking import StepPeak
from .records import Cell, Operations
from .specs import InputError, one_line
from .train.optimizers import OPTIMIZERS

# The weights of a real network stay what they were.
_NO_RATE = 0.0

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


def predict_parts(family: Family, cell: Cell, *, timed: bool = False) -> tuple[Part, ...]:
    """FLOPs and saved bytes of each part of the cell's network by its position in depth, without
    variants: on fake tensors, or on real ones where those do not do. When `timed`, each part's
    seconds on the CPU, too, for which the network is run on the cell's number of threads."""
    with random_state(seed=0):
        found = _parts(family, cell)
        if not timed:
            return found
        seconds = _seconds(family, cell)
    return tuple(
        replace(part, forward_seconds=forward, backward_seconds=backward)
        for part in found
        for forward, backward in [seconds.get(part.name, (None, None))]
    )


def _seconds(family: Family, cell: Cell) -> dict[str, tuple[float, float]]:
    """Of each part, forward and backward, with the cell's number of threads."""
    model, inputs = family.build(cell.depth), family.example_input(cell.batch_size)
    model, inputs = passes.place(model, inputs, device="cpu", dtype=cell.dtype)
    before = torch.get_num_threads()
    torch.set_num_threads(cell.threads)
    try:
        return layers.seconds_by_part(model, inputs, device="cpu")
    finally:
        torch.set_num_threads(before)


def _parts(family: Family, cell: Cell) -> tuple[Part, ...]:
    try:
        with torch.device("meta"):
            model, inputs = family.build(cell.depth), family.example_input(cell.batch_size)
        model, inputs = passes.place(model, inputs, device="meta", dtype=cell.dtype)
        flops = layers.flops_by_part(model, inputs)
        with FakeTensorMode():
            model, inputs = _on_cpu(model).train(), tree_map(_like, inputs)
            return layers.cost_by_part(model, inputs, flops=flops)
    except Exception:
        model, inputs = family.build(cell.depth), family.example_input(cell.batch_size)
        model, inputs = passes.place(model, inputs, device="cpu", dtype=cell.dtype)
        return layers.cost_by_part(model.train(), inputs)


def _on_fakes(family: Family, optimizer: str, cell: Cell) -> Prediction:
    with torch.device("meta"):
        model, inputs = family.build(cell.depth), family.example_input(cell.batch_size)
    model, inputs = _as_asked(model, inputs, cell, device="meta")
    counted = operations.count(model, inputs)
    with FakeTensorMode():
        model, inputs = _on_cpu(model), tree_map(_like, inputs)
        return _of(model, inputs, counted, family.loss, optimizer, cell)


def _on_real(family: Family, optimizer: str, cell: Cell) -> Prediction:
    _check_room(family, cell)
    model, inputs = family.build(cell.depth), family.example_input(cell.batch_size)
    model, inputs = _as_asked(model, inputs, cell, device="cpu")
    counted = operations.count(model, inputs)
    return _of(model, inputs, counted, family.loss, optimizer, cell)


def _check_room(family: Family, cell: Cell) -> None:
    """Weights and gradients must fit, as far as their size is known."""
    try:
        with torch.device("meta"):
            needed = 2 * memory.tensor_bytes(list(family.build(cell.depth).parameters()))
    except Exception:
        return
    free = psutil.virtual_memory().available
    if needed > free:
        raise InputError(
            f"{family.name} at depth {cell.depth} does not run on fake tensors, and needs more "
            f"than {needed:,} bytes of real ones; {free:,} are free"
        )


def _as_asked(model: nn.Module, inputs: Any, cell: Cell, *, device: str) -> tuple[nn.Module, Any]:
    if not any(p.requires_grad for p in model.parameters()):
        raise InputError(f"{cell.family} has no parameter that needs a gradient: nothing to train")
    if "checkpointing" in cell.variants and _has_blocks(model):
        checkpointing.apply(model)
    return passes.place(model, inputs, device=device, dtype=cell.dtype)


def _of(
    model: nn.Module,
    inputs: Any,
    counted: Operations,
    loss: passes.Loss,
    optimizer: str,
    cell: Cell,
) -> Prediction:
    saved_bytes, warnings = _trained_on(model.train(), inputs, cell)
    on_cuda = cell.device.startswith("cuda")
    trained = [p for p in model.parameters() if p.requires_grad]
    checkpointed = "checkpointing" in cell.variants and _has_blocks(model)
    if "checkpointing" in cell.variants and not checkpointed:
        warnings += (f"{cell.family} has no repeated blocks to checkpoint at depth {cell.depth}",)
    return Prediction(
        parameters=operations.parameter_count(model),
        operations=counted,
        activation_bytes=None if checkpointed else saved_bytes,
        peak=tracking.step_peak(
            model,
            inputs,
            OPTIMIZERS[optimizer](trained, lr=_NO_RATE, foreach=on_cuda),
            loss=loss,
            block_bytes=tracking.CUDA_BLOCK_BYTES if on_cuda else 1,
        ),
        warnings=warnings,
    )


def _has_blocks(model: nn.Module) -> bool:
    return any(True for _ in checkpointing.blocks(model))


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


def _on_cpu(model: nn.Module) -> nn.Module:
    """`model` with tensors on the CPU instead of the meta device, in place; shared ones stay so."""
    made: dict[Tensor, Tensor] = {}

    def put(table: dict[str, Any]) -> None:
        for name, tensor in table.items():
            if tensor is not None:
                made[tensor] = made[tensor] if tensor in made else _like(tensor)
                table[name] = made[tensor]

    for module in model.modules():
        put(module._parameters)
        put(module._buffers)
    return model


def _like(leaf: Any) -> Any:
    """A tensor of the same kind on the CPU; what is no tensor stays."""
    if not isinstance(leaf, Tensor):
        return leaf
    tensor = torch.empty_strided(leaf.shape, leaf.stride(), dtype=leaf.dtype, device="cpu")
    if isinstance(leaf, nn.Parameter):
        return nn.Parameter(tensor, requires_grad=leaf.requires_grad)
    return tensor
