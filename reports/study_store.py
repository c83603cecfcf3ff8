"""The store of a study that may still be running, as tables.

`pytest bench` keeps each finished cell and run in SQLite at once, so a report need not wait for the
end.
"""

import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from .rows import cell_row, limit_row, mapping, run_row, text_or_none
from .store_file import opened, parsed
from .study_json import objects, study_tables
from .tables import Row, Tables, cells_frame, runs_frame

MAGIC = b"SQLite format 3\x00"


def read_store(path: Path) -> Tables:
    """The newest study of the store."""
    with opened(path) as connection:
        return _newest(str(path), connection)


def read_every(path: Path) -> Iterator[tuple[str, Tables]]:
    """When each study of the store was started, and its tables; the oldest first."""
    with opened(path) as connection:
        found = connection.execute("SELECT id, started, document FROM studies ORDER BY id")
        for number, started, document in found.fetchall():
            yield started, _study(str(path), connection, number, document)


def newest_document(path: Path) -> Mapping[str, Any]:
    """What the newest study knew at its start, as in the `howdeep` object of a study; empty
    without a study."""
    with opened(path) as connection:
        found = connection.execute(
            "SELECT document FROM studies ORDER BY id DESC LIMIT 1"
        ).fetchone()
    return mapping(parsed(str(path), found[0])) if found else {}


def _newest(source: str, connection: sqlite3.Connection) -> Tables:
    study = connection.execute(
        "SELECT id, started, document FROM studies ORDER BY id DESC LIMIT 1"
    ).fetchone()
    if study is None:
        note = f"{source} holds no study yet."
        return Tables(cells=cells_frame([]), runs=runs_frame([]), notes=(note,))
    number, started, document = study
    note = (
        f"{source} is a store: this is its newest study (number {number}, started {started}), "
        "which may be unfinished."
    )
    return replace(_study(source, connection, number, document), notes=(note,))


def _study(source: str, connection: sqlite3.Connection, number: int, document: str) -> Tables:
    rows = list(_rows(source, connection, number))
    return study_tables(
        source,
        environment=mapping(mapping(parsed(source, document).get("environment")).get("before")),
        cells=[_cell(row, where) for kind, row, where in rows if kind == "cell"],
        runs=[run_row(row, where=where) for kind, row, where in rows if kind == "run"],
        limits=[
            limit_row(each, where=where)
            for kind, row, where in rows
            if kind == "limits"
            for each in objects(where, row, "rows")
        ],
    )


def _rows(
    source: str, connection: sqlite3.Connection, study: int
) -> Iterator[tuple[str, Mapping[str, Any], str]]:
    found = connection.execute(
        "SELECT kind, key, row FROM records WHERE study = ? ORDER BY key", (study,)
    )
    for kind, key, text in found:
        yield kind, parsed(source, text), f"{source}: {kind} {key}"


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
