"""`howdeep history` as it is typed, on studies with planted changes."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
from click.testing import Result
from typer.testing import CliRunner

from howdeep.history import history
from tests.reports import studies

STUDIES, CHANGED = 40, 28


def howdeep_history(*arguments: str | Path) -> Result:
    """The command in this process, its output in a pipe."""
    app = typer.Typer()
    app.command()(history)
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def study(number: int, factor: float, flops: float = 1.0, **environment: Any) -> dict[str, Any]:
    """Two depths of `mlp`, measured on the day of that number, at commit `c<number>`."""
    costs = studies.costs("mlp", (2, 4))
    for each in costs:
        each["stats"] = {k: v for k, v in each["stats"].items() if k in ("median", "rounds")}
        each["stats"]["median"] *= factor if each["params"]["pass"] == "step" else 1.0
        each["extra_info"]["flops"] *= flops
    document = studies.document(costs)
    document["howdeep"]["environment"] = {"before": {**studies.ENVIRONMENT, **environment}}
    document["datetime"] = f"2026-{1 + number // 28:02}-{1 + number % 28:02}T10:00:00+00:00"
    document["commit_info"] = {"id": f"c{number}", "dirty": False}
    return document


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """`step` is 20% slower from commit c28 on; its files are not in the order of time."""
    generator = np.random.default_rng(0)
    for number in range(STUDIES):
        factor = (1.2 if number >= CHANGED else 1.0) * (1 + 0.01 * generator.standard_normal())
        below = tmp_path / f"machine{number % 3}"
        below.mkdir(exist_ok=True)
        studies.write(below / f"{99 - number}.json", study(number, factor))
    return tmp_path


def test_the_commit_and_all_depths_are_told_together(folder: Path) -> None:
    """One line, with the size, the date and how long ago it was; exit code 0."""
    result = howdeep_history(folder)
    assert result.exit_code == 0, result.output
    said = " ".join(result.output.split())
    assert "at all 2 depths from commit c28 (2026-02-01), 11 studies ago" in said
    assert said.count("from commit") == 1


def test_json_is_one_object(folder: Path) -> None:
    """The change once for its family, and in each series."""
    found = json.loads(howdeep_history(folder, "--json").output)
    (change,) = found["changes"]
    assert (change["family"], change["pass"], change["metric"]) == ("mlp", "step", "time")
    assert change["depths"] == [2, 4]
    assert change["from"]["commit"] == "c28"
    assert change["last_before"]["commit"] == "c27"
    assert change["sizes"] == pytest.approx([0.2, 0.2], abs=0.02)
    assert sum(len(each["changes"]) for each in found["series"]) == 2


def test_metric_and_since_choose(folder: Path) -> None:
    """Neither of another metric nor of before the date is anything said."""
    assert (
        json.loads(howdeep_history(folder, "--metric", "flops", "--json").output)["changes"] == []
    )
    late = json.loads(howdeep_history(folder, "--since", "2026-02-01", "--json").output)
    assert (len(late["studies"]), late["changes"]) == (12, [])
    assert "fewer than the 20" in late["notes"][-1]


def test_a_count_changes_at_once(tmp_path: Path) -> None:
    """FLOPs need no statistics: three studies tell."""
    for number in range(3):
        studies.write(tmp_path / f"{number}.json", study(number, 1.0, 1.1 if number > 1 else 1.0))
    found = json.loads(howdeep_history(tmp_path, "--json").output)["changes"]
    assert {each["metric"] for each in found} == {"flops"}
    assert {each["from"]["commit"] for each in found} == {"c2"}


def test_another_machine_is_another_series(tmp_path: Path) -> None:
    """A new PyTorch or processor, twice as fast, changes no series."""
    for number in range(STUDIES):
        late = number >= CHANGED
        document = study(number, 0.5 if late else 1.0, cpu_model="New" if late else "Old")
        studies.write(tmp_path / f"{number}.json", document)
    found = json.loads(howdeep_history(tmp_path, "--json").output)
    assert found["changes"] == []
    assert len({each["machine"] for each in found["series"]}) == 2


def test_a_store_gives_each_of_its_studies(tmp_path: Path) -> None:
    """With the time at which each was started."""
    studies.write_store(tmp_path / "s.sqlite", studies.default_study())
    found = json.loads(howdeep_history(tmp_path, "--json").output)
    assert [each["time"][:10] for each in found["studies"]] == ["2026-01-02"]


@pytest.mark.parametrize("median", [0.0, -1.0, float("nan"), float("inf")])
def test_impossible_times_are_named_and_left_out(folder: Path, median: float) -> None:
    """Of a study's benchmarks the first."""
    flawed = study(STUDIES, 1.0)
    for each in flawed["benchmarks"]:
        each["stats"]["median"] = median
    studies.write(folder / "flawed.json", flawed)
    (note,) = json.loads(howdeep_history(folder, "--json").output)["notes"]
    assert "flawed.json: left out for impossible statistics: " in note
    assert "its median is" in note


def test_a_file_that_cannot_be_read_is_named_and_left_out(folder: Path) -> None:
    """The others are looked at; without any other it ends with exit code 2 and one line."""
    (folder / "broken.json").write_text("{")
    result = howdeep_history(folder)
    assert result.exit_code == 0
    assert "broken.json" in result.output
    alone = howdeep_history(folder / "broken.json")
    assert alone.exit_code == 2
    assert len(alone.stderr.splitlines()) == 1


@pytest.mark.parametrize("when", ["0001-01-01T00:00:00+05:00", "9999-12-31T23:59:59-05:00"])
def test_a_time_out_of_range_is_no_time(folder: Path, when: str) -> None:
    """The file is named and left out."""
    odd = study(1, 1.0) | {"datetime": when, "commit_info": None}
    odd["howdeep"]["environment"] = {"before": {}}
    studies.write(folder / "odd.json", odd)
    result = howdeep_history(folder)
    assert result.exit_code == 0
    assert "odd.json: says no time" in " ".join(result.output.split())


@pytest.mark.parametrize(
    "arguments", [("no-such",), (".", "--since", "soon"), (".", "--metric", "colour")]
)
def test_bad_input_is_one_line(
    arguments: tuple[str, ...], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit code 2."""
    monkeypatch.chdir(folder)
    result = howdeep_history(*arguments)
    assert result.exit_code == 2
    assert len(result.stderr.splitlines()) == 1


def test_charts_and_markdown_are_written(folder: Path) -> None:
    """A picture a family, which the Markdown shows."""
    result = howdeep_history(folder, "--charts", folder / "c", "--markdown", folder / "h.md")
    assert result.exit_code == 0, result.output
    assert sorted(each.name for each in (folder / "c").iterdir()) == [
        "history-1.png", "history-1.svg",
    ]  # fmt: skip
    assert "c28 +" in (folder / "c" / "history-1.svg").read_text()
    assert "(<c/history-1.png>)" in (folder / "h.md").read_text()
