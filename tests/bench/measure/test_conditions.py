"""What is found out while something is timed, with fake counters, time and speed."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from bench.measure import conditions
from bench.measure.conditions import Conditions
from tests.bench.fakes import FakeTime

USUAL = 0.02


def usual() -> float:
    """The reference of a machine at its usual speed."""
    return USUAL


class FakeCores:
    """Counters of the machine and of this process, and the time in which they grow."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.time = FakeTime()
        self.own = self.others = self.waiting = 0.0
        monkeypatch.setattr(conditions.time, "perf_counter", self.time)
        monkeypatch.setattr(psutil, "cpu_times", self._machine)
        monkeypatch.setattr(psutil, "Process", lambda: SimpleNamespace(cpu_times=self._process))

    def watch(self, reference: Callable[[], float], *, seconds: float, **used: float) -> Conditions:
        """The conditions of work of so many seconds, in which so much was used."""

        def run() -> None:
            self.time.pass_by(seconds)
            for counter, amount in used.items():
                setattr(self, counter, getattr(self, counter) + amount)

        return conditions.watched(run, reference=reference)

    def _machine(self) -> Any:
        fields = {"user": self.own * 0.75 + self.others, "system": self.own * 0.25}
        fields |= {"idle": 7 * self.time(), "iowait": self.waiting, "guest": 0.5 * self.others}
        return NamedTimes(**fields)

    def _process(self) -> Any:
        return SimpleNamespace(user=self.own * 0.75, system=self.own * 0.25)


class NamedTimes(tuple[float, ...]):
    """Times as psutil gives them: a tuple with names."""

    def __new__(cls, **fields: float) -> "NamedTimes":
        times = super().__new__(cls, fields.values())
        vars(times).update(fields)
        return times


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> FakeCores:
    return FakeCores(monkeypatch)


def test_busy_neighbours_are_warned_about_in_numbers(fake: FakeCores) -> None:
    """What others used a second, whatever this process used itself; virtual machines are in the
    user time already and count once."""
    found = fake.watch(usual, seconds=10, own=20, others=15)
    assert found.other_cores == pytest.approx(1.5)
    (warning,) = found.warnings(usual_seconds=USUAL)
    assert "1.5 cores" in warning
    assert "\n" not in warning


def test_an_idle_machine_gives_no_warning(fake: FakeCores) -> None:
    """This process's own work and waiting for disks are nobody else's."""
    found = fake.watch(usual, seconds=10, own=40, waiting=30)
    assert found.other_cores == pytest.approx(0)
    assert found.warnings(usual_seconds=USUAL) == ()


def test_a_moment_is_too_short_to_tell(fake: FakeCores) -> None:
    """The kernel counts in hundredths of a second: unknown, not zero."""
    found = fake.watch(usual, seconds=0.01, others=0.01)
    assert found.other_cores is None
    assert found.warnings(usual_seconds=USUAL) == ()


def test_the_reference_runs_before_and_after_and_counts_for_nobody(fake: FakeCores) -> None:
    """Its time is the mean of both, and its own processor time is not a neighbour's."""
    durations = iter((0.01, 0.03))

    def reference() -> float:
        fake.others += 5
        return next(durations)

    found = fake.watch(reference, seconds=10)
    assert found.reference_seconds == pytest.approx(0.02)
    assert found.other_cores == pytest.approx(0)


@pytest.mark.parametrize(
    ("seconds", "speed"), [(0.04, "0.50"), (0.01, "2.00"), (0.025, None), (0.016, None)]
)
def test_a_machine_off_its_speed_is_warned_about(seconds: float, speed: str | None) -> None:
    """Slower or faster than at the start by more than a quarter, with the ratio."""
    warnings = Conditions(reference_seconds=seconds).warnings(usual_seconds=USUAL)
    assert [f"ran at {speed} of its speed" in text for text in warnings] == [True] * bool(speed)


def test_what_was_not_found_out_is_no_warning() -> None:
    """Unknown is not bad."""
    assert Conditions().warnings(usual_seconds=USUAL) == ()
