"""The conditions of a timing: did others use the machine, and did it run at its usual speed?

On a shared machine neighbours of other guests slow this one down without showing in any counter,
so a reference matrix product is timed before and after, too.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

import psutil

# A row is warned about when others used more than this share of a core while it was timed, …
BUSY_CORES = 0.25
# … or when the machine's speed was off by more than this share.
SPEED_TOLERANCE = 0.25

# The kernel counts processor time in hundredths of a second.
_SHORTEST_SECONDS = 0.1


@dataclass(frozen=True)
class Conditions:
    """What was found out while something was timed.

    Attributes:
        other_cores: cores that other processes used; None where the time was too short to tell.
        reference_seconds: mean of the reference's time before and after.
    """

    other_cores: float | None = None
    reference_seconds: float | None = None

    def warnings(self, *, usual_seconds: float) -> tuple[str, ...]:
        """A line for each condition that was not as it should be."""
        return tuple(filter(None, (self._busy(), self._slow(usual_seconds))))

    def _busy(self) -> str | None:
        if self.other_cores is None or self.other_cores < BUSY_CORES:
            return None
        return (
            f"other processes used {self.other_cores:.1f} cores while this was timed: "
            "measure again on an idle machine"
        )

    def _slow(self, usual_seconds: float) -> str | None:
        if self.reference_seconds is None:
            return None
        speed = usual_seconds / self.reference_seconds
        if 1 - SPEED_TOLERANCE <= speed <= 1 / (1 - SPEED_TOLERANCE):
            return None
        return (
            f"the machine ran at {speed:.2f} of its speed at the start while this was timed: "
            "trust no difference of that size, or measure again on a machine of your own"
        )


def watched(run: Callable[[], object], *, reference: Callable[[], float]) -> Conditions:
    """Run, and find out the conditions meanwhile; `reference` gives seconds."""
    before = reference()
    start, busy, own = time.perf_counter(), _busy_seconds(), _own_seconds()
    run()
    seconds = time.perf_counter() - start
    used = (_busy_seconds() - busy) - (_own_seconds() - own)
    return Conditions(
        other_cores=max(used / seconds, 0.0) if seconds > _SHORTEST_SECONDS else None,
        reference_seconds=(before + reference()) / 2,
    )


def _busy_seconds() -> float:
    """Of all cores since the start of the machine."""
    times = psutil.cpu_times()
    idle = times.idle + getattr(times, "iowait", 0.0) + getattr(times, "steal", 0.0)
    guest = getattr(times, "guest", 0.0) + getattr(times, "guest_nice", 0.0)  # in user, nice too
    return float(sum(times) - idle - guest)


def _own_seconds() -> float:
    times = psutil.Process().cpu_times()
    return float(times.user + times.system)
