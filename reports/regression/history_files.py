"""Many files as dated studies: studies, stores (every study in them) and pytest-benchmark JSON.

The rows of one machine and setting share a name, so that what was measured elsewhere or otherwise
is another series. A file that cannot be read is named and left out.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..rows import mapping, number_or_none
from ..soundness import without_flawed
from ..study import content_of, text_of
from ..study_json import machine_name, objects, parse_document, tables_of
from ..study_store import MAGIC, read_every
from ..tables import Row, Tables, records

METRICS = ("time", "peak_bytes", "flops", "accuracy")
_COLUMNS = {"time": "latency_seconds", "peak_bytes": "peak_bytes", "flops": "flops"}
_CELL_SETTING = ("batch_size", "dtype", "device", "threads", "variants", "match")
_RUN_SETTING = ("optimizer", "epochs", "train_for", "batch_size", "dtype", "device", "match")


@dataclass(frozen=True, kw_only=True)
class Place:
    """What one value is of.

    Attributes:
        family: or the full name of a benchmark that is no cell of ours.
        setting, machine: in words; those that differ are never one series.
    """

    family: str
    metric: str
    machine: str
    setting: str = ""
    task: str | None = None
    pass_: str | None = None
    depth: int | None = None


@dataclass(frozen=True)
class Dated:
    """One study: seconds, bytes, FLOPs and fractions by what they are of."""

    source: str
    when: datetime
    commit: str | None
    values: Mapping[Place, float]


def read_history(paths: Sequence[Path]) -> tuple[tuple[Dated, ...], tuple[str, ...]]:
    """The studies in the order of time, and notes on what was left out.

    Raises:
        InputError: no file can be read.
    """
    studies: list[Dated] = []
    notes: list[str] = []
    for path in _files(paths):
        try:
            studies += _read(path, notes)
        except InputError as error:
            notes.append(f"Left out: {error}")
    if not studies:
        several = f"none of {len(notes)} files could be read; " if len(notes) > 1 else ""
        raise InputError(several + (notes[0] if notes else "no study was found"))
    once = {(each.when, each.commit, frozenset(each.values.items())): each for each in studies}
    if len(once) < len(studies):
        notes.append(f"{len(studies) - len(once)} studies are there twice and count once.")
    return tuple(sorted(once.values(), key=lambda each: each.when)), tuple(notes)


def _files(paths: Sequence[Path]) -> Iterator[Path]:
    """The files as named; of a folder every JSON and SQLite file in it, at any depth."""
    for path in paths:
        if not path.is_dir():
            yield path
            continue
        found = sorted(each for each in path.rglob("*") if each.suffix in (".json", ".sqlite"))
        if not found:
            raise InputError(f"{path}: holds no study: *.json or *.sqlite were expected")
        yield from found


def _read(path: Path, notes: list[str]) -> Iterator[Dated]:
    """The studies of a file; what is left out of it goes to the notes."""
    source, content = str(path), content_of(path)
    if content.startswith(MAGIC):
        for started, tables in read_every(path):
            yield _dated(source, tables, {"datetime": started})
        return
    given = parse_document(source, text_of(path, content))
    document, flawed = without_flawed({**given, "benchmarks": objects(source, given, "benchmarks")})
    notes += _flawed_words(source, flawed)
    if document.get("howdeep") is None:
        yield Dated(source, _when(source, document, {}), _commit(document, {}), _named(document))
    else:
        yield _dated(source, tables_of(source, document), document)


def _flawed_words(source: str, flawed: Sequence[tuple[str, str]]) -> Iterator[str]:
    """Where statistics are impossible: the first; what was never timed has none on purpose."""
    told = [f"{name} ({what})" for name, what in flawed if "no statistics" not in what]
    if told:
        more = f", and of {len(told) - 1} more" if len(told) > 1 else ""
        yield f"{source}: left out for impossible statistics: {told[0]}{more}."


def _dated(source: str, tables: Tables, document: Mapping[str, Any]) -> Dated:
    environment = tables.environments[0] if tables.environments else {}
    machine = _machine(environment)
    values = dict([*_of_cells(tables, machine), *_of_runs(tables, machine)])
    when = _when(source, document, environment)
    return Dated(source, when, _commit(document, environment), values)


def _of_cells(tables: Tables, machine: str) -> Iterator[tuple[Place, float]]:
    for row in records(tables.cells):
        for metric, column in _COLUMNS.items():
            if row["status"] == "ok" and row[column] is not None:
                yield (
                    Place(
                        family=row["family"], metric=metric, machine=machine, depth=row["depth"],
                        setting=_words(row, _CELL_SETTING), pass_=row["pass"],
                    ),
                    row[column],
                )  # fmt: skip


def _of_runs(tables: Tables, machine: str) -> Iterator[tuple[Place, float]]:
    """The mean validation accuracy over the seeds."""
    found: dict[Place, list[float]] = {}
    for row in records(tables.runs):
        if row["status"] == "ok" and row["validation_accuracy"] is not None:
            place = Place(
                family=row["family"], metric="accuracy", machine=machine, depth=row["depth"],
                setting=_words(row, _RUN_SETTING), task=row["task"],
            )  # fmt: skip
            found.setdefault(place, []).append(row["validation_accuracy"])
    yield from ((place, math.fsum(each) / len(each)) for place, each in found.items())


def _named(document: Mapping[str, Any]) -> dict[Place, float]:
    """The medians of a file that is no study of ours, by the benchmarks' full names."""
    info = mapping(document.get("machine_info"))
    cpu = mapping(info.get("cpu"))
    machine = _machine(
        {
            "cpu_model": cpu.get("brand_raw") or cpu.get("brand"),
            "cores": cpu.get("count"),
            "python": info.get("python_version"),
        }
    )
    found = {}
    for row in document["benchmarks"]:
        name = str(row.get("fullname") or row.get("name"))
        median = number_or_none(mapping(row.get("stats")).get("median"))
        if median is not None:
            found[Place(family=name, metric="time", machine=machine)] = median
    return found


