"""The store of a study that may still be running, as tables.

`pytest bench` keeps each finished cell and run in SQLite at once, so a report need not wait for the
end. The file is opened read-only: the process that writes it is never held up, and a report can
break nothing.
"""

import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from .errors import InputError
from .rows import cell_row, limit_row, mapping, run_row, text_or_none
from .study_json import check_schema, objects, study_tables
from .tables import Row, Tables, cells_frame, runs_frame

MAGIC = b"SQLite format 3\x00"


def read_store(path: Path) -> Tables:
    """The newest study of the store."""
    source = str(path)
    try:
        with closing(_open(path)) as connection:
            (schema,) = connection.execute("PRAGMA user_version").fetchone()
            if schema == 0:
                raise InputError(f"{source}: is an SQLite file, but no store of howdeep")
            check_schema(source, schema)
            return _newest(source, connection)
    except sqlite3.Error as error:
        raise InputError(f"{source}: cannot be read as a store of howdeep ({error})") from None


def _open(path: Path) -> sqlite3.Connection:
    # Without a log beside the file nobody is writing it. Read as it stands, it needs neither a lock
    # nor the shared memory of WAL, which cannot be laid in a folder that we may not write.
    written = path.with_name(f"{path.name}-wal").exists()
    mode = "mode=ro" if written else "mode=ro&immutable=1"
    return sqlite3.connect(f"{path.resolve().as_uri()}?{mode}", uri=True)


def _newest(source: str, connection: sqlite3.Connection) -> Tables:
    # One transaction, so that both queries see the same moment of a study that is being written.
    connection.execute("BEGIN")
    study = connection.execute(
        "SELECT id, started, document FROM studies ORDER BY id DESC LIMIT 1"
    ).fetchone()
    if study is None:
        note = f"{source} holds no study yet."
        return Tables(cells=cells_frame([]), runs=runs_frame([]), notes=(note,))
    number, started, document = study
    rows = list(_rows(source, connection, number))
    return study_tables(
        source,
        environment=mapping(mapping(_parsed(source, document).get("environment")).get("before")),
        cells=[_cell(row, where) for kind, row, where in rows if kind == "cell"],
        runs=[run_row(row, where=where) for kind, row, where in rows if kind == "run"],
        limits=[
            limit_row(each, where=where)
            for kind, row, where in rows
            if kind == "limits"
            for each in objects(where, row, "rows")
        ],
        notes=(
            f"{source} is a store: this is its newest study (number {number}, started {started}), "
            "which may be unfinished.",
        ),
    )


def _rows(
    source: str, connection: sqlite3.Connection, study: int
) -> Iterator[tuple[str, Mapping[str, Any], str]]:
    found = connection.execute(
        "SELECT kind, key, row FROM records WHERE study = ? ORDER BY key", (study,)
    )
    for kind, key, text in found:
        yield kind, _parsed(source, text), f"{source}: {kind} {key}"


def _parsed(source: str, text: str) -> Mapping[str, Any]:
    try:
        return mapping(json.loads(text, parse_constant=lambda _: None))
    except (json.JSONDecodeError, TypeError):
        raise InputError(f"{source}: a row of the store is not JSON; was it edited?") from None


def _cell(row: Mapping[str, Any], where: str) -> Row:
    return cell_row(
        mapping(row.get("params")),
        where=where,
        stats=mapping(row.get("stats")),
        samples=row.get("samples"),
        extra=mapping(row.get("extra_info")),
        status=text_or_none(row.get("status")) or "error",
        reason=row.get("reason"),
        threads=row.get("threads"),
    )
