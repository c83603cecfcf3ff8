"""The harness measured against other harnesses: `pytest bench -m harness`.

Its figures are ratios within one process, so that they hold on a noisy machine.
"""

import statistics
import time
from collections import defaultdict
from typing import Any

import pytest
import torch
from torch.utils.benchmark import Timer

from . import cost, families
from .measure import cross_check, latency, machine, operations
from .records import Cell

pytestmark = pytest.mark.harness

# Alternations of two harnesses; the median of their ratios counts.
ALTERNATIONS = 5
LARGEST_DIFFERENCE = 0.05

# Short, so that a shared machine changes its speed between two turns as little as can be.
SPAN_SECONDS = 0.2

DEEP = 402  # a `resnet` of 200 blocks

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
