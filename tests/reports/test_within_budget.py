"""The best depth within budgets, and how sure it is that a depth fits."""

from pathlib import Path
from typing import Any

import pytest

from reports.budget import parse_budgets
from reports.findings import find
from reports.study import read, read_one
from reports.verdict import Verdict
from reports.words import paragraph
from tests.reports import studies

MEANS = {2: 0.80, 4: 0.85, 8: 0.90}


def judged(
    tmp_path: Path, *budgets: str, runs: list[dict[str, Any]] | None = None, costs: Any = None
) -> Verdict:
    """The verdict on a study; its latencies are 0.1 ms a layer, to 3% from round to round."""
    document = studies.document(
        studies.costs("mlp", MEANS) if costs is None else costs,
        studies.runs("mlp", MEANS) if runs is None else runs,
    )
    path = studies.write(tmp_path / "study.json", document)
    (only,) = find(read_one(path), parse_budgets(budgets)).verdicts
    return only


def within(verdict: Verdict) -> dict[str, Any]:
    """The answer within all budgets, as JSON."""
    assert verdict.within_all is not None
    return verdict.within_all.as_dict()


@pytest.mark.parametrize(
    ("limit", "depth", "cannot_tell"),
    [
        ("0.795ms", 4, [8]),  # the median of 0.8 ms is above it, its lower bound is not
        ("0.805ms", 8, [8]),  # the other way round
        ("0.82ms", 8, []),
        ("0.78ms", 4, []),
    ],
)
def test_the_figure_decides_and_the_noise_says_what_cannot_be_told(
    tmp_path: Path, limit: str, depth: int, cannot_tell: list[int]
) -> None:
    """The 6th and the 15th of 20 rounds bound the median: 0.7916 and 0.8108 ms at depth 8."""
    verdict = judged(tmp_path, f"latency={limit}")
    found = within(verdict)
    assert (found["depth"], found["cannot_tell"]) == (depth, cannot_tell)
    told = "Whether depth 8 fits cannot be told at 95%." in paragraph(verdict)
    assert told == bool(cannot_tell)


def test_training_times_are_bounded_by_their_seeds(tmp_path: Path) -> None:
    """Means of 1, 2 and 4 s with standard errors of 0.1: t bounds are 0.292 either way."""
    runs = studies.runs("mlp", MEANS)
    for row in runs:
        row["train_seconds"] = row["depth"] / 2 + (row["seed"] - 1) * 0.1 * 3**0.5
    assert within(judged(tmp_path, "train_time=3.75s", runs=runs))["cannot_tell"] == [8]
    assert within(judged(tmp_path, "train_time=4.25s", runs=runs))["cannot_tell"] == [8]
    assert within(judged(tmp_path, "train_time=3.7s", runs=runs))["cannot_tell"] == []
    assert within(judged(tmp_path, "train_time=4.3s", runs=runs))["cannot_tell"] == []


def test_counts_are_exact(tmp_path: Path) -> None:
    """A bound at the very count of FLOPs is met without doubt."""
    found = within(judged(tmp_path, "flops=125k", "train_flops=8G", "memory=17MB"))
    assert (found["depth"], found["cannot_tell"]) == (8, [])


def test_two_files_of_one_cell_show_how_processes_differ(tmp_path: Path) -> None:
    """Each is sure of 8 layers in 0.84 ms; together, 5% apart, they are not."""
    paths = []
    for place, factor in enumerate((1.0, 1.05)):
        costs = studies.costs("mlp", MEANS)
        for benchmark in costs:
            stats = benchmark["stats"]
            stats["median"] *= factor
            stats["data"] = [factor * each for each in stats["data"]]
        document = studies.document(costs, studies.runs("mlp", MEANS))
        paths.append(studies.write(tmp_path / f"{place}.json", document))
    budgets = parse_budgets(["latency=0.84ms"])
    for alone in paths:
        (verdict,) = find(read_one(alone), budgets).verdicts
        assert within(verdict)["cannot_tell"] == ([8] if alone is paths[1] else [])
    (verdict,) = find(read(paths), budgets).verdicts
    assert within(verdict)["cannot_tell"] == [8]


