"""Records as JSON and back, and the key of a measurement."""

import dataclasses
import json
import math
from typing import Any

import pytest

from bench.points import PASSES, Cell, Match, Training
from bench.records import CellRecord, Facts, Operations, RunRecord, key, plain

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

MATCH = Match(cost="parameters", width=53, reference_depth=8, ratio=1.02)


def test_a_cell_is_named_by_its_params() -> None:
    """The id is stable: a renamed benchmark loses its history. Variants come last."""
    assert str(CELL) == "resnet:residual=false-8-step-128-fp32-cpu"
    compiled = dataclasses.replace(CELL, variants=("checkpointing", "compile"))
    assert str(compiled) == "resnet:residual=false-8-step-128-fp32-cpu-checkpointing-compile"


def test_what_is_matched_is_another_point() -> None:
    """Its name and parameters say in what; one at the family's own width keeps its own."""
    cell = dataclasses.replace(CELL, match=MATCH)
    training = dataclasses.replace(TRAINING, match=MATCH)
    assert (str(cell), str(training)) == (f"{CELL}-parameters", f"{TRAINING}-parameters")
    assert cell.params() == {**CELL.params(), "match": "parameters"}
    assert training.params() == {**TRAINING.params(), "match": "parameters"}
    assert str(TRAINING) == "mlp-4-mnist1d-fp32-cpu"


def test_a_run_says_what_was_matched_and_how_nearly() -> None:
    """In flat fields; without a match all are null."""
    asked = dataclasses.replace(TRAINING, match=MATCH)
    row = plain(RunRecord(**asked.settings(), knobs={}, status="ok"))
    names = ("match", "width", "match_reference_depth", "match_ratio")
    assert [row[name] for name in names] == ["parameters", 53, 8, 1.02]
    assert RunRecord.from_row(through_json(row)) == RunRecord(
        **asked.settings(), knobs={}, status="ok"
    )
    row = plain(RunRecord(**TRAINING.settings(), knobs={}, status="ok"))
    assert [row[name] for name in names] == [None] * 4


@pytest.mark.parametrize(("ratio", "warns"), [(1.049, 0), (0.951, 0), (1.06, 1), (0.9, 1)])
def test_more_than_a_twentieth_off_is_no_match(ratio: float, warns: int) -> None:
    """A warning in the row, with the ratio."""
    match = dataclasses.replace(MATCH, ratio=ratio)
    assert len(match.warnings) == warns
    assert dataclasses.replace(TRAINING, match=match).settings()["warnings"] == match.warnings
    assert all(f"{ratio:g} times the parameters of depth 8" in each for each in match.warnings)


def test_epochs_are_unknown_where_steps_were_asked_for() -> None:
    """The row then has no epochs: depths may differ in them."""
    asked = dataclasses.replace(TRAINING, epochs=3, steps=70)
    assert asked.settings()["epochs"] is None
    assert TRAINING.settings()["epochs"] == 2
    assert asked.steps_on(4_000) == 70
    assert TRAINING.steps_on(4_000) == 2 * (4_000 // 128)


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


@pytest.mark.parametrize("match", [None, MATCH])
@pytest.mark.parametrize("variants", [(), ("compile",), ("channels_last", "checkpointing")])
@pytest.mark.parametrize("pass_", PASSES)
def test_a_cell_record_survives_json(
    pass_: str, variants: tuple[str, ...], match: Match | None
) -> None:
    """What the store gives back is what was kept."""
    record = CellRecord(
        cell=dataclasses.replace(CELL, pass_=pass_, variants=variants, match=match),
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


@pytest.mark.parametrize(
    "record",
    [
        dataclasses.replace(CELL, match=MATCH),
        dataclasses.replace(TRAINING, match=MATCH, steps=9, train_for="9steps"),
        MATCH,
    ],
    ids=["cell", "training", "match"],
)
def test_every_field_is_part_of_the_key(record: Any) -> None:
    """Two measurements that differ in anything have different keys."""
    keys = {key(record)}
    for field in dataclasses.fields(record):
        value = getattr(record, field.name)
        if isinstance(value, Match):
            keys.add(key(dataclasses.replace(record, **{field.name: None})))
            continue
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
