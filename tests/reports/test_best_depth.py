"""Verdicts from planted accuracies."""

import json
import random
from pathlib import Path
from typing import Any

import pytest

from reports.budget import parse_budgets
from reports.findings import Findings, find
from reports.study import read, read_one
from reports.verdict import Verdict
from reports.words import paragraph
from tests.reports import studies

PLAIN = "resnet:residual=false"


def found(path: Path, study: dict[str, Any], *budgets: str) -> Findings:
    """The findings of a study."""
    return find(read_one(studies.write(path / "study.json", study)), parse_budgets(budgets))


def verdict(path: Path, runs: list[dict[str, Any]], *budgets: str, costs: Any = ()) -> Verdict:
    """The one verdict of a study with these runs and cells."""
    (only,) = found(path, studies.document(costs, runs), *budgets).verdicts
    return only


@pytest.mark.parametrize(
    ("means", "shape", "best", "sufficient", "declines_from"),
    [
        ({2: 0.90, 4: 0.93, 8: 0.96}, "rising", 8, 8, None),
        ({2: 0.90, 4: 0.96, 8: 0.961, 16: 0.960}, "plateau", 8, 4, None),
        ({2: 0.90, 4: 0.96, 8: 0.961, 16: 0.93, 32: 0.85}, "declining", 8, 4, 16),
        ({2: 0.90, 4: 0.901, 8: 0.900}, "undetermined", 4, 2, None),
        ({2: 0.96, 4: 0.90, 8: 0.959}, "declining", 2, 2, None),
        ({2: 0.96, 4: 0.90, 8: 0.959, 16: 0.8}, "declining", 2, 2, 16),
        ({8: 0.9}, "undetermined", 8, 8, None),
    ],
)
def test_planted_means_give_the_planted_shape(
    tmp_path: Path,
    means: dict[int, float],
    shape: str,
    best: int,
    sufficient: int,
    declines_from: int | None,
) -> None:
    """Rising, plateau, declining, a dip that comes back, one that does not, and too little."""
    judged = verdict(tmp_path, studies.runs("mlp", means))
    assert judged.shape == shape
    assert (judged.best_depth, judged.sufficient_depth) == (best, sufficient)
    assert judged.declines_from == declines_from
    assert judged.censored == (best == max(means))


def test_the_default_study_shows_degradation_in_words(tmp_path: Path) -> None:
    """The plain net declines while its residual twin does not, from the two verdicts."""
    findings = found(tmp_path, studies.default_study())
    assert findings.notes[0].startswith(
        "On mnist1d the plain net declines with depth while its residual twin does not"
    )
    (plain,) = [each for each in findings.verdicts if each.family == PLAIN]
    assert "It declines with depth, significantly from 16 on: 91.0% at 16" in paragraph(plain)


def test_twins_are_told_by_their_shapes_and_not_by_their_names(tmp_path: Path) -> None:
    """With the planted accuracies exchanged the sentence turns round."""
    swapped = studies.runs("resnet", studies.PLAIN) + studies.runs(PLAIN, studies.RESIDUAL)
    (note,) = found(tmp_path, studies.document(runs=swapped)).notes
    assert "does not decline with depth while its residual twin does" in note


def twin_notes(path: Path, runs: list[dict[str, Any]]) -> list[str]:
    """What a study of these runs says of residual twins."""
    return [note for note in found(path, studies.document(runs=runs)).notes if "twin" in note]


def test_the_same_network_by_two_names_is_no_twin(tmp_path: Path) -> None:
    """An MLP is plain by default: `mlp:residual=false` is that MLP again."""
    runs = studies.runs("mlp", studies.PLAIN) + studies.runs("mlp:residual=false", studies.PLAIN)
    assert twin_notes(tmp_path, runs) == []


