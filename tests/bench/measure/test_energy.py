"""Joules from counters that a test turns, in a window of a clock that a test moves."""

from collections.abc import Callable
from pathlib import Path

import pytest

from bench.measure import energy
from bench.measure.energy import CPU_SOURCE, CUDA_SOURCE, WINDOW_SECONDS, Energy
from bench.measure.passes import Pass
from tests.bench.fakes import FakeTime

from .nvml_fake import GPU_IS_LOST, FakeDriver, cuda_devices

MAX_RANGE = 262_143_328_850  # microjoules, as on many CPUs


@pytest.fixture
def time() -> FakeTime:
    return FakeTime()


class Package:
    """A RAPL domain in a folder; its counter starts again from zero when it is full."""

    def __init__(self, root: Path, folder: str, name: str, *, start: int = 0) -> None:
        self.folder = root / folder
        self.folder.mkdir(parents=True)
        (self.folder / "name").write_text(f"{name}\n")
        (self.folder / "max_energy_range_uj").write_text(f"{MAX_RANGE}\n")
        self.microjoules = start
        self.draw(0)

    def draw(self, joules: float) -> None:
        self.microjoules = (self.microjoules + round(joules * 1e6)) % MAX_RANGE
        (self.folder / "energy_uj").write_text(f"{self.microjoules}\n")


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(energy, "POWERCAP", tmp_path / "powercap")
    return tmp_path / "powercap"


def measure(
    time: FakeTime, run: Callable[[], None], *, device: str = "cpu", **options: float
) -> Energy:
    return energy.measure(Pass(run), device=device, synchronize=lambda: None, now=time, **options)


# --- the window --------------------------------------------------------------------------------


@pytest.mark.parametrize(("seconds", "passes"), [(0.3, 7), (0.5, 4), (2.0, 1), (60.0, 1)])
def test_passes_are_repeated_until_the_window_is_full(
    time: FakeTime, root: Path, seconds: float, passes: int
) -> None:
    """At least two seconds and at least one pass; each takes its share of what was drawn."""
    package = Package(root, "intel-rapl:0", "package-0")

    def run() -> None:
        time.pass_by(seconds)
        package.draw(30 * seconds)

    found = measure(time, run)
    assert found.joules_per_pass == pytest.approx(30 * seconds)
    assert found.passes == passes
    assert found.window_seconds == pytest.approx(passes * seconds)
    assert found.window_seconds >= WINDOW_SECONDS
    assert found.source == CPU_SOURCE
    assert found.warnings == ()


def test_the_window_is_a_parameter(time: FakeTime, root: Path) -> None:
    """Ten seconds of one-second passes."""
    package = Package(root, "intel-rapl:0", "package-0")

    def run() -> None:
        time.pass_by(1)
        package.draw(5)

    assert measure(time, run, window_seconds=10.0).passes == 10


def test_each_pass_is_prepared_and_waited_for(time: FakeTime, root: Path) -> None:
    """As when it is timed: prepare, run, wait. What ran before is waited for first."""
    package = Package(root, "intel-rapl:0", "package-0")
    calls: list[str] = []

    def run() -> None:
        calls.append("run")
        time.pass_by(1)
        package.draw(1)

    pass_ = Pass(run, lambda: calls.append("prepare"))
    energy.measure(pass_, device="cpu", synchronize=lambda: calls.append("wait"), now=time)
    assert calls == ["wait", *["prepare", "run", "wait"] * 2]


# --- RAPL --------------------------------------------------------------------------------------


def two_seconds(time: FakeTime, *draws: tuple[Package, float]) -> Callable[[], None]:
    """A pass that fills the window, while each package draws its joules."""

    def run() -> None:
        time.pass_by(2)
        for package, joules in draws:
            package.draw(joules)

    return run


def test_a_full_counter_starts_again(time: FakeTime, root: Path) -> None:
    """Ten joules before it is full and ten after are twenty."""
    package = Package(root, "intel-rapl:0", "package-0", start=MAX_RANGE - 10_000_000)
    found = measure(time, two_seconds(time, (package, 20)))
    assert found.joules_per_pass == pytest.approx(20)


def test_packages_are_added_and_their_parts_are_not(time: FakeTime, root: Path) -> None:
    """Two sockets; cores and memory are within them, and the platform is around them."""
    packages = [Package(root, f"intel-rapl:{i}", f"package-{i}") for i in (0, 1)]
    others = [
        Package(root, "intel-rapl:0:0", "core"),
        Package(root, "intel-rapl:0:1", "dram"),
        Package(root, "intel-rapl:2", "psys"),
        Package(root, "intel-rapl-mmio:0", "package-0"),
    ]
    draws = [(packages[0], 7.0), (packages[1], 4.0), *((other, 100.0) for other in others)]
    assert measure(time, two_seconds(time, *draws)).joules_per_pass == pytest.approx(11)


