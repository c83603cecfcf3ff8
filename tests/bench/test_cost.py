"""One cell: what is prepared, counted and timed."""

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from bench import cost, families
from bench.measure import cuda_time, gpu_state, passes
from bench.measure.energy import Energy
from bench.measure.latency import Clock
from bench.points import PASSES, Cell
from bench.train.optimizers import OPTIMIZERS
from tests.bench.fakes import FakeTime, random_state

SHAPE, CLASSES, ROWS, WIDTH = (1, 12), 3, 8, 100
CELL = Cell(
    family="mlp",
    depth=3,
    pass_="step",
    batch_size=ROWS,
    dtype="fp32",
    device="cpu",
    threads=1,
)
FIRST, SECOND, HEAD = (ROWS * a * b for a, b in ((12, WIDTH), (WIDTH, WIDTH), (WIDTH, CLASSES)))
PARAMETERS = 13 * WIDTH + 101 * WIDTH + 101 * CLASSES


def family() -> families.Family:
    return families.find("mlp").for_task(input_shape=SHAPE, classes=CLASSES)


@pytest.mark.parametrize("pass_", PASSES)
def test_facts_are_the_closed_forms(pass_: str) -> None:
    """Parameters, FLOPs and saved bytes of a perceptron; a forward saves nothing."""
    facts = cost.weigh(replace(CELL, pass_=pass_), SHAPE, CLASSES, "adamw")
    forward = 2 * (FIRST + SECOND + HEAD)
    flops = {"forward": forward, "step": 3 * forward - 2 * FIRST}
    flops["backward"] = flops["step"] - forward
    assert facts.parameters == PARAMETERS
    assert facts.flops == flops[pass_]
    assert facts.macs == flops[pass_] // 2
    saved = 4 * ROWS * (12 + 2 * WIDTH)
    assert facts.activation_bytes == (0 if pass_ == "forward" else saved)
    assert facts.uncounted_ops == ()
    assert facts.warnings == ()
    assert facts.peak_bytes is not None
    assert facts.peak_bytes >= 4 * (PARAMETERS + ROWS * 12)


def test_a_step_holds_its_optimizers_state() -> None:
    """Adam's two moments are part of the peak; a plain gradient step's momentum is one."""
    adam, momentum = (
        cost.weigh(replace(CELL, family="mlp:width=1000"), SHAPE, CLASSES, o)
        for o in ("adam", "momentum")
    )
    assert adam.peak_bytes is not None
    assert momentum.peak_bytes is not None
    one_state = 4 * 1000 * 1000
    assert adam.peak_bytes - momentum.peak_bytes > 0.9 * one_state


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("pass_", PASSES)
def test_measuring_leaves_the_weights(pass_: str, optimizer: str) -> None:
    """Repetition after repetition the same network is measured."""
    network = cost.prepare(family(), optimizer, replace(CELL, pass_=pass_))
    before = [p.tolist() for p in network.model.parameters()]
    for _ in range(3):
        network.pass_.prepare()
        network.pass_.run()
    assert [p.tolist() for p in network.model.parameters()] == before


def test_the_same_cell_is_the_same_network() -> None:
    """Whatever was drawn before; and nothing is drawn from the global generators."""
    torch.manual_seed(123)
    first = cost.prepare(family(), "adamw", CELL).model
    torch.manual_seed(321)
    before = random_state()
    second = cost.prepare(family(), "adamw", CELL).model
    assert random_state() == before
    for a, b in zip(first.parameters(), second.parameters(), strict=True):
        assert torch.equal(a, b)


