"""What is kept survives: resuming, other writers, bad files and `kill -9`."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from bench.records import SETTLED
from bench.specs import InputError
from bench.train.store import DEFAULT_PATH, SCHEMA, Store, StoreError

OK = {"status": "ok", "value": 1.5}


def opened(path: Path, *, resume: bool = True, document: dict[str, Any] | None = None) -> Store:
    return Store(path, document=lambda: document or {}, resume=resume)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """In a folder that is not there yet."""
    return tmp_path / "results" / "store.sqlite"


def studies(path: Path) -> int:
    connection = sqlite3.connect(path)
    try:
        return int(connection.execute("SELECT count(*) FROM studies").fetchone()[0])
    finally:
        connection.close()


def test_default_is_results_in_the_working_folder() -> None:
    """Which git ignores."""
    assert Path("results/howdeep.sqlite") == DEFAULT_PATH


def test_what_is_kept_comes_back_when_resumed(path: Path) -> None:
    """The row as it was, by its key; another key has none."""
    opened(path, resume=False).keep("cell", "a", OK)
    resumed = opened(path)
    assert resumed.kept("a") == OK
    assert resumed.kept("b") is None
    assert studies(path) == 1


def test_a_new_study_measures_anew(path: Path) -> None:
    """Without resuming nothing is taken, though it stays in the file."""
    opened(path, resume=False).keep("cell", "a", OK)
    assert opened(path, resume=False).kept("a") is None
    assert studies(path) == 2


def test_resuming_an_empty_store_starts_a_study(path: Path) -> None:
    """There is nothing to go on with, and no error."""
    assert opened(path, document={"a": 1}).document == {"a": 1}
    assert studies(path) == 1


@pytest.mark.parametrize("status", ["ok", "oom", "timeout", "diverged", "error", "skipped"])
def test_only_what_is_settled_is_not_tried_again(path: Path, status: str) -> None:
    """An error may have been mended and a skipped point may now be reached."""
    opened(path, resume=False).keep("run", "a", {"status": status})
    assert (opened(path).kept("a") is not None) == (status in SETTLED)
    assert ("error" in SETTLED, "skipped" in SETTLED) == (False, False)


def test_resuming_goes_on_with_the_newest_study(path: Path) -> None:
    """Its document is the one that was written when it started, not when it was resumed."""
    for number in (1, 2, 3):
        opened(path, resume=False, document={"number": number})
    assert opened(path, document={"number": 4}).document == {"number": 3}


def test_a_row_of_an_older_study_becomes_one_of_this(path: Path) -> None:
    """The newest row of a key is taken, from whichever study, and belongs to both."""
    opened(path, resume=False).keep("cell", "a", {"status": "ok", "value": 1})
    opened(path, resume=False).keep("cell", "a", {"status": "ok", "value": 2})
    opened(path, resume=False)
    assert opened(path).kept("a") == {"status": "ok", "value": 2}
    connection = sqlite3.connect(path)
    rows = connection.execute("SELECT study, kind FROM records WHERE key = 'a'").fetchall()
    connection.close()
    assert sorted(rows) == [(1, "cell"), (2, "cell"), (3, "cell")]


def origins(path: Path) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("SELECT study, key, kept_at, basis FROM origins").fetchall()


def test_beside_a_record_stands_when_it_was_kept_and_of_what(path: Path) -> None:
    """A study that takes it over says the same."""
    opened(path, resume=False).keep("run", "a", OK, basis={"seed": 3, "shape": (1, 2)})
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE origins SET kept_at = '2001-02-03 04:05:06'")
    opened(path, resume=False)
    assert opened(path).kept("a") == OK
    basis = json.dumps({"seed": 3, "shape": [1, 2]})
    then = "2001-02-03 04:05:06"
    assert sorted(origins(path)) == [(1, "a", then, basis), (2, "a", then, basis)]


def test_a_store_of_before_is_gone_on_with(path: Path) -> None:
    """One that did not say when its records were kept; they are taken as they are."""
    opened(path, resume=False).keep("run", "a", OK)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DROP TABLE origins")
    store = opened(path)
    assert store.kept("a") == OK
    store.keep("run", "b", OK)
    assert [key for _, key, _, _ in origins(path)] == ["b"]


def test_what_this_study_has_is_not_written_again(path: Path) -> None:
    """A resumed study reads what it has."""
    opened(path).keep("run", "a", OK)
    store = opened(path)
    before = path.read_bytes()
    assert store.kept("a") == OK
    assert path.read_bytes() == before


def test_a_newer_row_replaces_an_older_one(path: Path) -> None:
    """A point that was tried again has one row."""
    store = opened(path)
    store.keep("cell", "a", {"status": "error"})
    store.keep("cell", "a", OK)
    assert store.kept("a") == OK


def test_numbers_that_are_not_finite_are_kept_as_null(path: Path) -> None:
    """In rows and documents: other readers know no NaN."""
    store = opened(path, document={"load": float("inf")})
    store.keep("run", "a", {"status": "diverged", "loss": float("nan")})
    assert store.document == {"load": None}
    assert store.kept("a") == {"status": "diverged", "loss": None}


# --- files that are no store -------------------------------------------------------------------


def refused(path: Path) -> str:
    """The one line with which opening `path` fails."""
    with pytest.raises(InputError) as caught:
        opened(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_store_of_a_newer_version_is_left_alone(path: Path) -> None:
    """The line has both versions and what to do."""
    opened(path)
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA user_version = {SCHEMA + 1}")
    connection.close()
    said = refused(path)
    assert f"schema {SCHEMA + 1}" in said
    assert "--store" in said
    assert studies(path) == 1


def test_a_file_that_is_no_database_is_left_alone(path: Path) -> None:
    """Such as a study's JSON, given as the store by mistake."""
    path.parent.mkdir()
    path.write_text(json.dumps({"benchmarks": []}) * 100)
    before = path.read_bytes()
    refused(path)
    assert path.read_bytes() == before


