"""Predicts what each part of a network costs by its position in depth; times it on request."""

from dataclasses import replace

import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from .families import Family
from .measure import fake_twins, layers
from .measure.layers import Part
from .measure.state import random_state
from .points import Cell
from .prediction import check_room, made


def predict_parts(
    family: Family, cell: Cell, *, real: bool = False, timed: bool = False
) -> tuple[Part, ...]:
    """FLOPs and saved bytes of each part of the cell's network as written, without variants.

    Args:
        real: on real tensors, as `predict` found to be necessary; else on fake ones.
        timed: each part's seconds on the CPU, too, for which the network is run on the cell's
            number of threads.

    Raises:
        InputError: real tensors are needed, and more than the machine has memory free.
    """
    with random_state(seed=0):
        found = _on_real(family, cell) if real else _on_fakes(family, cell)
        seconds = _seconds(family, cell) if timed else {}
    return tuple(
        replace(part, forward_seconds=forward, backward_seconds=backward)
        for part in found
        for forward, backward in [seconds.get(part.name, (None, None))]
    )


def _on_real(family: Family, cell: Cell) -> tuple[Part, ...]:
    check_room(family, cell)
    model, inputs = made(family, cell, device="cpu")
    flops = layers.flops_by_part(model, inputs, loss=family.loss)
    return layers.cost_by_part(model.train(), inputs, flops=flops)


def _on_fakes(family: Family, cell: Cell) -> tuple[Part, ...]:
    model, inputs = made(family, cell, device="meta")
    flops = layers.flops_by_part(model, inputs, loss=family.loss)
    with FakeTensorMode():
        model, inputs = fake_twins.on_cpu(model, inputs)
        return layers.cost_by_part(model.train(), inputs, flops=flops)


def _seconds(family: Family, cell: Cell) -> dict[str, tuple[float, float]]:
    """Of each part, forward and backward, with the cell's number of threads."""
    model, inputs = made(family, cell, device="cpu")
    before = torch.get_num_threads()
    torch.set_num_threads(cell.threads)
    try:
        return layers.seconds_by_part(model, inputs, device="cpu", loss=family.loss)
    finally:
        torch.set_num_threads(before)
