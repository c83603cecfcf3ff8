"""Lets the pytest-benchmark fixture read recorded durations instead of the time.

So a kept cell, and a training that ran in other processes, stand in a study as if just timed.
"""

from collections.abc import Sequence
from typing import Any

from .measure.latency import Clock


def replay(samples: Sequence[float], iterations: int, benchmark: Any, clock: Clock) -> None:
    """Give `samples` (seconds per iteration, one a round) to the fixture, whose timer `clock` must
    be; nothing is run."""
    durations = [sample * iterations for sample in samples]
    clock.replay(durations)
    benchmark.pedantic(_nothing, rounds=len(durations), iterations=iterations)


def _nothing() -> None:
    """Takes the place of what was measured before."""
