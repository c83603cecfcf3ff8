"""Keeps every finished cell and run at once, in SQLite with a write-ahead log.

A record stands under a hash of everything that determines it, within a study (one session of
`pytest bench`, resumed ones included). Each write is a transaction of its own, so a process that
is killed loses nothing that was finished; several threads and processes may write.
`reports` reads this file too: its schema is the contract, and `SCHEMA` its version.

Beside each record stands when it was first kept, and what its key was made of.
"""

import json
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from typing import Any

from ..records import SETTLED, plain
from ..specs import InputError
from .claims import Claims
from .damage import damage, set_aside

SCHEMA = 1

DEFAULT_PATH = Path("results/howdeep.sqlite")

_TABLES = f"""
CREATE TABLE IF NOT EXISTS studies (id INTEGER PRIMARY KEY, started TEXT, document TEXT);
CREATE TABLE IF NOT EXISTS records (
    study INTEGER NOT NULL, kind TEXT NOT NULL, key TEXT NOT NULL, row TEXT NOT NULL,
    PRIMARY KEY (study, key));
CREATE INDEX IF NOT EXISTS records_by_key ON records (key);
CREATE TABLE IF NOT EXISTS origins (
    study INTEGER NOT NULL, key TEXT NOT NULL, kept_at TEXT NOT NULL, basis TEXT,
    PRIMARY KEY (study, key));
PRAGMA user_version = {SCHEMA};
"""

# Another process may hold the lock while it writes a row; that takes milliseconds.
BUSY_SECONDS = 30.0
_RETRY_SECONDS = 0.02

# The claim on the store as a whole, for what one process at a time may do to the file.
_WHOLE = "0"


class StoreError(InputError):
    """The store cannot be read or written: one line that names it and says why."""


class Store:
    """One study in a store file. Opening it makes the file and its folder where needed.

    Args:
        path: the SQLite file.
        document: gives what is known of a new study at its start (JSON): the environment before.
        resume: go on with the newest study of the file, if there is one.

    A store that is damaged is set aside, which a line on standard error says, and a new one begun.

    Raises:
        InputError: the file is no store, cannot be written, or comes from a newer version.
    """

    def __init__(
        self, path: Path, *, document: Callable[[], Mapping[str, Any]], resume: bool
    ) -> None:
        self._path = path
        self._claims = Claims(path)
        self.resumed = resume
        with _told(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            with self._claims.claim(_WHOLE, wait=True):  # a half-made file looks like a damaged one
                self._set_aside_if_damaged()
                with connected(path) as connection:
                    prepare(connection, path)
        with connected(path) as connection:
            self._study = self._find_or_start(connection, document)

    def _set_aside_if_damaged(self) -> None:
        found = damage(self._path)
        if found:
            aside = set_aside(self._path)
            line = f"the store {self._path} is damaged ({found}): it was set aside as {aside}"
            print(f"howdeep: {line}, and a new one was begun", file=sys.stderr, flush=True)

    def _find_or_start(
        self, connection: sqlite3.Connection, document: Callable[[], Mapping[str, Any]]
    ) -> int:
        newest = connection.execute("SELECT max(id) FROM studies").fetchone()[0]
        if self.resumed and newest is not None:
            return int(newest)
        cursor = connection.execute(
            "INSERT INTO studies (started, document) VALUES (datetime('now'), ?)",
            (json.dumps(plain(document())),),
        )
        return int(cursor.lastrowid or 0)

    @property
    def document(self) -> dict[str, Any]:
        """What was known of the study at its start."""
        with connected(self._path) as connection:
            query = "SELECT document FROM studies WHERE id = ?"
            text = connection.execute(query, (self._study,)).fetchone()[0]
        return dict(json.loads(text))

    def claim(self, key: str) -> AbstractContextManager[bool]:
        """Whether what stands under `key` is ours to train until the end of the block, or another
        process is at it."""
        return self._claims.claim(key)

    def keep(
        self,
        kind: str,
        key: str,
        row: Mapping[str, Any],
        *,
        basis: Mapping[str, Any] | None = None,
    ) -> None:
        """Write one finished record of `kind` ("cell", "run") under its key.

        Args:
            basis: what the key was made of, for people to read.

        Raises:
            StoreError: it is not kept: the disk is full, or the like.
        """
        with connected(self._path) as connection:
            connection.execute(
                "INSERT OR REPLACE INTO records VALUES (?, ?, ?, ?)",
                (self._study, kind, key, json.dumps(plain(row))),
            )
            connection.execute(
                "INSERT OR REPLACE INTO origins VALUES (?, ?, datetime('now'), ?)",
                (self._study, key, None if basis is None else json.dumps(plain(basis))),
            )

    def kept(self, key: str) -> dict[str, Any] | None:
        """In a resumed study the newest settled record under `key`, from whichever study has it;
        else None. It then belongs to this study too."""
        if not self.resumed:
            return None
        with connected(self._path) as connection:
            query = "SELECT study, row FROM records WHERE key = ? ORDER BY study DESC"
            found = connection.execute(query, (key,)).fetchall()
            for study, text in found:
                row = dict(json.loads(text))
                if row["status"] in SETTLED:
                    if study != self._study:
                        self._take_over(connection, study, key)
                    return row
        return None

    def _take_over(self, connection: sqlite3.Connection, study: int, key: str) -> None:
        """Copy a record of another study into this one."""
        for table, columns in (("records", "kind, key, row"), ("origins", "key, kept_at, basis")):
            connection.execute(
                f"INSERT OR REPLACE INTO {table} SELECT ?, {columns} FROM {table} "
                "WHERE study = ? AND key = ?",
                (self._study, study, key),
            )


@contextmanager
def connected(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection of its own for each use: threads share none. It commits at the end.

    Raises:
        StoreError: whatever SQLite says.
    """
    with (
        _told(path),
        closing(sqlite3.connect(path, timeout=BUSY_SECONDS)) as connection,
        connection,
    ):
        yield connection


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """What goes wrong with the file, in one line."""
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise StoreError(f"cannot use the store {path}: {error}") from error


def prepare(connection: sqlite3.Connection, path: Path) -> None:
    """Make the tables that are not there yet.

    Raises:
        InputError: the file is no store, or comes from a newer version.
    """
    _check(connection, path)
    _use_write_ahead_log(connection)
    connection.executescript(_TABLES)


def _check(connection: sqlite3.Connection, path: Path) -> None:
    """Raise `InputError` for a newer store and for a database that is none of ours."""
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    names = {row[0] for row in connection.execute("SELECT name FROM sqlite_schema")}
    if names and "studies" not in names:
        raise InputError(f"{path} is a database of another program: name another with --store")
    if version > SCHEMA:
        raise InputError(
            f"the store {path} has schema {version}, newer than {SCHEMA}, which this howdeep "
            "writes: upgrade howdeep, or name another file with --store"
        )


def _use_write_ahead_log(connection: sqlite3.Connection) -> None:
    """The switch does not wait for others who open the file, so it is tried again."""
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            busy = error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY
            if not busy or time.monotonic() > deadline:
                raise
            time.sleep(_RETRY_SECONDS)
