"""Kills a sweep at random moments, resumes it, and counts what was trained and what was kept."""

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bench.train.store import Store
from tests.bench.sessions import ROOT, environment
from tests.drill.sweep import WORKERS, store_in

# The share of the kills that fall into the start of a process, which takes seconds to import what
# it needs; the others fall at any moment from when its first training can begin.
AT_START = 0.2
LONGEST_START_SECONDS = 6.0

# Of a record, what another run of the same training may have otherwise.
TIMES = ("train_seconds",)

# And what else, where the seeds of a depth are trained together: who is in a stack is decided by
# what is missing, and whether there is one by times.
WAYS = ("way", "stack", "way_reason")

_COUNTING = """
CREATE TABLE inserted (key TEXT, at REAL);
CREATE TRIGGER counting AFTER INSERT ON records BEGIN
    INSERT INTO inserted VALUES (new.key, (julianday('now') - 2440587.5) * 86400.0);
END;
"""

Place = tuple[int, int]
"""A training's depth and seed."""


@dataclass(frozen=True)
class Figures:
    """What a drill came to.

    Attributes:
        kills: of processes that had something left to do.
        processes: those that trained anything.
        seconds: from the first beginning to the last record.
        begun: when each beginning of a training was (Unix time), by training.
        inserted: when each record was committed, by training; SQLite itself wrote it down, in the
            transaction of the record.
        rows: the final table without times, by training.
    """

    kills: int
    processes: int
    seconds: float
    begun: dict[Place, list[float]]
    inserted: dict[Place, list[float]]
    rows: dict[Place, dict[str, Any]]

    def __str__(self) -> str:
        begun = sum(map(len, self.begun.values()))
        return (
            f"{self.kills} kills, {len(self.rows)} trainings, {begun} begun, "
            f"{sum(map(len, self.inserted.values()))} kept, {self.processes} processes trained"
        )


def swept(folder: Path, *sweep: str, processes: int = 1) -> Figures:
    """A sweep that nobody disturbs, by one process or by several at once.

    Args:
        sweep: what `tests.drill.sweep` is given after the folder.
    """
    _prepare(folder)
    started = [_start(folder, sweep) for _ in range(processes)]
    for process in started:
        process.communicate(timeout=600)
        assert process.returncode == 0
    return _figures(folder, 0)


def killed(folder: Path, *sweep: str, kills: int, seconds: float, chance: random.Random) -> Figures:
    """The sweep with so many kills, each of the whole process group, and its end. There are fewer
    where it ends before them, as on a machine that grows faster.

    Args:
        sweep: as for `swept`.
        seconds: that the sweep takes when nobody disturbs it: the kills come so often that about
            half of it is done after the last.
    """
    _prepare(folder)
    before: dict[str, str] = {}
    done = 0
    for _ in range(kills):
        with _start(folder, sweep) as process:
            _wait(process, chance, longest=seconds / kills)
            if process.poll() is not None:
                break
            os.killpg(process.pid, signal.SIGKILL)
            done += 1
        after = _sound_rows(folder)
        assert before.items() <= after.items()
        before = after
    with _start(folder, sweep) as process:
        process.communicate(timeout=600)
    assert process.returncode == 0
    assert before.items() <= _sound_rows(folder).items()
    return _figures(folder, done)


def _prepare(folder: Path) -> None:
    """An empty store that counts its records."""
    folder.mkdir()
    Store(store_in(folder), document=dict, resume=True)
    with closing(sqlite3.connect(store_in(folder))) as connection:
        connection.executescript(_COUNTING)


def _start(folder: Path, sweep: Sequence[str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.drill.sweep", str(folder), *sweep],
        cwd=ROOT,
        env=environment(OMP_NUM_THREADS="1"),
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def _wait(process: subprocess.Popen[str], chance: random.Random, *, longest: float) -> None:
    """Until the moment of the kill."""
    if chance.random() < AT_START:
        time.sleep(chance.uniform(0, LONGEST_START_SECONDS))
        return
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    time.sleep(chance.uniform(0, longest))


def _sound_rows(folder: Path) -> dict[str, str]:
    """The records by key; the file is sound and each record whole."""
    with closing(sqlite3.connect(store_in(folder))) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        rows = dict(connection.execute("SELECT key, row FROM records"))
    assert all(json.loads(text)["status"] == "ok" for text in rows.values())
    return rows


def _figures(folder: Path, kills: int) -> Figures:
    with closing(sqlite3.connect(store_in(folder))) as connection:
        kept = connection.execute("SELECT key, row FROM records").fetchall()
        times = connection.execute("SELECT key, at FROM inserted").fetchall()
    rows = {key: json.loads(text) for key, text in kept}
    places = {key: (row["depth"], row["seed"]) for key, row in rows.items()}
    begun: dict[Place, list[float]] = {}
    processes = set()
    for line in (folder / "begun.txt").read_text().splitlines():
        depth, seed, at, process = line.split()
        begun.setdefault((int(depth), int(seed)), []).append(float(at))
        processes.add(process)
    inserted: dict[Place, list[float]] = {}
    for key, at in times:
        inserted.setdefault(places[key], []).append(at)
    table = {places[key]: _without(TIMES, row) for key, row in rows.items()}
    seconds = max(at for _, at in times) - min(map(min, begun.values()))
    return Figures(kills, len(processes), seconds, begun, inserted, table)


def _without(names: Sequence[str], row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in names}


def check(found: Figures, undisturbed: Figures) -> None:
    """The table is that of an undisturbed sweep, and no training was begun again once it was kept:
    only what was in hand at a kill was."""
    assert found.rows == undisturbed.rows
    _check_kept_once(found)
    begun = sum(map(len, found.begun.values()))
    assert begun <= len(found.rows) + WORKERS * found.kills


def check_stacks(found: Figures, undisturbed: Figures) -> None:
    """As `check`, but for roundings and for how many were in hand."""
    assert found.rows.keys() == undisturbed.rows.keys()
    for place, row in found.rows.items():
        expected = _without(WAYS, undisturbed.rows[place])
        for name, value in _without(WAYS, row).items():
            assert value == _nearly(expected[name]), (place, name)
    _check_kept_once(found)


def _nearly(value: Any) -> Any:
    return pytest.approx(value, rel=1e-3, abs=1e-3) if isinstance(value, float | list) else value


def _check_kept_once(found: Figures) -> None:
    assert {place: len(at) for place, at in found.inserted.items()} == dict.fromkeys(found.rows, 1)
    for place, (kept_at,) in found.inserted.items():
        assert max(found.begun[place]) < kept_at
