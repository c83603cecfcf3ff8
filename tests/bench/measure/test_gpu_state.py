"""The state of a GPU, and what is said of two of them."""

import dataclasses
from typing import Any

import pynvml
import pytest

from bench.measure import gpu_state
from bench.measure.gpu_state import REASONS, THROTTLING, GpuState

from .nvml_fake import GPU_IS_LOST, FakeDriver, cuda_devices

CLOCKS = {pynvml.NVML_CLOCK_SM: 1980, pynvml.NVML_CLOCK_MEM: 2619}
ANSWERS: dict[str, Any] = {
    "nvmlDeviceGetClockInfo": CLOCKS.__getitem__,
    "nvmlDeviceGetTemperature": 61,
    "nvmlDeviceGetTemperatureThreshold": 89,
    "nvmlDeviceGetPowerUsage": 412_500,
    "nvmlDeviceGetCurrentClocksEventReasons": 0x004 | 0x040,
}
STATE = GpuState(
    sm_clock_mhz=1980,
    memory_clock_mhz=2619,
    temperature_celsius=61,
    slowdown_celsius=89,
    power_watts=412.5,
    reasons=("software power cap", "hardware thermal slowdown"),
)
COOL = dataclasses.replace(STATE, reasons=())


def read(monkeypatch: pytest.MonkeyPatch, answers: dict[str, Any]) -> GpuState | None:
    FakeDriver(answers).install(monkeypatch)
    cuda_devices(monkeypatch, {})
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    return gpu_state.read("cuda:0")


# --- reading -----------------------------------------------------------------------------------


def test_a_state_has_units_and_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """Watts from milliwatts, reasons from bits."""
    assert read(monkeypatch, ANSWERS) == STATE


def test_reasons_have_the_bits_of_pynvml() -> None:
    """The table agrees with the library's constants."""
    prefix = "nvmlClocksEventReason"
    if not hasattr(pynvml, f"{prefix}GpuIdle"):
        prefix = "nvmlClocksThrottleReason"
    names = {
        "GpuIdle": "gpu idle",
        "SwPowerCap": "software power cap",
        "HwSlowdown": "hardware slowdown",
        "SwThermalSlowdown": "software thermal slowdown",
        "HwThermalSlowdown": "hardware thermal slowdown",
        "HwPowerBrakeSlowdown": "hardware power brake",
    }
    assert {name: REASONS[getattr(pynvml, prefix + name)] for name in names} == names
    assert set(THROTTLING) <= set(REASONS.values())


def test_an_older_driver_calls_the_reasons_throttle(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the new function does not answer, the old one does."""
    older = dict(ANSWERS)
    bits = older.pop("nvmlDeviceGetCurrentClocksEventReasons")
    older["nvmlDeviceGetCurrentClocksThrottleReasons"] = bits
    assert read(monkeypatch, older) == STATE


def test_an_older_pynvml_lacks_the_new_function(monkeypatch: pytest.MonkeyPatch) -> None:
    """A missing function is no crash."""
    FakeDriver({"nvmlDeviceGetCurrentClocksThrottleReasons": 0x008}).install(monkeypatch)
    cuda_devices(monkeypatch, {})
    monkeypatch.delattr(pynvml, "nvmlDeviceGetCurrentClocksEventReasons")
    state = gpu_state.read("cuda:0")
    assert state is not None
    assert state.reasons == ("hardware slowdown",)


@pytest.mark.parametrize("missing", ANSWERS)
def test_what_the_gpu_does_not_tell_is_none(monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    """The rest is told, and no throttling is not the same as not known. Of what is not known, on
    either side, no warning is made; only the clocks are two answers to one question."""
    state = read(monkeypatch, {k: v for k, v in ANSWERS.items() if k != missing})
    assert state is not None
    unknown = [value is None for value in dataclasses.asdict(state).values()]
    assert sum(unknown) == (2 if missing == "nvmlDeviceGetClockInfo" else 1)
    for pair in ((state, state), (STATE, state), (state, STATE)):
        assert not any("None" in line for line in gpu_state.warnings(*pair))


def test_a_gpu_that_goes_away_tells_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """All unknown, no crash."""
    state = read(monkeypatch, dict.fromkeys(ANSWERS, GPU_IS_LOST))
    assert state is not None
    assert set(dataclasses.asdict(state).values()) == {None}


def test_no_gpu_has_no_state(monkeypatch: pytest.MonkeyPatch) -> None:
    """A device that the driver does not know."""
    FakeDriver().install(monkeypatch)
    cuda_devices(monkeypatch, {})
    assert gpu_state.read("cuda:0") is None


# --- comparing ---------------------------------------------------------------------------------


def test_the_same_cool_state_is_fine() -> None:
    """No line."""
    assert gpu_state.warnings(COOL, COOL) == ()


@pytest.mark.parametrize("reason", THROTTLING)
def test_throttling_before_or_after_is_said_once(reason: str) -> None:
    """With the reason and what to do."""
    throttled = dataclasses.replace(COOL, reasons=(reason,))
    for pair in [(COOL, throttled), (throttled, COOL), (throttled, throttled)]:
        (line,) = gpu_state.warnings(*pair)
        assert reason in line
        assert THROTTLING[reason] in line


@pytest.mark.parametrize("reason", sorted(set(REASONS.values()) - set(THROTTLING)))
def test_other_reasons_are_no_fault(reason: str) -> None:
    """An idle GPU, or clocks that were set on purpose."""
    state = dataclasses.replace(COOL, reasons=(reason,))
    assert gpu_state.warnings(state, state) == ()


@pytest.mark.parametrize(
    ("clock", "mhz", "lines"),
    [
        ("sm_clock_mhz", 1882, 0),
        ("sm_clock_mhz", 1880, 1),
        ("sm_clock_mhz", 2080, 1),
        ("memory_clock_mhz", 1593, 1),
        ("memory_clock_mhz", None, 0),
    ],
)
def test_a_clock_that_moved_more_than_a_twentieth_is_said(
    clock: str, mhz: int | None, lines: int
) -> None:
    """Up or down; an unknown clock has not moved."""
    found = gpu_state.warnings(COOL, dataclasses.replace(COOL, **{clock: mhz}))
    assert len(found) == lines
    assert all(f"to {mhz} MHz" in line for line in found)


def test_clocks_of_an_idle_gpu_are_not_compared() -> None:
    """It lowered them since nothing ran."""
    idle = dataclasses.replace(COOL, sm_clock_mhz=345, reasons=("gpu idle",))
    assert gpu_state.warnings(idle, COOL) == gpu_state.warnings(COOL, idle) == ()


@pytest.mark.parametrize(("celsius", "lines"), [(88, 0), (89, 1), (95, 1), (None, 0)])
def test_a_gpu_at_its_threshold_is_said(celsius: int | None, lines: int) -> None:
    """Where both temperatures are known."""
    hot = dataclasses.replace(COOL, temperature_celsius=celsius)
    assert len(gpu_state.warnings(COOL, hot)) == lines
    unknown = dataclasses.replace(hot, slowdown_celsius=None)
    assert gpu_state.warnings(COOL, unknown) == ()


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [(None, None, "unknown:"), (None, COOL, "unknown before"), (COOL, None, "unknown after")],
)
def test_a_state_that_is_missing_is_said(
    before: GpuState | None, after: GpuState | None, words: str
) -> None:
    """One line, which names the side."""
    (line,) = gpu_state.warnings(before, after)
    assert words in line