def test_timing_goes_through_the_fixture(monkeypatch: pytest.MonkeyPatch) -> None:
    """The fixture is handed an iteration that has run before, with preparation off its clock:
    of 3 s to prepare and 2 s to run, it sees the 2 s."""
    time, calls = FakeTime(), []
    clock = Clock(time)

    def make(*_: object, **__: object) -> passes.Pass:
        return passes.Pass(run=lambda: _spend("run", 2), prepare=lambda: _spend("prepare", 3))

    def _spend(what: str, seconds: float) -> None:
        calls.append(what)
        time.pass_by(seconds)

    def benchmark(function: Callable[[], object]) -> None:
        assert calls, "the network was not warmed up"
        start = clock()
        function()
        seconds.append(clock() - start)

    seconds: list[float] = []
    monkeypatch.setattr(passes, "make", make)
    cost.time_cell(family(), "adamw", CELL, benchmark, clock)
    assert seconds == [2]
    assert calls == ["prepare", "run"] * (len(calls) // 2)


def test_where_the_count_ran_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A network that needs values has its FLOPs from the CPU, with a warning."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    Path("picky.py").write_text(
        "import torch\n"
        "from torch import nn\n"
        "class Picky(nn.Linear):\n"
        "    def forward(self, x):\n"
        "        y = super().forward(x)\n"
        "        return y[y > 0]\n"
        "def build(depth): return Picky(6, 6)\n"
        "def example_input(batch_size): return torch.ones(batch_size, 6)\n"
    )
    cell = replace(CELL, family="picky.py:build", pass_="backward")
    facts = cost.weigh(cell, SHAPE, CLASSES, "adamw")
    assert facts.flops == 2 * ROWS * 6 * 6
    assert any("meta" in warning and "cpu" in warning for warning in facts.warnings)


# --- on a GPU, with stand-ins for the device ---------------------------------------------------


class Gpu:
    """What a cell on a GPU does with it, in order."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls: list[str] = []
        self.states = iter([state(sm_clock_mhz=1000), state(sm_clock_mhz=500)])
        pass_ = passes.Pass(run=self.does("run"), prepare=self.does("prepare"))
        prepared = cost.Prepared(torch.nn.Linear(1, 1), None, None, pass_)
        queue = cuda_time.GpuQueue(
            event=Event,
            synchronize=self.does("wait"),
            occupy=lambda _: None,
            flush=self.does("flush"),
        )
        monkeypatch.setattr(cost, "prepare", lambda *_: prepared)
        monkeypatch.setattr(cost.machine, "synchronizer", lambda _: self.does("wait"))
        monkeypatch.setattr(cost.cuda_time, "gpu_queue", lambda _: queue)
        monkeypatch.setattr(cost.gpu_state, "read", lambda _: next(self.states))
        monkeypatch.setattr(cost.kernels, "matmul_seconds", lambda *_: 0.1)
        monkeypatch.setattr(cost.energy, "measure", lambda *_, **__: ENERGY)

    def does(self, what: str) -> Callable[[], None]:
        return lambda: self.calls.append(what)


class Event:
    """Every two are two seconds apart."""

    def record(self) -> None: ...

    def elapsed_time(self, _: object) -> float:
        return 2_000.0


ENERGY = Energy(joules_per_pass=3.0, warnings=("counted",))


def state(sm_clock_mhz: int) -> gpu_state.GpuState:
    return gpu_state.GpuState(
        sm_clock_mhz=sm_clock_mhz,
        memory_clock_mhz=None,
        temperature_celsius=None,
        slowdown_celsius=None,
        power_watts=None,
        reasons=None,
    )


@pytest.mark.parametrize("flush", [False, True])
def test_a_cell_on_a_gpu_has_its_launches_clocks_and_energy(
    flush: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each timed pass is prepared, waited for, run and waited for, the L2 cache written over before
    if that is asked for; clocks that fell while it was timed are a warning."""
    gpu = Gpu(monkeypatch)
    cell = replace(CELL, device="cuda", variants=("flush_l2",) if flush else ())

    def benchmark(function: Callable[[], object]) -> None:
        gpu.calls.clear()
        function()
        timed.extend(gpu.calls)

    timed: list[str] = []
    timing = cost.time_cell(family(), "adamw", cell, benchmark, Clock())
    flushed = ["flush"] if flush else []
    assert timed == ["prepare", *flushed, "wait", "run", "wait"]
    assert timing.launches is not None
    assert set(timing.launches.queued_seconds) == {2.0}
    assert timing.energy == ENERGY
    assert any("SM clock went from 1000 to 500 MHz" in warning for warning in timing.warnings)
    assert "counted" in timing.warnings


def test_a_backwards_energy_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    """The forward before it would count as well."""
    Gpu(monkeypatch)
    cell = replace(CELL, device="cuda", pass_="backward")
    timing = cost.time_cell(family(), "adamw", cell, lambda run: run(), Clock())
    assert timing.energy.joules_per_pass is None
