"""`pytest bench -m limits` from end to end: its rows stand in the study, and only if asked for."""

from pathlib import Path
from typing import Any

import pytest

from bench import study as bench_study
from bench.grid import make
from bench.options import Options
from bench.points import Training
from bench.study import Study

from .sessions import bench, prepare, study

FAILING = "family.py:build:does=fail"
GRID = ("--family", "mlp:width=8", "--family", FAILING, "--depths", "2,3", "--seeds", "1")


@pytest.fixture(scope="module")
def attributed(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], str]:
    """The study of two families, one of which cannot be trained, and what was printed."""
    folder = tmp_path_factory.mktemp("attributed")
    prepare(folder)
    done = bench(folder, *GRID, "-m", "limits", "--quick")
    assert done.returncode == 1, done.stdout + done.stderr  # the other family fails
    return study(folder), done.stdout


def test_the_study_holds_the_evidence(attributed: tuple[dict[str, Any], str]) -> None:
    """`howdeep.limits` has the trainings and probes of the deepest network of each family, and
    nothing else was measured."""
    document = attributed[0]["howdeep"]
    rows = [row for row in document["limits"] if row["family"] == "mlp:width=8"]
    assert {row["asked_depth"] for row in rows} == {3}
    assert {row["kind"] for row in rows} == {"trial", "probe"}
    assert {row["role"] for row in rows if row["kind"] == "trial"} >= {"asked", "window"}
    assert document["cells"] == document["runs"] == []


@pytest.mark.parametrize(("given", "epochs"), [(None, 150), (7, 7)])
def test_a_small_training_set_is_gone_through_more_often(
    given: int | None, epochs: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At least 300 steps, as `howdeep limits` trains; unless the epochs are given."""
    options = Options(
        families=("mlp",), depths=(4,), task="digits:train=60", batch_sizes=(30,), epochs=given,
        store=tmp_path / "store.sqlite",
    )  # fmt: skip
    grid = make(options)
    asked: list[Training] = []
    monkeypatch.setattr(
        bench_study, "evidence", lambda network, *_, **__: asked.append(network) or []
    )
    made = Study(grid, options, {})
    made.attribute(grid.networks[0], lambda _: None)
    made.close()
    assert [network.epochs for network in asked] == [epochs]


def test_trainings_of_the_network_are_the_rounds(attributed: tuple[dict[str, Any], str]) -> None:
    """Of the benchmark that is named after it."""
    document = attributed[0]
    (row,) = document["benchmarks"]
    assert row["name"] == "bench_limits[mlp:width=8-3-task.py:load-fp32-cpu]"
    asked = [r for r in document["howdeep"]["limits"] if r.get("role") == "asked"]
    seconds = [r["train_seconds"] for r in asked if r["family"] == "mlp:width=8"]
    assert row["stats"]["data"] == seconds
    assert row["extra_info"]["status"] == "ok"


def test_a_network_that_cannot_be_trained_says_why(
    attributed: tuple[dict[str, Any], str],
) -> None:
    """In its line; its rows are the trainings as asked, and the other family goes on."""
    document, printed = attributed
    assert f"{FAILING}-3-task.py:load-fp32-cpu  error: KeyError: 'planted'" in printed
    rows = [row for row in document["howdeep"]["limits"] if row["family"] == FAILING]
    trials = [row for row in rows if row["kind"] == "trial"]
    assert {(row["role"], row["status"]) for row in trials} == {("asked", "error")}


def test_nothing_of_it_runs_unasked(tmp_path: Path) -> None:
    """It takes dozens of trainings: `pytest bench` leaves it out."""
    prepare(tmp_path)
    done = bench(tmp_path, *GRID, "--collect-only", "-q")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "bench_accuracy[mlp:width=8-2-" in done.stdout
    assert "bench_limits" not in done.stdout
