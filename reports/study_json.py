"""A study, or any other pytest-benchmark JSON file, as tables.

A study is a pytest-benchmark file with a top-level object `howdeep`. Without it a benchmark counts
as a cell if its parameters hold a `depth`; everything else in such a file is somebody else's.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from .errors import InputError
from .rows import cell_row, limit_row, mapping, run_row, text_or_none
from .schema import check_schema
from .tables import CELL_KEY, Row, Tables, cells_frame, runs_frame

KEPT = "what was measured is kept in the store: `pytest bench --resume` finishes the study"


def read_json(source: str, text: str) -> Tables:
    """The tables of a JSON text; source: the file's name, for rows and errors."""
    return tables_of(source, parse_document(source, text))


def tables_of(source: str, document: Mapping[str, Any]) -> Tables:
    """The tables of a parsed file; see `read_json`."""
    if document.get("howdeep") is None:
        return _foreign_tables(source, document)
    ours = mapping(document["howdeep"])
    check_schema(source, ours.get("schema"))
    cells, notes = _study_cells(source, document, ours)
    return study_tables(
        source,
        environment=mapping(mapping(ours.get("environment")).get("before")),
        cells=cells,
        notes=notes,
        runs=[
            run_row(row, where=f"{source}: run {index}")
            for index, row in enumerate(objects(source, ours, "runs"), start=1)
        ],
        limits=[
            limit_row(row, where=f"{source}: limits {index}")
            for index, row in enumerate(objects(source, ours, "limits"), start=1)
        ],
    )


def study_tables(
    source: str,
    *,
    environment: Mapping[str, Any],
    cells: list[Row],
    runs: list[Row],
    limits: Sequence[Row] = (),
    notes: tuple[str, ...] = (),
) -> Tables:
    """Rows of one machine as tables; each row carries its file and machine."""
    machine = machine_name(environment)
    for row in [*cells, *runs, *limits]:
        row |= {"source": source, "machine": machine}
    return Tables(
        cells=cells_frame(cells),
        runs=runs_frame(runs),
        limits=tuple(limits),
        environments=({"source": source, **environment},) if environment else (),
        notes=notes,
    )


def machine_name(environment: Mapping[str, Any]) -> str | None:
    """What tells this machine from another in a table: processor, cores and accelerators."""
    cores = environment.get("cores")
    gpus = environment.get("gpu") or []
    parts = [
        environment.get("cpu_model"),
        f"{cores} cores" if cores else None,
        *(gpus if isinstance(gpus, list) else [gpus]),
    ]
    return ", ".join(str(mapping(part).get("name", part)) for part in parts if part) or None


def parse_document(source: str, text: str) -> Mapping[str, Any]:
    """A pytest-benchmark file as an object; bare NaN and Infinity are null."""
    try:
        # NaN and Infinity are no JSON, yet pytest-benchmark writes them: they are unknown numbers.
        document = json.loads(text, parse_constant=lambda _: None)
    except json.JSONDecodeError as error:
        raise InputError(_broken(source, text, error)) from None
    except RecursionError:
        raise InputError(f"{source}: is not a study: its JSON is nested too deeply") from None
    if not isinstance(document, dict) or not {"benchmarks", "howdeep"} & document.keys():
        raise InputError(
            f"{source}: is JSON, but no pytest-benchmark file: an object with `benchmarks` was "
            "expected, as `pytest bench --benchmark-json` writes it"
        )
    return document


def _broken(source: str, text: str, error: json.JSONDecodeError) -> str:
    place = f"line {error.lineno}, column {error.colno}"
    complete = text.rstrip()
    if error.pos >= len(complete) or not complete.endswith("}"):
        return f"{source}: the JSON is cut off ({error.msg} at {place}); {KEPT}"
    return f"{source}: is not JSON ({error.msg} at {place})"


def objects(source: str, owner: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    """The objects that a field of `owner` lists; none where it is missing or null."""
    entries = owner.get(name) or []
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise InputError(f"{source}: `{name}` must be a list of objects")
    return entries


def _study_cells(
    source: str, document: Mapping[str, Any], ours: Mapping[str, Any]
) -> tuple[list[Row], tuple[str, ...]]:
    """The measured cells, then those that have no statistics; a note if they should have some."""
    measured = list(_measured_cells(source, document))
    known = {_key(row) for row in measured}
    asked = [
        cell_row(
            entry,
            where=f"{source}: cell {index}",
            stats={},
            extra={},
            threads=entry.get("threads"),
            status=text_or_none(entry.get("status")) or "error",
            reason=entry.get("reason"),
        )
        for index, entry in enumerate(objects(source, ours, "cells"), start=1)
    ]
    others = [row for row in asked if _key(row) not in known]
    lost = sum(row["status"] == "ok" for row in others)
    note = (
        f"{source}: {lost} of {len(asked)} cells are listed as ok, but no benchmark has their "
        "parameters: what they cost is unknown."
    )
    refused = [row for row in others if row["status"] != "ok"]
    return measured + refused, (note,) if lost else ()


def _key(row: Row) -> tuple[Any, ...]:
    return tuple(row[name] for name in CELL_KEY)


def _measured_cells(source: str, document: Mapping[str, Any]) -> Iterator[Row]:
    for benchmark in objects(source, document, "benchmarks"):
        params, extra = mapping(benchmark.get("params")), mapping(benchmark.get("extra_info"))
        if "family" in params and "pass" in params:  # else a training, or one of the harness
            yield cell_row(
                params,
                where=f"{source}: {benchmark.get('name')}",
                stats=mapping(benchmark.get("stats")),
                samples=mapping(benchmark.get("stats")).get("data"),
                extra=extra,
                status=text_or_none(extra.get("status")) or "ok",
                reason=extra.get("reason"),
            )


def _foreign_tables(source: str, document: Mapping[str, Any]) -> Tables:
    cells = list(_foreign_cells(source, document))
    if not cells:
        raise InputError(
            f"{source}: no benchmark has a parameter `depth`, so there is nothing to compare; "
            'write it with `@pytest.mark.parametrize("depth", …)`'
        )
    notes = (f"{source} is no study of howdeep: it gives costs and no accuracies.",)
    environment = _foreign_environment(mapping(document.get("machine_info")))
    return study_tables(source, environment=environment, cells=cells, runs=[], notes=notes)


def _foreign_cells(source: str, document: Mapping[str, Any]) -> Iterator[Row]:
    for benchmark in objects(source, document, "benchmarks"):
        params = mapping(benchmark.get("params"))
        name = str(benchmark.get("name"))
        if "depth" in params:
            yield cell_row(
                # A benchmark that does not say its pass is shown as forward: the usual one.
                {"family": name.partition("[")[0], "pass": "forward", **params},
                where=f"{source}: {name}",
                stats=mapping(benchmark.get("stats")),
                samples=mapping(benchmark.get("stats")).get("data"),
                extra=mapping(benchmark.get("extra_info")),
                status="ok",
            )


def _foreign_environment(machine: Mapping[str, Any]) -> dict[str, Any]:
    given = {
        "cpu_model": mapping(machine.get("cpu")).get("brand_raw"),
        "python": machine.get("python_version"),
        "platform": " ".join(str(machine[key]) for key in ("system", "release") if key in machine),
    }
    return {name: value for name, value in given.items() if value}