def test_the_residual_twin_may_be_the_one_with_the_knob(tmp_path: Path) -> None:
    """`mlp` is the plain twin of `mlp:residual=true`."""
    runs = studies.runs("mlp", studies.PLAIN) + studies.runs("mlp:residual=true", studies.RESIDUAL)
    (note,) = twin_notes(tmp_path, runs)
    assert note.startswith(
        "On mnist1d the plain net declines with depth while its residual twin does not (mlp: "
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"knobs": {"width": 24}},
        {"knobs": None},
        {"knobs": ["residual"]},
        {"knobs": studies.knobs("resnet") | {"width": 48}},
        {"task": "digits"},
    ],
)
def test_nets_that_differ_in_more_are_no_twins(tmp_path: Path, changes: dict[str, Any]) -> None:
    """Another width or task, or knobs that do not say whether there are residual connections."""
    runs = studies.runs(PLAIN, studies.PLAIN)
    assert twin_notes(tmp_path, runs + studies.runs("resnet", studies.RESIDUAL)) != []
    assert twin_notes(tmp_path, runs + studies.runs("resnet", studies.RESIDUAL, **changes)) == []


def test_nets_of_different_families_are_no_twins(tmp_path: Path) -> None:
    """A plain MLP and a residual network with knobs of the same names and values."""
    runs = studies.runs("mlp", studies.PLAIN) + studies.runs("resnet", studies.RESIDUAL)
    assert twin_notes(tmp_path, runs) == []


def test_the_json_has_the_keys_of_the_contract(tmp_path: Path) -> None:
    """Exactly the keys of the design, and plain JSON."""
    (first, *_) = found(tmp_path, studies.default_study(), "latency=1ms").as_dict()["depths"]
    assert list(first) == [
        "family", "task", "metric", "n_depths", "best_depth", "sufficient_depth",
        "confidence_set", "confidence", "shape", "declines_from", "censored",
        "gain_per_doubling", "under_budget", "limit", "notes", "margin", "within_margin",
        "to_separate", "under_all_budgets", "fits", "best_fit",
        "best_fit_reason", "pareto", "held_equal",
    ]  # fmt: skip
    assert list(first["gain_per_doubling"][0]) == ["from", "to", "points", "low", "high"]
    (within,) = first["under_budget"]
    assert within == first["under_all_budgets"]
    assert (within["budget"], within["depth"]) == ("latency_seconds<=0.001", 8)
    assert first["limit"] == {"name": "undetermined", "confidence": None, "evidence": []}
    assert json.loads(json.dumps(first, allow_nan=False)) == first


def test_the_order_of_rows_does_not_matter(tmp_path: Path) -> None:
    """Shuffled benchmarks, runs and cells give the same report to the last digit."""
    study = studies.default_study()
    expected = found(tmp_path, study)
    for seed in range(5):
        generator = random.Random(seed)
        for rows in (study["benchmarks"], study["howdeep"]["runs"], study["howdeep"]["cells"]):
            generator.shuffle(rows)
        assert found(tmp_path, study) == expected


def test_a_file_given_twice_is_no_second_training(tmp_path: Path) -> None:
    """The same seeds again change no estimate, and it is said."""
    path = studies.write(tmp_path / "study.json", studies.default_study())
    once, twice = find(read_one(path)), find(read([path, path]))
    for first, second in zip(once.verdicts, twice.verdicts, strict=True):
        assert [row.accuracy for row in first.rows] == [row.accuracy for row in second.rows]
        assert first.setting == second.setting
        assert any("seeds are given more than once" in note for note in second.notes)


def test_diverged_runs_are_named_and_not_averaged(tmp_path: Path) -> None:
    """Some: the mean is over the others. Most: unreliable. All: no accuracy, never the best."""
    runs = studies.runs("mlp", {2: 0.9, 4: 0.95, 8: 0.96, 16: 0.97})
    for index, depth in enumerate([4, 8, 8, 16, 16, 16]):
        lost = [row for row in runs if row["depth"] == depth and row["status"] == "ok"][-1]
        lost |= {"status": "diverged", "validation_accuracy": 0.1 if index % 2 else None}
    judged = verdict(tmp_path, runs)
    assert judged.n_depths == 3
    assert judged.best_depth == 8
    assert judged.failed == {16: "3 diverged"}
    assert not judged.censored
    notes = " ".join(judged.notes)
    assert "1 of 3 runs at depth 4 diverged; its mean is over the other 2." in notes
    assert "2 of 3 runs at depth 8 diverged: depth 8 is unreliable" in notes
    assert "3 of 3 runs at depth 16 diverged: depth 16 has no accuracy" in notes
    assert "There is one seed at depth 8" in notes


