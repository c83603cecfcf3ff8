"""Times a pass: a clock that can be stopped for preparation, and a warm-up that ends by itself.

The rounds themselves are run by the pytest-benchmark fixture, which takes any timer. With `Clock`
as that timer the fixture calibrates, repeats and stops as it always does, while the preparation
of each pass stays outside the measured time. The same clock replays kept samples, so a resumed
study goes through the fixture in the same way.
"""

import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from .passes import Pass

# Warm-up ends when two windows of so many runs differ by less than this share in their median.
STEADY_WINDOW = 5
STEADY_TOLERANCE = 0.05
# … or when it has taken so many seconds.
STEADY_LIMIT_SECONDS = 1.0


class Clock:
    """Seconds of a monotonic clock, less the time spent in `paused`.

    `replay` makes it return recorded durations instead: start, end, start, end, …
    """

    __name__ = "clock"  # what the fixture writes of its timer into the study

    def __init__(self, now: Callable[[], float] = time.perf_counter) -> None:
        self._now = now
        self._paused = 0.0
        self._recorded: Iterator[float] | None = None

    def __call__(self) -> float:
        if self._recorded is not None:
            return next(self._recorded)
        return self._now() - self._paused

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Time inside does not count."""
        start = self._now()
        try:
            yield
        finally:
            self._paused += self._now() - start

    def replay(self, durations: Sequence[float]) -> None:
        """Give these durations (seconds a round) to whoever reads the clock in pairs."""
        self._recorded = (edge for duration in durations for edge in (0.0, duration))


def timed(pass_: Pass, clock: Clock, synchronize: Callable[[], object]) -> Callable[[], None]:
    """One measured iteration: prepared off the clock, then run until the device is done."""

    def iteration() -> None:
        with clock.paused():
            pass_.prepare()
            synchronize()
        pass_.run()
        synchronize()

    return iteration


def warm_up(iteration: Callable[[], object], clock: Clock) -> int:
    """Run until the time of an iteration is steady; the number of iterations it took.

    Steady: the medians of the last two windows of 5 differ by less than 5%. Gives up after a
    second, since a machine that never gets steady is measured all the same.
    """
    durations: list[float] = []
    while True:
        start = clock()
        iteration()
        durations.append(clock() - start)
        if _is_steady(durations) or sum(durations) > STEADY_LIMIT_SECONDS:
            return len(durations)


def _is_steady(durations: Sequence[float]) -> bool:
    if len(durations) < 2 * STEADY_WINDOW:
        return False
    last = statistics.median(durations[-STEADY_WINDOW:])
    previous = statistics.median(durations[-2 * STEADY_WINDOW : -STEADY_WINDOW])
    return abs(last - previous) < STEADY_TOLERANCE * previous
