"""Everything that a store holds, of all its studies, and which of it is asked for.

`study_store` reads the newest study for a report; this module serves those who look after the file.
A record that a resumed study took from an older one stands in both, under one key.
"""

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .errors import InputError
from .store_file import opened, parsed

# Kinds of records: runs of a study, trainings of an experiment on limits, trainings that choose a
# learning rate, measured cells, and evidence rows on limits.
KINDS = ("run", "trial", "tuning", "cell", "limits")
TRAININGS = ("run", "trial", "tuning")

STATUSES = ("ok", "diverged", "oom", "timeout", "error", "skipped")
# What a resumed study tries again.
FAILED = ("oom", "timeout", "error", "skipped")

_QUERY = """
SELECT records.study, kind, records.key, row, coalesce({kept_at}, started), {basis}
FROM records LEFT JOIN studies ON studies.id = records.study {origins}
ORDER BY records.study, records.rowid
"""
_ORIGINS = "LEFT JOIN origins ON origins.study = records.study AND origins.key = records.key"


@dataclass(frozen=True, kw_only=True)
class Kept:
    """One record of one study.

    Attributes:
        kept_at: when it was first kept (UTC); when its study began, in stores that do not say.
        basis: what the key was made of; None in stores that do not say.
        row: the record as it was kept.
    """

    study: int
    kind: str
    key: str
    kept_at: str | None
    basis: Mapping[str, Any] | None
    row: Mapping[str, Any]

    def get(self, name: str) -> Any:
        """A field of the record, of a cell one of its parameters or of what was measured; None
        where it has none."""
        within = (self.row.get("params"), self.row, self.row.get("extra_info"))
        places = (place for place in within if isinstance(place, Mapping))
        return next((place[name] for place in places if name in place), None)


@dataclass(frozen=True)
class Study:
    """One study of a store: its number, when it began (UTC) and on which machine."""

    number: int
    started: str | None
    environment: Mapping[str, Any]


@dataclass(frozen=True)
class Contents:
    """A store's studies, and its records in the order in which they were kept."""

    studies: tuple[Study, ...]
    records: tuple[Kept, ...]


@dataclass(frozen=True, kw_only=True)
class Selection:
    """Which records are asked for; what is empty or None asks for nothing in particular.

    Attributes:
        before: only what was kept before that moment (UTC, as `Kept.kept_at`).
    """

    kinds: Sequence[str] = ()
    studies: Sequence[int] = ()
    families: Sequence[str] = ()
    tasks: Sequence[str] = ()
    depths: Sequence[int] = ()
    statuses: Sequence[str] = ()
    before: str | None = None

    def __post_init__(self) -> None:
        for name, asked, known in (
            ("kind", self.kinds, KINDS),
            ("status", self.statuses, (*STATUSES, "failed")),
        ):
            for value in asked:
                if value not in known:
                    raise InputError(f"unknown {name} {value!r}; known: {', '.join(known)}")

    @property
    def everything(self) -> bool:
        """Whether nothing in particular is asked for."""
        return not any(vars(self).values())

    def of(self, records: Sequence[Kept]) -> list[Kept]:
        """Those of `records` that are asked for."""
        return [record for record in records if self._asks_for(record)]

    def _asks_for(self, record: Kept) -> bool:
        statuses = {s for name in self.statuses for s in (FAILED if name == "failed" else [name])}
        asked = (
            (self.kinds, record.kind),
            (self.studies, record.study),
            (self.families, record.get("family")),
            (self.tasks, record.get("task")),
            (self.depths, record.get("depth")),
            (statuses, record.get("status")),
        )
        early = self.before is None or (record.kept_at or "") < self.before
        return early and all(value in values for values, value in asked if values)


def read_kept(path: Path) -> Contents:
    """What the store holds.

    Raises:
        InputError: one line that names the file, what is wrong with it, and what to do.
    """
    with opened(path) as connection:
        studies = connection.execute("SELECT id, started, document FROM studies ORDER BY id")
        return Contents(
            tuple(_study(str(path), *row) for row in studies.fetchall()),
            tuple(_kept(str(path), *row) for row in connection.execute(_query(connection))),
        )


def _query(connection: sqlite3.Connection) -> str:
    """Stores that were last written by earlier versions do not say when and of what."""
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_schema")}
    if "origins" in tables:
        return _QUERY.format(kept_at="kept_at", basis="basis", origins=_ORIGINS)
    return _QUERY.format(kept_at="NULL", basis="NULL", origins="")


def _study(source: str, number: int, started: str | None, document: str) -> Study:
    environment = parsed(source, document).get("environment")
    before = environment.get("before") if isinstance(environment, Mapping) else None
    return Study(number, started, before if isinstance(before, Mapping) else {})


def _kept(
    source: str, study: int, kind: str, key: str, row: str, kept_at: str | None, basis: str | None
) -> Kept:
    return Kept(
        study=study,
        kind=kind,
        key=key,
        kept_at=kept_at,
        basis=None if basis is None else parsed(source, basis),
        row=parsed(source, row),
    )


def newest_of_each(records: Sequence[Kept]) -> list[Kept]:
    """One record a key, that of the newest study, in the order of the first."""
    by_key: dict[str, Kept] = {}
    for record in records:
        by_key[record.key] = record
    return list(by_key.values())


def in_order(records: Sequence[Kept]) -> list[Kept]:
    """By kind, task, family, depth, seed and learning rate; else as they were."""

    def place(record: Kept) -> tuple[Any, ...]:
        names = [str(record.get(name) or "") for name in ("task", "family")]
        numbers = [record.get(name) or 0 for name in ("depth", "seed", "learning_rate")]
        return (KINDS.index(record.kind) if record.kind in KINDS else len(KINDS), *names, *numbers)

    return sorted(records, key=place)


def by_prefix(records: Sequence[Kept], prefix: str) -> list[Kept]:
    """The copies of the one record whose key begins with `prefix`, the oldest first.

    Raises:
        InputError: no key or several begin so.
    """
    found = [record for record in records if record.key.startswith(prefix.lower())]
    keys = sorted({record.key for record in found})
    if not keys:
        raise InputError(f"no record has a key that begins with {prefix!r}: see `runs list`")
    if len(keys) > 1:
        raise InputError(
            f"{len(keys)} keys begin with {prefix!r} ({', '.join(k[:12] for k in keys[:3])}, …): "
            "give more of it"
        )
    return found
