"""Removing records: those that were named, in one piece."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from bench.train.prune import prune
from bench.train.store import Store, StoreError

OK = {"status": "ok"}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Two studies with the records a and b, each with 100 kB of text."""
    path = tmp_path / "store.sqlite"
    for _ in range(2):
        store = Store(path, document=dict, resume=False)
        for key in ("a", "b"):
            store.keep("run", key, {**OK, "text": "x" * 100_000})
    return path


def content(path: Path) -> tuple[list[int], list[tuple[int, str]]]:
    """The studies, and the records with what is known of them."""
    with closing(sqlite3.connect(path)) as connection:
        studies = [number for (number,) in connection.execute("SELECT id FROM studies")]
        records = connection.execute("SELECT study, key FROM records ORDER BY 1, 2").fetchall()
        assert connection.execute("SELECT study, key FROM origins ORDER BY 1, 2").fetchall() == (
            records
        )
    return studies, records


def test_what_is_named_goes(path: Path) -> None:
    """And nothing else; the file gets smaller."""
    before = path.stat().st_size
    prune(path, [(1, "a"), (2, "b")])
    assert content(path) == ([1, 2], [(1, "b"), (2, "a")])
    assert path.stat().st_size < before - 100_000


def test_a_study_without_records_goes_if_it_is_named(path: Path) -> None:
    """One that still has some stays, and so does the newest: a session may go on with it."""
    prune(path, [(1, "a"), (2, "a"), (2, "b")], studies=[1, 2])
    assert content(path) == ([1, 2], [(1, "b")])
    prune(path, [(1, "b")], studies=[1])
    assert content(path) == ([2], [])


def test_nothing_goes_where_not_all_can(path: Path) -> None:
    """What stops it is said in one line."""
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(
            "CREATE TRIGGER stop BEFORE DELETE ON records WHEN old.key = 'b' "
            "BEGIN SELECT RAISE(ABORT, 'not this one'); END"
        )
    before = content(path)
    with pytest.raises(StoreError, match="not this one"):
        prune(path, [(1, "a"), (1, "b")])
    assert content(path) == before


def test_a_running_session_keeps_on_keeping(path: Path) -> None:
    """Its store may be pruned under it."""
    store = Store(path, document=dict, resume=True)
    prune(path, [(2, "a"), (2, "b")], studies=[2])
    store.keep("run", "c", OK)
    assert content(path)[1] == [(1, "a"), (1, "b"), (2, "c")]
