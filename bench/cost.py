"""Measures one cell: first tried in a child process, which counts and weighs it, then timed."""

from collections.abc import Callable
from typing import Any, Protocol

import torch

from . import families
from .families import Family
from .measure import (
    conditions,
    cross_check,
    kernels,
    latency,
    machine,
    memory,
    operations,
    passes,
)
from .measure.state import random_state
from .records import Cell, Facts
from .train.trainer import OPTIMIZERS

# A learning rate of zero: the step does all its work, and the weights stay what they were.
_NO_RATE = 0.0


class Fixture(Protocol):
    """What is used of the pytest-benchmark fixture."""

    def __call__(self, function: Callable[[], object]) -> object: ...


def inspect(
    family_spec: str, input_shape: tuple[int, ...], classes: int, optimizer: str, cell: Cell
) -> Facts:
    """Count the cell's operations and measure its memory. To be called in a child process."""
    torch.set_num_threads(cell.threads)
    family = families.find(family_spec).for_task(input_shape=input_shape, classes=classes)
    model, inputs, pass_, stepper = prepared(family, optimizer, cell)
    counted = operations.count(model, inputs)
    warnings = _cross_checked(model, inputs, counted) if cell.pass_ == "forward" else []
    saved = 0 if cell.pass_ == "forward" else memory.saved_bytes(model, inputs)
    peak = memory.peak(pass_, model, inputs, stepper, device=cell.device)
    return Facts(
        parameters=operations.parameter_count(model),
        flops=counted.flops(cell.pass_),
        uncounted_ops=counted.uncounted_ops,
        activation_bytes=saved,
        peak_bytes=peak.peak_bytes,
        peak_source=peak.source,
        warnings=(*warnings, *peak.warnings, *_notes(counted.device)),
    )


def time(
    family: Family, optimizer: str, cell: Cell, benchmark: Fixture, clock: latency.Clock
) -> conditions.Conditions:
    """Time the cell through the fixture, whose timer `clock` must be."""
    _, _, pass_, _ = prepared(family, optimizer, cell)
    iteration = latency.timed(pass_, clock, machine.synchronizer(cell.device))
    latency.warm_up(iteration, clock)
    with conditions.watch(lambda: kernels.matmul_seconds(cell.device, cell.dtype)) as found:
        benchmark(iteration)
    return found


def prepared(
    family: Family, optimizer: str, cell: Cell
) -> tuple[torch.nn.Module, Any, passes.Pass, torch.optim.Optimizer]:
    """The network with seed 0 and its input on the cell's device, and its pass."""
    with random_state(seed=0):
        model, inputs = family.build(cell.depth), family.example_input(cell.batch_size)
    model, inputs = passes.place(model, inputs, device=cell.device, dtype=cell.dtype)
    stepper = OPTIMIZERS[optimizer](model.parameters(), lr=_NO_RATE)
    return model, inputs, passes.make(cell.pass_, model, inputs, stepper), stepper


def _cross_checked(model: torch.nn.Module, inputs: Any, counted: Any) -> list[str]:
    try:
        warning = cross_check.compare(counted, cross_check.fvcore_macs(model, inputs))
    except Exception as error:
        warning = f"fvcore cannot cross-check this network: {type(error).__name__}"
    return [warning] if warning else []


def _notes(counted_on: str) -> list[str]:
    if counted_on == "meta":
        return []
    return [f"this network does not run on the meta device: counted on {counted_on}"]
