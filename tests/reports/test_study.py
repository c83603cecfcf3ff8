"""Every kind of file ends as the same tables."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pandas as pd
import pytest

from reports.findings import find
from reports.study import InputError, Tables, read, read_one
from reports.tables import CELL_NUMBERS, CELL_OBJECTS, RUN_NUMBERS, RUN_OBJECTS
from tests.reports import studies


def csv(tmp_path: Path, text: str, unit: str | None = None) -> Tables:
    """The tables of a CSV text."""
    path = tmp_path / "table.csv"
    path.write_text(text)
    return read_one(path, unit)


def test_a_study_gives_cells_and_runs(tmp_path: Path) -> None:
    """Measured cells, refused ones with their reason, and one row a run."""
    tables = read_one(studies.write(tmp_path / "study.json", studies.default_study()))
    assert len(tables.cells) == 3 * 5 * 3 + 1
    assert len(tables.runs) == 3 * 5 * 3
    (refused,) = tables.cells[tables.cells["status"] == "oom"].to_dict("records")
    assert (refused["depth"], refused["reason"]) == (64, "the child was killed at 7.9 GiB")
    (environment,) = tables.environments
    assert environment["cpu_model"] == "Example CPU 2.4GHz"


def test_machines_are_told_apart_by_processor_cores_and_gpus(tmp_path: Path) -> None:
    """Costs of two machines are never one table, even where both call their device `cuda`."""
    for name in ("A100", "H100"):
        environment = studies.ENVIRONMENT | {"gpu": [{"name": name}, {"name": name}]}
        study = studies.document(studies.costs("mlp", (2,)), environment={"before": environment})
        studies.write(tmp_path / f"{name}.json", study)
    costs = find(read(sorted(tmp_path.iterdir()))).costs
    machine = "Example CPU 2.4GHz, 2 cores"
    assert [table.setting.machine for table in costs] == [
        f"{machine}, A100, A100",
        f"{machine}, H100, H100",
    ]


def test_uncounted_operators_are_a_warning(tmp_path: Path) -> None:
    """A count that leaves operators out is never shown as if it were whole."""
    cells = studies.costs("mlp", (2,), uncounted_ops=["aten.lstm"])
    (warned,) = find(read_one(studies.write(tmp_path / "s.json", studies.document(cells)))).warnings
    assert (warned.text, warned.cells) == ("FLOPs do not include aten.lstm", 3)


@pytest.mark.parametrize("strange", [None, "aten.lstm", {"aten.lstm": 2}, 7, [None, 7]])
def test_strange_fields_of_other_writers_are_no_crash(tmp_path: Path, strange: object) -> None:
    """Where bench writes a list of names, another file may hold anything."""
    cells = studies.costs("mlp", (2,), uncounted_ops=strange, warnings=strange)
    cells += [{"name": "x", "params": {"family": "mlp", "depth": 4, "pass": "step"}, "stats": 7}]
    findings = find(read_one(studies.write(tmp_path / "s.json", studies.document(cells))))
    assert [cost.depth for table in findings.costs for cost in table.depths] == [2, 4]
    assert bool(findings.warnings) == isinstance(strange, list)


def test_every_column_is_there_even_when_nothing_is(tmp_path: Path) -> None:
    """An empty study has empty tables of the full width."""
    tables = read_one(studies.write(tmp_path / "study.json", studies.document()))
    assert set(tables.cells) == {"depth", *CELL_OBJECTS, *CELL_NUMBERS}
    assert set(tables.runs) == {"depth", *RUN_OBJECTS, *RUN_NUMBERS}
    assert find(tables).empty


def test_trainings_and_harness_benchmarks_are_no_cells(tmp_path: Path) -> None:
    """Only benchmarks with a family and a pass are cells of a study."""
    training = studies.cost_benchmark("mlp", 2, "step")
    training["params"] = {"family": "mlp", "depth": 2, "task": "mnist1d"}
    harness = {"name": "bench_harness", "params": None, "stats": {"median": 1.0}, "extra_info": {}}
    study = studies.document([training, harness, studies.cost_benchmark("mlp", 2, "step")])
    assert len(read_one(studies.write(tmp_path / "study.json", study)).cells) == 1


def test_cells_without_their_benchmark_are_said(tmp_path: Path) -> None:
    """A study whose benchmarks were taken out does not look like one without cells."""
    study = studies.default_study()
    study["benchmarks"] = study["benchmarks"][1:]
    tables = read_one(studies.write(tmp_path / "study.json", study))
    (note,) = tables.notes
    assert "1 of 46 cells are listed as ok, but no benchmark has their parameters" in note


def test_null_nan_and_infinity_are_unknown(tmp_path: Path) -> None:
    """Bare NaN is no JSON, yet some write it; it is never a number in a report."""
    benchmark = studies.cost_benchmark("mlp", 2, "forward", flops=float("nan"), peak_bytes=None)
    benchmark["stats"]["iqr"] = float("inf")
    runs = studies.runs("mlp", {2: 0.9, 4: 0.95})
    runs[0] |= {"train_loss": float("nan"), "train_accuracy": float("nan"), "train_seconds": None}
    study = studies.document([benchmark], runs, environment=None)
    findings = find(read_one(studies.write(tmp_path / "study.json", study)))
    (verdict,) = findings.verdicts
    assert verdict.row(2).cost.flops is None
    assert verdict.row(2).cost.iqr_seconds is None
    assert verdict.row(2).train is not None
    assert verdict.row(2).train.n_seeds == 2
    json.dumps(findings.as_dict(), allow_nan=False)


def test_other_pytest_benchmark_files_give_cells(tmp_path: Path) -> None:
    """A parameter `depth` is enough; the family is the benchmark's name; old files lack much."""
    benchmarks = [
        {
            "name": f"test_net[{d}]",
            "params": {"depth": d},
            "stats": {"median": d / 1e3, "iqr": 1e-5},
        }
        for d in (1, 2)
    ]
    benchmarks.append({"name": "test_other", "params": None, "stats": {"median": 1.0}})
    path = tmp_path / "other.json"
    path.write_text(json.dumps({"benchmarks": benchmarks, "machine_info": {"system": "Linux"}}))
    (table,) = find(read_one(path)).costs
    assert table.family == "test_net"
    assert [cost.latency_seconds for cost in table.depths] == [0.001, 0.002]


