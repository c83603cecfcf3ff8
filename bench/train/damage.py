"""Sets a store that is damaged aside, under another name with its log, and never deletes it.

Damaged is a file that was an SQLite database, by its first bytes (or was one until a crash wiped
them), and that SQLite cannot read any more. A file that never was one is somebody's mistake in
typing a name, and is not touched.
"""

import sqlite3
import time
from contextlib import closing
from pathlib import Path

_HEADER = b"SQLite format 3\x00"
_WIPED = bytes(len(_HEADER))
_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)

# The log holds what is not in the file yet: the main file goes last, so that it is never left
# behind without its log, which SQLite would delete, or takes that of another.
_WITH_IT = ("-wal", "-shm", "")


def damage(path: Path) -> str | None:
    """What is wrong with the database, or None: it is fine, is not there, or never was one.

    Raises:
        sqlite3.Error, OSError: it cannot be read just now, which says nothing about it.
    """
    if not path.is_file() or not _was_database(path):
        return None
    # Read-only: at its end a connection that may write empties the log into the file.
    address = f"{path.resolve().as_uri()}?mode=ro"
    try:
        with closing(sqlite3.connect(address, uri=True)) as connection:
            (found,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.DatabaseError as error:
        if is_damage(error):
            return str(error)
        raise
    return None if found == "ok" else " ".join(str(found).split())


def is_damage(error: sqlite3.Error) -> bool:
    """Whether the error is one of the file itself; primary codes are the lowest eight bits."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in _DAMAGED


def _was_database(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(_HEADER)) in (_HEADER, _WIPED)


def set_aside(path: Path) -> Path:
    """Rename the database with its log; the new name, which nothing had before."""
    aside = _free_name(path)
    for suffix in _WITH_IT:
        part = path.with_name(path.name + suffix)
        if part.exists():
            part.rename(aside.with_name(aside.name + suffix))
    return aside


def _free_name(path: Path) -> Path:
    name = f"{path.name}.damaged-{time.strftime('%Y%m%dT%H%M%S')}"
    names = [name, *(f"{name}-{number}" for number in range(2, 100))]
    return next(each for n in names if not (each := path.with_name(n)).exists())
