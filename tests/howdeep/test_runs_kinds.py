"""Every kind of record that the code writes is one that `howdeep runs` looks after."""

import ast
import inspect
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from bench.records import plain
from bench.train.recorder import Recorder
from bench.train.store import Store
from howdeep.app import app
from howdeep.runs_table import PLURALS
from reports.kept import KINDS, TRAININGS
from tests.bench.train.small import training

ROOT = Path(__file__).parents[2]
# Calls that name a kind, and the place or the word at which they do.
NAMING: dict[str, int | str] = {"keep": 0, "of_kind": 0, "Recorder": "kind"}


def written(room: str) -> Iterator[str]:
    """The kinds that the calls of a room name, as text or by a constant of their module."""
    for path in (ROOT / room).rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        constants = {
            target.id: node.value
            for node in tree.body
            if isinstance(node, ast.Assign)
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
            named = _named(call)
            named = constants.get(named.id) if isinstance(named, ast.Name) else named
            if isinstance(named, ast.Constant):
                yield named.value


def _named(call: ast.Call) -> ast.expr | None:
    name = getattr(call.func, "attr", getattr(call.func, "id", ""))
    place = NAMING.get(name)
    if isinstance(place, int):
        return call.args[place] if len(call.args) > place else None
    return next((each.value for each in call.keywords if each.arg == place), None)


def test_every_kind_that_is_written_is_known() -> None:
    """A new one is found here before a store holds records that no command shows."""
    default = inspect.signature(Recorder).parameters["kind"].default
    assert {default, *written("bench"), *written("howdeep")} == set(KINDS)
    assert tuple(PLURALS) == KINDS
    assert set(TRAININGS) < set(KINDS)


def run(*arguments: str | Path) -> str:
    """What `howdeep runs` prints."""
    result = CliRunner().invoke(app, ["runs", *map(str, arguments)])
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """One run, and the two trials in which its rate was chosen."""
    path = tmp_path / "store.sqlite"
    kept = Store(path, document=dict, resume=False)
    results: dict[str, Any] = {"knobs": {}, "status": "ok", "validation_accuracy": 0.8}
    for kind, key, rate in (("run", "a", 0.1), ("tuning", "b", 0.1), ("tuning", "c", 0.01)):
        settings = training(depth=2, learning_rate=rate).settings()
        kept.keep(kind, key * 32, plain({**settings, **results}))
    return path


def test_trials_of_learning_rates_are_looked_after(store: Path) -> None:
    """They are counted, listed, shown, exported and pruned as other trainings are."""
    listed = json.loads(run("list", "--store", store, "--json"))
    assert listed["studies"][0]["tunings"] == 2
    assert [row["kind"] for row in listed["records"]] == ["run", "tuning", "tuning"]
    assert "tuning" in run("list", "--store", store)
    assert "0.01" in run("show", "c", "--store", store)
    assert len(run("export", "--store", store, "--kind", "tuning").splitlines()) == 3
    assert "2 tunings" in run("prune", "--store", store, "--kind", "tuning", "--yes")
    assert json.loads(run("list", "--store", store, "--json"))["studies"][0]["tunings"] == 0


def test_trials_of_learning_rates_are_no_runs_of_a_table(store: Path) -> None:
    """Without `--kind` a table has the runs alone."""
    assert len(run("export", "--store", store).splitlines()) == 2
