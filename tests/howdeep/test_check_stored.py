"""`howdeep check BASE NEW` as it is typed: what it prints and how it ends."""

import copy
import json
from pathlib import Path

import pytest
import typer
from click.testing import Result
from typer.testing import CliRunner

from howdeep.check import check
from tests.reports import machines, studies


def howdeep_check(*arguments: str | Path) -> Result:
    """The command in this process, its output in a pipe."""
    app = typer.Typer()
    app.command()(check)
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture(autouse=True)
def two_studies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`base.json`, `slow.json` with one cell that takes twice as long, and `other.json`, of another
    machine."""
    monkeypatch.chdir(tmp_path)
    base = machines.study(runs=True)
    slow = copy.deepcopy(base)
    for place, benchmark in enumerate(slow["benchmarks"]):
        machines.scale(benchmark, 2.0 if place == 0 else 1 + 0.01 * (place % 3))
    other = machines.study(lambda _: 1.1, environment={"cpu_model": "Another CPU"}, runs=True)
    machines.write(Path(), base=base, slow=slow, other=other)


def test_a_regression_ends_with_exit_code_1() -> None:
    """It is shown with its place."""
    result = howdeep_check("base.json", "slow.json")
    assert result.exit_code == 1, result.output
    assert "mlp/depth 2/forward" in result.output


def test_the_answer_as_json() -> None:
    """One strict JSON object with both lanes and how they were made."""

    def refuse(token: str) -> None:
        raise AssertionError(token)

    result = howdeep_check("base.json", "slow.json", "--json")
    found = json.loads(result.output, parse_constant=refuse)
    assert found["exit_code"] == result.exit_code == 1
    assert {each["lane"] for each in found["findings"]} == {"stored", "accuracy"}
    assert found["details"]["stored"]["sessions"][0]["cells"] > 20


def test_another_machine_ends_with_exit_code_3() -> None:
    """What differs is said; a margin that is typed is used."""
    result = howdeep_check("base.json", "other.json", "--json")
    assert result.exit_code == 3
    assert "CPU: Example CPU 2.4GHz -> Another CPU" in json.loads(result.output)["cannot_tell"][0]
    found = json.loads(
        howdeep_check("base.json", "slow.json", "--json", "--margin", "time=7%").output
    )
    assert {each["margin"] for each in found["findings"] if each["metric"] == "time"} == {
        0.07,
        None,
    }


def test_the_same_file_twice_is_fine() -> None:
    """With a note that says so."""
    result = howdeep_check("base.json", "base.json")
    assert result.exit_code == 0
    assert "Both are the same file." in result.output


def test_a_store_is_a_side_as_well() -> None:
    """What `pytest bench` keeps while it runs: of the same machine, with the same counts."""
    study = studies.default_study()
    machines.write(Path(), study=study)
    studies.write_store(Path("study.sqlite"), study)
    found = json.loads(howdeep_check("study.json", "study.sqlite", "--json").output)
    assert not found["verdicts"]["regressed"]
    assert not found["verdicts"]["incomparable"]


@pytest.mark.parametrize(
    ("arguments", "content", "words"),
    [
        (("base.json",), None, "two files"),
        (("base.json", "slow.json", "other.json"), None, "two files"),
        (("base.json", "gone.json"), None, "no such file"),
        (("base.json", "bad.json"), '{"benchmarks": [', "cut off"),
        (("base.json", "bad.json"), "", "is empty"),
        (("base.json", "bad.json"), '{"benchmarks": []}', "holds neither"),
        (("bad.json", "base.json"), "[1, 2]", "no pytest-benchmark file"),
    ],
)
def test_bad_input_is_one_line(arguments: tuple[str, ...], content: str | None, words: str) -> None:
    """Exit code 2, with what was expected and found."""
    if content is not None:
        Path("bad.json").write_text(content)
    result = howdeep_check(*arguments)
    assert result.exit_code == 2
    assert len(result.stderr.splitlines()) == 1
    assert words in result.stderr


def test_a_study_and_another_file_are_matched_by_name() -> None:
    """One that is no study makes both lists of benchmarks; with none in common: exit code 3."""
    Path("plain.json").write_text(
        json.dumps({"benchmarks": [{"name": "a", "fullname": "t.py::a", "stats": {"median": 1.0}}]})
    )
    result = howdeep_check("base.json", "plain.json", "--json")
    assert result.exit_code == 3
    assert "No benchmark is in both" in json.loads(result.output)["cannot_tell"][0]