def test_the_store_says_what_the_study_says(tmp_path: Path) -> None:
    """The same rows in both give the same verdicts; only the note tells them apart."""
    study = studies.default_study()
    studies.write_store(tmp_path / "kept.db", study).close()
    stored = find(read_one(tmp_path / "kept.db"))
    expected = find(read_one(studies.write(tmp_path / "study.json", study)))
    for ours, theirs in zip(stored.verdicts, expected.verdicts, strict=True):
        assert ours.as_dict() == theirs.as_dict()
        assert ours.rows == theirs.rows
    assert any("may be unfinished" in note for note in stored.notes)


@pytest.mark.parametrize("change", [{"stats": None}, {"stats": "lost"}, {}])
def test_a_cell_of_the_store_may_be_untimed(tmp_path: Path, change: dict[str, object]) -> None:
    """Null, strange or missing statistics are unknown; what was counted is still there."""
    path = tmp_path / "howdeep.sqlite"
    cell = studies.cost_benchmark("mlp", 2, "forward")
    row = {"params": cell["params"], "status": "ok", "extra_info": cell["extra_info"], **change}
    with closing(studies.write_store(path, studies.document(), close=False)) as writer:
        studies.add_record(writer, "cell", "untimed", row)
    (table,) = find(read_one(path)).costs
    assert table.depths[0].latency_seconds is None
    assert table.depths[0].parameters == 2500


