"""Wall, event and queued time on a GPU that is a queue and two clocks."""

import pytest

from bench.measure import cuda_time
from bench.measure.cuda_time import CudaTimes, GpuQueue
from bench.measure.passes import Pass
from tests.bench.fakes import FakeTime

KERNELS = 50


class FakeGpu:
    """Runs what is launched in order: not before it is launched, nor before the last is done."""

    def __init__(self, time: FakeTime) -> None:
        self.time = time
        self.done_at = 0.0
        self.calls: list[str] = []

    def launch(self, seconds: float, *, launch_seconds: float = 0.0) -> None:
        self.time.pass_by(launch_seconds)
        self.done_at = max(self.done_at, self.time()) + seconds

    def synchronize(self) -> None:
        self.calls.append("synchronize")
        self.time.seconds = max(self.time(), self.done_at)

    def occupy(self, seconds: float) -> None:
        self.calls.append("occupy")
        self.launch(seconds)

    def tools(self) -> GpuQueue:
        return GpuQueue(
            event=lambda: FakeEvent(self),
            synchronize=self.synchronize,
            occupy=self.occupy,
            flush=lambda: self.calls.append("flush") or self.launch(1.0),
        )


class FakeEvent:
    """Remembers when the GPU came to it."""

    def __init__(self, gpu: FakeGpu) -> None:
        self._gpu = gpu
        self.at = -1.0

    def record(self) -> None:
        self._gpu.launch(0.0)
        self.at = self._gpu.done_at

    def elapsed_time(self, end: "FakeEvent") -> float:
        return 1e3 * (end.at - self.at)


def network(gpu: FakeGpu, *, launch: float, kernel: float) -> Pass:
    """So many equal kernels, after a preparation that takes an hour."""

    def run() -> None:
        gpu.calls.append("run")
        for _ in range(KERNELS):
            gpu.launch(kernel, launch_seconds=launch)

    def prepare() -> None:
        gpu.calls.append("prepare")
        gpu.launch(3600.0)

    return Pass(run, prepare)


def measured(*, launch: float, kernel: float) -> tuple[CudaTimes, FakeGpu]:
    time = FakeTime()
    gpu = FakeGpu(time)
    pass_ = network(gpu, launch=launch, kernel=kernel)
    times = cuda_time.measure(pass_, gpu.tools(), iterations=3, now=time)
    return times, gpu


def test_small_kernels_wait_for_their_launches() -> None:
    """Wall and event time are that of the launches, and only the queued time is the GPU's work.
    The difference is what each launch takes longer than its kernel."""
    times, _ = measured(launch=5e-6, kernel=1e-6)
    assert times.wall_seconds == pytest.approx([KERNELS * 5e-6 + 1e-6] * 3)
    assert times.event_seconds == pytest.approx(times.wall_seconds)
    assert times.queued_seconds == pytest.approx([KERNELS * 1e-6] * 3)
    assert times.launch_seconds == pytest.approx((KERNELS - 1) * 4e-6 + 5e-6)


def test_large_kernels_hide_their_launches() -> None:
    """Only the first launch is waited for."""
    times, _ = measured(launch=5e-6, kernel=1e-3)
    assert times.wall_seconds == pytest.approx([KERNELS * 1e-3 + 5e-6] * 3)
    assert times.launch_seconds == pytest.approx(5e-6)


def test_launches_that_cost_nothing_leave_no_gap() -> None:
    """As in a CUDA graph: all three times agree."""
    times, _ = measured(launch=0.0, kernel=1e-6)
    assert times.launch_seconds == pytest.approx(0.0, abs=1e-12)
    assert times.wall_seconds == pytest.approx(times.queued_seconds)


def test_the_gap_is_shared_by_layers_or_kernels() -> None:
    """A pass of no parts has no gap each."""
    times, _ = measured(launch=5e-6, kernel=1e-6)
    assert times.launch_seconds_each(KERNELS) == pytest.approx(times.launch_seconds / KERNELS)
    assert times.launch_seconds_each(0) is None


def test_noise_makes_no_negative_overhead() -> None:
    """A queued iteration that happened to be slower tells of no gap."""
    times = CudaTimes(wall_seconds=(1.0,), event_seconds=(1.0,), queued_seconds=(1.1,))
    assert times.launch_seconds == 0.0


def test_preparation_is_off_the_clock() -> None:
    """Order: prepare (an hour of the GPU), wait, run, wait; then the same behind a busy GPU."""
    times, gpu = measured(launch=5e-6, kernel=1e-6)
    plain = ["prepare", "synchronize", "run", "synchronize"]
    queued = ["prepare", "synchronize", "occupy", "run", "synchronize"]
    assert gpu.calls == (plain + queued) * 3
    assert max(times.wall_seconds) < 1
