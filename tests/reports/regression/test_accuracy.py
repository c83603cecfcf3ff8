"""Accuracies of two studies: depth by depth, the best, and the depth that is best."""

import math
import statistics
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from scipy.stats import t

from reports.regression.finding import CANNOT_TELL, FAILED, FINE, Answer
from reports.regression.margins import Margins
from tests.reports import studies
from tests.reports.regression.stored_files import checked, found, verdicts

BASE = {2: 0.90, 4: 0.92, 8: 0.94}
METRIC = "validation_accuracy"


def trained(means: Mapping[int, float], **changes: Any) -> dict[str, Any]:
    """A study of runs alone, three seeds a depth."""
    return studies.document(runs=studies.runs("mlp", means, **changes))


def compared(
    folder: Path, base: dict[str, Any], new: dict[str, Any], margins: Margins | None = None
) -> Answer:
    """The answer for two studies of runs."""
    return checked(folder, base, new, margins=margins)


def test_a_depth_that_lost_five_points_regressed(tmp_path: Path) -> None:
    """It alone, with the difference in fractions and its bounds."""
    answer = compared(tmp_path, trained(BASE), trained({**BASE, 4: 0.87}))
    (only,) = (each for each in answer.findings if each.verdict == "regressed")
    assert (only.metric, only.depth, only.task) == (METRIC, 4, "mnist1d")
    assert only.change == pytest.approx(-0.05)
    assert only.low is not None
    assert only.high is not None
    assert only.low < -0.05 < only.high < 0
    assert answer.exit_code == FAILED


def test_a_depth_that_gained_five_points_improved(tmp_path: Path) -> None:
    """The other direction is no regression."""
    answer = compared(tmp_path, trained(BASE), trained({**BASE, 4: 0.97}))
    assert verdicts(answer, METRIC, depth=4) == {"improved"}
    assert answer.exit_code != FAILED


def test_a_loss_within_the_margin_is_none(tmp_path: Path) -> None:
    """Five points are let pass where a family's margin is ten: non-inferior, however significant
    the loss."""
    margins = Margins(families={"mlp": {"accuracy": 0.10}})
    answer = compared(tmp_path, trained(BASE), trained({**BASE, 4: 0.87}), margins)
    assert verdicts(answer, METRIC) == {"equivalent"}
    assert verdicts(answer, "best_accuracy") == {"equivalent"}


def test_a_loss_that_examples_cannot_show_is_inconclusive(tmp_path: Path) -> None:
    """Two points of 100 validation examples: neither worse nor shown not to be."""
    few = {"n_validation": 100, "n_test": 100}
    answer = compared(tmp_path, trained(BASE, **few), trained({**BASE, 4: 0.90}, **few))
    assert verdicts(answer, METRIC, depth=4) == {"inconclusive"}
    assert "regressed" not in verdicts(answer, METRIC)


def single(accuracies: Mapping[int, float]) -> dict[str, Any]:
    """A study of one run a depth."""
    return studies.document(runs=[studies.run("mlp", d, 0, each) for d, each in accuracies.items()])


def test_one_seed_is_known_as_those_of_other_depths(tmp_path: Path) -> None:
    """Student's t with the variance of the other depths' differences, two of three of which are
    free; times six for the five depths and the best (Holm)."""
    others = {2: 0.01, 4: -0.01, 8: 0.03, 16: 0.01}
    base = {**dict.fromkeys(others, 0.70), 32: 0.60}
    new = {**{depth: 0.70 + change for depth, change in others.items()}, 32: 0.40}
    answer = compared(tmp_path, single(base), single(new))
    (depth,) = (each for each in found(answer, METRIC) if each.depth == 32)
    error = statistics.stdev(others.values())
    assert depth.p_value == pytest.approx(6 * t.sf(0.20 / error, 3))
    assert depth.low == pytest.approx(-0.20 - t.ppf(0.95, 3) * error)
    assert depth.verdict == "regressed"
    assert "one seed" in depth.reason
    assert verdicts(answer, METRIC, depth=4) == {"inconclusive"}


def test_one_seed_that_agrees_by_luck_is_no_better_known_than_its_examples(tmp_path: Path) -> None:
    """All depths as they were: the bound is that of two evaluations, under t."""
    n, share = 4000, 0.90
    both = single(dict.fromkeys((2, 4, 8), share))
    error = math.sqrt(2 * share * (1 - share) / n)
    for depth in found(compared(tmp_path, both, both), METRIC):
        assert depth.low == pytest.approx(-t.ppf(0.95, 1) * error)


@pytest.mark.parametrize("depths", [(4,), (4, 8)])
def test_one_seed_at_few_depths_cannot_tell(tmp_path: Path, depths: tuple[int, ...]) -> None:
    """A loss beyond the margin is neither called one, nor let pass; no loss is no question."""
    base = single(dict.fromkeys(depths, 0.90))
    answer = compared(tmp_path, base, single(dict.fromkeys(depths, 0.80)))
    assert verdicts(answer, METRIC) == {"inconclusive"}
    assert answer.exit_code == CANNOT_TELL
    assert "depth 4" in answer.cannot_tell[0]
    assert "lost 10.0 points" in answer.cannot_tell[0]
    assert compared(tmp_path, base, single(dict.fromkeys(depths, 0.895))).exit_code == FINE


