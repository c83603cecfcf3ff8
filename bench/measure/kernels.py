"""The machine's own speed on that day: a large matrix product, a large copy, a tiny launch."""

import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch

from .machine import synchronizer
from .passes import DTYPES
from .peaks import tf32_allowed

# Large enough to fill the device, small enough to take milliseconds; the copy leaves any cache.
MATMUL_SIZE = {"cpu": 1024, "cuda": 8192}
COPY_BYTES = {"cpu": 64 * 2**20, "cuda": 2**30}

# Enough for a stable median; but no kernel is run on when it has taken so many seconds.
_LONGEST_SECONDS = 0.5
_REPETITIONS = 7
_WARM_UPS = 2

# Launches in a row: enough to hide the wait at their end, too few to fill a GPU's queue (1024).
LAUNCHES = 200


def reference_kernels(device: str, dtype: str) -> list[dict[str, Any]]:
    """Seconds of the three kernels on `device`, with FLOP/s of the matrix product, bytes/s of the
    copy (read plus written), and seconds of a launch among many that are queued: a network does not
    wait for each of its kernels. Of the product, with which the machine is watched, the median; of
    copy and launch, which are bounds, the fastest."""
    shared = {"device": device, "dtype": dtype}
    size, n_bytes = MATMUL_SIZE[torch.device(device).type], COPY_BYTES[torch.device(device).type]
    matmul, copy = matmul_seconds(device, dtype), _copy_seconds(device, n_bytes)
    return [
        {**shared, "kernel": "matmul", "size": size, "seconds": matmul,
         "flops_per_second": matmul_flops(device) / matmul},
        {**shared, "kernel": "copy", "size": n_bytes, "seconds": copy,
         "bytes_per_second": 2 * n_bytes / copy},
        {**shared, "kernel": "launch", "size": 1, "seconds": _launch_seconds(device, 1),
         "queued_seconds": _launch_seconds(device, LAUNCHES)},
    ]  # fmt: skip


def matmul_flops(device: str) -> int:
    """FLOPs of the reference matrix product: 2 n^3."""
    return int(2 * MATMUL_SIZE[torch.device(device).type] ** 3)


def matmul_seconds(device: str, dtype: str) -> float:
    """Median seconds of the reference matrix product now, on random values: a GPU multiplies
    equal ones faster than it multiplies yours."""
    size = MATMUL_SIZE[torch.device(device).type]
    generator = torch.Generator(device).manual_seed(0)
    a = torch.randn(size, size, device=device, generator=generator).to(DTYPES[dtype])
    with _convolutions_precision(device, dtype):
        return statistics.median(_seconds(lambda: a @ a, device))


def _copy_seconds(device: str, n_bytes: int) -> float:
    source = torch.zeros(n_bytes, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    return min(_seconds(lambda: target.copy_(source), device))


def _launch_seconds(device: str, launches: int) -> float:
    """Seconds of one of so many launches with one wait at their end."""
    one = torch.zeros(1, device=device)

    def run() -> None:
        for _ in range(launches):
            one.add_(1)

    return min(_seconds(run, device)) / launches


@contextmanager
def _convolutions_precision(device: str, dtype: str) -> Iterator[None]:
    """Inside, products in fp32 on a GPU run as TF32 if convolutions may: the peak of a network is
    that of the fastest arithmetic it is allowed."""
    tensor_cores: Any = torch.backends.cuda.matmul
    if not device.startswith("cuda") or dtype != "fp32" or not tf32_allowed():
        yield
        return
    # The first since PyTorch 2.9; where both are there they must not be mixed.
    new = hasattr(tensor_cores, "fp32_precision")
    name, allowed = ("fp32_precision", "tf32") if new else ("allow_tf32", True)
    before = getattr(tensor_cores, name)
    setattr(tensor_cores, name, allowed)
    try:
        yield
    finally:
        setattr(tensor_cores, name, before)


def _seconds(run: Callable[[], object], device: str) -> list[float]:
    """Of seven runs after two to warm up; of fewer where the kernel is slow."""
    wait = synchronizer(device)
    durations: list[float] = []
    while len(durations) < _REPETITIONS + _WARM_UPS and sum(durations) < _LONGEST_SECONDS:
        wait()
        start = time.perf_counter()
        run()
        wait()
        durations.append(time.perf_counter() - start)
    return durations[_WARM_UPS:] or durations
