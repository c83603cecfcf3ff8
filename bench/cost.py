"""Measures one cell: first tried in a child process, which counts and weighs it, then timed."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import nn

from . import families
from .families import Family
from .measure import cross_check, kernels, latency, machine, memory, operations, passes
from .measure.conditions import Conditions, watched
from .measure.state import random_state
from .records import Cell, Facts, Operations
from .specs import one_line
from .train.optimizers import OPTIMIZERS

# A learning rate of zero: the step does all its work, and the weights stay what they were.
_NO_RATE = 0.0


class Fixture(Protocol):
    """What is used of the pytest-benchmark fixture."""

    def __call__(self, function: Callable[[], object]) -> object: ...


@dataclass(frozen=True)
class Prepared:
    """A network with its input on the cell's device, and its pass. `optimizer` is None where
    nothing can be trained."""

    model: nn.Module
    inputs: Any
    optimizer: torch.optim.Optimizer | None
    pass_: passes.Pass


def prepare(family: Family, optimizer: str, cell: Cell) -> Prepared:
    """The cell's network, built and filled with seed 0."""
    with random_state(seed=0):
        model, inputs = family.build(cell.depth), family.example_input(cell.batch_size)
    model, inputs = passes.place(model, inputs, device=cell.device, dtype=cell.dtype)
    trained = [p for p in model.parameters() if p.requires_grad]
    if cell.pass_ != "forward" and not trained:
        raise ValueError(f"no parameter needs a gradient: {cell.pass_} has nothing to do")
    stepper = OPTIMIZERS[optimizer](trained, lr=_NO_RATE) if trained else None
    return Prepared(model, inputs, stepper, passes.make(cell.pass_, model, inputs, stepper))


def weigh(cell: Cell, input_shape: tuple[int, ...], classes: int, optimizer: str) -> Facts:
    """Count the cell's operations and measure its memory. To be called in a child process."""
    torch.set_num_threads(cell.threads)
    family = families.find(cell.family).for_task(input_shape=input_shape, classes=classes)
    network = prepare(family, optimizer, cell)
    model, inputs = network.model, network.inputs
    counted = operations.count(model, inputs)
    warnings = _cross_checked(model, inputs, counted) if cell.pass_ == "forward" else []
    saved = 0 if cell.pass_ == "forward" else memory.saved_bytes(model, inputs)
    peak = memory.peak(network.pass_, model, inputs, network.optimizer, device=cell.device)
    return Facts(
        parameters=operations.parameter_count(model),
        flops=counted.flops(cell.pass_),
        uncounted_ops=counted.uncounted_ops,
        activation_bytes=saved,
        peak_bytes=peak.peak_bytes,
        peak_source=peak.source,
        warnings=(*warnings, *peak.warnings, *_notes(counted.device)),
    )


def time_cell(
    family: Family, optimizer: str, cell: Cell, benchmark: Fixture, clock: latency.Clock
) -> Conditions:
    """Time the cell through the fixture, whose timer `clock` must be."""
    pass_ = prepare(family, optimizer, cell).pass_
    iteration = latency.timed(pass_, clock, machine.synchronizer(cell.device))
    latency.warm_up(iteration, clock)
    return watched(
        lambda: benchmark(iteration),
        reference=lambda: kernels.matmul_seconds(cell.device, cell.dtype),
    )


def _cross_checked(model: nn.Module, inputs: Any, counted: Operations) -> list[str]:
    try:
        warning = cross_check.compare(counted, cross_check.fvcore_macs(model, inputs))
    except Exception as error:  # fvcore's tracer fails in many ways on odd networks
        warning = f"fvcore cannot cross-check this network: {one_line(error)[:100]}"
    return [warning] if warning else []


def _notes(counted_on: str) -> list[str]:
    if counted_on == "meta":
        return []
    return [f"this network does not run on the meta device: counted on {counted_on}"]
