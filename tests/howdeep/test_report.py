"""`howdeep report` as it is typed: what it prints, what it writes, how it ends."""

import json
import os
import re
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import typer
from click.testing import Result
from typer.testing import CliRunner

from howdeep.report import report
from tests.reports import studies

GOLDEN = Path(__file__).parents[1] / "reports" / "golden"


def howdeep_report(*arguments: str | Path) -> Result:
    """The command in this process, its output in a pipe."""
    app = typer.Typer()
    app.command()(report)
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The default study in small, as `study.json` in the current folder."""
    monkeypatch.chdir(tmp_path)
    return studies.write(Path("study.json"), studies.default_study())


def check_golden(name: str, text: str) -> None:
    """The text is that of the golden file; HOWDEEP_UPDATE_GOLDEN=1 writes it anew."""
    path = GOLDEN / name
    if os.environ.get("HOWDEEP_UPDATE_GOLDEN"):
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


def published(path: Path) -> Path:
    """The CIFAR-10 table of the ResNet paper as a CSV file."""
    errors = {20: 8.75, 32: 7.51, 44: 7.17, 56: 6.97, 110: 6.43, 1202: 7.93}
    rows = [f"cifar_resnet,cifar10,{depth},{error},10000" for depth, error in errors.items()]
    path.write_text("\n".join(["family,task,depth,error_percent,n_test", *rows]))
    return path


def test_the_report_in_a_pipe(study: Path) -> None:
    """Plain lines of at most 100 columns, without escape codes or trailing blanks."""
    result = howdeep_report(study, "--budget", "latency=1ms")
    assert result.exit_code == 0
    lines = result.output.splitlines()
    assert max(map(len, lines)) <= 100
    assert all(line == line.rstrip() and "\x1b" not in line for line in lines)
    check_golden("study.txt", result.output)


def test_the_report_as_markdown(study: Path) -> None:
    """Written to a file as well as printed; `-` prints it alone."""
    result = howdeep_report(study, "--budget", "latency=1ms", "--markdown", "out/report.md")
    assert result.exit_code == 0
    written = Path("out/report.md").read_text(encoding="utf-8")
    check_golden("study.md", written)
    assert [path.name for path in Path("out").iterdir()] == ["report.md"]
    alone = howdeep_report(study, "--budget", "latency=1ms", "--markdown", "-")
    assert alone.output == written


def test_the_report_on_a_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Errors stay errors, and columns that nothing is known of are left out."""
    monkeypatch.chdir(tmp_path)
    result = howdeep_report(published(Path("cifar.csv")))
    assert result.exit_code == 0
    check_golden("table.txt", result.output)


def test_json_is_one_object_and_nothing_else(study: Path) -> None:
    """What is printed parses as strict JSON and holds the verdicts."""

    def refuse(token: str) -> None:
        raise AssertionError(token)

    result = howdeep_report(study, "--json", "--budget", "latency=1ms")
    found = json.loads(result.output, parse_constant=refuse)
    assert list(found) == ["depths", "limits", "efficiency", "notes", "excluded", "warnings"]
    assert [each["family"] for each in found["depths"]] == [
        "mlp",
        "resnet",
        "resnet:residual=false",
    ]
    assert {row["status"] for row in found["excluded"]} == {"oom", "diverged"}


def test_costs_without_runs_are_shown(tmp_path: Path) -> None:
    """A study of `-m cost`: tables of costs; of a budget, the deepest that fits."""
    path = studies.write(tmp_path / "study.json", studies.document(studies.costs("mlp")))
    result = howdeep_report(path, "--budget", "latency=1ms")
    assert result.exit_code == 0
    assert "Costs of mlp" in result.output
    assert "depth 8 at most is known to fit latency_seconds<=0.001" in result.output
    assert howdeep_report(path, "--budget", "latency=1us").exit_code == 1


def test_runs_without_costs_are_shown(tmp_path: Path) -> None:
    """A study of `-m accuracy`: a verdict whose gains are per doubling of depth."""
    document = studies.document(runs=studies.runs("mlp", studies.MLP))
    result = howdeep_report(studies.write(tmp_path / "study.json", document))
    assert result.exit_code == 0
    assert "The best depth is 8" in result.output
    assert "of depth" in result.output


