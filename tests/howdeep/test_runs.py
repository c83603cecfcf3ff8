"""`howdeep runs` as it is typed: what it prints, what it writes, what it leaves alone."""

import csv
import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from bench.records import RunRecord, plain
from bench.train.store import Store
from howdeep.app import app
from reports.study import read_one
from tests.bench.train.small import training
from tests.test_rooms import _python

STORE = Path("results/howdeep.sqlite")


def howdeep(*arguments: str | Path, code: int = 0) -> Result:
    """`howdeep runs` in this process, its output in a pipe."""
    result = CliRunner().invoke(app, ["runs", *map(str, arguments)])
    assert result.exit_code == code, result.output
    return result


def printed(*arguments: str) -> Any:
    """What is printed with --json, which is JSON alone and holds no bare NaN."""

    def refuse(name: str) -> None:
        raise AssertionError(f"{name} in JSON")

    return json.loads(howdeep(*arguments, "--json").stdout, parse_constant=refuse)


def run_row(depth: int, seed: int, **changes: Any) -> dict[str, Any]:
    """A run whose accuracy says its depth and seed: 80 + depth + seed / 10 percent."""
    accuracy = 0.8 + depth / 100 + seed / 1000
    results = {
        "status": "ok", "train_accuracy": 0.99, "validation_accuracy": accuracy,
        "test_accuracy": accuracy - 0.01, "n_train": 400, "n_validation": 1000, "n_test": 2000,
        "parameters": 100 * depth, "loss_curve": (2.0, 1.5),
    }  # fmt: skip
    settings = training(depth=depth, seed=seed).settings()
    return dict(plain(RunRecord(**{**settings, "knobs": {"width": 8}, **results, **changes})))


