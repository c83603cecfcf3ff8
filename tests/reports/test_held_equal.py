"""What was held equal is told by the runs and costs themselves."""

from pathlib import Path
from typing import Any

import pytest

from reports.findings import find
from reports.held_words import held_lines
from reports.study import read_one
from reports.verdict import Verdict
from tests.reports import studies

MEANS = {2: 0.8, 4: 0.9, 8: 0.95}


def judged(tmp_path: Path, runs: list[dict[str, Any]], costs: Any = ()) -> Verdict:
    """The verdict on a study of these runs."""
    path = studies.write(tmp_path / "study.json", studies.document(costs, runs))
    (only,) = find(read_one(path)).verdicts
    return only


def changed(runs: list[dict[str, Any]], **by_depth: Any) -> list[dict[str, Any]]:
    """The runs with fields that are a function of the depth."""
    return [row | {name: of(row["depth"]) for name, of in by_depth.items()} for row in runs]


def test_one_width_one_rate_and_as_many_epochs_are_equal(tmp_path: Path) -> None:
    """Sizes are not: eight times the FLOPs from depth 2 to 16."""
    runs = studies.runs("mlp", MEANS)
    verdict = judged(tmp_path, runs, studies.costs("mlp", MEANS))
    assert held_lines(verdict.held) == (
        "held equal: width 24, 10 epochs, adamw, learning rate 0.003, weight decay 0.01, "
        "batch 128, 4,000 training samples, 3 seeds a depth",
        "not equal (smallest to largest): parameters 3.4x, FLOPs of a sample 4x, training FLOPs 4x",
    )
    held = verdict.as_dict()["held_equal"]
    assert held["width"] == {"equal": True, "value": 24}
    assert held["seeds"] == {"equal": True, "value": 3}
    assert held["flops"]["ratio"] == pytest.approx(4)
    assert list(held["parameters"]["by_depth"]) == ["2", "4", "8"]


def test_a_width_that_was_solved_for_is_not_equal_and_the_parameters_are(tmp_path: Path) -> None:
    """By how much they miss is said; what it was solved for is named. The knobs of such a run have
    the width that the family was asked for with."""
    widths, sizes = {2: 96, 4: 48, 8: 24}, {2: 10_000, 4: 10_100, 8: 10_300}
    runs = changed(
        studies.runs("mlp", MEANS),
        width=lambda depth: widths[depth],
        parameters=lambda depth: sizes[depth],
        train_flops=lambda _: 1e9,
        match=lambda _: "parameters",
    )
    equal, differing = held_lines(judged(tmp_path, runs).held)
    assert equal.startswith("held equal: parameters matched, 10 epochs, ")
    assert equal.endswith(", parameters (to 3%), training FLOPs")
    assert differing == "not equal (smallest to largest): width 24…96"


def test_rates_and_steps_that_differ_by_depth_are_told(tmp_path: Path) -> None:
    """Tuned rates: how many were tried is equal, what was chosen is not; steps stand for epochs."""
    rates = {2: 0.01, 4: 0.01, 8: 0.003}
    runs = changed(
        studies.runs("mlp", MEANS),
        learning_rate=lambda depth: rates[depth],
        tuned_from=lambda _: [0.001, 0.003, 0.01],
        epochs=lambda _: None,
        steps=lambda depth: 800 // depth,
    )
    verdict = judged(tmp_path, runs)
    equal, differing = held_lines(verdict.held)
    assert "tuned over 3 learning rates" in equal
    assert "epochs" not in equal
    assert differing.startswith(
        "not equal (smallest to largest): 100…400 steps, learning rate 0.003…0.01, "
    )
    assert verdict.as_dict()["held_equal"]["learning_rate"] == {
        "equal": False,
        "ratio": pytest.approx(10 / 3),
        "by_depth": {"2": [0.01], "4": [0.01], "8": [0.003]},
    }


def test_one_of_a_kind_is_singular(tmp_path: Path) -> None:
    """One epoch, one seed a depth."""
    runs = [row | {"epochs": 1} for row in studies.runs("mlp", MEANS) if row["seed"] == 0]
    equal, _ = held_lines(judged(tmp_path, runs).held)
    assert "width 24, 1 epoch, adamw" in equal
    assert equal.endswith("1 seed a depth")


def test_what_is_no_number_is_listed(tmp_path: Path) -> None:
    """Another optimizer at one depth."""
    runs = changed(
        studies.runs("mlp", MEANS), optimizer=lambda depth: "sgd" if depth == 8 else "adamw"
    )
    _, differing = held_lines(judged(tmp_path, runs).held)
    assert differing.startswith("not equal (smallest to largest): adamw or sgd, ")


def test_seeds_that_were_lost_are_not_equal(tmp_path: Path) -> None:
    """Two of three finished at one depth."""
    runs = studies.runs("mlp", MEANS)
    runs[-1] |= {"status": "diverged", "validation_accuracy": None}
    _, differing = held_lines(judged(tmp_path, runs).held)
    assert "2…3 seeds a depth" in differing


def test_a_table_tells_little(tmp_path: Path) -> None:
    """What no row says is unknown, and is not called equal."""
    path = tmp_path / "table.csv"
    path.write_text("depth,accuracy,n_test,params\n2,0.8,1000,100\n4,0.9,1000,300\n")
    (verdict,) = find(read_one(path)).verdicts
    assert held_lines(verdict.held) == (
        "held equal: 1 seed a depth; nothing else is known",
        "not equal (smallest to largest): parameters 3x",
    )


def test_gains_are_per_doubling_of_depth_where_flops_were_held_equal(tmp_path: Path) -> None:
    """A doubling of what hardly changes would be a gain of hundreds of points."""
    benchmarks = studies.costs("mlp", (2, 4))
    for benchmark in benchmarks:
        benchmark["extra_info"]["flops"] = 1_000_000 + benchmark["params"]["depth"]
    verdict = judged(tmp_path, studies.runs("mlp", {2: 0.8, 4: 0.9}), benchmarks)
    assert verdict.doubling_of == "depth"
    assert verdict.gains[0].points == pytest.approx(10)
    assert "Gains are per doubling of depth: the FLOPs were held equal." in verdict.notes


def test_sizes_of_nothing_are_listed(tmp_path: Path) -> None:
    """A network without parameters is not so many times smaller than another."""
    runs = changed(studies.runs("mlp", MEANS), parameters=lambda depth: 10 * (depth - 2))
    _, differing = held_lines(judged(tmp_path, runs).held)
    assert "parameters 0 or 20 or 60" in differing


def test_one_depth_has_nothing_to_be_as_large_as(tmp_path: Path) -> None:
    """Its settings are told, its sizes are in the table."""
    (only,) = held_lines(judged(tmp_path, studies.runs("mlp", {8: 0.9})).held)
    assert only.endswith("3 seeds a depth")
