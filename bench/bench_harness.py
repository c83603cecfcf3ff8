"""The harness measured against other harnesses: `pytest bench -m harness`.

Its figures are ratios within one process, so that they hold on a noisy machine.
"""

import statistics
import time
from collections import defaultdict
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.benchmark import Timer

from . import cost, families
from .measure import cross_check, latency, machine, operations
from .measure.signals import signals
from .measure.state import random_state
from .measure.training_probe import EVERY, TURNS, TrainingProbe
from .points import Cell
from .train.optimizers import OPTIMIZERS

pytestmark = pytest.mark.harness

# Alternations of two harnesses; the median of their ratios counts.
ALTERNATIONS = 5
LARGEST_DIFFERENCE = 0.05

# Short, so that a shared machine changes its speed between two turns as little as can be.
SPAN_SECONDS = 0.2

DEEP = 402  # a `resnet` of 200 blocks

# The screen has one forward and the backward of what flows: a step has these, too.
MOST_SCREEN_STEPS = 3.0

# A step that the probe reads over one that it does not.
MOST_PROBED = 1.15
PROBE_TURNS = 10

# Of the networks that the instruments for gradients are measured on.
BATCH_SIZE = 128

_clock = latency.Clock()


@pytest.fixture(scope="module")
def ratios() -> dict[str, list[float]]:
    """Ours over theirs, by what is compared; filled from alternation to alternation."""
    return defaultdict(list)


def _conclude(ratios: list[float], benchmark: Any, *, lowest: float, highest: float) -> None:
    """Record the ratio; after the last alternation, judge the median of all."""
    median = statistics.median(ratios)
    benchmark.extra_info.update(ratio=ratios[-1], median_ratio=median)
    if len(ratios) == ALTERNATIONS:
        assert lowest <= median <= highest, ratios


@pytest.mark.benchmark(timer=_clock, max_time=2 * SPAN_SECONDS)
@pytest.mark.parametrize("alternation", range(ALTERNATIONS))
@pytest.mark.parametrize("name", ["forward", "step"])
def bench_latency_against_torch(
    name: str, alternation: int, ratios: dict[str, list[float]], benchmark: Any
) -> None:
    """The median of a cell agrees with `Timer.blocked_autorange()` within 5%: same network, input
    and threads, median of five alternations, ours each time between two of theirs. `zero_grad` is
    off our clock and on theirs; it is under a hundredth of a step."""
    cell = Cell(
        family="resnet", depth=8, pass_=name, batch_size=32, dtype="fp32", device="cpu", threads=1
    )
    torch.set_num_threads(cell.threads)
    pass_ = cost.prepare(families.find(cell.family), "adamw", cell).pass_
    iteration = latency.timed(pass_, _clock, machine.synchronizer(cell.device))
    theirs = Timer("prepare(); run()", globals=vars(pass_), num_threads=cell.threads)
    latency.warm_up(iteration, _clock)
    before = theirs.blocked_autorange(min_run_time=SPAN_SECONDS).median
    benchmark(iteration)
    after = theirs.blocked_autorange(min_run_time=SPAN_SECONDS).median
    ratios[name].append(benchmark.stats.stats.median / statistics.mean([before, after]))
    benchmark.extra_info["alternation"] = alternation
    bounds = {"lowest": 1 - LARGEST_DIFFERENCE, "highest": 1 + LARGEST_DIFFERENCE}
    _conclude(ratios[name], benchmark, **bounds)


@pytest.mark.parametrize("alternation", range(ALTERNATIONS))
def bench_count_against_fvcore(
    alternation: int, ratios: dict[str, list[float]], benchmark: Any
) -> None:
    """Counting forward and backward of a 200-block ResNet takes no longer than fvcore takes for
    its forward alone; median of five alternations."""
    family = families.find("resnet")
    model, inputs = family.build(DEEP), family.example_input(1)
    counted = benchmark.pedantic(operations.count, args=(model, inputs))
    start = time.perf_counter()
    macs = cross_check.fvcore_macs(model, inputs)
    seconds = time.perf_counter() - start
    benchmark.extra_info["alternation"] = alternation
    assert counted.forward_flops == 2 * macs
    ratios["count"].append(benchmark.stats.stats.median / seconds)
    _conclude(ratios["count"], benchmark, lowest=0.0, highest=1.0)