@pytest.mark.parametrize(
    ("budgets", "line"),
    [
        (
            ["latency=1us"],
            "no depth has a forward latency of at most 0.001 ms; the nearest is depth 2 of mlp, "
            "with 0.2 ms",
        ),
        (
            ["latency=1us,memory=10.5MB"],
            "no depth has a forward latency of at most 0.001 ms and a peak memory of a step of at "
            "most 10.5 MB; the nearest is depth 2 of mlp, with 0.2 ms and 11 MB",
        ),
        (  # at no depth is all known that is bounded, but a part of it is too much
            ["latency=1us", "energy=1J"],
            "no depth has a forward latency of at most 0.001 ms and an energy of a forward pass of "
            "at most 1 J",
        ),
    ],
)
@pytest.mark.parametrize("form", [[], ["--json"], ["--markdown", "-"]], ids=["", "json", "md"])
def test_nothing_within_the_budget_is_exit_code_1(
    study: Path, budgets: list[str], line: str, form: list[str]
) -> None:
    """One line names the nearest, beside the report in whatever form."""
    result = howdeep_report(study, *form, *(x for each in budgets for x in ("--budget", each)))
    assert result.exit_code == 1
    assert result.stderr == f"howdeep report: {line}\n"
    assert json.loads(result.stdout) if form == ["--json"] else result.stdout
    if len(budgets) == 1 and not form:
        words = " ".join(result.stdout.split())
        assert "No depth has a forward latency of at most 0.001 ms: the smallest need is" in words


@pytest.mark.parametrize("trained", [True, False], ids=["runs and costs", "costs"])
def test_a_budget_on_what_is_not_known_is_exit_code_3(tmp_path: Path, trained: bool) -> None:
    """Whether a depth fits cannot be told: one line says what was not measured. What is known
    decides where it can."""
    runs = studies.runs("mlp", studies.MLP) if trained else ()
    path = studies.write(tmp_path / "study.json", studies.document(studies.costs("mlp"), runs))
    result = howdeep_report(path, "--budget", "energy=1J", "--budget", "latency=5ms")
    assert result.exit_code == 3
    assert result.stderr == (
        "howdeep report: whether any depth has an energy of a forward pass of at most 1 J and a "
        "forward latency of at most 5 ms is unknown: an energy of a forward pass was not measured\n"
    )
    assert howdeep_report(path, "--budget", "energy=1J", "--budget", "latency=1us").exit_code == 1
    assert howdeep_report(path, "--budget", "latency=5ms").exit_code == 0


def test_nothing_to_report_is_exit_code_3(tmp_path: Path) -> None:
    """A study in which nothing was measured; with --json still an object."""
    path = studies.write(tmp_path / "study.json", studies.document())
    assert howdeep_report(path).exit_code == 3
    result = howdeep_report(path, "--json")
    assert result.exit_code == 3
    empty = {
        "depths": [],
        "limits": [],
        "efficiency": [],
        "notes": [],
        "excluded": [],
        "warnings": [],
    }
    assert json.loads(result.stdout) == empty


def test_runs_that_all_failed_are_exit_code_3(tmp_path: Path) -> None:
    """No cell and no run has a result; how the runs ended is shown all the same."""
    failed = [studies.run("mlp", 8, 0, None, status="error", reason="boom")]
    path = studies.write(tmp_path / "study.json", studies.document(runs=failed))
    result = howdeep_report(path)
    assert result.exit_code == 3
    assert "no cell and no run has a result" in result.stderr
    assert "error (boom)" in result.stdout
    studies.write(path, studies.document(studies.costs("mlp"), failed))
    assert howdeep_report(path).exit_code == 3
    studies.write(path, studies.document(studies.costs("mlp")))
    assert howdeep_report(path).exit_code == 0


def diverged(seeds: int) -> list[dict[str, Any]]:
    """Runs at three depths, all of which diverged."""
    return [
        studies.run("mlp", depth, seed, None, status="diverged", reason="loss is NaN in epoch 1")
        for depth in (2, 4, 8)
        for seed in range(seeds)
    ]


