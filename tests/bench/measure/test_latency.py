"""The clock and the warm-up, on a time that passes only when a test says so."""

from collections.abc import Iterator

import pytest

from bench.measure.latency import STEADY_LIMIT_SECONDS, STEADY_WINDOW, Clock, timed, warm_up
from bench.measure.passes import Pass
from tests.bench.fakes import FakeTime


@pytest.fixture
def time() -> FakeTime:
    return FakeTime()


@pytest.fixture
def clock(time: FakeTime) -> Clock:
    return Clock(time)


def test_paused_time_does_not_count(time: FakeTime, clock: Clock) -> None:
    """Only the seconds outside `paused` are seen, whatever was paused before."""
    time.pass_by(1)
    for pause in (10, 20):
        with clock.paused():
            time.pass_by(pause)
        time.pass_by(2)
    assert clock() == 1 + 2 + 2


def test_a_pause_ends_with_an_error(time: FakeTime, clock: Clock) -> None:
    """Preparation that raises is off the clock, and the clock goes on."""

    def fail() -> None:
        time.pass_by(3)
        raise ArithmeticError

    with pytest.raises(ArithmeticError), clock.paused():
        fail()
    time.pass_by(2)
    assert clock() == 2


def test_replay_gives_durations_to_pairs_of_readings(clock: Clock) -> None:
    """Whoever subtracts two readings gets the recorded seconds."""
    recorded = [0.5, 2.0, 1e-9]
    clock.replay(recorded)
    readings = [clock() for _ in range(2 * len(recorded))]
    starts, ends = readings[::2], readings[1::2]
    assert [end - start for start, end in zip(starts, ends, strict=True)] == recorded


def test_iteration_prepares_off_the_clock_and_waits_for_the_device(
    time: FakeTime, clock: Clock
) -> None:
    """Order: prepare, wait, run, wait. The first wait belongs to the preparation; the second to
    the measured time, since a device answers late."""
    calls: list[str] = []

    def spend(name: str, seconds: float) -> None:
        calls.append(name)
        time.pass_by(seconds)

    pass_ = Pass(run=lambda: spend("run", 2), prepare=lambda: spend("prepare", 5))
    iteration = timed(pass_, clock, lambda: spend("wait", 3))
    start = clock()
    iteration()
    assert clock() - start == 2 + 3
    assert calls == ["prepare", "wait", "run", "wait"]


def warmed_up(time: FakeTime, durations: Iterator[float], *, prepare: float = 0.0) -> int:
    """Iterations of a warm-up in which each takes the next of `durations`."""
    clock = Clock(time)
    pass_ = Pass(lambda: time.pass_by(next(durations)), lambda: time.pass_by(prepare))
    return warm_up(timed(pass_, clock, lambda: None), clock)


def constant(seconds: float) -> Iterator[float]:
    while True:
        yield seconds


def test_steady_work_is_warm_after_two_windows(time: FakeTime) -> None:
    """Two windows must be seen to be compared, and no more are needed."""
    assert warmed_up(time, constant(1e-4)) == 2 * STEADY_WINDOW


def test_warm_up_waits_until_it_is_steady(time: FakeTime) -> None:
    """Slow first runs are outlived: at the end the last two windows hold none of them that
    their medians notice."""

    def settling() -> Iterator[float]:
        yield from (1e-3 / 2**i for i in range(20))
        yield from constant(1e-9)

    taken = warmed_up(time, settling())
    slow_in_previous = STEADY_WINDOW // 2
    assert taken == 20 + 2 * STEADY_WINDOW - slow_in_previous


def test_one_slow_run_does_not_matter(time: FakeTime) -> None:
    """Windows are compared by their medians."""
    durations = iter([1e-4] * 7 + [5e-2] + [1e-4] * 100)
    assert warmed_up(time, durations) == 2 * STEADY_WINDOW


def test_warm_up_gives_up_at_its_limit(time: FakeTime) -> None:
    """Work that gets slower by a tenth each time is measured all the same."""

    def slowing() -> Iterator[float]:
        yield from (1e-3 * 1.1**i for i in range(1000))

    taken = warmed_up(time, slowing())
    spent = [1e-3 * 1.1**i for i in range(taken)]
    assert sum(spent) > STEADY_LIMIT_SECONDS >= sum(spent[:-1])


def test_one_long_run_is_enough(time: FakeTime) -> None:
    """What takes longer than the limit is not repeated to get warm."""
    assert warmed_up(time, constant(10 * STEADY_LIMIT_SECONDS)) == 1


def test_preparation_is_no_part_of_the_warm_up(time: FakeTime) -> None:
    """A long preparation neither ends it nor makes it unsteady."""
    assert warmed_up(time, constant(1e-4), prepare=0.5) == 2 * STEADY_WINDOW
