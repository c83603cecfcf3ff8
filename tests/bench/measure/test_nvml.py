"""Which GPU of the driver is PyTorch's "cuda:N"."""

from typing import Any

import pynvml
import pytest
import torch

from bench.measure.nvml import opened

from .nvml_fake import GPU_IS_LOST, FakeDriver, cuda_devices

UUIDS = ["1111-aa", "2222-bb", "3333-cc"]
BUSES = [0x03, 0x41, 0xC1]


@pytest.fixture
def driver(monkeypatch: pytest.MonkeyPatch) -> FakeDriver:
    """Three GPUs on the bus."""
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    driver = FakeDriver({}, {}, {}).install(monkeypatch)
    driver.uuids = [f"GPU-{uuid}" for uuid in UUIDS]
    driver.bus_ids = [f"00000000:{bus:02X}:00.0" for bus in BUSES]
    return driver


def by_uuid(gpu: int) -> dict[str, Any]:
    return {"uuid": UUIDS[gpu]}


def by_bus(gpu: int) -> dict[str, Any]:
    return {"pci_domain_id": 0, "pci_bus_id": BUSES[gpu], "pci_device_id": 0}


def found(device: str) -> Any:
    with opened(device) as gpu:
        return None if gpu is None else gpu.handle


@pytest.mark.parametrize("how", [by_uuid, by_bus])
def test_a_gpu_is_found_whatever_the_order(
    monkeypatch: pytest.MonkeyPatch, driver: FakeDriver, how: Any
) -> None:
    """PyTorch counts the fastest first and hides some; UUID and bus address do not care."""
    cuda_devices(monkeypatch, how(2), how(0))
    assert (found("cuda"), found("cuda:0"), found("cuda:1")) == (2, 2, 0)
    assert driver.opened == 0


@pytest.mark.usefixtures("driver")
def test_the_bus_is_asked_where_the_uuid_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    """A driver and PyTorch that write UUIDs differently still meet."""
    cuda_devices(monkeypatch, {"uuid": "another spelling", **by_bus(1)})
    assert found("cuda:0") == 1


def test_a_slice_of_a_gpu_is_found(monkeypatch: pytest.MonkeyPatch, driver: FakeDriver) -> None:
    """MIG devices have UUIDs of their own."""
    driver.uuids[1] = "MIG-4444-dd"
    cuda_devices(monkeypatch, {"uuid": "4444-dd"})
    assert found("cuda:0") == 1


@pytest.mark.parametrize(
    ("visible", "expected"),
    [
        (None, [0, 1, 2, None]),
        ("2,0", [2, 0, None, None]),
        ("2, 0", [2, 0, None, None]),
        ("GPU-2222-bb", [1, None, None, None]),
        ("7", [None, None, None, None]),
        ("", [None, None, None, None]),
    ],
)
@pytest.mark.usefixtures("driver")
def test_a_pytorch_that_tells_nothing_is_matched_by_the_variable(
    monkeypatch: pytest.MonkeyPatch, visible: str | None, expected: list[int | None]
) -> None:
    """The entry of `CUDA_VISIBLE_DEVICES`; without it the index; nothing where there is none."""
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    cuda_devices(monkeypatch, {}, {}, {}, {})
    assert [found(f"cuda:{index}") for index in range(4)] == expected


def test_without_a_driver_there_is_no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """None, and nothing is closed that was not opened."""

    def fail() -> None:
        raise pynvml.NVMLError(pynvml.NVML_ERROR_LIBRARY_NOT_FOUND)

    driver = FakeDriver({}).install(monkeypatch)
    monkeypatch.setattr(pynvml, "nvmlInit", fail)
    assert found("cuda:0") is None
    assert driver.opened == 0


@pytest.mark.parametrize("error", [AssertionError, RuntimeError])
def test_without_the_device_there_is_no_gpu(
    monkeypatch: pytest.MonkeyPatch, driver: FakeDriver, error: type[Exception]
) -> None:
    """A PyTorch without CUDA asserts, one whose GPU went away raises."""

    def fail(_: Any) -> None:
        raise error("no such device")

    monkeypatch.setattr(torch.cuda, "get_device_properties", fail)
    assert found("cuda:1") is None
    assert driver.opened == 0


def test_what_cannot_be_answered_is_none(
    monkeypatch: pytest.MonkeyPatch, driver: FakeDriver
) -> None:
    """A function that this pynvml lacks, one that the GPU does not support, a GPU that is lost."""
    cuda_devices(monkeypatch, by_uuid(0))
    driver.gpus[0] = {"nvmlDeviceGetPowerUsage": GPU_IS_LOST}
    with opened("cuda:0") as gpu:
        assert gpu is not None
        assert gpu.ask("nvmlDeviceGetNothing") is None
        assert gpu.ask("nvmlDeviceGetTotalEnergyConsumption") is None
        assert gpu.ask("nvmlDeviceGetPowerUsage") is None


def test_an_error_inside_closes_the_library(
    monkeypatch: pytest.MonkeyPatch, driver: FakeDriver
) -> None:
    """The error goes on."""
    cuda_devices(monkeypatch, by_uuid(0))
    with pytest.raises(ArithmeticError), opened("cuda:0"):
        raise ArithmeticError
    assert driver.opened == 0