def unknown(found: Energy, *words: str) -> None:
    """Nothing but one warning with `words`."""
    (warning,) = found.warnings
    assert found == Energy(joules_per_pass=None, warnings=(warning,))
    assert "energy is unknown" in warning
    assert all(word in warning for word in words)


def test_without_rapl_the_energy_is_unknown(time: FakeTime, root: Path) -> None:
    """No folder: a virtual machine, or another kind of CPU. The pass is not even run."""
    assert not root.exists()

    def run() -> None:
        raise AssertionError("nothing to measure, nothing to run")

    unknown(measure(time, run), "RAPL", "chmod")


def test_a_counter_for_root_only_is_unknown(
    time: FakeTime, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Since 2020 the kernel lets only root read it."""
    package = Package(root, "intel-rapl:0", "package-0")
    read = Path.read_text

    def refuse(path: Path) -> str:
        if path.name == "energy_uj":
            raise PermissionError(path)
        return read(path)

    monkeypatch.setattr(Path, "read_text", refuse)
    unknown(measure(time, two_seconds(time, (package, 5))), "chmod")


def test_half_of_the_packages_is_not_the_energy(time: FakeTime, root: Path) -> None:
    """Where one of two cannot be read, the sum is unknown."""
    package, broken = (Package(root, f"intel-rapl:{i}", f"package-{i}") for i in (0, 1))
    (broken.folder / "energy_uj").unlink()
    unknown(measure(time, two_seconds(time, (package, 5))))


def test_a_counter_that_stands_still_is_unknown(time: FakeTime, root: Path) -> None:
    """Zero joules is no measurement: some virtual machines show a dead counter."""
    package = Package(root, "intel-rapl:0", "package-0", start=1234)
    unknown(measure(time, two_seconds(time, (package, 0))), "stood still")


# --- NVML --------------------------------------------------------------------------------------


def driver(monkeypatch: pytest.MonkeyPatch, time: FakeTime, *, watts: float) -> FakeDriver:
    """Two GPUs with a counter in millijoules; the second draws `watts`."""
    cuda_devices(monkeypatch, {"uuid": "a"}, {"uuid": "b"})
    question = "nvmlDeviceGetTotalEnergyConsumption"
    found = FakeDriver({question: 5}, {question: lambda: 10**9 + round(1e3 * watts * time())})
    found.uuids = ["GPU-a", "GPU-b"]
    return found.install(monkeypatch)


def test_a_gpu_has_a_counter_of_its_own(monkeypatch: pytest.MonkeyPatch, time: FakeTime) -> None:
    """Joules from millijoules, of the GPU that is used; the library is closed again."""
    nvml = driver(monkeypatch, time, watts=300)
    found = measure(time, lambda: time.pass_by(0.25), device="cuda:1")
    assert found == Energy(joules_per_pass=75.0, window_seconds=2.0, passes=8, source=CUDA_SOURCE)
    assert nvml.opened == 0


def test_a_gpu_without_a_counter_is_unknown(
    monkeypatch: pytest.MonkeyPatch, time: FakeTime, root: Path
) -> None:
    """Nor is the CPU's taken instead."""
    Package(root, "intel-rapl:0", "package-0")
    cuda_devices(monkeypatch, {})
    FakeDriver({}).install(monkeypatch)
    unknown(measure(time, lambda: time.pass_by(1), device="cuda"), "NVML")


def test_a_gpu_that_goes_away_is_unknown(monkeypatch: pytest.MonkeyPatch, time: FakeTime) -> None:
    """After the window there is no second reading."""
    nvml = driver(monkeypatch, time, watts=300)

    def run() -> None:
        time.pass_by(2)
        nvml.gpus[1] = {"nvmlDeviceGetTotalEnergyConsumption": GPU_IS_LOST}

    unknown(measure(time, run, device="cuda:1"), "only once")


def test_an_error_of_the_pass_goes_on(monkeypatch: pytest.MonkeyPatch, time: FakeTime) -> None:
    """Out of memory is for the caller to tell; the library is closed."""
    nvml = driver(monkeypatch, time, watts=300)

    def run() -> None:
        raise MemoryError

    with pytest.raises(MemoryError):
        measure(time, run, device="cuda:1")
    assert nvml.opened == 0
