"""The cells of two studies, matched by all that says what was computed and how.

A cell is matched by family with its knobs, depth, pass, batch size, dtype, variants, what its width
was matched in, device and threads; a benchmark of any other pytest-benchmark file by its full name.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..hardware_cells import Points, all_points, timing_of
from ..machines import Machine
from ..median_ratio import KnownMedian, known_median
from ..tables import Row, grouped, records
from .quantities import setting_words

ALWAYS = ("family", "depth", "pass", "match")
"""Columns without which a cell is another one."""

SETTING = ("batch_size", "dtype", "variants", "device", "threads")
"""Columns in which a cell may have been asked for otherwise."""

MACHINE_FACTS = ("device", "threads")
"""Of the setting, what only says where it was computed."""

OK = "ok"


@dataclass(frozen=True)
class StoredCell:
    """A cell of one study, or a benchmark of another file.

    Attributes:
        key: of the columns `ALWAYS`, or the benchmark's name alone.
        setting: of the columns `SETTING`; empty for a benchmark.
        status: as in the study.
        median: null where there is no time to be trusted.
        row: of `Tables.cells`; empty for a benchmark.
    """

    key: tuple[Any, ...]
    setting: Mapping[str, Any]
    status: str
    reason: str | None
    median: KnownMedian | None
    row: Mapping[str, Any]

    @property
    def family(self) -> str:
        """Or the name of the benchmark."""
        return self.key[0] or "unnamed"

    @property
    def depth(self) -> int | None:
        """Null for a benchmark."""
        return self.row.get("depth")

    @property
    def pass_(self) -> str | None:
        """Null for a benchmark."""
        return self.row.get("pass")

    @property
    def is_ok(self) -> bool:
        """Did it end well?"""
        return self.status == OK


@dataclass(frozen=True)
class Matched:
    """One cell on both sides.

    Attributes:
        differing: the columns of the setting that are not the same.
    """

    base: StoredCell
    new: StoredCell
    differing: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        """What differs: `threads: 1 -> 2`."""
        sides = (
            (name, setting_words(self.base.setting[name]), setting_words(self.new.setting[name]))
            for name in self.differing
        )
        return ", ".join(f"{name}: {base} -> {new}" for name, base, new in sides)


@dataclass(frozen=True)
class Cells:
    """The cells of two studies."""

    pairs: tuple[Matched, ...]
    missing: tuple[StoredCell, ...]
    new: tuple[StoredCell, ...]


def match_cells(base: Machine, new: Machine) -> Cells:
    """Each cell of the base with the one of the same setting, else with one of another setting."""
    if base.is_study and new.is_study:
        first, second = (_of_study(each) for each in (base, new))
    else:
        points = all_points((_as_benchmarks(base), _as_benchmarks(new)))
        first, second = (_of_points(each) for each in points)
    return _matched(first, second)


def _as_benchmarks(machine: Machine) -> Machine:
    """One file that is no study makes both a list of benchmarks."""
    return replace(machine, is_study=False)


def _of_study(machine: Machine) -> list[StoredCell]:
    rows = records(machine.tables.cells)
    return [_of_rows(group) for _, group in grouped(rows, (*ALWAYS, *SETTING))]


def _of_rows(rows: Sequence[Row]) -> StoredCell:
    """Of a cell that was measured more than once, those that ended well count."""
    timed = [row for row in rows if row["status"] == OK and (row["latency_seconds"] or 0) > 0]
    last = (timed or rows)[-1]
    return StoredCell(
        key=tuple(last[name] for name in ALWAYS),
        setting={name: last[name] for name in SETTING},
        status=last["status"],
        reason=last["reason"],
        median=known_median([timing_of(row) for row in timed]) if timed else None,
        row=last,
    )


def _of_points(points: Points) -> list[StoredCell]:
    return [
        StoredCell((point.key.name,), {}, OK, None, point.median, {})
        for point in points.by_key.values()
    ]


def _matched(first: Sequence[StoredCell], second: Sequence[StoredCell]) -> Cells:
    left = {_full(cell): cell for cell in second}
    pairs, unmatched = [], []
    for cell in first:
        other = left.pop(_full(cell), None)
        if other is None:
            unmatched.append(cell)
        else:
            pairs.append(Matched(cell, other))
    missing = []
    for cell in unmatched:
        other = _nearest(cell, left.values())
        if other is None:
            missing.append(cell)
        else:
            del left[_full(other)]
            pairs.append(Matched(cell, other, _differing(cell, other)))
    return Cells(tuple(pairs), tuple(missing), tuple(left.values()))


def _full(cell: StoredCell) -> tuple[Any, ...]:
    return (*cell.key, *cell.setting.values())


def _nearest(cell: StoredCell, others: Iterable[StoredCell]) -> StoredCell | None:
    """The one of the same network and pass whose setting differs least."""
    found = [each for each in others if each.key == cell.key and cell.setting]
    return min(found, key=lambda each: len(_differing(cell, each)), default=None)


def _differing(cell: StoredCell, other: StoredCell) -> tuple[str, ...]:
    return tuple(name for name in SETTING if cell.setting[name] != other.setting[name])