def test_one_figure_of_a_time_is_said_to_be_one(tmp_path: Path) -> None:
    """A single run knows no spread of its training time; costs that fit by far are no doubt."""
    runs = [row for row in studies.runs("mlp", MEANS) if row["seed"] == 0]
    verdict = judged(tmp_path, "train_time=1h", runs=runs)
    assert (within(verdict)["depth"], within(verdict)["cannot_tell"]) == (8, [])
    assert (
        "The noise of train_seconds is unknown at depth 2, 4, 8: one figure decides whether that "
        "fits the budget."
    ) in verdict.notes


def test_the_sufficient_depth_within_a_budget(tmp_path: Path) -> None:
    """Among what fits the set is drawn anew: without 16, 4 cannot be told from 8 any more."""
    means = {2: 0.80, 4: 0.900, 8: 0.901, 16: 0.95}
    runs, costs = studies.runs("mlp", means), studies.costs("mlp", means)
    verdict = judged(tmp_path, "latency=1ms", runs=runs, costs=costs)
    assert (verdict.sufficient_depth, verdict.confidence_set) == (16, (16,))
    found = within(verdict)
    assert (found["depth"], found["sufficient_depth"]) == (8, 4)
    assert found["confidence_set"] == [4, 8]
    assert "Of the depths that fit, 4 (90.0%) is sufficient." in paragraph(verdict)


def test_energy_is_a_budget(tmp_path: Path) -> None:
    """Joules of a forward pass, where a counter could be read."""
    costs = studies.costs("mlp", MEANS)
    for benchmark in costs:
        factor = studies.PASSES[benchmark["params"]["pass"]]
        benchmark["extra_info"]["energy_joules"] = 0.001 * benchmark["params"]["depth"] * factor
    verdict = judged(tmp_path, "energy=5mJ", costs=costs)
    assert within(verdict)["depth"] == 4
    assert "With an energy of a forward pass of at most 5 mJ, the best depth is 4" in paragraph(
        verdict
    )
    assert [each.cost for each in verdict.pareto["energy_joules"]] == [0.002, 0.004, 0.008]


def test_several_budgets_are_answered_one_by_one_and_together(tmp_path: Path) -> None:
    """The doubt about one of them is that of all."""
    verdict = judged(tmp_path, "latency=0.805ms,memory=14MB")
    found = verdict.as_dict()
    assert [each["depth"] for each in found["under_budget"]] == [8, 4]
    together = found["under_all_budgets"]
    assert (together["depth"], together["cannot_tell"], together["nearest"]) == (4, [], None)
    assert together["budget"] == "latency_seconds<=0.000805, peak_bytes<=14000000"
    assert "With all budgets together, it is 4." in paragraph(verdict)


def test_the_nearest_exceeds_its_worst_budget_least(tmp_path: Path) -> None:
    """Of depth 2 the memory is 1.1 times what may be, of depth 8 the time is 40 times that."""
    runs = studies.runs("mlp", MEANS)
    for row in runs:
        row["train_seconds"] = 0.5 * row["depth"]
    verdict = judged(tmp_path, "memory=10MB", "train_time=0.1s", runs=runs)
    assert within(verdict)["nearest"] == {
        "depth": 2,
        "needs": {"peak_bytes": 11_000_000, "train_seconds": 1.0},
    }
    assert (
        "No depth fits all budgets together: the nearest is depth 2, with a peak memory of a step "
        "of 11 MB and a training time of 1 s."
    ) in paragraph(verdict)


def test_a_cost_that_was_not_measured_has_no_nearest(tmp_path: Path) -> None:
    """Energy, without a counter; together with another budget too."""
    verdict = judged(tmp_path, "energy=1J", "latency=1s")
    assert within(verdict)["nearest"] is None
    words = paragraph(verdict)
    assert "Whether any depth has an energy of a forward pass of at most 1 J is unknown" in words
    assert "No depth is known to fit all budgets together." in words
