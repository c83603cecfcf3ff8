"""What is told of the machine, with fake drivers, devices and neighbours."""

import json
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest
import torch

from bench.measure import machine
from bench.records import key

# --- environment -------------------------------------------------------------------------------

PLAIN = (str, int, float, bool, type(None))


def leaves(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [leaf for part in value.values() for leaf in leaves(part)]
    if isinstance(value, list):
        return [leaf for part in value for leaf in leaves(part)]
    return [value]


def test_environment_is_complete_and_plain() -> None:
    """Every fact that a timing depends on has its key, and JSON gives back the same."""
    environment = machine.environment(threads=3)
    assert set(environment) >= {
        *("cpu_model", "cores", "threads", "memory_bytes", "memory_available_bytes", "load"),
        *("platform", "python", "torch", "torch_build", "cuda", "gpu", "git_commit", "time"),
    }
    assert environment["threads"] == 3
    assert environment["torch"] == torch.__version__
    assert 0 < environment["memory_available_bytes"] <= environment["memory_bytes"]
    assert len(environment["load"]) == 3
    assert all(isinstance(leaf, PLAIN) for leaf in leaves(environment))
    assert json.loads(json.dumps(environment, allow_nan=False)) == environment


def test_identity_is_stable(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same machine has the same identity whatever its load, memory or time."""
    before = key(machine.identity("cpu"))
    monkeypatch.setattr(psutil, "getloadavg", lambda: (99.0, 99.0, 99.0))
    monkeypatch.setattr(machine.time, "strftime", lambda *_: "1999")
    assert key(machine.identity("cpu")) == before


def test_identity_names_the_gpu_that_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two kinds of GPU are two identities; a CPU's has no GPU."""
    names = {"cuda:0": "GPU A", "cuda:1": "GPU B"}
    monkeypatch.setattr(torch.cuda, "get_device_name", names.__getitem__)
    identities = [machine.identity(device) for device in ("cpu", *names)]
    assert [identity["gpu"] for identity in identities] == [None, "GPU A", "GPU B"]
    assert len({key(identity) for identity in identities}) == 3


@pytest.mark.parametrize("affinity", [{0}, {0, 3, 5}])
def test_cores_are_those_this_process_may_use(
    monkeypatch: pytest.MonkeyPatch, affinity: set[int]
) -> None:
    """A container's or a batch system's share, not all of the machine."""
    monkeypatch.setattr(machine.os, "sched_getaffinity", lambda _: affinity)
    assert machine.cores() == len(affinity)


def git(*arguments: str) -> None:
    identity = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *identity, *arguments], check=True, capture_output=True)


