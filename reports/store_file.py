"""Opens the SQLite file in which `pytest bench` and `howdeep limits` keep what is finished.

It is opened read-only: the process that writes it is never held up, and a reader can break nothing.
"""

import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from .errors import InputError
from .schema import check_schema


@contextmanager
def opened(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection in one transaction, so that all queries see the same moment of a study that is
    being written.

    Raises:
        InputError: there is no such file, it is no store, is damaged or comes from a newer version.
    """
    source = str(path)
    if not path.is_file():
        raise InputError(f"{source}: no such file; a store was expected")
    try:
        with closing(_connection(path)) as connection:
            connection.execute("BEGIN")
            (schema,) = connection.execute("PRAGMA user_version").fetchone()
            if schema == 0:
                raise InputError(f"{source}: is an SQLite file, but no store of howdeep")
            check_schema(source, schema)
            yield connection
    except sqlite3.Error as error:
        raise InputError(
            f"{source}: cannot be read as a store of howdeep ({error}); "
            f"{_what_to_do(source, error)}"
        ) from None


def _what_to_do(source: str, error: sqlite3.Error) -> str:
    """The primary code is in the lowest byte."""
    if getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_CORRUPT:
        return f"it is left as it is: `sqlite3 {source} .recover` may still read some of it"
    return "it is left as it is: name another file"


def _connection(path: Path) -> sqlite3.Connection:
    # Without a log beside the file nobody is writing it. Read as it stands, it needs neither a lock
    # nor the shared memory of WAL, which cannot be laid in a folder that we may not write.
    written = path.with_name(f"{path.name}-wal").exists()
    mode = "mode=ro" if written else "mode=ro&immutable=1"
    return sqlite3.connect(f"{path.resolve().as_uri()}?{mode}", uri=True)


def parsed(source: str, text: str) -> Mapping[str, Any]:
    """The JSON object of a field of the store; empty where it is another value."""
    try:
        value = json.loads(text, parse_constant=lambda _: None)
    except (json.JSONDecodeError, TypeError):
        raise InputError(
            f"{source}: a row of the store is not JSON: it is damaged or was edited"
        ) from None
    return value if isinstance(value, Mapping) else {}