def key_of(depth: int, seed: int) -> str:
    return f"{depth}{seed}".ljust(32, "a")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder whose store has two studies. The first, of forty days ago, has a cell and runs at
    depths 2 and 4, of which one failed; the second took one of them over and has a trial."""
    monkeypatch.chdir(tmp_path)
    environment = {"before": {"cpu_model": "a CPU", "cores": 2, "torch": "9.9", "load": None}}
    first = Store(STORE, document=lambda: {"environment": environment}, resume=False)
    for depth in (4, 2):
        for seed in (0, 1):
            basis = {"kind": "run", "training": {"depth": depth}, "howdeep_code": "digest"}
            first.keep("run", key_of(depth, seed), run_row(depth, seed), basis=basis)
    failed = {"status": "error", "reason": "because", "validation_accuracy": None}
    first.keep("run", "f" * 32, run_row(8, 0, **failed, test_accuracy=None))
    cell = {"family": "mlp", "depth": 2, "pass": "step", "batch_size": 8}
    first.keep("cell", "c" * 32, {"params": cell, "status": "ok"})
    with closing(sqlite3.connect(STORE)) as connection, connection:
        for table, column in (("origins", "kept_at"), ("studies", "started")):
            connection.execute(f"UPDATE {table} SET {column} = datetime('now', '-40 days')")
    Store(STORE, document=dict, resume=False)
    second = Store(STORE, document=dict, resume=True)
    assert second.kept(key_of(2, 0))
    second.keep("trial", "d" * 32, run_row(2, 0, treatments=("l1:strength=1e-05",)))
    return tmp_path


def left() -> set[tuple[int, str]]:
    """Study and first letters of the key of what is in the store."""
    with closing(sqlite3.connect(STORE)) as connection:
        return {(n, key[:2]) for n, key in connection.execute("SELECT study, key FROM records")}


ALL = {(1, k) for k in ("20", "21", "40", "41", "ff", "cc")} | {(2, "20"), (2, "dd")}


def test_the_command_needs_no_torch() -> None:
    """Nor pandas, even to remove something: it answers at once."""
    code = (
        "import sys; from howdeep.app import app\n"
        "for line in ('list', 'list --json', 'show 40', 'export', 'export x.csv',\n"
        "             'export x.json', 'prune --status failed --yes'):\n"
        "    try: app(['runs', *line.split()])\n"
        "    except SystemExit as end: assert not end.code, line\n"
        "print({'torch', 'pandas', 'scipy', 'numpy'} & set(sys.modules))"
    )
    code = f"import sys; sys.path.insert(0, {str(Path(__file__).parents[2])!r})\n{code}"
    assert _python(code, Path.cwd()).splitlines()[-1] == "set()"


# --- list --------------------------------------------------------------------------------------


def test_the_list_has_studies_and_trainings() -> None:
    """Of a training that two studies have one line; the shallow before the deep."""
    lines = howdeep("list").stdout.splitlines()
    studies, runs = "\n".join(lines).split("\n\n")
    assert "a CPU, 2 cores, torch 9.9" in studies
    assert [line.split()[0] for line in runs.splitlines()[2:]] == [
        *("20aaaaaa", "21aaaaaa", "40aaaaaa", "41aaaaaa", "ffffffff", "dddddddd")
    ]
    assert "82.1" in next(line for line in lines if line.startswith("21"))
    assert all(line == line.rstrip() for line in lines)


def test_the_list_for_programs() -> None:
    """Studies with how much they hold; of each record what the table shows."""
    listed = printed("list")
    first, second = listed["studies"]
    assert (first["runs"], first["cells"], first["trials"]) == (5, 1, 0)
    assert (second["runs"], second["cells"], second["trials"]) == (1, 0, 1)
    assert second["machine"] is None
    assert {row["kind"] for row in listed["records"]} == {"run", "trial"}
    assert listed["records"][0]["validation_accuracy"] == pytest.approx(0.82)


@pytest.mark.parametrize(
    ("filters", "keys"),
    [
        (["--family", "mlp", "--depth", "2"], ["20", "21", "dd"]),
        (["--depth", "2,8", "--kind", "run"], ["20", "21", "ff"]),
        (["--depth", "2", "--depth", "4", "--study", "1"], ["20", "21", "40", "41"]),
        (["--status", "failed"], ["ff"]),
        (["--status", "error", "--status", "diverged"], ["ff"]),
        (["--study", "2"], ["20", "dd"]),
        (["--task", "other"], []),
        (["--family", "resnet"], []),
        (["--kind", "cell"], ["cc"]),
    ],
)
def test_filters_choose(filters: list[str], keys: list[str]) -> None:
    """All of them hold; a repeated one holds when one of its values does."""
    assert [row["key"][:2] for row in printed("list", *filters)["records"]] == keys
    text = howdeep("list", *filters).stdout
    assert ("is what was asked for" in text) == (not keys)


# --- show --------------------------------------------------------------------------------------


def test_a_record_is_shown_by_the_beginning_of_its_key() -> None:
    """With all that is known, the studies that have it, and what determined it besides."""
    text = howdeep("show", "20").stdout
    for words in ("studies  1, 2", "knobs.width          8", "howdeep_code  digest", "2, 1.5"):
        assert words in text
    assert "training.depth" not in text  # the record says it
    shown = printed("show", "20")
    assert shown["record"] == run_row(2, 0)
    assert shown["determined_by"]["howdeep_code"] == "digest"


@pytest.mark.parametrize(
    ("prefix", "line"), [("2", "2 keys begin with '2'"), ("e", "no record has a key")]
)
def test_a_prefix_that_is_no_ones_is_refused(prefix: str, line: str) -> None:
    """Or of several."""
    assert line in howdeep("show", prefix, code=2).stderr


# --- export ------------------------------------------------------------------------------------


def test_the_csv_is_a_table_for_the_report() -> None:
    """Its accuracies are those that depths are chosen by, with the examples behind them; trials
    are left out, and what failed has no accuracy."""
    assert "exports/runs.csv: 5 runs" in howdeep("export", "exports/runs.csv").stdout
    table = read_one("exports/runs.csv").runs
    assert list(table["depth"]) == [2, 2, 4, 4, 8]
    assert table["test_accuracy"][:4].tolist() == pytest.approx([0.82, 0.821, 0.84, 0.841])
    assert table["n_test"][0] == 1000
    assert table["train_accuracy"][0] == pytest.approx(0.99)
    assert table["parameters"][0] == 200
    assert list(table["status"]) == ["ok"] * 4 + ["error"]
    assert [path.name for path in Path("exports").iterdir()] == ["runs.csv"]


def test_without_a_validation_split_the_test_split_stands_in() -> None:
    """As in a report."""
    store = Store(STORE, document=dict, resume=False)
    store.keep("run", "e" * 32, run_row(2, 0, validation_accuracy=None, n_validation=None))
    (row,) = csv.DictReader(howdeep("export", "--study", "3").stdout.splitlines())
    assert (row["split"], row["n_test"]) == ("test", "2000")
    assert float(row["accuracy_fraction"]) == pytest.approx(0.81)


def test_json_has_all_that_is_known() -> None:
    """In a file by its suffix, or printed with --json."""
    howdeep("export", "runs.json", "--depth", "4")
    written = json.loads(Path("runs.json").read_text())
    assert written == printed("export", "--depth", "4")
    assert [row["record"] for row in written["records"]] == [run_row(4, 0), run_row(4, 1)]


def test_runs_that_are_no_seeds_of_one_are_told(folder: Path) -> None:
    """A table of both says so on standard error; a study alone does not."""
    store = Store(folder / STORE, document=dict, resume=False)
    store.keep("run", "e" * 32, run_row(2, 0, epochs=50))
    assert "differ in epochs, and" in howdeep("export").stderr
    assert howdeep("export", "--study", "3").stderr == ""


MATCHED = {"match": "parameters", "match_reference_depth": 4, "match_ratio": 1.01, "width": 12}


@pytest.mark.parametrize(
    ("changes", "differing"),
    [
        (MATCHED, "match, match_reference_depth, width"),
        ({"epochs": None, "train_for": "300steps", "steps": 300}, "epochs, train_for"),
        ({"epochs": 5, "steps": 300}, ""),
        ({"status": "diverged", "epochs": 5, "steps": 3}, ""),
        ({"tuned_from": (0.001, 0.01)}, "tuned_from"),
    ],
)
def test_what_was_chosen_for_a_run_is_told_by_the_table(
    folder: Path, changes: dict[str, Any], differing: str
) -> None:
    """Widths that were solved for, steps that were asked for, rates that were chosen among others;
    steps that follow from epochs, and those of a run that was cut short, tell nothing more."""
    store = Store(folder / STORE, document=dict, resume=False)
    store.keep("run", "e" * 32, run_row(2, 0, **changes))
    said = howdeep("export", "--family", "mlp").stderr
    assert (f"differ in {differing}, and" in said) if differing else not said
    *_, row = csv.DictReader(howdeep("export", "--study", "3").stdout.splitlines())
    written = {name: row[name] for name in changes}
    assert written == {
        name: "; ".join(map(str, value)) if isinstance(value, tuple) else str(value or "")
        for name, value in changes.items()
    }


def test_runs_of_other_numbers_of_steps_are_told(folder: Path) -> None:
    """Where the steps were chosen."""
    store = Store(folder / STORE, document=dict, resume=False)
    for key, seed, steps in (("e", 0, 300), ("b", 1, 300), ("9", 2, 400)):
        chosen = {"epochs": None, "train_for": f"{steps}steps", "steps": steps}
        store.keep("run", key * 32, run_row(2, seed, **chosen))
        said = howdeep("export", "--study", "3").stderr
        assert ("differ in train_for, and" in said) == (steps == 400)


def test_the_list_tells_widths_and_steps_that_were_chosen(folder: Path) -> None:
    """Of runs and of cells; a run in epochs has no such column."""
    assert "train_for" not in howdeep("list").stdout
    store = Store(folder / STORE, document=dict, resume=False)
    store.keep("run", "e" * 32, run_row(2, 0, **MATCHED, epochs=None, train_for="321steps"))
    params = {"family": "mlp", "depth": 4, "pass": "step", "match": "parameters"}
    match = {"cost": "parameters", "width": 12}
    cell = {"params": params, "match": match, "extra_info": {"width": 12}, "status": "ok"}
    store.keep("cell", "b" * 32, cell)
    run, cell = printed("list", "--study", "3", "--kind", "run", "--kind", "cell")["records"]
    assert (run["match"], run["width"], run["train_for"]) == ("parameters", 12, "321steps")
    assert (cell["match"], cell["width"]) == ("parameters", 12)
    assert "321" in howdeep("list", "--study", "3").stdout


def test_an_export_that_cannot_be_written_is_one_line() -> None:
    """What was there stays."""
    Path("taken").write_text("")
    assert "cannot write taken/x.csv" in howdeep("export", "taken/x.csv", code=2).stderr
    assert ".csv or .json was expected" in howdeep("export", "x.txt", code=2).stderr


# --- prune -------------------------------------------------------------------------------------


def test_pruning_needs_to_be_told_what() -> None:
    """With no filter nothing goes, whatever else is said."""
    assert "say what to remove" in howdeep("prune", "--yes", code=2).stderr
    assert left() == ALL


def test_pruning_says_what_would_go_first() -> None:
    """And removes it only with --yes."""
    said = howdeep("prune", "--status", "failed").stdout
    assert "ffffffff" in said
    assert "1 run; --yes removes" in said
    assert printed("prune", "--status", "failed")["removed"] is False
    assert left() == ALL
    assert "1 run" in howdeep("prune", "--status", "failed", "--yes").stdout
    assert left() == ALL - {(1, "ff")}
    assert "nothing to remove" in howdeep("prune", "--status", "failed", "--yes").stdout


@pytest.mark.parametrize(
    ("filters", "gone"),
    [
        (["--older-than", "30d"], {(1, k) for k in ("20", "21", "40", "41", "ff", "cc")}),
        (["--older-than", "50d"], set()),
        (["--kind", "cell"], {(1, "cc")}),
        (["--family", "mlp", "--depth", "4"], {(1, "40"), (1, "41")}),
        (["--study", "2", "--kind", "trial"], {(2, "dd")}),
    ],
)
def test_what_is_named_goes(filters: list[str], gone: set[tuple[int, str]]) -> None:
    """In every study in which all of the filters hold. What was taken over from an older study is
    as old as it was there."""
    if "30d" in filters:
        gone = gone | {(2, "20")}
    howdeep("prune", *filters, "--yes")
    assert left() == ALL - gone


def test_a_study_goes_with_all_it_has() -> None:
    """It is in no list afterwards."""
    howdeep("prune", "--study", "1", "--yes")
    assert left() == {(2, "20"), (2, "dd")}
    assert [study["number"] for study in printed("list")["studies"]] == [2]


# --- bad input ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["list", "--store", "nope.sqlite"], "nope.sqlite: no such file"),
        (["list", "--status", "bad"], "unknown status 'bad'; known: ok, diverged"),
        (["list", "--kind", "bad"], "unknown kind 'bad'; known: run, trial, tuning, cell"),
        (["list", "--depth", "two"], "--depth takes whole numbers; got 'two'"),
        (["prune", "--older-than", "soon"], "--older-than: a number of seconds was expected"),
        (["prune", "--older-than", "99999999d"], "--older-than: "),
    ],
)
def test_bad_input_is_one_line(arguments: list[str], line: str) -> None:
    """And exit code 2."""
    said = howdeep(*arguments, code=2).stderr
    assert line in said
    assert said.count("\n") == 1


def spoil(how: str) -> None:
    if how == "newer":
        with closing(sqlite3.connect(STORE)) as connection, connection:
            connection.execute("PRAGMA user_version = 99")
    elif how == "damaged":
        contents = STORE.read_bytes()
        STORE.write_bytes(contents[:100] + bytes(3000) + contents[3100:])
    else:
        STORE.write_text("this is no database" * 100)


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("newer", "schema 99 is newer than 1, which this howdeep reads: upgrade howdeep"),
        (
            "damaged",
            "malformed); it is left as it is: `sqlite3 results/howdeep.sqlite .recover` may",
        ),
        ("text", "cannot be read as a store of howdeep (file is not a database); it is left"),
    ],
)
@pytest.mark.parametrize("command", ["list", "show 20", "export", "prune --status failed --yes"])
def test_a_file_that_cannot_be_read_is_left_as_it_is(how: str, words: str, command: str) -> None:
    """One line says why."""
    spoil(how)
    before = {path: path.read_bytes() for path in STORE.parent.iterdir()}
    said = howdeep(*command.split(), code=2).stderr
    assert words in said
    assert said.count("\n") == 1
    assert {path: path.read_bytes() for path in STORE.parent.iterdir()} == before


def test_a_store_of_before_is_read() -> None:
    """Its records are as old as their studies, and what determined them is not known."""
    with closing(sqlite3.connect(STORE)) as connection, connection:
        connection.execute("DROP TABLE origins")
    shown = printed("show", "21")
    assert shown["determined_by"] is None
    assert shown["kept_at"] == printed("list")["studies"][0]["started"]
    howdeep("prune", "--older-than", "30d", "--yes")
    assert left() == {(2, "20"), (2, "dd")}


def test_names_cannot_steer_a_terminal() -> None:
    """They come from other people's files."""
    store = Store(STORE, document=dict, resume=True)
    store.keep("run", "e" * 32, run_row(2, 0, family="net\x1b[2J.py:build"))
    assert "\x1b" not in howdeep("list").stdout + howdeep("show", "ee").stdout
