"""The reference kernels, with a clock that ticks once a wait."""

import json
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from bench.measure import kernels


def test_reference_kernels_follow_from_their_sizes(monkeypatch: pytest.MonkeyPatch) -> None:
    """With every wait taking a second, the rates are the work itself: 2 n^3 FLOPs, and each byte
    read and written. Queued launches share one wait."""
    ticks = iter(range(10**6))
    monkeypatch.setattr(kernels.time, "perf_counter", lambda: float(next(ticks)))
    monkeypatch.setitem(kernels.MATMUL_SIZE, "cpu", 16)
    monkeypatch.setitem(kernels.COPY_BYTES, "cpu", 4096)
    rows = kernels.reference_kernels("cpu", "fp32")
    assert {row["kernel"]: row["seconds"] for row in rows} == dict.fromkeys(
        ("matmul", "copy", "launch"), 1.0
    )
    rates = {row["kernel"]: row for row in rows}
    assert rates["matmul"]["flops_per_second"] == 2 * 16**3
    assert rates["copy"]["bytes_per_second"] == 2 * 4096
    assert rates["launch"]["queued_seconds"] == 1.0 / kernels.LAUNCHES
    assert all((row["device"], row["dtype"]) == ("cpu", "fp32") for row in rows)
    assert json.loads(json.dumps(rows, allow_nan=False)) == rows


@pytest.mark.parametrize("flags", [{"fp32_precision": "none"}, {"allow_tf32": False}])
@pytest.mark.parametrize("allowed", [True, False])
def test_a_gpus_product_may_do_what_its_convolutions_may(
    flags: dict[str, Any], allowed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In fp32 as TF32, while it is timed; by the flag of new versions of PyTorch and of old."""
    matmul = SimpleNamespace(**flags)
    monkeypatch.setattr(torch.backends.cuda, "matmul", matmul)
    monkeypatch.setattr(kernels, "tf32_allowed", lambda: allowed)
    with kernels._convolutions_precision("cuda", "fp32"):
        assert (vars(matmul) != flags) == allowed
    assert vars(matmul) == flags
    with kernels._convolutions_precision("cuda", "bf16"):
        assert vars(matmul) == flags
