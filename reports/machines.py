"""The machines of a comparison: what each measured, and what is known of it.

A study gives cells, runs and an environment. Of any other pytest-benchmark file only its names and
times are used: what its parameters mean is somebody else's.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .errors import InputError
from .machine_specs import MachineSpec
from .rows import mapping
from .soundness import without_flawed
from .study import content_of, read_one, text_of
from .study_json import objects, parse_document, tables_of
from .study_store import MAGIC, newest_document
from .tables import Row, Tables, cells_frame, concatenate, runs_frame


@dataclass(frozen=True)
class Machine:
    """One side of a comparison.

    Attributes:
        is_study: all of its files are studies or tables of ours; else they are compared by the
            benchmarks' names.
        tables: of the files that are.
        benchmarks: the objects of `benchmarks` as they stand, those with impossible statistics
            emptied.
        infos: `machine_info` of each file; empty where a file has none.
        kernels: the rows of `reference_kernels`.
        flawed: names of benchmarks with impossible statistics, and what is impossible.
    """

    name: str
    files: tuple[str, ...]
    is_study: bool
    tables: Tables
    benchmarks: tuple[Mapping[str, Any], ...]
    infos: tuple[Mapping[str, Any], ...]
    kernels: tuple[Row, ...]
    flawed: tuple[tuple[str, str], ...]


def read_machines(specs: Sequence[MachineSpec]) -> tuple[Machine, ...]:
    """The machines of these files.

    Raises:
        InputError: a file cannot be read or holds nothing that could be compared.
    """
    return tuple(_joined([_read(spec.name, path) for path in spec.paths]) for spec in specs)


def _read(name: str, path: Path) -> Machine:
    source, content = str(path), content_of(path)
    if content.startswith(MAGIC):
        kernels = _kernels(source, newest_document(path))
        return Machine(name, (source,), True, read_one(path), (), (), kernels, ())
    if text_of(path, content).lstrip()[0] not in "{[":
        return Machine(name, (source,), True, read_one(path), (), (), (), ())
    given = parse_document(source, text_of(path, content))
    document, flawed = without_flawed({**given, "benchmarks": objects(source, given, "benchmarks")})
    ours = document.get("howdeep") is not None
    return Machine(
        name=name,
        files=(source,),
        is_study=ours,
        tables=tables_of(source, document) if ours else _NO_TABLES,
        benchmarks=tuple(document["benchmarks"]),
        infos=(mapping(document.get("machine_info")),),
        kernels=_kernels(source, mapping(document.get("howdeep"))),
        flawed=flawed,
    )


def _kernels(source: str, ours: Mapping[str, Any]) -> tuple[Row, ...]:
    return tuple(dict(row) for row in objects(source, ours, "reference_kernels"))


_NO_TABLES = Tables(cells=cells_frame([]), runs=runs_frame([]))


def _joined(parts: Sequence[Machine]) -> Machine:
    """The files of one machine together."""
    first, *others = parts
    if any(part.is_study != first.is_study for part in others):
        raise InputError(
            f"{first.name}: {', '.join(name for part in parts for name in part.files)} are of "
            "different kinds (a study of howdeep, and another pytest-benchmark file)"
        )
    return Machine(
        name=first.name,
        files=tuple(name for part in parts for name in part.files),
        is_study=first.is_study,
        tables=concatenate([part.tables for part in parts]),
        benchmarks=tuple(row for part in parts for row in part.benchmarks),
        infos=tuple(info for part in parts for info in part.infos),
        kernels=tuple(row for part in parts for row in part.kernels),
        flawed=tuple(each for part in parts for each in part.flawed),
    )
