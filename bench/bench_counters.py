"""Our counter beside others, on four networks: `pytest bench -m harness -k counters`.

What each counts is judged against the truth; how long it takes is measured in turns, ours between
two of theirs, since a shared machine changes its speed within seconds. Copies are made off the
clock. At the end stand the tables of `docs/counting.md`.
"""

import copy
import gc
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from . import count_table, counted
from .count_table import Entry, Timing, Verdict
from .counted import Network
from .counters import COUNTERS, FVCORE, OURS, Count, Counter
from .measure.latency import Clock
from .replay import replay

pytestmark = pytest.mark.harness

# Our turns; the other counter has one more: before, between and after them. Where one takes long,
# it is nowhere near ours, and fewer will do.
ALTERNATIONS = 7
SLOW_SECONDS = 2.0
SLOW_ALTERNATIONS = 2

# Some counters compute. On a shared machine two threads wait for each other: one is the faster.
THREADS = 1


@dataclass
class Tables:
    """What was found, printed when the session ends: a pytest plugin."""

    entries: list[Entry] = field(default_factory=list)
    timings: list[Timing] = field(default_factory=list)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        terminalreporter.section("counters")
        terminalreporter.write_line(count_table.markdown(self.entries, self.timings))


@pytest.fixture(scope="module")
def tables(request: pytest.FixtureRequest) -> Tables:
    found = Tables()
    request.config.pluginmanager.register(found)
    return found


@dataclass(frozen=True)
class Built:
    """A network with its input on a CPU, which is not changed: counts are given copies."""

    network: Network
    model: nn.Module
    inputs: Tensor

    def on(self, device: str) -> tuple[nn.Module, Tensor]:
        """A copy of both."""
        return copy.deepcopy(self.model).to(device), self.inputs.to(device)


@pytest.fixture(scope="module", params=counted.NETWORKS, ids=lambda network: network.name)
def built(request: pytest.FixtureRequest) -> Iterator[Built]:
    """One network at a time."""
    threads = torch.get_num_threads()
    torch.set_num_threads(THREADS)
    yield Built(request.param, *request.param.build("cpu"))
    torch.set_num_threads(threads)


@pytest.fixture(params=COUNTERS, ids=lambda counter: counter.name)
def counter(request: pytest.FixtureRequest) -> Counter:
    """A counter that is installed."""
    asked: Counter = request.param
    pytest.importorskip(asked.package, reason=f"{asked.package} is missing: see howdeep[counters]")
    return asked


@pytest.mark.benchmark(timer=Clock())
def bench_counters_forward(
    built: Built, counter: Counter, tables: Tables, benchmark: Any, clock: Clock
) -> None:
    """MACs of a forward pass. Ours are exact, and counted in no more time than fvcore's."""
    macs, timing = _turns(built, counter, "forward", benchmark, clock)
    printed = None if counter.printed is None else counter.printed(*built.on(counter.device))
    entry = _entry(built.network, counter, "forward", macs, built.network.macs, printed)
    _conclude(tables, entry, timing, benchmark)
    if counter is FVCORE:
        assert timing.median_ratio <= 1, timing


@pytest.mark.benchmark(timer=Clock())
def bench_counters_step(
    built: Built, counter: Counter, tables: Tables, benchmark: Any, clock: Clock
) -> None:
    """FLOPs of forward and backward. Ours are exact."""
    truth = built.network.step_flops
    if counter.step is None:
        tables.entries.append(_entry(built.network, counter, "step", None, truth))
        pytest.skip(f"{counter.name} counts no backward")
    flops, timing = _turns(built, counter, "step", benchmark, clock)
    entry = _entry(built.network, counter, "step", flops, truth)
    _conclude(tables, entry, timing, benchmark)


def bench_counters_parameters(
    built: Built, counter: Counter, tables: Tables, benchmark: Any
) -> None:
    """The number of parameters, on the meta device. Ours is exact."""
    truth = built.network.parameters
    if counter.parameters is None:
        tables.entries.append(_entry(built.network, counter, "parameters", None, truth))
        pytest.skip(f"{counter.name} counts no parameters")
    parameters = benchmark.pedantic(counter.parameters, built.network.build("meta"))
    entry = _entry(built.network, counter, "parameters", parameters, truth)
    _conclude(tables, entry, None, benchmark)


def _entry(
    network: Network,
    counter: Counter,
    quantity: str,
    count: int | None,
    truth: int,
    printed: int | None = None,
) -> Entry:
    return Entry(
        network=network.name,
        counter=counter.name,
        quantity=quantity,
        counted=count,
        truth=truth,
        printed=printed,
        intended=counter.for_transformers or not network.transformer,
    )


def _turns(
    built: Built, counter: Counter, quantity: str, benchmark: Any, clock: Clock
) -> tuple[int, Timing]:
    """The count, and the times of alternate turns of the counter and of ours.

    A first turn of both, off the record, loads libraries and picks kernels. The fixture is told the
    times afterwards: it would call the two from different depths of the stack, on which the speed
    of a count in Python depends by up to a third.
    """
    count: Count = getattr(counter, quantity)
    own: Count = getattr(OURS, quantity)
    _timed(count, built.on(counter.device))
    _timed(own, built.on(OURS.device))
    first, result = _timed(count, built.on(counter.device))
    ours, theirs = [], [first]
    for _ in range(ALTERNATIONS if first < SLOW_SECONDS else SLOW_ALTERNATIONS):
        ours.append(_timed(own, built.on(OURS.device))[0])
        theirs.append(_timed(count, built.on(counter.device))[0])
    replay(theirs, 1, benchmark, clock)
    return result, Timing(
        network=built.network.name,
        counter=counter.name,
        quantity=quantity,
        seconds=tuple(theirs),
        ratios=count_table.ratios(ours, theirs),
    )


def _timed(count: Count, arguments: tuple[nn.Module, Tensor]) -> tuple[float, int]:
    """Seconds, and what was counted; without garbage collection, as in other benchmarks."""
    gc.disable()
    try:
        start = time.perf_counter()
        result = count(*arguments)
        return time.perf_counter() - start, result
    finally:
        gc.enable()


def _conclude(tables: Tables, entry: Entry, timing: Timing | None, benchmark: Any) -> None:
    """Into the tables and the study; then ours is judged."""
    tables.entries.append(entry)
    benchmark.group = f"counters {entry.quantity} {entry.network}"
    benchmark.extra_info.update(
        counted=entry.counted,
        truth=entry.truth,
        error=entry.error,
        verdict=entry.verdict.value,
        printed=entry.printed,
        intended=entry.intended,
        threads=THREADS,
        versions={counter.package: counter.version for counter in COUNTERS},
    )
    if timing is not None:
        tables.timings.append(timing)
        benchmark.extra_info.update(ratios=timing.ratios, median_ratio=timing.median_ratio)
    if entry.counter == OURS.name:
        assert entry.verdict is Verdict.EXACT, entry
