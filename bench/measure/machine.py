"""The machine: what it is, and whether a device can be used at all."""

import contextlib
import os
import platform
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import psutil
import torch

from . import nvml
from .passes import DTYPES


def cores() -> int:
    """CPU cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def synchronizer(device: str) -> Callable[[], object]:
    """A function that waits for the device; on a CPU it returns at once."""
    if device.startswith("cuda"):
        return lambda: torch.cuda.synchronize(device)
    return lambda: None


def device_error(device: str, dtype: str, *, here: bool = True) -> str | None:
    """Why `device` cannot be used with `dtype`: one line, or None when it can; when it is not meant
    to be `here`, as far as that can be told."""
    if not re.fullmatch(r"cpu|cuda(:[0-9]{1,3})?", device):
        return f"unknown device {device!r}; known: cpu, cuda, cuda:N"
    if dtype not in DTYPES:
        return f"unknown dtype {dtype!r}; known: {', '.join(DTYPES)}"
    if not here:
        return None
    if device != "cpu" and int(device.partition(":")[2] or 0) >= torch.cuda.device_count():
        return f"no device {device!r} here: PyTorch sees {torch.cuda.device_count()} CUDA devices"
    return _dtype_error(dtype) if device == "cpu" else None


def _dtype_error(dtype: str) -> str | None:
    """Not every build and processor multiplies and convolves in 16 bits; without an instruction for
    fp16 PyTorch takes a hundred times as long as in fp32."""
    refusal = (
        f"the CPU cannot compute in {dtype} here: choose another --dtype, such as bf16 or fp32"
    )
    if dtype == "fp16" and not torch.ops.mkldnn._is_mkldnn_fp16_supported():
        return refusal
    try:
        image = torch.ones(1, 1, 4, 4, dtype=DTYPES[dtype], requires_grad=True)
        convolved = torch.nn.functional.conv2d(image, image[:, :, :3, :3])
        (convolved @ convolved).sum().backward()
    except RuntimeError:
        return refusal
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
        "gpu": nvml.all_gpus(),
        "git_commit": _git_commit(),
        "command": command_line(sys.argv),
        "time": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
    }


def command_line(arguments: Sequence[str]) -> str:
    """What this process was called with, as it is typed: `pytest bench --family mlp`; arguments: as
    in `sys.argv`."""
    program, *given = arguments
    called = Path(program)
    name = f"python -m {called.parent.name}" if called.stem == "__main__" else called.name
    return " ".join([name, shlex.join(given)]).strip()


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


def _git_commit() -> str | None:
    """The commit of the working folder, with `-dirty` when it has changes; None outside git."""
    command = ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
        return done.stdout.strip() or None
    return None
