"""Joules of a pass, from the counters of the hardware: NVML on a GPU, RAPL on a CPU.

A counter is read before and after a window in which the pass is repeated. Counters move every few
to a hundred milliseconds, so the window is two seconds or more. Nothing is estimated: without a
counter the energy is unknown, and a rated power (TDP) times a duration is no measurement.

What is counted is what the device drew meanwhile: idle power too, and on a CPU whatever else the
package runs. A counter cannot be paused, so the preparation of each pass counts as well: for a
training step that is `zero_grad`, but for a backward alone it is the whole forward.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from .nvml import opened
from .passes import Pass

# Long against the time between two values of a counter.
WINDOW_SECONDS = 2.0

CUDA_SOURCE = "NVML total energy counter (the whole GPU)"
CPU_SOURCE = "RAPL package counters (all that the CPU packages ran, idle power included)"

POWERCAP = Path("/sys/class/powercap")

Counter = Callable[[], float | None]


@dataclass(frozen=True, kw_only=True)
class Energy:
    """What one pass draws: the energy of a window over the passes in it.

    Attributes:
        joules_per_pass: None where no counter could be read; then so are the others.
        window_seconds: how long the counter was watched.
        passes: how many ran in the window, each with its preparation.
        source: the counter.
    """

    joules_per_pass: float | None
    window_seconds: float | None = None
    passes: int | None = None
    source: str | None = None
    warnings: tuple[str, ...] = ()


def measure(
    pass_: Pass,
    *,
    device: str,
    synchronize: Callable[[], object],
    window_seconds: float = WINDOW_SECONDS,
    now: Callable[[], float] = time.perf_counter,
) -> Energy:
    """Repeat a warm `pass_` for at least `window_seconds`, and read the device's counter around it.

    Args:
        synchronize: waits for the device; each pass is waited for, as when it is timed.
    """
    cuda = device.startswith("cuda")
    with _nvml_counter(device) if cuda else _rapl_counter(POWERCAP) as counter:
        start_joules = counter()
        if start_joules is None:
            return _unknown(_NO_NVML if cuda else _NO_RAPL)
        passes, seconds = _repeat(pass_, synchronize, window_seconds, now)
        joules = counter()
    if joules is None or joules <= start_joules:
        return _unknown("energy is unknown: the counter stood still, or could be read only once")
    return Energy(
        joules_per_pass=(joules - start_joules) / passes,
        window_seconds=seconds,
        passes=passes,
        source=CUDA_SOURCE if cuda else CPU_SOURCE,
    )


_NO_NVML = "energy is unknown: this GPU or its driver has no energy counter (NVML, from Volta on)"
_NO_RAPL = (
    "energy is unknown: no RAPL counter can be read; where /sys/class/powercap has one, "
    "let its owner allow it (chmod a+r /sys/class/powercap/intel-rapl:*/energy_uj)"
)


def _unknown(warning: str) -> Energy:
    return Energy(joules_per_pass=None, warnings=(warning,))


def _repeat(
    pass_: Pass, synchronize: Callable[[], object], window: float, now: Callable[[], float]
) -> tuple[int, float]:
    """How often the pass ran, and the seconds that took."""
    synchronize()
    passes, start = 0, now()
    while passes == 0 or now() - start < window:
        pass_.prepare()
        pass_.run()
        synchronize()
        passes += 1
    return passes, now() - start


@contextmanager
def _nvml_counter(device: str) -> Iterator[Counter]:
    with opened(device) as gpu:

        def joules() -> float | None:
            millijoules = gpu.ask("nvmlDeviceGetTotalEnergyConsumption") if gpu else None
            return None if millijoules is None else millijoules / 1e3

        yield joules


@contextmanager
def _rapl_counter(root: Path) -> Iterator[Counter]:
    """Joules of all packages since the first reading."""
    packages = [_Package(folder) for folder in _package_folders(root)]

    def joules() -> float | None:
        parts = [package.joules() for package in packages]
        known = [part for part in parts if part is not None]
        return sum(known) if known and len(known) == len(parts) else None

    yield joules


def _package_folders(root: Path) -> list[Path]:
    """`intel-rapl:0`, … (AMD's have that name too): packages, not their cores and memory, which
    are in them, nor the whole platform (psys), in which they are."""
    folders = sorted(root.glob("intel-rapl:*"))
    return [folder for folder in folders if _text(folder / "name").startswith("package")]


class _Package:
    """One RAPL counter, which starts again from zero when it is full."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._last: int | None = None
        self._microjoules = 0

    def joules(self) -> float | None:
        """Since the first reading; None where it cannot be read."""
        reading, size = (self._number(name) for name in ("energy_uj", "max_energy_range_uj"))
        if reading is None or size is None:
            return None
        if self._last is not None:
            wrapped = reading < self._last
            self._microjoules += reading - self._last + (size if wrapped else 0)
        self._last = reading
        return self._microjoules / 1e6

    def _number(self, name: str) -> int | None:
        text = _text(self._folder / name)
        return int(text) if text.isdecimal() else None


def _text(path: Path) -> str:
    """The stripped text of a file; empty where it cannot be read."""
    try:
        return path.read_text().strip()
    except OSError:
        return ""