@pytest.mark.parametrize("measured", [(), studies.costs("mlp")], ids=["runs", "runs and costs"])
@pytest.mark.parametrize("budget", [(), ("--budget", "latency=1us")], ids=["", "budget"])
def test_runs_that_all_diverged_are_no_answer(
    tmp_path: Path, measured: Any, budget: tuple[str, ...]
) -> None:
    """Exit code 3, also under a budget: one line says so and what to try, the report says it too,
    and the costs are there all the same."""
    document = studies.document(measured, diverged(seeds=2))
    path = studies.write(tmp_path / "study.json", document)
    result = howdeep_report(path, *budget)
    line = (
        "howdeep report: all 6 runs diverged, so nothing can be said of depth: try a lower "
        "learning rate (--lr)\n"
    )
    assert (result.exit_code, result.stderr) == (3, line)
    as_json = howdeep_report(path, "--json", *budget)
    assert (as_json.exit_code, as_json.stderr) == (3, line)
    assert "All 6 runs diverged: try a lower learning rate (--lr)." in result.stdout
    assert "held equal: width 24, 10 epochs" in result.stdout
    assert ("0.200 (0.006)" in result.stdout) == bool(measured)
    (found,) = json.loads(howdeep_report(path, "--json", *budget).stdout)["depths"]
    assert (found["best_depth"], found["fits"], found["pareto"]) == (None, [], {})


def test_one_seed_answers_and_says_that_it_cannot_tell(tmp_path: Path) -> None:
    """`--seeds 1`: the noise of the evaluation is known, that between trainings is not."""
    runs = [row for row in studies.runs("mlp", studies.MLP) if row["seed"] == 0]
    path = studies.write(tmp_path / "study.json", studies.document(studies.costs("mlp"), runs))
    result = howdeep_report(path, "--budget", "train_time=3s")
    assert result.exit_code == 0
    words = " ".join(result.output.split())
    assert "The best depth is 8" in words
    assert "One seed cannot tell: differences between trainings are not included." in words
    assert "1 seed a depth" in words
    assert "With a training time of at most 3 s, the best depth is 4" in words


def test_an_empty_name_of_a_file_is_told(tmp_path: Path) -> None:
    """As a variable that is not set in a script leaves one."""
    runs = studies.runs("mlp", {2: 0.8, 4: 0.9})
    path = studies.write(tmp_path / "study.json", studies.document(runs=runs))
    result = howdeep_report(path, "--markdown", "")
    assert result.exit_code == 2
    assert "the name of a file was expected" in result.stderr


def test_too_little_evidence_has_an_exit_code_of_its_own(tmp_path: Path) -> None:
    """3 when every shape is undetermined: the report says what is known and what hides the rest."""
    runs = studies.runs("mlp", {2: 0.9, 4: 0.9})
    path = studies.write(tmp_path / "study.json", studies.document(runs=runs))
    result = howdeep_report(path)
    assert result.exit_code == 3
    assert "The shape is undetermined" in result.output


def test_names_may_hold_markup(tmp_path: Path) -> None:
    """Rich tags and Markdown marks in a family's or task's name are shown, not interpreted."""
    name = "[red]a|b[/red] *x* <b> :smile:"
    hostile = f"{name}\x1b[31m"
    runs = studies.runs(hostile, {2: 0.8, 4: 0.9}, task="[/oops]")
    path = studies.write(tmp_path / "study.json", studies.document(studies.costs(hostile), runs))
    printed = howdeep_report(path).output
    assert f"{name}[31m on [/oops]" in printed
    assert "\x1b" not in printed
    drawn = howdeep_report(path, "--markdown", "-").output
    assert "\x1b" not in drawn
    assert r"\[red\]a\|b\[/red\] \*x\* \<b\>" in drawn


def test_the_command_imports_no_torch(study: Path) -> None:
    """A report is quick, and reading the command's help loads no table library either."""
    program = (
        "import sys, howdeep.report\n"
        "assert not {'pandas', 'scipy', 'torch', 'rich.table'} & set(sys.modules)\n"
        "import typer\n"
        "app = typer.Typer()\n"
        "app.command()(howdeep.report.report)\n"
        f"app(['{study}'], standalone_mode=False)\n"
        "assert not {'torch', 'bench', 'models'} & set(sys.modules)\n"
    )
    root = Path(__file__).parents[2]
    environment = os.environ | {"PYTHONPATH": str(root)}
    subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, env=environment
    )


def test_a_terminal_that_knows_ascii_only_gets_the_report(study: Path) -> None:
    """What it cannot show is a question mark, not a traceback."""
    program = "import typer, howdeep.report as r; a = typer.Typer(); a.command()(r.report); a()"
    environment = os.environ | {
        "PYTHONPATH": str(Path(__file__).parents[2]),
        "PYTHONIOENCODING": "ascii",
    }
    done = subprocess.run(
        [sys.executable, "-c", program, str(study)],
        check=True,
        capture_output=True,
        env=environment,
    )
    assert b"4 ?" in done.stdout