def test_a_store_is_read_while_it_is_written(tmp_path: Path) -> None:
    """In WAL mode the writer holds a transaction open; what it has committed is seen."""
    path = tmp_path / "howdeep.sqlite"
    study = studies.document(runs=studies.runs("mlp", {2: 0.8, 4: 0.9}))
    with closing(studies.write_store(path, study, close=False)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        studies.add_record(writer, "run", "late", studies.run("mlp", 8, 0, 0.95))
        assert len(read_one(path).runs) == 6
        writer.execute("COMMIT")
        assert len(read_one(path).runs) == 7


def test_a_store_is_not_written_to(tmp_path: Path) -> None:
    """Reading leaves the file as it was, and nothing beside it."""
    path = tmp_path / "howdeep.sqlite"
    studies.write_store(path, studies.default_study()).close()
    before = path.read_bytes()
    read_one(path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_store_without_a_study_is_empty_and_says_so(tmp_path: Path) -> None:
    """`pytest bench` has opened it and measured nothing yet."""
    path = tmp_path / "howdeep.sqlite"
    with closing(studies.write_store(path, studies.document(), close=False)) as writer:
        writer.execute("DELETE FROM studies")
    tables = read_one(path)
    assert tables.notes == (f"{path} holds no study yet.",)


def test_several_files_are_read_together(tmp_path: Path) -> None:
    """Rows and environments of all files, in their order."""
    mlp = studies.document(runs=studies.runs("mlp", {2: 0.8}))
    resnet = studies.document(runs=studies.runs("resnet", {2: 0.9}))
    paths = [studies.write(tmp_path / f"{i}.json", each) for i, each in enumerate((mlp, resnet))]
    tables = read(paths)
    assert list(tables.runs["family"]) == ["mlp"] * 3 + ["resnet"] * 3
    assert len(tables.environments) == 2


@pytest.mark.parametrize(
    ("text", "unit", "accuracies"),
    [
        ("depth,accuracy\n2,90\n4,95", None, [0.90, 0.95]),
        ("depth,accuracy\n2,0.90\n4,0.95", None, [0.90, 0.95]),
        ("depth,error\n2,10\n4,5", None, [0.90, 0.95]),
        ("depth,error_percent\n2,0.9\n4,0.5", None, [0.991, 0.995]),
        ("depth,error_fraction\n2,0.9\n4,0.5", None, [0.1, 0.5]),
        ("depth,error\n2,0.9\n4,1.5", "percent", [0.991, 0.985]),
        ("depth,accuracy\n2,0.9\n4,1", "percent", [0.009, 0.01]),
        ("depth;accuracy\n2;90\n4;95", None, [0.90, 0.95]),
        ("\ufeffDepth, Accuracy\n2, 90\n\n4, 95\n", None, [0.90, 0.95]),
    ],
)
def test_percent_and_fractions(
    tmp_path: Path, text: str, unit: str | None, accuracies: list[float]
) -> None:
    """By the column's name, by --unit, or by values above 1 for the whole column."""
    assert list(csv(tmp_path, text, unit).runs["test_accuracy"]) == pytest.approx(accuracies)


def test_a_guessed_unit_is_said(tmp_path: Path) -> None:
    """Nothing is said where the column's name tells."""
    (note,) = csv(tmp_path, "depth,accuracy\n2,90\n4,95").notes
    assert "read as percent" in note
    assert csv(tmp_path, "depth,accuracy_percent\n2,90\n4,95").notes == ()


def test_a_table_may_tell_costs_and_training_accuracies(tmp_path: Path) -> None:
    """`params`, `flops` and `latency_seconds` are a cell, `train_error` is in the same unit."""
    text = (
        "family,task,depth,seed,error,train_error,params,flops,latency_seconds,note\n"
        "net,cifar,2,0,10,5,100,1e6,0.01,x\nnet,cifar,2,1,12,6,100,1e6,0.01,x\n"
    )
    findings = find(csv(tmp_path, text))
    (verdict,) = findings.verdicts
    assert (verdict.family, verdict.task, verdict.metric) == ("net", "cifar", "error")
    row = verdict.row(2)
    assert (row.cost.parameters, row.cost.flops, row.cost.latency_seconds) == (100, 1e6, 0.01)
    assert row.train is not None
    assert row.train.mean == pytest.approx(0.945)
    assert row.accuracy is not None
    assert row.accuracy.n_seeds == 2
    assert any("not used: column note" in note for note in findings.notes)


def test_a_row_without_an_accuracy_is_excluded_and_named(tmp_path: Path) -> None:
    """An empty value is unknown, not 0%."""
    findings = find(csv(tmp_path, "depth,accuracy,n_test\n2,90,1000\n4,95,1000\n8,,1000"))
    (excluded,) = findings.excluded
    assert (excluded["depth"], excluded["reason"]) == (8, "no accuracy in row 4")
    assert findings.verdicts[0].n_depths == 2


def test_null_is_never_zero(tmp_path: Path) -> None:
    """Unknown costs are null in the table."""
    tables = csv(tmp_path, "depth,accuracy,params\n2,90,100\n4,95,200")
    assert bool(pd.isna(tables.cells["flops"]).all())
    assert list(tables.cells["parameters"]) == [100, 200]


def test_a_store_of_somebody_else_is_refused(tmp_path: Path) -> None:
    """An SQLite file without our schema is not a store."""
    path = tmp_path / "other.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE t(x)")
    with pytest.raises(InputError, match="no store of howdeep"):
        read_one(path)


def test_a_quote_that_is_never_closed_is_refused(tmp_path: Path) -> None:
    """It would swallow the rows below it."""
    path = tmp_path / "table.csv"
    path.write_text('depth,accuracy,task\n2,0.5,"a\n4,0.6,b\n')
    with pytest.raises(InputError, match="is not a CSV table"):
        read([path])