def test_commit_is_the_working_folders(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Outside git unknown; then forty digits, with `-dirty` once a file was changed."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert machine.environment(threads=1)["git_commit"] is None
    git("init", "--quiet")
    Path("file").write_text("1")
    git("add", "file")
    git("commit", "--quiet", "-m", "one")
    commit = machine.environment(threads=1)["git_commit"]
    assert len(commit) == 40
    assert set(commit) <= set("0123456789abcdef")
    Path("file").write_text("2")
    assert machine.environment(threads=1)["git_commit"] == f"{commit}-dirty"


# --- GPUs --------------------------------------------------------------------------------------


class NVMLError(Exception):
    """The error class of the fake pynvml."""


class FakeNvml(SimpleNamespace):
    """A driver with two GPUs; functions named in `broken` raise."""

    def __init__(self, broken: str = "") -> None:
        self.shutdowns = 0
        functions = {
            "nvmlInit": lambda: None,
            "nvmlDeviceGetCount": lambda: 2,
            "nvmlDeviceGetHandleByIndex": lambda index: index,
            "nvmlDeviceGetName": lambda handle: f"GPU {handle}",
            "nvmlDeviceGetMemoryInfo": lambda handle: SimpleNamespace(total=2**30 * (handle + 1)),
            "nvmlSystemGetDriverVersion": lambda: "590.48",
            "nvmlShutdown": self._shut_down,
        }
        if broken:
            functions[broken] = self._break
        super().__init__(NVMLError=NVMLError, shutdowns=0, **functions)

    def _shut_down(self) -> None:
        self.shutdowns += 1

    def _break(self, *_: object) -> None:
        raise NVMLError("Driver Not Loaded")


def test_gpus_have_name_memory_and_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    """One entry a GPU, and the library is shut down again."""
    nvml = FakeNvml()
    monkeypatch.setattr("bench.measure.nvml.pynvml", nvml)
    assert machine.environment(threads=1)["gpu"] == [
        {"name": "GPU 0", "memory_bytes": 2**30, "driver": "590.48"},
        {"name": "GPU 1", "memory_bytes": 2**31, "driver": "590.48"},
    ]
    assert nvml.shutdowns == 1


@pytest.mark.parametrize(
    ("broken", "known"),
    [("nvmlInit", 0), ("nvmlDeviceGetCount", 0), ("nvmlDeviceGetName", 0), ("nvmlShutdown", 2)],
)
def test_a_driver_that_fails_ends_no_study(
    monkeypatch: pytest.MonkeyPatch, broken: str, known: int
) -> None:
    """Without a driver, or with one that breaks at any call, the environment is still told."""
    monkeypatch.setattr("bench.measure.nvml.pynvml", FakeNvml(broken))
    assert len(machine.environment(threads=1)["gpu"]) == known


# --- devices -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("device", "dtype", "expected"),
    [
        ("tpu", "fp32", "unknown device 'tpu'; known: cpu, cuda, cuda:N"),
        ("", "fp32", "unknown device ''"),
        ("cuda:one", "fp32", "unknown device 'cuda:one'"),
        ("cuda:-1", "fp32", "unknown device 'cuda:-1'"),
        ("cuda:", "fp32", "unknown device 'cuda:'"),
        ("cpu:", "fp32", "unknown device 'cpu:'"),
        ("cpu:1", "fp32", "device 'cpu:1'"),
        ("cuda:²", "fp32", "unknown device 'cuda:²'"),
        ("cpu", "fp64", "unknown dtype 'fp64'; known: fp32, bf16, fp16"),
        ("cuda:2", "fp32", "no device 'cuda:2' here: PyTorch sees 2 CUDA devices"),
    ],
)
def test_device_that_cannot_be_used(
    monkeypatch: pytest.MonkeyPatch, device: str, dtype: str, expected: str
) -> None:
    """One line with what was asked and what there is; the fake machine has two GPUs."""
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    error = machine.device_error(device, dtype)
    assert error is not None
    assert expected in error
    assert "\n" not in error


@pytest.mark.parametrize("device", ["cpu", "cuda", "cuda:0", "cuda:1"])
def test_device_that_is_there(monkeypatch: pytest.MonkeyPatch, device: str) -> None:
    """No error on a machine with two GPUs."""
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert machine.device_error(device, "bf16") is None


def test_no_gpu_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """`--device cuda` where there is none."""
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    assert machine.device_error("cuda", "fp32") is not None


def test_synchronizer_waits_for_its_device(monkeypatch: pytest.MonkeyPatch) -> None:
    """CUDA is awaited on the device that is used; a CPU needs no waiting."""
    awaited: list[str] = []
    monkeypatch.setattr(torch.cuda, "synchronize", awaited.append)
    machine.synchronizer("cpu")()
    assert awaited == []
    machine.synchronizer("cuda:1")()
    assert awaited == ["cuda:1"]


@pytest.mark.parametrize("supported", [True, False])
def test_fp16_needs_a_cpu_that_has_it(supported: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it would be emulated it is refused, in one line that says what to take instead."""
    monkeypatch.setattr(torch.ops.mkldnn, "_is_mkldnn_fp16_supported", lambda: supported)
    error = machine.device_error("cpu", "fp16")
    assert (error is None) == supported
    assert supported or "such as bf16 or fp32" in str(error)