def _training_step(name: str, depth: int) -> tuple[nn.Module, torch.Tensor, Callable[[], None]]:
    """A network on signals of MNIST-1D's shape, its batch, and one step of its training."""
    torch.set_num_threads(1)
    family = families.find(name)
    with random_state(seed=0):
        model, inputs = family.build(depth), family.example_input(BATCH_SIZE)
        labels = torch.randint(10, (BATCH_SIZE,))
    optimizer = OPTIMIZERS["adamw"](model.parameters(), lr=1e-3, weight_decay=0.01)

    def step() -> None:
        loss = F.cross_entropy(model(inputs), labels)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()

    return model, inputs, step


def _seconds(function: Callable[[], object]) -> float:
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


@pytest.mark.parametrize("alternation", range(ALTERNATIONS))
@pytest.mark.parametrize("name", ["mlp", "resnet"])
def bench_gradient_screen(
    name: str, alternation: int, ratios: dict[str, list[float]], benchmark: Any
) -> None:
    """The screen for vanishing gradients of a 64-layer network costs less than three training
    steps; median of five alternations, the screen each time between two steps."""
    model, inputs, step = _training_step(name, 64)
    step()
    before = _seconds(step)
    benchmark.pedantic(signals, args=(model, inputs))
    after = _seconds(step)
    seconds = benchmark.stats.stats.median
    benchmark.extra_info.update(alternation=alternation, screen_seconds=seconds)
    ratios[f"screen {name}"].append(seconds / statistics.mean([before, after]))
    _conclude(ratios[f"screen {name}"], benchmark, lowest=0.0, highest=MOST_SCREEN_STEPS)


@pytest.mark.parametrize("alternation", range(ALTERNATIONS))
@pytest.mark.parametrize("name", ["mlp", "resnet"])
def bench_training_probe(
    name: str, alternation: int, ratios: dict[str, list[float]], benchmark: Any
) -> None:
    """A step of a 32-layer network that the probe reads takes at most 1.15 times as long as one
    without it; steps that it does not read take as long. Each turn is unwatched steps, watched ones
    and unwatched ones; what counts is the median of turns, and of five alternations the median of
    these."""
    model, _, step = _training_step(name, 32)
    probe = TrainingProbe()

    def watched_step(number: int) -> None:
        with probe.watch(model, number):
            step()

    def watched() -> list[float]:
        return [_seconds(partial(watched_step, number)) for number in range(EVERY)]

    def unwatched() -> list[float]:
        return [_seconds(step) for _ in range(EVERY)]

    watched()
    turns = [(unwatched(), watched(), unwatched()) for _ in range(PROBE_TURNS)]
    assert not any(module._forward_hooks for module in model.modules())
    assert not any(module._forward_pre_hooks for module in model.modules())
    benchmark.pedantic(watched)
    medians = {
        "on": _median_ratio(turns, lambda seconds: seconds[:TURNS]),
        "off": _median_ratio(turns, lambda seconds: seconds[TURNS:]),
    }
    benchmark.extra_info.update(alternation=alternation, **medians)
    ratios[f"off {name}"].append(medians["off"])
    ratios[f"on {name}"].append(medians["on"])
    if alternation == ALTERNATIONS - 1:
        assert abs(statistics.median(ratios[f"off {name}"]) - 1) <= LARGEST_DIFFERENCE
    _conclude(ratios[f"on {name}"], benchmark, lowest=0.0, highest=MOST_PROBED)


def _median_ratio(
    turns: list[tuple[list[float], list[float], list[float]]],
    part: Callable[[list[float]], list[float]],
) -> float:
    """Of the watched steps' time over the mean of those before and after, of a part of each."""
    return statistics.median(
        2 * sum(part(watched)) / (sum(part(before)) + sum(part(after)))
        for before, watched, after in turns
    )
