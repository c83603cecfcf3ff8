"""Published accuracies against depth, read from CSV, give the verdicts that were published."""

from pathlib import Path
from typing import Any

import pytest

from reports.findings import find
from reports.study import read_one

# error in % by depth, and the examples it was measured on
CIFAR_PAPER = {20: 8.75, 32: 7.51, 44: 7.17, 56: 6.97, 110: 6.43, 1202: 7.93}
CIFAR_AGAIN = {20: 8.27, 32: 7.37, 44: 6.90, 56: 6.61, 110: 6.32, 1202: 6.18}
IMAGENET_RESNET = {18: 30.43, 34: 26.73, 50: 24.01, 101: 22.44, 152: 22.16, 200: 21.66}
IMAGENET_GMACS = {18: 1.82, 34: 3.68, 50: 4.12, 101: 7.85, 152: 11.58}
IMAGENET_DENSENET = {121: 25.0, 169: 23.6, 201: 22.5, 264: 22.1}
IMAGENET_PLAIN = {18: 27.94, 34: 28.54}
IMAGENET_RESIDUAL = {18: 27.88, 34: 25.03}


def judged(tmp_path: Path, errors: dict[int, float], n_test: int, **columns: Any) -> Any:
    """The JSON verdict on a table of errors; columns: more columns, by depth."""
    header = ["depth", "error_percent", "n_test", *columns]
    rows = [
        [depth, error, n_test, *(column.get(depth, "") for column in columns.values())]
        for depth, error in errors.items()
    ]
    path = tmp_path / "table.csv"
    path.write_text("\n".join(",".join(map(str, row)) for row in [header, *rows]))
    (verdict,) = find(read_one(path)).verdicts
    return verdict


def test_the_cifar_resnets_of_the_paper_decline_at_1202_and_56_layers_suffice(
    tmp_path: Path,
) -> None:
    """Best 110; 56 cannot be told from it (z 1.53); 1202 is worse (z 4.1)."""
    verdict = judged(tmp_path, CIFAR_PAPER, 10_000)
    found = verdict.as_dict()
    assert found["best_depth"] == 110
    assert found["confidence_set"] == [56, 110]
    assert found["sufficient_depth"] == 56
    assert (found["shape"], found["declines_from"]) == ("declining", 1202)
    assert found["censored"] is False
    assert found["metric"] == "error"
    assert found["family"] == "table"
    assert found["n_depths"] == 6
    assert verdict.row(56).candidate.lead == pytest.approx(1.53, abs=0.005)
    assert verdict.row(1202).candidate.lead == pytest.approx(4.1, abs=0.05)


def test_a_reimplementation_that_still_improves_is_censored(tmp_path: Path) -> None:
    """Best is the deepest, 1202; 56 cannot be told from it."""
    found = judged(tmp_path, CIFAR_AGAIN, 10_000).as_dict()
    assert (found["best_depth"], found["sufficient_depth"]) == (1202, 56)
    assert found["censored"] is True
    assert found["shape"] == "plateau"
    assert found["declines_from"] is None


def test_from_101_to_152_layers_imagenet_gains_nothing_that_can_be_told(tmp_path: Path) -> None:
    """z 1.06: the interval of the gain per doubling of FLOPs holds 0, that of 18 to 34 does not."""
    flops = {depth: 2e9 * macs for depth, macs in IMAGENET_GMACS.items()}
    errors = {depth: IMAGENET_RESNET[depth] for depth in flops}
    verdict = judged(tmp_path, errors, 50_000, flops=flops)
    first, *_, last = verdict.as_dict()["gain_per_doubling"]
    assert (last["from"], last["to"]) == (101, 152)
    assert last["low"] < 0 < last["high"]
    assert last["points"] == pytest.approx(0.28 / 0.561, rel=0.01)
    assert 0 < first["low"] < first["points"] < first["high"]
    assert verdict.doubling_of == "FLOPs"
    assert verdict.row(101).candidate.lead == pytest.approx(1.06, abs=0.005)


def test_imagenet_resnets_are_censored_at_200(tmp_path: Path) -> None:
    """The deepest is best; with the FLOPs of one depth missing, gains are per doubling of depth."""
    flops = {depth: 2e9 * macs for depth, macs in IMAGENET_GMACS.items()}
    verdict = judged(tmp_path, IMAGENET_RESNET, 50_000, flops=flops)
    assert verdict.best_depth == 200
    assert verdict.censored
    assert verdict.confidence_set == (152, 200)
    assert verdict.doubling_of == "depth"
    assert any("FLOPs at depth 200 are unknown" in note for note in verdict.notes)


def test_imagenet_densenets_are_censored(tmp_path: Path) -> None:
    """264 is the best and the deepest; 201 is told from 169 but not from 264."""
    verdict = judged(tmp_path, IMAGENET_DENSENET, 50_000)
    assert (verdict.best_depth, verdict.censored) == (264, True)
    assert verdict.confidence_set == (201, 264)


def test_plain_imagenet_nets_degrade_and_residual_ones_do_not(tmp_path: Path) -> None:
    """34 plain layers are significantly worse than 18; with shortcuts they are better."""
    plain = judged(tmp_path, IMAGENET_PLAIN, 50_000)
    residual = judged(tmp_path, IMAGENET_RESIDUAL, 50_000)
    assert (plain.shape, plain.best_depth, plain.declines_from) == ("declining", 18, 34)
    assert (residual.shape, residual.best_depth, residual.censored) == ("rising", 34, True)


def test_one_training_a_depth_is_said_to_be_one(tmp_path: Path) -> None:
    """A table of single trainings knows the noise of the evaluation only."""
    notes = judged(tmp_path, CIFAR_PAPER, 10_000).notes
    assert "One seed cannot tell: differences between trainings are not included." in notes
