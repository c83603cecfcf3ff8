"""A stand-in for the driver that pynvml asks: GPUs that can lack an answer, or go away."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pynvml
import pytest
import torch

NOT_SUPPORTED = pynvml.NVMLError(pynvml.NVML_ERROR_NOT_SUPPORTED)
GPU_IS_LOST = pynvml.NVMLError(pynvml.NVML_ERROR_GPU_IS_LOST)


class FakeDriver:
    """GPUs in the order of the bus, each a dict from a pynvml function to what it answers.

    An answer may be a function of the arguments, and may be an error, which is raised. What is not
    answered is not supported. `opened` counts the openings that were not closed.
    """

    def __init__(self, *gpus: dict[str, Any]) -> None:
        self.gpus = list(gpus)
        self.opened = 0
        self.uuids: list[str] = []
        self.bus_ids: list[str] = []

    def install(self, monkeypatch: pytest.MonkeyPatch) -> "FakeDriver":
        functions = {
            "nvmlInit": self._open,
            "nvmlShutdown": self._close,
            "nvmlDeviceGetHandleByIndex": self._by_index,
            "nvmlDeviceGetHandleByUUID": lambda uuid: self._by_name(self.uuids, uuid),
            "nvmlDeviceGetHandleByPciBusId": lambda bus: self._by_name(self.bus_ids, bus),
        }
        for name in QUESTIONS:
            functions[name] = self._question(name)
        for name, function in functions.items():
            monkeypatch.setattr(pynvml, name, function)
        return self

    def _open(self) -> None:
        self.opened += 1

    def _close(self) -> None:
        self.opened -= 1

    def _by_index(self, index: int) -> int:
        if index >= len(self.gpus):
            raise pynvml.NVMLError(pynvml.NVML_ERROR_INVALID_ARGUMENT)
        return index

    def _by_name(self, names: list[str], name: str) -> int:
        if name not in names:
            raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_FOUND)
        return names.index(name)

    def _question(self, name: str) -> Callable[..., Any]:
        def answer(handle: int, *arguments: Any) -> Any:
            assert self.opened, "asked while the library was closed"
            found = self.gpus[handle].get(name, NOT_SUPPORTED)
            found = found(*arguments) if callable(found) else found
            if isinstance(found, pynvml.NVMLError):
                raise found
            return found

        return answer


QUESTIONS = (
    "nvmlDeviceGetClockInfo",
    "nvmlDeviceGetTemperature",
    "nvmlDeviceGetTemperatureThreshold",
    "nvmlDeviceGetPowerUsage",
    "nvmlDeviceGetCurrentClocksEventReasons",
    "nvmlDeviceGetCurrentClocksThrottleReasons",
    "nvmlDeviceGetTotalEnergyConsumption",
)


def cuda_devices(monkeypatch: pytest.MonkeyPatch, *properties: dict[str, Any]) -> None:
    """PyTorch sees these devices, in its own order; the first is the current one."""
    devices = [SimpleNamespace(**p) for p in properties]
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 0)
    monkeypatch.setattr(torch.cuda, "get_device_properties", devices.__getitem__)