def test_a_depth_that_ran_out_of_memory_was_not_tried(tmp_path: Path) -> None:
    """Nothing was learnt there: the sweep stays censored at the deepest that was trained."""
    runs = studies.runs("mlp", {2: 0.9, 4: 0.95})
    runs += [studies.run("mlp", 8, seed, None, status="oom", reason="killed") for seed in range(3)]
    judged = verdict(tmp_path, runs)
    assert judged.censored
    assert "Depth 8 gave no accuracy (3 oom)." in paragraph(judged)


def test_nothing_finished_is_no_verdict_and_no_crash(tmp_path: Path) -> None:
    """All runs failed: no best depth, and the paragraph says so."""
    runs = [studies.run("mlp", 8, 0, None, status="error", reason="boom")]
    judged = verdict(tmp_path, runs, "latency=1s")
    assert (judged.best_depth, judged.sufficient_depth, judged.confidence_set) == (None, None, ())
    assert (judged.shape, judged.confidence, judged.censored) == ("undetermined", None, False)
    assert paragraph(judged) == "No run gave an accuracy, so nothing can be said of depth."


def test_without_noise_known_the_best_depth_is_all_that_is_said(tmp_path: Path) -> None:
    """No seeds, no number of examples: nothing can be told apart, so nothing is sufficient."""
    path = tmp_path / "table.csv"
    path.write_text("depth,accuracy\n2,0.9\n4,0.95\n")
    (judged,) = find(read_one(path)).verdicts
    assert (judged.best_depth, judged.sufficient_depth, judged.confidence) == (4, None, None)
    assert judged.shape == "undetermined"
    assert judged.gains[0].points == pytest.approx(5.0)
    assert judged.gains[0].low is None


def test_the_test_split_is_looked_at_once(tmp_path: Path) -> None:
    """Depths are chosen on validation; the test accuracy is given for the chosen one only."""
    runs = studies.runs("mlp", {2: 0.9, 4: 0.95, 8: 0.93}, test_accuracy=0.5)
    judged = verdict(tmp_path, runs)
    assert judged.metric == "validation_accuracy"
    (note,) = [note for note in judged.notes if "est accuracy" in note]
    assert note.startswith("Test accuracy at depth 4")
    assert "50.0%" in note


def test_without_validation_the_test_split_decides_and_it_is_said(tmp_path: Path) -> None:
    """The standard split of MNIST-1D has no validation part."""
    runs = studies.runs("mlp", {2: 0.9, 4: 0.95})
    for row in runs:
        row |= {"validation_accuracy": None, "n_validation": None}
    judged = verdict(tmp_path, runs)
    assert judged.metric == "test_accuracy"
    assert any("chosen on the test split" in note for note in judged.notes)


def test_gain_per_doubling_is_points_over_doublings_of_flops(tmp_path: Path) -> None:
    """FLOPs of the example grow as the depth: 2 to 8 is two doublings."""
    runs = studies.runs("mlp", {2: 0.80, 8: 0.90})
    judged = verdict(tmp_path, runs, costs=studies.costs("mlp", (2, 8)))
    (gain,) = judged.gains
    assert gain.points == pytest.approx(5.0)
    assert gain.low is not None
    assert gain.high is not None
    assert gain.low + gain.high == pytest.approx(2 * 5.0)
    assert judged.doubling_of == "FLOPs"
    assert judged.row(2).cost.flops == 2_000_000 * 2 / 128


