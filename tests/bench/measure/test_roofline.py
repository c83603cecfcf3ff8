"""The roofline's closed forms."""

from typing import Any

import pytest

from bench.measure.roofline import Roof, position, roof

# 100 FLOP/s and 10 byte/s: the ridge is at 10 FLOPs per byte.
ROOF = Roof(flops_per_second=100.0, bytes_per_second=10.0, launch_seconds=0.5)


@pytest.mark.parametrize(
    ("flops", "moved_bytes", "kernels", "bound", "shares"),
    [
        (800, 20, 2, "compute", (0.8, 0.2, 0.1)),
        (100, 80, 2, "memory", (0.1, 0.8, 0.1)),
        (100, 20, 16, "launches", (0.1, 0.2, 0.8)),
        (0, 20, 2, "memory", (0.0, 0.2, 0.1)),
    ],
)
def test_the_longest_time_is_the_bound(
    flops: int, moved_bytes: int, kernels: int, bound: str, shares: tuple[float, ...]
) -> None:
    """Each share is what that alone would take, over the ten seconds that were measured."""
    found = position(flops=flops, moved_bytes=moved_bytes, kernels=kernels, seconds=10.0, roof=ROOF)
    assert found is not None
    assert found.bound == bound
    assert (found.compute_share, found.memory_share, found.launch_share) == pytest.approx(shares)
    assert found.flops_per_byte == flops / moved_bytes
    assert found.ridge_flops_per_byte == 10.0


@pytest.mark.parametrize("factor", [0.5, 0.99, 1.01, 2.0])
def test_arithmetic_is_the_bound_from_the_ridge_on(factor: float) -> None:
    """With nothing to launch, what is left of the ridge is bound by memory."""
    n_bytes = 1000
    flops = round(factor * ROOF.ridge_flops_per_byte * n_bytes)
    found = position(flops=flops, moved_bytes=n_bytes, kernels=0, seconds=1.0, roof=ROOF)
    assert found is not None
    assert found.bound == ("compute" if factor > 1 else "memory")


def test_a_deep_net_of_small_layers_becomes_bound_by_launches() -> None:
    """Split into more and more layers, the same work ends up waiting for its launches."""
    bounds = [
        position(flops=1000, moved_bytes=10, kernels=n, seconds=1.0, roof=ROOF)
        for n in (1, 10, 100)
    ]
    assert [b.bound for b in bounds if b] == ["compute", "compute", "launches"]


@pytest.mark.parametrize("missing", ["flops", "moved_bytes", "kernels", "seconds"])
def test_without_a_count_or_a_time_the_position_is_unknown(missing: str) -> None:
    """None, not a bound of what is left."""
    known: dict[str, Any] = {"flops": 1, "moved_bytes": 1, "kernels": 1, "seconds": 1.0}
    assert position(**{**known, missing: None}, roof=ROOF) is None


def test_nothing_moved_has_no_intensity() -> None:
    """The intensity is unknown, not infinite."""
    found = position(flops=5, moved_bytes=0, kernels=1, seconds=1.0, roof=ROOF)
    assert found is not None
    assert found.flops_per_byte is None


def row(kernel: str, **facts: Any) -> dict[str, Any]:
    return {"kernel": kernel, "device": "cpu", "dtype": "fp32", "size": 1, "seconds": 2.0, **facts}


ROWS = [
    row("matmul", flops_per_second=100.0),
    row("matmul", dtype="bf16", flops_per_second=400.0),
    row("copy", bytes_per_second=10.0),
    row("launch", queued_seconds=0.5),
]


def test_roof_is_read_from_the_reference_kernels() -> None:
    """The rows of the asked device and dtype; a launch is one that is not waited for."""
    assert roof(ROWS, device="cpu", dtype="fp32") == ROOF


def test_older_studies_have_only_launches_that_were_waited_for() -> None:
    """Then that time is taken."""
    found = roof([*ROWS[:3], row("launch")], device="cpu", dtype="fp32")
    assert found is not None
    assert found.launch_seconds == 2.0


@pytest.mark.parametrize(("device", "dtype"), [("cuda", "fp32"), ("cpu", "bf16"), ("cpu", "fp16")])
def test_no_roof_without_all_three_kernels(device: str, dtype: str) -> None:
    """Another device's or dtype's are no substitute."""
    assert roof(ROWS, device=device, dtype=dtype) is None
