"""Measures one cell: first tried in a child process, which counts and weighs it, then timed."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import nn

from . import families
from .families import Family
from .measure import (
    checkpointing,
    cross_check,
    cuda_graph,
    cuda_time,
    energy,
    gpu_state,
    kernels,
    latency,
    machine,
    memory,
    operations,
    passes,
    variants,
)
from .measure.conditions import Conditions, watched
from .measure.cuda_time import CudaTimes
from .measure.energy import Energy
from .measure.passes import Pass
from .measure.repeated_blocks import repeated_blocks
from .measure.state import random_state
from .points import Cell
from .records import Facts, Operations
from .specs import one_line
from .train.optimizers import still


class Fixture(Protocol):
    """What is used of the pytest-benchmark fixture."""

    def __call__(self, function: Callable[[], object]) -> object: ...


@dataclass(frozen=True)
class Prepared:
    """A network with its input on the cell's device, and its pass; `optimizer`: of a step, else
    None."""

    model: nn.Module
    inputs: Any
    optimizer: torch.optim.Optimizer | None
    pass_: Pass


@dataclass(frozen=True, kw_only=True)
class Timing:
    """What was found out while and after a cell was timed; `launches` is a GPU's.

    Attributes:
        weight_layers: modules with a matrix or a kernel of their own.
    """

    conditions: Conditions
    energy: Energy
    weight_layers: int
    launches: CudaTimes | None = None
    warnings: tuple[str, ...] = ()


def prepare(family: Family, optimizer: str, cell: Cell) -> Prepared:
    """The cell's network, built and filled with seed 0; a CUDA graph is not captured yet."""
    family = family.at_width(cell.width)
    with random_state(seed=0):
        model, inputs = family.build(cell.depth), family.example_input(cell.batch_size)
    model, inputs = passes.place(model, inputs, device=cell.device, dtype=cell.dtype)
    model, inputs = variants.apply(cell.variants, model, inputs)
    trained = [p for p in model.parameters() if p.requires_grad]
    if cell.pass_ != "forward" and not trained:
        raise ValueError(f"no parameter needs a gradient: {cell.pass_} has nothing to do")
    # Making one imports torch._dynamo, which takes a second.
    stepper = _optimizer(optimizer, trained, cell) if cell.pass_ == "step" else None
    pass_ = passes.make(cell.pass_, model, inputs, stepper, loss=family.loss)
    return Prepared(model, inputs, stepper, pass_)


def _optimizer(name: str, trained: list[nn.Parameter], cell: Cell) -> torch.optim.Optimizer:
    """For a CUDA graph its step count lies on the GPU, where it has one."""
    stepper = still(name, trained)
    if "cuda_graphs" in cell.variants and "capturable" in stepper.defaults:
        return still(name, trained, capturable=True)
    return stepper


def weigh(cell: Cell, input_shape: tuple[int, ...], classes: int, optimizer: str) -> Facts:
    """Count the cell's operations and measure its memory. To be called in a child process."""
    torch.set_num_threads(cell.threads)
    family = families.find(cell.family).for_task(input_shape=input_shape, classes=classes)
    network = prepare(family, optimizer, cell)
    model, inputs = network.model, network.inputs
    counted = operations.count(model, inputs, loss=family.loss)
    plain_forward = cell.pass_ == "forward" and not cell.variants
    warnings = _cross_checked(model, inputs, counted) if plain_forward else []
    if "checkpointing" in cell.variants and not repeated_blocks(model):
        warnings.append(checkpointing.NO_BLOCKS)
    peak = memory.peak(network.pass_, model, inputs, network.optimizer, device=cell.device)
    return Facts(
        parameters=operations.parameter_count(model),
        flops=counted.flops(cell.pass_),
        hardware_flops=counted.hardware_flops(cell.pass_),
        moved_bytes=counted.moved_bytes(cell.pass_),
        kernels=counted.kernels(cell.pass_),
        uncounted_ops=counted.uncounted_ops,
        activation_bytes=_saved_bytes(network, cell),
        peak_bytes=peak.peak_bytes,
        peak_source=peak.source,
        warnings=(*warnings, *_notes(counted.device)),
    )


