"""The machine: what it is, how fast it was on that day, and whether others used it meanwhile."""

import contextlib
import os
import platform
import re
import statistics
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import torch

from .passes import DTYPES

# A row is warned about when others used more than this share of a core while it was timed.
BUSY_CORES = 0.25

# Shapes of the reference kernels: a matrix product, a copy out of any cache, a tiny launch.
MATMUL_SIZE = {"cpu": 1024, "cuda": 8192}
COPY_BYTES = {"cpu": 64 * 2**20, "cuda": 2**30}
_REPETITIONS = 7


def cores() -> int:
    """CPU cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def synchronizer(device: str) -> Callable[[], object]:
    """A function that waits for the device; on a CPU it returns at once."""
    if device.startswith("cuda"):
        return lambda: torch.cuda.synchronize(device)
    return lambda: None


def device_error(device: str, dtype: str) -> str | None:
    """Why `device` cannot be used with `dtype`: one line, or None when it can."""
    if not re.fullmatch(r"cpu|cuda(:[0-9]{1,3})?", device):
        return f"unknown device {device!r}; known: cpu, cuda, cuda:N"
    if dtype not in DTYPES:
        return f"unknown dtype {dtype!r}; known: {', '.join(DTYPES)}"
    if device != "cpu" and int(device.partition(":")[2] or 0) >= torch.cuda.device_count():
        return f"no device {device!r} here: PyTorch sees {torch.cuda.device_count()} CUDA devices"
    return None


def environment(*, threads: int) -> dict[str, Any]:
    """Everything about the machine that a timing depends on; null where it cannot be told."""
    return {
        "cpu_model": _cpu_model(),
        "cores": cores(),
        "threads": threads,
        "memory_bytes": psutil.virtual_memory().total,
        "memory_available_bytes": psutil.virtual_memory().available,
        "load": list(psutil.getloadavg()),
        "platform": platform.platform(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "torch_build": torch.__config__.show(),
        "cuda": torch.version.cuda,
        "gpu": _gpus(),
        "git_commit": _git_commit(),
        "time": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
    }


def identity(device: str) -> dict[str, Any]:
    """What of the machine a measurement is keyed by: hardware and builds, not load or clocks."""
    gpu = torch.cuda.get_device_name(device) if device.startswith("cuda") else None
    return {
        "cpu_model": _cpu_model(),
        "cores": cores(),
        "gpu": gpu,
        "torch": torch.__version__,
        "python": platform.python_version(),
    }


def _cpu_model() -> str | None:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or None
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or None


def _gpus() -> list[dict[str, Any]]:
    """Name, memory and driver of each GPU through NVML; empty where there is no driver."""
    import pynvml

    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return []
    try:
        return [_gpu(pynvml, index) for index in range(pynvml.nvmlDeviceGetCount())]
    except pynvml.NVMLError:
        return []
    finally:
        with contextlib.suppress(pynvml.NVMLError):
            pynvml.nvmlShutdown()


def _gpu(pynvml: Any, index: int) -> dict[str, Any]:
    handle = pynvml.nvmlDeviceGetHandleByIndex(index)
    return {
        "name": str(pynvml.nvmlDeviceGetName(handle)),
        "memory_bytes": int(pynvml.nvmlDeviceGetMemoryInfo(handle).total),
        "driver": str(pynvml.nvmlSystemGetDriverVersion()),
    }


def _git_commit() -> str | None:
    """The commit of the working folder, with `-dirty` when it has changes; None outside git."""
    command = ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
        return done.stdout.strip() or None
    return None


@dataclass
class Others:
    """Cores that other processes used during `watch`; None where it was too short to tell."""

    cores: float | None = None

    def warning(self) -> str | None:
        """One line when the machine was busy."""
        if self.cores is None or self.cores < BUSY_CORES:
            return None
        return (
            f"other processes used {self.cores:.1f} cores while this was timed: "
            "measure again on an idle machine"
        )


@contextlib.contextmanager
def watch() -> Iterator[Others]:
    """Measure what others used: the machine's busy time less this process's own."""
    others = Others()
    start, busy, own = time.perf_counter(), _busy_seconds(), _own_seconds()
    yield others
    seconds = time.perf_counter() - start
    if seconds > 0.1:  # the kernel counts in hundredths of a second
        used = (_busy_seconds() - busy) - (_own_seconds() - own)
        others.cores = max(used / seconds, 0.0)


def _busy_seconds() -> float:
    times = psutil.cpu_times()
    idle = times.idle + getattr(times, "iowait", 0.0) + getattr(times, "steal", 0.0)
    guest = getattr(times, "guest", 0.0) + getattr(times, "guest_nice", 0.0)  # in user, nice too
    return float(sum(times) - idle - guest)


def _own_seconds() -> float:
    times = psutil.Process().cpu_times()
    return float(times.user + times.system)


def reference_kernels(device: str, dtype: str) -> list[dict[str, Any]]:
    """The machine's own speed: median seconds of a large matrix product, a large copy and a tiny
    launch on `device`, with FLOP/s and bytes/s (bytes read plus written)."""
    kind = device.split(":")[0]
    size, n_bytes = MATMUL_SIZE[kind], COPY_BYTES[kind]
    a = torch.randn(size, size).to(device, DTYPES[dtype])
    source = torch.zeros(n_bytes, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    one = torch.zeros(1, device=device)
    wait = synchronizer(device)
    matmul = _median_seconds(lambda: a @ a, wait)
    copy = _median_seconds(lambda: target.copy_(source), wait)
    launch = _median_seconds(lambda: one.add_(1), wait)
    shared = {"device": device, "dtype": dtype}
    return [
        {**shared, "kernel": "matmul", "size": size, "seconds": matmul,
         "flops_per_second": 2 * size**3 / matmul},
        {**shared, "kernel": "copy", "size": n_bytes, "seconds": copy,
         "bytes_per_second": 2 * n_bytes / copy},
        {**shared, "kernel": "launch", "size": 1, "seconds": launch},
    ]  # fmt: skip


def _median_seconds(run: Callable[[], object], wait: Callable[[], object]) -> float:
    durations = []
    for _ in range(_REPETITIONS + 2):
        wait()
        start = time.perf_counter()
        run()
        wait()
        durations.append(time.perf_counter() - start)
    return statistics.median(durations[2:])