def _machine(environment: Mapping[str, Any]) -> str:
    """The hardware and the builds that a time depends on."""
    builds = [
        f"{name} {environment[name]}" for name in ("torch", "python") if environment.get(name)
    ]
    return ", ".join([machine_name(environment) or "unknown machine", *builds])


def _words(row: Row, names: Sequence[str]) -> str:
    shown = ((name, row[name]) for name in names if row[name] is not None)
    words = {"batch_size": "batch {:g}", "threads": "threads: {:g}", "epochs": "epochs: {:g}"}
    return ", ".join(words.get(name, "{}").format(value) for name, value in shown)


def _when(source: str, document: Mapping[str, Any], environment: Mapping[str, Any]) -> datetime:
    """When it was measured, else when its commit was made; without a zone it is UTC."""
    commit = mapping(document.get("commit_info")).get("time")
    for text in (document.get("datetime"), environment.get("time"), commit):
        try:
            found = datetime.fromisoformat(str(text))
            return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
        except (ValueError, OverflowError):  # in the year 1 or 9999 another zone is out of range
            continue
    raise InputError(f"{source}: says no time: `datetime` or `commit_info.time` was expected")


def _commit(document: Mapping[str, Any], environment: Mapping[str, Any]) -> str | None:
    info = mapping(document.get("commit_info"))
    found = info.get("id") or environment.get("git_commit")
    dirty = "-dirty" if info.get("dirty") and "dirty" not in str(found) else ""
    return f"{found}{dirty}" if found else None


def chosen(
    studies: Sequence[Dated], metrics: Sequence[str], since: datetime | None
) -> tuple[Dated, ...]:
    """The studies from then on, with the values of these metrics; empty and None: all.

    Raises:
        InputError: an unknown metric, or nothing is left.
    """
    for metric in metrics:
        if metric not in METRICS:
            raise InputError(f"unknown metric {metric!r}; known: {', '.join(METRICS)}")
    wanted = metrics or METRICS
    late = [each for each in studies if since is None or each.when >= since]
    kept = [
        replace(each, values={p: v for p, v in each.values.items() if p.metric in wanted})
        for each in late
    ]
    found = tuple(each for each in kept if each.values)
    if not found:
        raise InputError(f"none of {len(studies)} studies holds what was asked for")
    return found