def damaged(path: Path, start: int, length: int) -> bytes:
    """A store of a hundred records with zeros in it; its bytes."""
    store = opened(path)
    for i in range(100):
        store.keep("cell", str(i), {**OK, "text": "x" * 200})
    contents = bytearray(path.read_bytes())
    contents[start : start + length] = bytes(length)
    path.write_bytes(contents)
    return bytes(contents)


def set_aside(path: Path) -> list[Path]:
    """Damaged stores beside it, without their logs."""
    found = path.parent.glob(f"{path.name}.damaged-*")
    return [file for file in found if not file.name.endswith(("-wal", "-shm"))]


@pytest.mark.parametrize(
    ("start", "length"), [(0, 4096), (100, 3000), (8192, 20000)], ids=["wiped", "schema", "rows"]
)
def test_a_damaged_store_is_set_aside(
    path: Path, start: int, length: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """Under another name beside it, whole; a line says so, and a new store is begun."""
    contents = damaged(path, start, length)
    opened(path).keep("run", "new", OK)
    (aside,) = set_aside(path)
    assert aside.read_bytes() == contents
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert str(path) in said
    assert str(aside) in said
    assert studies(path) == 1
    assert opened(path).kept("new") == OK
    assert capsys.readouterr().err == ""


def test_its_log_goes_with_it(path: Path) -> None:
    """The log of a damaged store holds what is not in the file, and is no other store's."""
    damaged(path, 100, 3000)
    log = path.with_name("store.sqlite-wal")
    log.write_bytes(b"what the log holds")
    opened(path)
    (aside,) = path.parent.glob("store.sqlite.damaged-*-wal")
    assert aside.read_bytes() == b"what the log holds"
    assert not log.exists()


def test_two_damaged_stores_are_both_kept(path: Path) -> None:
    """Also when they are found in the same second."""
    first, second = damaged(path, 0, 4096), damaged(path, 100, 3000)
    opened(path)
    aside = [file.read_bytes() for file in set_aside(path)]
    assert sorted(aside) == sorted([first, second])


def test_a_damaged_store_is_set_aside_once(path: Path) -> None:
    """Of many who find it only one does it; all go on with the new one."""
    damaged(path, 100, 3000)
    barrier = threading.Barrier(6)

    def open_it() -> None:
        barrier.wait()
        opened(path, resume=False)

    threads = [threading.Thread(target=open_it) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set_aside(path)) == 1
    assert studies(path) == 6


# --- a disk that is full, a file that may not be written ---------------------------------------


def fill_disk(monkeypatch: pytest.MonkeyPatch, path: Path) -> None:
    """The file can grow no more: SQLite says what it says of a full disk."""
    pages = path.stat().st_size // 4096
    connect = sqlite3.connect

    def full(*args: Any, **kwargs: Any) -> sqlite3.Connection:
        connection = connect(*args, **kwargs)
        connection.execute(f"PRAGMA max_page_count = {pages}")
        return connection

    monkeypatch.setattr("bench.train.store.sqlite3.connect", full)


def test_a_full_disk_loses_the_record_in_hand_only(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One line; what was kept stays, and once there is room the next is kept."""
    store = opened(path)
    store.keep("run", "a", OK)
    with monkeypatch.context() as context:
        fill_disk(context, path)
        with pytest.raises(StoreError, match="database or disk is full") as caught:
            store.keep("run", "b", {"status": "ok", "text": "x" * 100_000})
        assert str(path) in str(caught.value)
        assert "\n" not in str(caught.value)
        assert store.kept("a") == OK
    assert store.kept("b") is None
    store.keep("run", "c", OK)
    assert [store.kept("a"), store.kept("c")] == [OK, OK]


@pytest.fixture
def unprivileged() -> Iterator[Path]:
    """A folder of an ordinary user, whom file permissions bind as they do not bind root."""
    before = os.geteuid()
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        if before == 0:
            os.chown(folder, 65534, 65534)
            os.seteuid(65534)
        yield Path(folder)
        os.seteuid(before)


@pytest.mark.parametrize("what", ["file", "folder"])
def test_a_store_that_may_not_be_written_is_refused_at_once(unprivileged: Path, what: str) -> None:
    """In one line, and it is as it was."""
    path = unprivileged / "store.sqlite"
    opened(path).keep("run", "a", OK)
    before = path.read_bytes()
    target = path if what == "file" else unprivileged
    target.chmod(0o444 if what == "file" else 0o555)
    refused(path)
    target.chmod(0o755)
    assert path.read_bytes() == before


def test_a_folder_is_no_store(tmp_path: Path) -> None:
    """Nor can a store lie in a file."""
    refused(tmp_path)
    (tmp_path / "file").write_text("")
    refused(tmp_path / "file" / "store.sqlite")


def test_another_programs_database_is_left_alone(path: Path) -> None:
    """It is no store, and gets no tables of ours."""
    path.parent.mkdir()
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE bookmarks (address TEXT)")
    connection.commit()
    connection.close()
    before = path.read_bytes()
    refused(path)
    assert path.read_bytes() == before


# --- several writers ---------------------------------------------------------------------------

WRITER = """
import itertools, sys
from pathlib import Path
from bench.train.store import Store
path, name, limit = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
store = Store(path, document=dict, resume=True)
numbers = range(limit) if limit else itertools.count()
for i in numbers:
    store.keep("run", f"{name}{i}", {"status": "ok", "number": i, "text": "x" * 1000})
    print(i, flush=True)
"""


def writer(path: Path, name: str, limit: int) -> subprocess.Popen[str]:
    """Another process that keeps rows and says so after each; without a limit for 0."""
    command = [sys.executable, "-c", WRITER, str(path), name, str(limit)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_threads_and_processes_write_at_once(path: Path) -> None:
    """Every row of every writer is there."""
    store, rows = opened(path), 40
    with writer(path, "process", rows) as process:

        def write(name: str) -> None:
            for i in range(rows):
                store.keep("run", f"{name}{i}", {"status": "ok", "number": i})

        threads = [threading.Thread(target=write, args=(name,)) for name in ("a", "b", "c")]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        process.communicate()
    assert process.returncode == 0
    for name in ("a", "b", "c", "process"):
        kept = [store.kept(f"{name}{i}") for i in range(rows)]
        assert [row and row["number"] for row in kept] == list(range(rows))


@pytest.mark.parametrize("attempt", range(5))
def test_a_new_store_can_be_opened_by_many_at_once(path: Path, attempt: int) -> None:
    """Whoever comes first makes it; none fails. Several attempts, since it is a race."""
    path = path.with_stem(f"store{attempt}")
    errors: list[Exception] = []
    barrier = threading.Barrier(8)

    def open_it() -> None:
        barrier.wait()
        try:
            opened(path, resume=False)
        except InputError as error:
            errors.append(error)

    threads = [threading.Thread(target=open_it) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert studies(path) == 8


def test_kill_9_loses_nothing_that_was_finished(path: Path) -> None:
    """A writer that is killed in the middle of its work leaves every row that it had kept."""
    with writer(path, "row", 0) as process:
        assert process.stdout is not None
        said = [process.stdout.readline() for _ in range(30)]
        process.send_signal(signal.SIGKILL)
        said += process.stdout.read().splitlines()
    last = max(int(line) for line in said if line.strip())
    store = opened(path)
    kept = [store.kept(f"row{i}") for i in range(last + 1)]
    assert [row and row["number"] for row in kept] == list(range(last + 1))
    store.keep("run", "after", OK)
    assert store.kept("after") == OK
