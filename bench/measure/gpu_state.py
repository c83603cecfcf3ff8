"""The state of a GPU around a measurement: clocks, temperature, power, and what holds them down.

A GPU sets its own clocks by its temperature and power, so the same pass takes longer on a hot one.
Read the state right after a warm-up and right after the measurement: an idle GPU lowers its clocks,
and two states are compared by their clocks only where the GPU was idle in neither. A state is a
moment; what happened and passed between two of them is not seen.
"""

from dataclasses import dataclass

import pynvml

from .nvml import Gpu, opened

# A clock that differs by more than this share is warned about: as much as a result may be off by
# when two harnesses are compared.
CLOCK_TOLERANCE = 0.05

# Bits of `nvmlClocksEventReasons` in nvml.h; they are the same under their older name, "throttle".
REASONS = {
    0x001: "gpu idle",
    0x002: "applications clocks setting",
    0x004: "software power cap",
    0x008: "hardware slowdown",
    0x010: "sync boost",
    0x020: "software thermal slowdown",
    0x040: "hardware thermal slowdown",
    0x080: "hardware power brake",
    0x100: "display clock setting",
}
IDLE = REASONS[0x001]

# What makes a GPU slower than it was built to be, and what can be done about it.
THROTTLING = {
    "software power cap": "raise the power limit, or lock the clocks below it (nvidia-smi -lgc)",
    "hardware slowdown": "check cooling and power supply",
    "software thermal slowdown": "cool the GPU, or let it rest between measurements",
    "hardware thermal slowdown": "cool the GPU, or let it rest between measurements",
    "hardware power brake": "check the power supply",
}


@dataclass(frozen=True, kw_only=True)
class GpuState:
    """One moment of a GPU. What the driver does not tell is None.

    Attributes:
        slowdown_celsius: the temperature from which on the hardware slows itself down.
        reasons: what determines the clocks just now, by the names of `REASONS`.
    """

    sm_clock_mhz: int | None
    memory_clock_mhz: int | None
    temperature_celsius: int | None
    slowdown_celsius: int | None
    power_watts: float | None
    reasons: tuple[str, ...] | None


def read(device: str) -> GpuState | None:
    """The state of a CUDA device now; None where the driver cannot be read."""
    with opened(device) as gpu:
        return None if gpu is None else _state(gpu)


def _state(gpu: Gpu) -> GpuState:
    milliwatts = gpu.ask("nvmlDeviceGetPowerUsage")
    return GpuState(
        sm_clock_mhz=gpu.ask("nvmlDeviceGetClockInfo", pynvml.NVML_CLOCK_SM),
        memory_clock_mhz=gpu.ask("nvmlDeviceGetClockInfo", pynvml.NVML_CLOCK_MEM),
        temperature_celsius=gpu.ask("nvmlDeviceGetTemperature", pynvml.NVML_TEMPERATURE_GPU),
        slowdown_celsius=gpu.ask(
            "nvmlDeviceGetTemperatureThreshold", pynvml.NVML_TEMPERATURE_THRESHOLD_SLOWDOWN
        ),
        power_watts=None if milliwatts is None else milliwatts / 1000,
        reasons=_reasons(gpu),
    )


def _reasons(gpu: Gpu) -> tuple[str, ...] | None:
    bits = gpu.ask("nvmlDeviceGetCurrentClocksEventReasons")
    if bits is None:  # an older driver
        bits = gpu.ask("nvmlDeviceGetCurrentClocksThrottleReasons")
    return None if bits is None else tuple(name for bit, name in REASONS.items() if bits & bit)


def warnings(before: GpuState | None, after: GpuState | None) -> tuple[str, ...]:
    """A line for each thing that makes what was measured between two states less certain."""
    if before is None and after is None:
        return ("the GPU's clocks are unknown: its driver cannot be read through NVML",)
    if before is None or after is None:
        when = "before" if before is None else "after"
        return (f"the GPU's clocks are unknown {when} this was measured: NVML did not find it",)
    return (*_throttled(before, after), *_changed(before, after), *_hot(after))


def _throttled(before: GpuState, after: GpuState) -> list[str]:
    seen = {*(before.reasons or ()), *(after.reasons or ())}
    return [
        f"the GPU held its clocks down while this was measured ({reason}): {remedy}"
        for reason, remedy in THROTTLING.items()
        if reason in seen
    ]


def _changed(before: GpuState, after: GpuState) -> list[str]:
    if IDLE in (before.reasons or ()) or IDLE in (after.reasons or ()):
        return []
    clocks = {
        "SM": (before.sm_clock_mhz, after.sm_clock_mhz),
        "memory": (before.memory_clock_mhz, after.memory_clock_mhz),
    }
    return [
        f"the GPU's {name} clock went from {old} to {new} MHz while this was measured: lock the "
        "clocks (nvidia-smi -lgc), or measure again when it is warm"
        for name, (old, new) in clocks.items()
        if old and new and abs(new - old) > CLOCK_TOLERANCE * old
    ]


def _hot(state: GpuState) -> list[str]:
    if state.temperature_celsius is None or not state.slowdown_celsius:
        return []
    if state.temperature_celsius < state.slowdown_celsius:
        return []
    return [
        f"the GPU is at {state.temperature_celsius} °C and slows down from "
        f"{state.slowdown_celsius} °C on: cool it, or let it rest between measurements"
    ]