def test_the_same_seeds_are_paired(tmp_path: Path) -> None:
    """Seeds that differ widely, each the worse for two points, show it; with other seeds they do
    not."""
    spread = {"n_validation": 10**6}

    def study(shift: float, first: int) -> dict[str, Any]:
        runs = [
            studies.run("mlp", depth, first + seed, 0.8 + 0.04 * seed + shift, **spread)
            for depth in BASE
            for seed in range(4)
        ]
        return studies.document(runs=runs)

    paired = compared(tmp_path, study(0.0, 0), study(-0.02, 0))
    assert verdicts(paired, METRIC) == {"regressed"}
    assert {each.reason for each in found(paired, METRIC)} == {"4 seeds, paired"}
    unpaired = compared(tmp_path, study(0.0, 0), study(-0.02, 4))
    assert verdicts(unpaired, METRIC) == {"inconclusive"}
    assert {each.reason for each in found(unpaired, METRIC)} == {"4 and 4 seeds, not the same"}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"epochs": 20}, "epochs: 10 -> 20"),
        ({"learning_rate": 0.01}, "learning_rate at depth 2: 0.003 -> 0.01"),
        ({"optimizer": "sgd"}, "optimizer at depth 2: adamw -> sgd"),
        ({"epochs": None, "train_for": "300steps"}, "train_for: none -> 300steps"),
        ({"dtype": "bf16"}, "dtype: fp32 -> bf16"),
        ({"n_train": 400}, "n_train at depth 2: 4000 -> 400"),
        ({"knobs": {**studies.knobs("mlp"), "width": 48}}, "width: 24 -> 48"),
    ],
)
def test_runs_that_were_trained_otherwise_are_incomparable(
    tmp_path: Path, changes: dict[str, Any], words: str
) -> None:
    """However much worse: exit code 3, with what differs."""
    worse = {depth: mean - 0.1 for depth, mean in BASE.items()}
    answer = compared(tmp_path, trained(BASE), trained(worse, **changes))
    (only,) = answer.findings
    assert only.verdict == "incomparable"
    assert words in only.reason
    assert answer.exit_code == CANNOT_TELL


def test_a_tuned_rate_may_move(tmp_path: Path) -> None:
    """Where both chose from the same rates, the chosen one is an outcome."""
    rates = {"tuned_from": [0.001, 0.003, 0.01]}
    base, new = trained(BASE, **rates), trained(BASE, **rates, learning_rate=0.01)
    assert compared(tmp_path, base, new).exit_code == FINE


def test_another_machine_does_not_matter(tmp_path: Path) -> None:
    """An accuracy is the same on any machine, up to rounding."""
    new = trained({**BASE, 4: 0.87})
    environment = {**studies.ENVIRONMENT, "cpu_model": "Another CPU"}
    new["howdeep"]["environment"] = {"before": environment}
    assert verdicts(compared(tmp_path, trained(BASE), new), METRIC, depth=4) == {"regressed"}


def test_a_depth_that_diverges_now_regressed(tmp_path: Path) -> None:
    """And one that was not trained is missing."""
    new = trained(BASE)
    for run in new["howdeep"]["runs"]:
        if run["depth"] == 8:
            run |= {"status": "diverged", "validation_accuracy": None, "test_accuracy": None}
    answer = compared(tmp_path, trained(BASE), new)
    assert verdicts(answer, METRIC, depth=8) == {"regressed"}
    shorter = trained({depth: BASE[depth] for depth in (2, 4)})
    answer = compared(tmp_path, trained(BASE), shorter)
    assert verdicts(answer, METRIC, depth=8) == {"missing"}
    assert verdicts(answer, "best_depth") == {"incomparable"}
    assert answer.exit_code == CANNOT_TELL
    assert verdicts(compared(tmp_path, shorter, trained(BASE)), METRIC, depth=8) == {"new"}


def test_a_seed_that_diverges_now_is_told(tmp_path: Path) -> None:
    """The mean is over the others; a note says so."""
    new = trained(BASE)
    new["howdeep"]["runs"][-1] |= {"status": "diverged", "validation_accuracy": None}
    answer = compared(tmp_path, trained(BASE), new)
    assert any("1 of 3 runs at depth 8 diverged" in note for note in answer.notes)


def test_a_task_that_is_gone_is_missing(tmp_path: Path) -> None:
    """Runs of another task are no pass."""
    answer = compared(tmp_path, trained(BASE), trained(BASE, task="digits"))
    assert {each.verdict for each in answer.findings} == {"missing", "new"}
    assert answer.exit_code == CANNOT_TELL


def test_a_best_depth_that_moves_by_luck_is_said_so(tmp_path: Path) -> None:
    """8 is best by a hair, then 16: 8 is still in the confidence set, no verdict."""
    means = {4: 0.80, 8: 0.940, 16: 0.939}
    answer = compared(tmp_path, trained(means), trained({**means, 8: 0.939, 16: 0.940}))
    (only,) = found(answer, "best_depth")
    assert (only.verdict, only.base, only.new) == ("inconclusive", 8, 16)
    assert only.reason == "8 -> 16, but 8 is still in the confidence set"
    assert answer.exit_code == FINE


def test_a_best_depth_that_truly_moved_deeper_regressed(tmp_path: Path) -> None:
    """No depth may be the best of both: as good a network must be deeper now."""
    before, after = {4: 0.95, 8: 0.90, 16: 0.85}, {4: 0.70, 8: 0.80, 16: 0.95}
    answer = compared(tmp_path, trained(before), trained(after))
    assert verdicts(answer, "best_depth") == {"regressed"}
    assert verdicts(answer, "sufficient_depth") == {"regressed"}
    assert verdicts(answer, "best_accuracy") == {"equivalent"}
    back = compared(tmp_path, trained(after), trained(before))
    assert verdicts(back, "best_depth") == {"inconclusive"}


def test_runs_that_end_alike_are_equivalent(tmp_path: Path) -> None:
    """The same accuracy seed by seed is what unchanged code gives, however few the examples."""
    few = trained(BASE, n_validation=20)
    answer = compared(tmp_path, few, few)
    assert {each.verdict for each in answer.findings} == {"equivalent"}
    assert answer.exit_code == FINE