@pytest.mark.parametrize(
    ("budget", "text", "depth"),
    [
        ("latency=0.8ms", "latency_seconds<=0.0008", 8),
        ("latency=0.79ms", "latency_seconds<=0.00079", 4),
        ("flops=125k", "flops<=125000", 8),
        ("train_flops=1e10", "train_flops<=10000000000", 8),
        ("memory=24MiB", "peak_bytes<=25165824", 16),
        ("train_time=0.1h", "train_seconds<=360", 16),
        ("train_time=0.1s", "train_seconds<=0.1", None),
    ],
)
def test_the_best_depth_within_a_budget(
    tmp_path: Path, budget: str, text: str, depth: int | None
) -> None:
    """Each cost is held against its bound, which is itself allowed."""
    runs = studies.runs("mlp", {2: 0.80, 4: 0.85, 8: 0.90, 16: 0.95, 32: 0.94})
    judged = verdict(tmp_path, runs, budget, costs=studies.costs("mlp"))
    (within,) = [each.as_dict() for each in judged.under_budget]
    assert (within["budget"], within["depth"]) == (text, depth)


def test_the_best_within_a_budget_is_the_best_and_not_the_deepest(tmp_path: Path) -> None:
    """32 fits, yet 16 is better."""
    runs = studies.runs("mlp", {16: 0.95, 32: 0.80})
    judged = verdict(tmp_path, runs, "latency=1s", costs=studies.costs("mlp"))
    assert judged.under_budget[0].depth == 16


def test_an_unknown_cost_does_not_fit_and_it_is_said(tmp_path: Path) -> None:
    """Depth 8 has no latency: 4 is the best that is known to fit."""
    runs = studies.runs("mlp", {4: 0.8, 8: 0.9})
    judged = verdict(tmp_path, runs, "latency=1s", costs=studies.costs("mlp", (4,)))
    assert judged.under_budget[0].depth == 4
    assert any("latency_seconds is unknown at depth 8" in note for note in judged.notes)


def test_budgets_that_each_fit_may_not_fit_together(tmp_path: Path) -> None:
    """All budgets are held together for the exit code and the words."""
    runs = studies.runs("mlp", {4: 0.8, 8: 0.9})
    for row in runs:  # the deeper network trains faster
        row["train_seconds"] = 1.0 if row["depth"] == 8 else 100.0
    study = studies.document(studies.costs("mlp", (4, 8)), runs)
    findings = found(tmp_path, study, "latency=0.5ms", "train_time=10s")
    (judged,) = findings.verdicts
    assert [each.depth for each in judged.under_budget] == [4, 8]
    assert judged.within_all is not None
    assert judged.within_all.as_dict() == {
        "budget": "latency_seconds<=0.0005, train_seconds<=10", "depth": None,
        "sufficient_depth": None, "confidence_set": [], "cannot_tell": [],
        "nearest": {"depth": 8, "needs": {"latency_seconds": pytest.approx(0.0008),
                                          "train_seconds": 1.0}},
    }  # fmt: skip
    assert findings.affordable.fits is False
    assert (
        "No depth fits all budgets together: the nearest is depth 8, with a forward latency of "
        "0.8 ms and a training time of 1 s."
    ) in paragraph(judged)


@pytest.mark.parametrize("other", [{"epochs": 5}, {"match": "flops"}], ids=str)
def test_runs_of_another_protocol_are_left_out_and_it_is_said(
    other: dict[str, object], tmp_path: Path
) -> None:
    """Five epochs are not ten, and a width that was solved for is not the family's: the protocol
    that covers more depths is the verdict's."""
    runs = studies.runs("mlp", {2: 0.8, 4: 0.9}) + studies.runs("mlp", {2: 0.99}, **other)
    judged = verdict(tmp_path, runs)
    assert judged.best_depth == 4
    ((name, value),) = other.items()
    assert any(f"3 runs with {name}={value} left out" in note for note in judged.notes)


