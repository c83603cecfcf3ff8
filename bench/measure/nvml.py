"""Asks NVML for the GPUs of the machine, and for the one behind a CUDA device.

NVML counts all GPUs of the machine in the order of the bus; CUDA counts those that
`CUDA_VISIBLE_DEVICES` leaves, by default the fastest first. So the handle is looked up by what does
not depend on an order: the UUID, then the address on the PCI bus. Only where PyTorch tells neither
is the variable itself read.
"""

import contextlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import pynvml
import torch


class Gpu(NamedTuple):
    """One GPU as NVML sees it; `handle` is good until the library is closed."""

    handle: Any

    def ask(self, question: str, *arguments: Any) -> Any:
        """What the driver answers to the pynvml function `question`; None where the function, the
        driver's support of it or the GPU is missing."""
        function = getattr(pynvml, question, None)
        return None if function is None else _answer(function, self.handle, *arguments)


@contextmanager
def opened(device: str) -> Iterator[Gpu | None]:
    """The GPU behind a device such as "cuda:1"; None without a driver, or when it is not found."""
    with _library() as started:
        handle = _handle(device) if started else None
        yield None if handle is None else Gpu(handle)


def all_gpus() -> list[dict[str, Any]]:
    """Name, memory and driver of each GPU of the machine; none where the driver cannot be read."""
    with _library() as started:
        try:
            return [_described(i) for i in range(pynvml.nvmlDeviceGetCount())] if started else []
        except pynvml.NVMLError:
            return []


def _described(index: int) -> dict[str, Any]:
    handle = pynvml.nvmlDeviceGetHandleByIndex(index)
    return {
        "name": str(pynvml.nvmlDeviceGetName(handle)),
        "memory_bytes": int(pynvml.nvmlDeviceGetMemoryInfo(handle).total),
        "driver": str(pynvml.nvmlSystemGetDriverVersion()),
    }


@contextmanager
def _library() -> Iterator[bool]:
    """Whether NVML could be started; it is closed in any case."""
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        yield False
        return
    try:
        yield True
    finally:
        with contextlib.suppress(pynvml.NVMLError):
            pynvml.nvmlShutdown()


def _answer(function: Callable[..., Any], *arguments: Any) -> Any:
    try:
        return function(*arguments)
    except pynvml.NVMLError:
        return None


def _handle(device: str) -> Any:
    try:
        index = torch.device(device).index
        index = torch.cuda.current_device() if index is None else index
        properties = torch.cuda.get_device_properties(index)
    except (
        AssertionError,
        RuntimeError,
        torch.cuda.DeferredCudaCallError,
    ):  # a PyTorch without CUDA, or a GPU that went away
        return None
    for ask, name in _names(properties):
        handle = _answer(ask, name)
        if handle is not None:
            return handle
    return _by_index(index)


def _names(properties: Any) -> Iterator[tuple[Callable[..., Any], str]]:
    """Functions of pynvml, each with a name of the device that it knows."""
    uuid = getattr(properties, "uuid", None)
    if uuid is not None:
        yield pynvml.nvmlDeviceGetHandleByUUID, f"GPU-{uuid}"
        yield pynvml.nvmlDeviceGetHandleByUUID, f"MIG-{uuid}"
    bus = getattr(properties, "pci_bus_id", None)
    if bus is not None:
        domain, slot = properties.pci_domain_id, properties.pci_device_id
        yield pynvml.nvmlDeviceGetHandleByPciBusId, f"{domain:08X}:{bus:02X}:{slot:02X}.0"


def _by_index(index: int) -> Any:
    """By the entry of `CUDA_VISIBLE_DEVICES`, a number or a UUID; unset, by the index."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is None:
        return _answer(pynvml.nvmlDeviceGetHandleByIndex, index)
    entries = [entry.strip() for entry in visible.split(",")]
    if index >= len(entries):
        return None
    if entries[index].isdecimal():
        return _answer(pynvml.nvmlDeviceGetHandleByIndex, int(entries[index]))
    return _answer(pynvml.nvmlDeviceGetHandleByUUID, entries[index])
