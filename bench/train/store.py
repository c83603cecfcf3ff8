"""Keeps every finished cell and run at once, in SQLite with a write-ahead log.

A record stands under a hash of everything that determines it, within a study (one session of
`pytest bench`, resumed ones included). Each write is a transaction of its own, so a process that
is killed loses nothing that was finished; several threads and processes may write.
`reports` reads this file too: its schema is the contract, and `SCHEMA` its version.
"""

import json
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from ..records import SETTLED, plain
from ..specs import InputError

SCHEMA = 1

DEFAULT_PATH = Path("results/howdeep.sqlite")

_TABLES = f"""
CREATE TABLE IF NOT EXISTS studies (id INTEGER PRIMARY KEY, started TEXT, document TEXT);
CREATE TABLE IF NOT EXISTS records (
    study INTEGER NOT NULL, kind TEXT NOT NULL, key TEXT NOT NULL, row TEXT NOT NULL,
    PRIMARY KEY (study, key));
CREATE INDEX IF NOT EXISTS records_by_key ON records (key);
PRAGMA user_version = {SCHEMA};
"""

# Another process may hold the lock while it writes a row; that takes milliseconds.
BUSY_SECONDS = 30.0
_RETRY_SECONDS = 0.02


class Store:
    """One study in a store file. Opening it makes the file and its folder where needed.

    Args:
        path: the SQLite file.
        document: gives what is known of a new study at its start (JSON): the environment before.
        resume: go on with the newest study of the file, if there is one.

    Raises:
        InputError: the file is no store, is damaged, or comes from a newer version.
    """

    def __init__(
        self, path: Path, *, document: Callable[[], Mapping[str, Any]], resume: bool
    ) -> None:
        self._path = path
        self._resumed = resume
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with self._connection() as connection:
                _check(connection, path)
                _use_write_ahead_log(connection)
                connection.executescript(_TABLES)
                self._study = self._find_or_start(connection, document)
        except (sqlite3.Error, OSError) as error:
            raise InputError(f"cannot use the store {path}: {error}") from error

    def _find_or_start(
        self, connection: sqlite3.Connection, document: Callable[[], Mapping[str, Any]]
    ) -> int:
        newest = connection.execute("SELECT max(id) FROM studies").fetchone()[0]
        if self._resumed and newest is not None:
            return int(newest)
        cursor = connection.execute(
            "INSERT INTO studies (started, document) VALUES (datetime('now'), ?)",
            (json.dumps(plain(document())),),
        )
        return int(cursor.lastrowid or 0)

    @property
    def document(self) -> dict[str, Any]:
        """What was known of the study at its start."""
        with self._connection() as connection:
            query = "SELECT document FROM studies WHERE id = ?"
            text = connection.execute(query, (self._study,)).fetchone()[0]
        return dict(json.loads(text))

    def keep(self, kind: str, key: str, row: Mapping[str, Any]) -> None:
        """Write one finished record of `kind` ("cell", "run") under its key."""
        with self._connection() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO records VALUES (?, ?, ?, ?)",
                (self._study, kind, key, json.dumps(plain(row))),
            )

    def kept(self, key: str) -> dict[str, Any] | None:
        """In a resumed study the newest settled record under `key`, from whichever study has it;
        else None. It then belongs to this study too."""
        if not self._resumed:
            return None
        with self._connection() as connection:
            query = "SELECT kind, row FROM records WHERE key = ? ORDER BY study DESC"
            found = connection.execute(query, (key,)).fetchall()
        for kind, text in found:
            row = dict(json.loads(text))
            if row["status"] in SETTLED:
                self.keep(kind, key, row)
                return row
        return None

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        """A connection of its own for each use: threads share none. It commits at the end."""
        with closing(sqlite3.connect(self._path, timeout=BUSY_SECONDS)) as connection, connection:
            yield connection


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
        except sqlite3.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(_RETRY_SECONDS)