def test_the_learning_rate_is_tuned_at_each_depth(tmp_path: Path) -> None:
    """Of two learning rates the better one counts, depth by depth, and it is said."""
    runs = studies.runs("mlp", {2: 0.8, 4: 0.6})
    runs += studies.runs("mlp", {2: 0.7, 4: 0.9}, learning_rate=0.1)
    judged = verdict(tmp_path, runs)
    assert [row.accuracy.mean for row in judged.rows if row.accuracy] == pytest.approx([0.8, 0.9])
    assert any(note.startswith("Depth 4: of 2 optimizer settings") for note in judged.notes)


def test_settings_of_costs_never_share_a_table(tmp_path: Path) -> None:
    """Another batch size has a table of its own, and the verdict keeps that of its runs."""
    other = studies.costs("mlp")
    for benchmark in other:
        benchmark["params"] = {**benchmark["params"], "batch_size": 1}
    runs = studies.runs("mlp", {2: 0.8, 4: 0.9})
    findings = found(tmp_path, studies.document(studies.costs("mlp") + other, runs))
    (judged,) = findings.verdicts
    (table,) = findings.costs
    assert judged.setting is not None
    assert (judged.setting.batch_size, table.setting.batch_size) == (128, 1)


def judged(tmp_path: Path, *rows: str) -> Verdict:
    """The verdict on a table of `depth,accuracy,seed,n_test`."""
    path = tmp_path / "table.csv"
    path.write_text("\n".join(["depth,accuracy,seed,n_test", *rows]))
    (only,) = find(read_one(path)).verdicts
    return only


def test_the_best_mean_is_in_its_set_whatever_the_scale(tmp_path: Path) -> None:
    """On the logit scale one seed of five that collapsed hides how good the others are."""
    rows = [f"2,{x},{i},10000" for i, x in enumerate((0.97, 0.971, 0.969, 0.972, 0.968))]
    rows += [f"4,{x},{i},10000" for i, x in enumerate((0.999, 0.999, 0.999, 0.999, 0.84))]
    found = judged(tmp_path, *rows)
    assert (found.best_depth, found.sufficient_depth) == (2, 2)
    assert found.confidence_set == (2, 4)


def test_equal_accuracies_on_other_numbers_of_examples_are_alike(tmp_path: Path) -> None:
    """100% of 100 and 100% of 100,000."""
    rows = [f"{d},1.0,{i},{n}" for d, n in ((2, 100), (4, 100_000)) for i in range(5)]
    found = judged(tmp_path, *rows)
    assert found.confidence_set == (2, 4)
    assert found.shape == "undetermined"


def test_a_depth_of_unknown_noise_is_not_sufficient(tmp_path: Path) -> None:
    """It may be the best, for all that is known; where it is the best, nothing is told."""
    found = judged(tmp_path, "2,0.10,,", "4,0.99,,10000", "8,0.95,,10000")
    assert (found.sufficient_depth, found.confidence_set) == (4, (2, 4))
    found = judged(tmp_path, "2,0.70,,10000", "4,0.99,,", "8,0.60,,10000")
    assert (found.sufficient_depth, found.shape) == (None, "undetermined")


def test_single_runs_decline_where_they_leave_the_set(tmp_path: Path) -> None:
    """1.8 standard errors do neither."""
    found = judged(tmp_path, "2,0.9076,,10000", "4,0.90,,10000")
    assert (found.shape, found.confidence_set) == ("undetermined", (2, 4))


def test_what_is_as_good_as_equal_cannot_be_separated(tmp_path: Path) -> None:
    """Beyond a million seeds there is no number; the best needs none."""
    rows = [f"{d},{x},{i},10000" for d, xs in ((2, (0.9, 0.91)), (4, (0.9 + 1e-13, 0.91)))
            for i, x in enumerate(xs)]  # fmt: skip
    found = judged(tmp_path, *rows)
    assert [(each.depth, each.seeds) for each in found.to_separate] == [(2, None)]