def newer_store(path: Path) -> None:
    """A store of schema 2."""
    with closing(studies.write_store(path, studies.document(), close=False)) as connection:
        connection.execute("PRAGMA user_version=2")


def damaged_store(path: Path) -> None:
    """A store of which the second half is lost."""
    studies.write_store(path, studies.default_study())
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


def edited_store(path: Path) -> None:
    """A store with half a row."""
    with closing(studies.write_store(path, studies.default_study(), close=False)) as connection:
        connection.execute("UPDATE records SET row = substr(row, 1, 50)")


def empty_database(path: Path) -> None:
    """An SQLite file of somebody else."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE t(x)")


def text(content: str) -> Callable[[Path], Any]:
    """A file with this text."""
    return lambda path: path.write_text(content, encoding="utf-8")


def altered(**changes: Any) -> Callable[[Path], Any]:
    """A study with one run that was changed."""
    return lambda path: studies.write(
        path, studies.document(runs=[studies.run("mlp", 2, 0, 0.5) | changes])
    )


WHOLE = json.dumps(studies.document(studies.costs("mlp")))
HEAD = "depth,accuracy,n_test\n"

BAD_FILES = {
    "empty": ("x.json", text(""), "is empty"),
    "blank": ("x.csv", text(" \n"), "is empty"),
    "cut off": ("x.json", text(WHOLE[: len(WHOLE) // 2]), "cut off .*line 1, column .*--resume"),
    "cut off in a string": ("x.json", text('{"benchmarks": [{"na'), "cut off .*--resume"),
    "not JSON": ("x.json", text("hello"), "is not JSON: it begins with 'hello'"),
    "bad JSON": ("x.json", text('{"benchmarks": [1 2]}'), "is not JSON .*line 1, column 19"),
    "a list": ("x.json", text("[1, 2]"), "no pytest-benchmark file"),
    "another object": ("x.json", text('{"a": 1}'), "no pytest-benchmark file"),
    "no list": ("x.json", text('{"benchmarks": 7}'), "`benchmarks` must be a list"),
    "no depth in it": ("x.json", text('{"benchmarks": []}'), "no benchmark has a parameter"),
    "too deep": ("x.json", text("[" * 100_000), "nested too deeply|cut off"),
    "newer": (
        "x.json",
        text('{"howdeep": {"schema": 2}}'),
        "schema 2 is newer than 1, which this howdeep reads: upgrade howdeep",
    ),
    "no schema": ("x.json", text('{"howdeep": {}}'), "schema must be a number from 1; got None"),
    "newer store": ("x.sqlite", newer_store, "schema 2 is newer than 1"),
    "damaged store": ("x.sqlite", damaged_store, "malformed.*; it is left as it is: .*recover"),
    "edited store": ("x.sqlite", edited_store, "not JSON: it is damaged or was edited"),
    "another database": ("x.sqlite", empty_database, "no store of howdeep"),
    "broken database": (
        "x.db",
        text("SQLite format 3\x00" + "x" * 99),
        "cannot be read as a store",
    ),
    "bytes": ("x.csv", lambda path: path.write_bytes(b"\xff\xfe\x00\x9f"), "neither JSON, CSV"),
    "a folder": ("x", lambda path: path.mkdir(), "is a folder"),
    "nothing there": ("x.json", lambda _: None, "no such file"),
    "accuracy of a run": ("x.json", altered(validation_accuracy=1.4), "fraction from 0 to 1"),
    "text for an accuracy": ("x.json", altered(test_accuracy="high"), "test_accuracy .*'high'"),
    "depth 0": ("x.json", altered(depth=0), "depth must be a positive whole number; got 0"),
    "depth of many digits": ("x.json", altered(depth=10**400), "depth must be a positive whole"),
    "depth of text": ("x.json", altered(depth="two"), "depth must be .*got 'two'"),
    "no examples": ("x.json", altered(n_validation=0), "n_validation must be a positive count"),
    "no depth": ("x.csv", text("layers,accuracy\n2,90\n"), "column `depth` .*found layers"),
    "no accuracy": ("x.csv", text("depth,loss\n2,0.1\n"), "accuracies or errors .*neither"),
    "both": ("x.csv", text("depth,accuracy,error\n2,90,10\n"), "found accuracy and error"),
    "text": ("x.csv", text("depth,accuracy\n2,90\n4,good\n"), "row 3, column accuracy: .*'good'"),
    "text for a depth": ("x.csv", text("depth,accuracy\nx,90\n"), "row 2, column depth: .*'x'"),
    "140%": ("x.csv", text("depth,accuracy\n2,140\n"), "row 2, column accuracy: .*got 140"),
    "negative": ("x.csv", text("depth,accuracy\n2,-3\n"), "row 2, column accuracy: .*got -3"),
    "zero layers": ("x.csv", text("depth,accuracy\n0,90\n"), "row 2, column depth: .*got 0"),
    "half a layer": ("x.csv", text("depth,accuracy\n2.5,90\n"), "row 2, column depth: .*got 2.5"),
    "no layers": ("x.csv", text("depth,accuracy\n,90\n"), "row 2, column depth: a number"),
    "twice": ("x.csv", text("depth,accuracy,depth\n2,90,2\n"), "column depth appears more"),
    "no rows": ("x.csv", text("depth,accuracy\n"), "header and no rows"),
    "no n": ("x.csv", text(HEAD + "2,90,0\n"), "row 2, column n_test: a positive whole"),
    "ragged": ("x.csv", text(HEAD + "2,90\n"), "row 2 has 2 values, the header has 3"),
    "mixed": ("x.csv", text("depth,accuracy\n2,0.9\n4,95\n"), "mix percent and fractions .*--unit"),
    "infinite": ("x.csv", text("depth,accuracy\n2,inf\n"), "row 2, column accuracy: a number"),
}


@pytest.mark.parametrize("case", BAD_FILES)
def test_a_bad_file_is_one_line_and_exit_code_2(tmp_path: Path, case: str) -> None:
    """The line names the file and what is wrong; nothing is printed and there is no traceback."""
    name, make, expected = BAD_FILES[case]
    path = tmp_path / name
    make(path)
    result = howdeep_report(path)
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    assert line.startswith(f"howdeep report: {path}: ")
    assert re.search(expected, line), line


def test_a_unit_against_the_column_is_refused(tmp_path: Path) -> None:
    """`--unit fraction` for a column of percents."""
    path = published(tmp_path / "cifar.csv")
    result = howdeep_report(path, "--unit", "fraction")
    assert result.exit_code == 2
    assert "error_percent is in percent, yet --unit says fraction" in result.stderr


@pytest.mark.parametrize(
    "budget",
    [
        "speed=5", "latency=fast", "latency=5GiB", "memory=-1GB", "latency=0", "latency=nan",
        "train_time=inf", "energy=5W", "latency=5ms,latency=2ms", "latency=5ms,",
        "latency=5ms,latency=5ms", "latency=5 lightyears", "latency>5ms", "latency=5,ms",
        "flops=1Q", "memory=1e400B", "",
    ],
)  # fmt: skip
def test_a_bad_budget_is_one_line_and_exit_code_2(study: Path, budget: str) -> None:
    """It is refused before any file is read."""
    result = howdeep_report(study, "no such file", "--budget", budget)
    assert result.exit_code == 2
    (line,) = result.stderr.splitlines()
    assert "--budget" in line


def test_two_bounds_on_one_cost_are_refused(study: Path) -> None:
    """Which was meant cannot be known; both are named."""
    result = howdeep_report(study, "--budget", "memory=1GB", "--budget", "flops=1M,memory=2GB")
    assert result.exit_code == 2
    assert result.stderr == (
        "howdeep report: --budget: one bound on memory was expected; got memory=1GB, memory=2GB\n"
    )


def test_an_old_report_survives_bad_input(tmp_path: Path) -> None:
    """Nothing is written when the input is wrong; a report that cannot be written is one line."""
    kept = tmp_path / "report.md"
    kept.write_text("old")
    assert howdeep_report(tmp_path / "missing.json", "--markdown", kept).exit_code == 2
    assert kept.read_text() == "old"
    path = published(tmp_path / "cifar.csv")
    assert howdeep_report(path, "--markdown", kept / "inside.md").exit_code == 2


def test_no_file_at_all_is_bad_usage() -> None:
    """The command needs something to read."""
    assert howdeep_report().exit_code == 2