def _saved_bytes(network: Prepared, cell: Cell) -> int | None:
    """None where what the backward needs is kept in other ways than autograd's own."""
    if cell.pass_ == "forward":
        return 0
    if {"checkpointing", "compile"} & set(cell.variants):
        return None
    return memory.saved_bytes(network.model, network.inputs)


def time_cell(
    family: Family, optimizer: str, cell: Cell, benchmark: Fixture, clock: latency.Clock
) -> Timing:
    """Time the cell through the fixture, whose timer `clock` must be; then what needs a time of
    its own: energy, and on a GPU the overhead of launches."""
    network = prepare(family, optimizer, cell)
    pass_ = _runnable(network, cell)
    on_gpu = cell.device.startswith("cuda")
    gpu = cuda_time.gpu_queue(cell.device) if on_gpu else None
    if gpu and "flush_l2" in cell.variants:
        pass_ = _flushed(pass_, gpu.flush)
    wait = machine.synchronizer(cell.device)
    iteration = latency.timed(pass_, clock, wait)
    latency.warm_up(iteration, clock)
    before = gpu_state.read(cell.device) if on_gpu else None
    conditions = watched(
        lambda: benchmark(iteration),
        reference=lambda: kernels.matmul_seconds(cell.device, cell.dtype),
    )
    after = gpu_state.read(cell.device) if on_gpu else None
    used = _energy(pass_, cell, wait)
    # Few CPUs let their counter be read: a line on every cell would say nothing.
    return Timing(
        conditions=conditions,
        energy=used,
        weight_layers=_weight_layers(network.model),
        launches=cuda_time.measure(pass_, gpu) if gpu else None,
        warnings=(*gpu_state.warnings(before, after), *used.warnings, *_launched(cell))
        if on_gpu
        else (),
    )


def _weight_layers(model: nn.Module) -> int:
    weights = ([p for p in m.parameters(recurse=False) if p.dim() > 1] for m in model.modules())
    return sum(map(bool, weights))


def _runnable(network: Prepared, cell: Cell) -> Pass:
    """The pass, as a CUDA graph where that is asked for; a backward alone cannot be one."""
    if "cuda_graphs" not in cell.variants or cell.pass_ not in cuda_graph.CAPTURABLE:
        return network.pass_
    return cuda_graph.captured(
        network.pass_,
        name=cell.pass_,
        optimizer=network.optimizer,
        tools=cuda_graph.capturing(cell.device),
    )


def _launched(cell: Cell) -> list[str]:
    if "cuda_graphs" not in cell.variants or cell.pass_ in cuda_graph.CAPTURABLE:
        return []
    return [f"a {cell.pass_} alone cannot be a CUDA graph: its kernels were launched one by one"]


def _flushed(pass_: Pass, flush: Callable[[], object]) -> Pass:
    """The pass with the GPU's L2 cache written over before it."""

    def prepare() -> None:
        pass_.prepare()
        flush()

    return Pass(pass_.run, prepare)


def _energy(pass_: Pass, cell: Cell, wait: Callable[[], object]) -> Energy:
    """Unknown for a backward alone: the forward before it would count, too."""
    if cell.pass_ == "backward":
        return Energy(joules_per_pass=None)
    return energy.measure(pass_, device=cell.device, synchronize=wait)


def _cross_checked(model: nn.Module, inputs: Any, counted: Operations) -> list[str]:
    try:
        warning = cross_check.compare(counted, cross_check.fvcore_macs(model, inputs))
        if warning and cross_check.blind_to(model, inputs):
            return []  # no wonder, and nothing to look into
    except Exception as error:  # fvcore's tracer fails in many ways on odd networks
        warning = f"fvcore cannot cross-check this network: {one_line(error)[:100]}"
    return [warning] if warning else []


def _notes(counted_on: str) -> list[str]:
    if counted_on == "meta":
        return []
    return [f"this network does not run on the meta device: counted on {counted_on}"]
