"""How much of a CUDA pass's time is the GPU's work, and how much is launching it.

A GPU runs what the CPU has queued. Where the kernels are small, as in a deep network of narrow
layers, it finishes each before the next is launched, and the time of the pass is that of its
launches. Three times tell the two apart:

wall     on the clock, from an idle GPU until it is done: what a user waits for
event    between two events on the GPU in the same iterations: the wall time without the way to
         the GPU and back, but with the gaps in which the GPU waited for a launch
queued   between the same events when the GPU was kept busy until everything was launched: its
         work without gaps

Wall less queued is the launch overhead. A queue holds about a thousand kernels: of a longer pass
what is launched beyond them may still leave gaps, and the overhead is a lower bound; so it is for a
pass that waits for the GPU itself (`.item()`).

The caches of a GPU stay warm from one iteration to the next, which no training does to all of its
weights: a pass whose preparation calls `GpuQueue.flush` writes over the L2 cache, off the clock.
"""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import torch

from .passes import Pass

# Enough for a median that one slow iteration does not move.
ITERATIONS = 20

# The GPU is kept busy for so many times as long as the last launching took.
_BUSY_MARGIN = 2.0
# How long is told in cycles: on a slower GPU it is longer, which does no harm.
_CYCLES_PER_SECOND = 2e9


class Event(Protocol):
    """What is used of `torch.cuda.Event`."""

    def record(self) -> None: ...

    def elapsed_time(self, end: Any, /) -> float: ...


@dataclass(frozen=True, kw_only=True)
class GpuQueue:
    """What a measurement does with a GPU, on one stream.

    Attributes:
        event: a new event that measures time.
        synchronize: wait for the GPU.
        occupy: keep it busy for so many seconds, without waiting for it.
        flush: write over its L2 cache.
    """

    event: Callable[[], Event]
    synchronize: Callable[[], object]
    occupy: Callable[[float], object]
    flush: Callable[[], object]


@dataclass(frozen=True, kw_only=True)
class CudaTimes:
    """Seconds of each iteration of a pass. Wall and event time are of the same iterations; each
    of `queued_seconds` comes from one more iteration after it."""

    wall_seconds: tuple[float, ...]
    event_seconds: tuple[float, ...]
    queued_seconds: tuple[float, ...]

    @property
    def launch_seconds(self) -> float:
        """Median launch overhead of a pass: wall less queued. Never negative."""
        pairs = zip(self.wall_seconds, self.queued_seconds, strict=True)
        return max(statistics.median(wall - queued for wall, queued in pairs), 0.0)

    def launch_seconds_each(self, parts: int) -> float | None:
        """Launch overhead of each of so many layers; None of none."""
        return self.launch_seconds / parts if parts else None


def gpu_queue(device: str) -> GpuQueue:
    """The tools for a CUDA device, on its current stream."""
    stream = torch.cuda.current_stream(device)
    size: int = torch.cuda.get_device_properties(device).L2_cache_size
    buffer = torch.empty(size, dtype=torch.uint8, device=device)

    def occupy(seconds: float) -> None:
        with torch.cuda.device(device):
            torch.cuda._sleep(int(seconds * _CYCLES_PER_SECOND))

    return GpuQueue(
        event=lambda: _StreamEvent(stream),
        synchronize=lambda: torch.cuda.synchronize(device),
        occupy=occupy,
        flush=buffer.zero_,
    )


class _StreamEvent:
    """An event that is recorded on one stream."""

    def __init__(self, stream: torch.cuda.Stream) -> None:
        self._stream = stream
        self._event = torch.cuda.Event(enable_timing=True)

    def record(self) -> None:
        self._event.record(self._stream)

    def elapsed_time(self, end: "_StreamEvent") -> float:
        return float(self._event.elapsed_time(end._event))


def measure(
    pass_: Pass,
    gpu: GpuQueue,
    *,
    iterations: int = ITERATIONS,
    now: Callable[[], float] = time.perf_counter,
) -> CudaTimes:
    """Time a warm pass so many times without and with a busy GPU, in turns."""
    walls, events, queued = [], [], []
    for _ in range(iterations):
        _prepare(pass_, gpu)
        start, end = gpu.event(), gpu.event()
        begin = now()
        start.record()
        pass_.run()
        launched = now()
        end.record()
        gpu.synchronize()
        walls.append(now() - begin)
        events.append(_seconds(start, end))
        busy_seconds = _BUSY_MARGIN * (launched - begin)
        queued.append(_queued_seconds(pass_, gpu, busy_seconds))
    return CudaTimes(
        wall_seconds=tuple(walls), event_seconds=tuple(events), queued_seconds=tuple(queued)
    )


def _queued_seconds(pass_: Pass, gpu: GpuQueue, busy_seconds: float) -> float:
    _prepare(pass_, gpu)
    start, end = gpu.event(), gpu.event()
    gpu.occupy(busy_seconds)
    start.record()
    pass_.run()
    end.record()
    gpu.synchronize()
    return _seconds(start, end)


def _prepare(pass_: Pass, gpu: GpuQueue) -> None:
    pass_.prepare()
    gpu.synchronize()


def _seconds(start: Event, end: Event) -> float:
    return start.elapsed_time(end) / 1e3
