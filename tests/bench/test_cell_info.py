"""What a study says of a cell: efficiency against peaks, roofline, energy, launches, warnings."""

import json
from dataclasses import replace
from typing import Any

import pytest
import torch

from bench.cell_info import cell_info
from bench.cost import Timing
from bench.measure import peaks
from bench.measure.conditions import Conditions
from bench.measure.cuda_time import CudaTimes
from bench.measure.energy import Energy
from bench.measure.kernels import matmul_flops
from bench.points import Cell
from bench.records import Facts, plain

CELL = Cell(
    family="mlp", depth=4, pass_="step", batch_size=8, dtype="fp32", device="cpu", threads=1
)
FACTS = Facts(
    parameters=10,
    flops=2_000,
    hardware_flops=3_000,
    moved_bytes=500,
    kernels=5,
    uncounted_ops=(),
    activation_bytes=64,
    peak_bytes=128,
    peak_source="CPU allocator",
    warnings=("one",),
)
REFERENCE = 0.5
PEAK = matmul_flops("cpu") / REFERENCE
TIMING = Timing(
    conditions=Conditions(other_cores=None, reference_seconds=REFERENCE),
    energy=Energy(joules_per_pass=None),
    weight_layers=4,
)
SECONDS = 0.25


def kernels(device: str = "cpu") -> list[dict[str, Any]]:
    shared = {"device": device, "dtype": "fp32"}
    return [
        {**shared, "kernel": "matmul", "seconds": 9.0, "flops_per_second": 1.0},
        {**shared, "kernel": "copy", "seconds": 1.0, "bytes_per_second": 4_000.0},
        {**shared, "kernel": "launch", "seconds": 1.0, "queued_seconds": 0.01},
    ]


def info(cell: Cell = CELL, timing: Timing = TIMING, **changes: Any) -> dict[str, Any]:
    arguments: dict[str, Any] = {
        "median_seconds": SECONDS,
        "reference_kernels": kernels(cell.device),
        "usual_seconds": REFERENCE,
    }
    found = cell_info(cell, FACTS, timing, **{**arguments, **changes})
    json.dumps(plain(found), allow_nan=False)
    return found


def test_mfu_is_of_model_flops_against_the_product_of_just_then() -> None:
    """What is computed twice earns nothing; a CPU has no published peak."""
    found = info()
    assert found["mfu"] == pytest.approx(2_000 / SECONDS / PEAK)
    assert found["mfu_published"] is None
    assert found["samples_per_second"] == 8 / SECONDS
    assert found["macs"] == 1_000


def test_the_roofline_takes_what_is_run() -> None:
    """Hardware FLOPs against the peak of just then, bytes against the copy, kernels against the
    queue of launches: 0.125 s, 0.05 s here, and next to none of arithmetic."""
    found = info()
    assert found["bound"] == "memory"
    assert found["memory_share"] == pytest.approx(500 / 4_000 / SECONDS)
    assert found["launch_share"] == pytest.approx(5 * 0.01 / SECONDS)
    assert found["compute_share"] == pytest.approx(3_000 / PEAK / SECONDS)
    assert found["flops_per_byte"] == 6.0


@pytest.mark.parametrize(
    "changes",
    [{"median_seconds": None}, {"reference_kernels": []}],
    ids=["not timed", "no reference kernels"],
)
def test_what_is_unknown_is_null(changes: dict[str, Any]) -> None:
    """Without a time or without the machine's peaks nothing is bound by anything."""
    assert info(**changes)["bound"] is None
    assert info(**changes)["energy_joules"] is None


def test_energy_comes_with_its_window_and_counter() -> None:
    """A figure is quoted with how it was measured."""
    energy = Energy(joules_per_pass=3.0, window_seconds=2.5, passes=7, source="RAPL")
    found = info(timing=replace(TIMING, energy=energy))
    assert (found["energy_joules"], found["energy_window_seconds"]) == (3.0, 2.5)
    assert found["energy_source"] == "RAPL"


def test_a_gpus_launches_and_published_peak(monkeypatch: pytest.MonkeyPatch) -> None:
    """Raw times of all three kinds, the overhead of launches a layer, and the vendor's peak."""
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda _: "NVIDIA H100 80GB HBM3")
    published = peaks.published("NVIDIA H100 80GB HBM3", "fp32", tf32=peaks.tf32_allowed())
    assert published is not None
    times = CudaTimes(wall_seconds=(3.0,), event_seconds=(2.0,), queued_seconds=(1.0,))
    timing = replace(TIMING, launches=times, warnings=("hot",))
    found = info(cell=replace(CELL, device="cuda"), timing=timing)
    assert found["launch_seconds"] == 2.0
    assert found["launch_seconds_per_layer"] == 0.5
    assert found["wall_seconds"] == [3.0]
    assert found["mfu_published"] == pytest.approx(2_000 / SECONDS / published.flops_per_second)
    assert found["published_peak"].endswith(published.source)
    assert found["warnings"] == ["one", "hot"]


def test_an_mfu_above_one_is_doubted() -> None:
    """A reference product that is slower than the network is no peak."""
    (warning,) = info(median_seconds=1e-12)["warnings"][1:]
    assert "the reference matrix product was slower" in warning
