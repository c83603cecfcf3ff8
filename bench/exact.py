"""Counts of a network that have no noise: the same on every machine, today and tomorrow.

FLOPs are counted on the meta device, the rest on fake tensors: nothing is computed, so that neither
threads nor the CPU's kernels have a say. A network that needs values runs on real ones, filled with
seed 0. With another release of PyTorch its operators, and what they save, may be others.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode

from .families import Family
from .measure import dispatched, fake_twins, operations
from .measure.output_shapes import shape_text
from .measure.passes import DTYPES
from .measure.state import random_state
from .options import DEFAULT_DEPTHS
from .points import Cell
from .prediction import check_room, made
from .records import Operations
from .specs import InputError, one_line

# A change of a block shows at any depth, and three say how it grows.
MOST_DEPTHS = 3


@dataclass(frozen=True, kw_only=True)
class Counts:
    """Of one batch. One multiply-add is two FLOPs; null where nothing needs a gradient.

    Attributes:
        flops_forward, flops_backward: what the network needs.
        hardware_flops_step: forward and backward, with what checkpointing computes again.
        activation_bytes: saved for the backward, each storage once, less parameters and buffers.
        output_shapes: such as `8x10`; see `output_shapes.shape_text`.
        operators_forward, operators_training, operators_backward: calls by operator, of the forward
            in eval mode, the forward in training mode, and loss and backward.
        uncounted_ops: operators whose FLOPs are not known.
    """

    parameters: int
    flops_forward: int
    flops_backward: int | None
    hardware_flops_step: int | None
    activation_bytes: int
    output_shapes: str
    operators_forward: Mapping[str, int]
    operators_training: Mapping[str, int]
    operators_backward: Mapping[str, int] | None
    uncounted_ops: str


def depths(family: Family) -> tuple[int, ...]:
    """The three shallowest of those that the family names (of 2, 4, 8, 16, 32 where it names none):
    the time that counting takes grows with the number of operators."""
    return tuple(sorted(family.depths or DEFAULT_DEPTHS)[:MOST_DEPTHS])


def count(family: Family, depth: int, *, batch_size: int, dtype: str) -> Counts:
    """The counts of the family's network of that depth, whose optimizer is left out.

    The global random states are left as they were.

    Raises:
        InputError: an unknown dtype, or the network cannot be built, run or trained at that depth.
    """
    if dtype not in DTYPES:
        raise InputError(f"unknown dtype {dtype!r}; known: {', '.join(DTYPES)}")
    cell = Cell(
        family=family.name,
        depth=depth,
        pass_="step",
        batch_size=batch_size,
        dtype=dtype,
        device="cpu",
        threads=1,
    )
    try:
        return _on_fakes(family, cell)
    except (Exception, SystemExit):  # what needs values, or fails anyway
        try:
            return _on_real(family, cell)
        except (Exception, SystemExit) as error:
            raise InputError(f"{family.name} at depth {depth}: {one_line(error)}") from error


def _on_fakes(family: Family, cell: Cell) -> Counts:
    with random_state(seed=0):
        model, inputs = made(family, cell, device="meta")
        counted = operations.count(model, inputs, loss=family.loss)
        with FakeTensorMode():
            model, inputs = fake_twins.on_cpu(model, inputs)
            return _of(model, inputs, counted, family, cell)


def _on_real(family: Family, cell: Cell) -> Counts:
    check_room(family, cell)
    with random_state(seed=0):
        model, inputs = made(family, cell, device="cpu")
        with dispatched.alike_everywhere():
            counted = operations.count(model, inputs, loss=family.loss)
        return _of(model, inputs, counted, family, cell)


def _of(model: nn.Module, inputs: Any, counted: Operations, family: Family, cell: Cell) -> Counts:
    ran = dispatched.dispatched(model, inputs, loss=family.loss)
    return Counts(
        parameters=operations.parameter_count(model),
        flops_forward=counted.forward_flops,
        flops_backward=counted.backward_flops,
        hardware_flops_step=counted.hardware_flops("step"),
        activation_bytes=ran.saved_bytes,
        output_shapes=shape_text(ran.output, DTYPES[cell.dtype]),
        operators_forward=ran.forward,
        operators_training=ran.training,
        operators_backward=ran.backward,
        uncounted_ops=", ".join(counted.uncounted_ops),
    )
