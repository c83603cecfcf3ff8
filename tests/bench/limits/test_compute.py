"""What a depth costs, from one of its trainings and the facts of its step."""

from typing import Any

import pytest

from bench.limits.compute import costs, typical
from bench.records import Facts, RunRecord

from .small import run


def facts(**changes: Any) -> Facts:
    known: dict[str, Any] = {
        "parameters": 10, "flops": 600, "uncounted_ops": (), "activation_bytes": 40,
        "peak_bytes": 5_000, "peak_source": "measured", "warnings": (),
    }  # fmt: skip
    return Facts(**{**known, **changes})


def found(record: RunRecord, **changes: Any) -> dict[str, float | None]:
    return {probe.quantity: probe.value for probe in costs(record, facts(**changes))}


def test_a_step_takes_its_share_of_the_training() -> None:
    """5 epochs of 40 rows in batches of 8 are 25 steps; 43 rows make no more, an incomplete batch
    is left out."""
    for rows in (40, 43):
        costly = found(run(train_seconds=5.0, n_train=rows, train_flops=15_000))
        assert costly == {
            "step_seconds": pytest.approx(0.2), "train_seconds": 5.0, "train_flops": 15_000.0,
            "step_flops": 600.0, "peak_bytes": 5_000.0,
        }  # fmt: skip


def test_a_batch_larger_than_the_data_is_one_step() -> None:
    """An epoch takes one step of all rows."""
    costly = found(run(train_seconds=5.0, n_train=4))
    assert costly["step_seconds"] == pytest.approx(1.0)


def test_unknown_is_none() -> None:
    """Of a device that tells no memory, and a network whose work cannot be counted."""
    costly = found(run(train_seconds=5.0, n_train=40), peak_bytes=None, flops=None)
    assert costly["peak_bytes"] is costly["step_flops"] is costly["train_flops"] is None
    assert found(run())["step_seconds"] is None


def test_the_typical_run_has_the_median_time() -> None:
    """One slow run does not count."""
    runs = [run(seed=seed, train_seconds=s) for seed, s in enumerate((1.0, 90.0, 1.2))]
    assert typical(runs).seed == 2
