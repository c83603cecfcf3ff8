"""Predicts what a training step costs before it is run: FLOPs, and memory by what holds it.

FLOPs are counted on the meta device, memory is followed on fake tensors: nothing is computed and
nothing allocated. On fake tensors operators run as they do on a CPU, so that attention keeps what a
fused kernel keeps; the meta device would take it apart.
"""

from dataclasses import dataclass, replace
from typing import Any

import psutil
import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._pytree import tree_map

from .families import Family
from .measure import checkpointing, memory, operations, passes, tracking
from .measure.state import random_state
from .records import Cell, Operations, Peak
from .specs import InputError, one_line
from .train.optimizers import OPTIMIZERS

# The weights of a real network stay what they were.
_NO_RATE = 0.0

# Characters of an error's text that stand in a warning.
_LONGEST_REASON = 100


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """What one training step of a cell would cost.

    Attributes:
        activation_bytes: saved for the backward by one forward pass; None under checkpointing,
            where the blocks' inputs are kept in another way.
        warnings: what had to be measured on real tensors, and why.
    """

    parameters: int
    operations: Operations
    activation_bytes: int | None
    peak: Peak
    warnings: tuple[str, ...] = ()


def predict(family: Family, optimizer: str, cell: Cell) -> Prediction:
    """The prediction for one step of `cell`; where the network needs real tensors, measured on
    these, which a warning says.

    With `cuda` as the device sizes are rounded up as its allocator does, and the optimizer works on
    all parameters at once, as it does there by default; what kernels take beside their tensors is
    not known. No GPU is needed.

    Raises:
        InputError: the network needs real tensors, and more than the machine has memory free.
        ValueError: nothing can be trained or, with checkpointing, no block is repeated.
    """
    try:
        return _on_fakes(family, optimizer, cell)
    except Exception as error:
        with random_state(seed=0):
            prediction = _on_real(family, optimizer, cell)
        why = f"does not run on fake tensors ({one_line(error)[:_LONGEST_REASON]})"
        warning = f"{family.name} at depth {cell.depth} {why}: measured on real ones"
        return replace(prediction, warnings=(warning,))


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
        raise ValueError(f"{cell.family} has no parameter that needs a gradient: nothing to train")
    if "checkpointing" in cell.variants:
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
    model.train()
    on_cuda = cell.device.startswith("cuda")
    trained = [p for p in model.parameters() if p.requires_grad]
    checkpointed = "checkpointing" in cell.variants
    return Prediction(
        parameters=operations.parameter_count(model),
        operations=counted,
        activation_bytes=None if checkpointed else memory.saved_bytes(model, inputs),
        peak=tracking.step_peak(
            model,
            inputs,
            OPTIMIZERS[optimizer](trained, lr=_NO_RATE, foreach=on_cuda),
            loss=loss,
            block_bytes=tracking.CUDA_BLOCK_BYTES if on_cuda else 1,
        ),
    )


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
