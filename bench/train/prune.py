"""Removes records from a store, where somebody has said which."""

import contextlib
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

from .store import BUSY_SECONDS, connected, prepare


def prune(path: Path, records: Iterable[tuple[int, str]], *, studies: Iterable[int] = ()) -> None:
    """Remove records, each a study's number and a key, in one transaction, and give the file's
    space back where nobody else uses the file.

    Args:
        studies: those that go too where nothing is left in them; but for the newest, which a
            session may be writing or going on with.

    Raises:
        StoreError: nothing was removed, and why.
    """
    with connected(path) as connection:
        prepare(connection, path)
        pairs = list(records)
        for table in ("records", "origins"):
            connection.executemany(f"DELETE FROM {table} WHERE study = ? AND key = ?", pairs)
        connection.executemany(
            "DELETE FROM studies WHERE id = ? AND id < (SELECT max(id) FROM studies) "
            "AND NOT EXISTS (SELECT * FROM records WHERE study = studies.id)",
            [(study,) for study in studies],
        )
    # It needs room for a copy, and the file to itself; without it later records take the space.
    with (
        contextlib.suppress(sqlite3.Error),
        closing(sqlite3.connect(path, timeout=BUSY_SECONDS)) as connection,
    ):
        connection.execute("VACUUM")
