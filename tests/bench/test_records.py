"""Records as JSON and back, and the key of a measurement."""

import dataclasses
import json
import math
from typing import Any

import pytest

from bench.records import (
    PASSES,
    Cell,
    CellRecord,
    Facts,
    Operations,
    RunRecord,
    Training,
    key,
    plain,
)

CELL = Cell(
    family="resnet:residual=false",
    depth=8,
    pass_="step",
    batch_size=128,
    dtype="fp32",
    device="cpu",
    threads=2,
)
TRAINING = Training(
    family="mlp",
    depth=4,
    task="mnist1d",
    seed=1,
    epochs=2,
    optimizer="adamw",
    learning_rate=0.01,
    weight_decay=0.0,
    batch_size=128,
    dtype="fp32",
    device="cpu",
    threads=1,
)


def test_a_cell_is_named_by_its_params() -> None:
    """The id is stable: a renamed benchmark loses its history. Variants come last."""
    assert str(CELL) == "resnet:residual=false-8-step-128-fp32-cpu"
    compiled = dataclasses.replace(CELL, variants=("checkpointing", "compile"))
    assert str(compiled) == "resnet:residual=false-8-step-128-fp32-cpu-checkpointing-compile"


def test_params_are_the_scalars_of_the_contract() -> None:
    """`benchmarks[].params`: family, depth, pass, batch_size, dtype, device."""
    assert CELL.params() == {
        "family": "resnet:residual=false",
        "depth": 8,
        "pass": "step",
        "batch_size": 128,
        "dtype": "fp32",
        "device": "cpu",
    }


def through_json(row: Any) -> Any:
    return json.loads(json.dumps(row, allow_nan=False))


@pytest.mark.parametrize("variants", [(), ("compile",), ("channels_last", "checkpointing")])
@pytest.mark.parametrize("pass_", PASSES)
def test_a_cell_record_survives_json(pass_: str, variants: tuple[str, ...]) -> None:
    """What the store gives back is what was kept."""
    record = CellRecord(
        cell=dataclasses.replace(CELL, pass_=pass_, variants=variants),
        status="ok",
        extra_info={"flops": 10, "peak_bytes": None, "warnings": ["busy"]},
        samples=(1e-3, 2.5e-3),
        iterations=7,
    )
    assert CellRecord.from_row(through_json(record.row())) == record


def test_a_failed_cell_record_survives_json() -> None:
    """Status and reason, and nothing measured."""
    record = CellRecord(cell=CELL, status="oom", reason="killed by signal 9")
    assert CellRecord.from_row(through_json(record.row())) == record


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_becomes_null(value: float) -> None:
    """Wherever it stands, and nothing else changes."""
    record = {"a": [1.5, (value, 2)], "b": {"c": value}, 3: "text", "d": None, "e": True}
    expected = {"a": [1.5, [None, 2]], "b": {"c": None}, "3": "text", "d": None, "e": True}
    assert plain(record) == expected
    assert through_json(plain(record)) == expected


def test_plain_is_idempotent() -> None:
    """pytest-benchmark may ask twice."""
    once = plain({"x": (1, math.nan), "cell": CELL})
    assert plain(once) == once


def test_a_run_is_one_flat_row_of_the_contract() -> None:
    """Every column of `runs`, with nulls for what is not known."""
    row = plain(
        RunRecord(**TRAINING.settings(), knobs={}, status="diverged", loss_curve=(2.3, None))
    )
    assert set(row) >= {
        *("family", "depth", "knobs", "task", "seed", "learning_rate", "epochs", "status"),
        *("train_accuracy", "validation_accuracy", "test_accuracy"),
        *("train_loss", "validation_loss", "test_loss", "train_seconds", "train_flops"),
    }
    assert row["test_accuracy"] is None
    assert through_json(row) == row


# --- keys --------------------------------------------------------------------------------------


@pytest.mark.parametrize("record", [CELL, TRAINING], ids=["cell", "training"])
def test_every_field_is_part_of_the_key(record: Any) -> None:
    """Two measurements that differ in anything have different keys."""
    keys = {key(record)}
    for field in dataclasses.fields(record):
        value = getattr(record, field.name)
        other = value + type(value)("x" if isinstance(value, str | tuple) else 1)
        keys.add(key(dataclasses.replace(record, **{field.name: other})))
    assert len(keys) == 1 + len(dataclasses.fields(record))


def test_a_key_does_not_depend_on_the_order_of_a_dict() -> None:
    """Knobs typed in another order are the same knobs; a list's order counts."""
    assert key({"a": 1, "b": {"c": 2, "d": 3}}) == key({"b": {"d": 3, "c": 2}, "a": 1})
    assert key([1, 2]) != key([2, 1])
    assert key("ab", "c") != key("a", "bc")


# --- operations --------------------------------------------------------------------------------


def test_a_step_is_forward_and_backward() -> None:
    """FLOPs of the passes add up; the optimizer's are not counted."""
    counted = Operations(forward_flops=10, backward_flops=19, uncounted_ops=(), device="meta")
    assert [counted.flops(pass_) for pass_ in PASSES] == [10, 19, 29]


@pytest.mark.parametrize(("flops", "macs"), [(10, 5), (0, 0), (None, None)])
def test_a_mac_is_two_flops(flops: int | None, macs: int | None) -> None:
    """And unknown stays unknown."""
    facts = Facts(
        parameters=1,
        flops=flops,
        uncounted_ops=(),
        activation_bytes=None,
        peak_bytes=None,
        peak_source=None,
        warnings=(),
    )
    assert facts.macs == macs
