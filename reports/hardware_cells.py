"""The cells of a machine as points that can be matched with another machine's.

Of a study a cell is matched by all that says what was computed: family with its knobs, depth, pass,
batch size, dtype, variants and what its width was matched in. Where it was computed (device,
threads) may differ, which is what is compared. Of any other pytest-benchmark file a benchmark is
matched by its full name, which holds its parameters.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .machines import Machine
from .median_ratio import KnownMedian, Timing, known_median
from .rows import mapping, number_or_none
from .tables import Row, grouped, records

SETTING = ("batch_size", "dtype", "variants", "match")


@dataclass(frozen=True)
class Series:
    """Cells that differ in depth only, or the benchmarks of one group; null is unknown.

    Attributes:
        family: or the group of a pytest-benchmark file.
        pass_: null for such a group.
    """

    family: str
    pass_: str | None = None
    batch_size: int | None = None
    dtype: str | None = None
    variants: str | None = None
    match: str | None = None


@dataclass(frozen=True)
class Key:
    """What two machines' points are matched by: a series and a depth, or a full name."""

    series: Series | None
    depth: int | None
    name: str | None


@dataclass(frozen=True)
class Point:
    """A cell on one machine.

    Attributes:
        row: of `Tables.cells`, the last where the cell was measured more than once; empty for other
            benchmarks.
    """

    key: Key
    series: Series
    median: KnownMedian
    row: Mapping[str, Any]

    def measure(self, name: str) -> float | None:
        """A number of the row; null where it is unknown."""
        return number_or_none(self.row.get(name))


@dataclass(frozen=True)
class Points:
    """The points of one machine.

    Attributes:
        mixed: what was left out since the machine's files have it in several settings, in words.
    """

    machine: str
    by_key: Mapping[Key, Point]
    mixed: tuple[str, ...] = ()


def all_points(machines: Sequence[Machine]) -> tuple[Points, ...]:
    """The points of each machine: as cells if every machine has a study, else by full name."""
    if all(machine.is_study for machine in machines):
        return tuple(map(_study_points, machines))
    named = [_named_points(machine, "fullname") for machine in machines]
    base, *others = named
    if any(base.by_key.keys() & other.by_key.keys() for other in others):
        return tuple(named)
    # Another folder to start from gives the same test another path.
    return tuple(_named_points(machine, "name") for machine in machines)


def _study_points(machine: Machine) -> Points:
    cells = [
        row
        for row in records(machine.tables.cells)
        if row["status"] == "ok" and (row["latency_seconds"] or 0) > 0
    ]
    found, mixed = {}, []
    for (family, pass_, depth, *setting), rows in grouped(
        cells, ("family", "pass", "depth", *SETTING)
    ):
        batch_size = None if setting[0] is None else int(setting[0])
        series = Series(family or "unnamed", pass_, batch_size, *setting[1:])
        places = sorted({_place(row) for row in rows})
        if len(places) > 1:
            mixed.append(f"{series_words(series)}, depth {depth}: {' and '.join(places)}")
            continue
        key = Key(series, depth, None)
        found[key] = Point(key, series, known_median([timing_of(row) for row in rows]), rows[-1])
    return Points(machine.name, found, tuple(mixed))


def _place(row: Row) -> str:
    count = row["threads"]
    threads = "" if count is None else f", {count:g} thread{'s' * (count != 1)}"
    return f"{row['device']}{threads}"


def timing_of(row: Row) -> Timing:
    """What one row of `Tables.cells` says of its time."""
    rounds = row["rounds"]
    return Timing(
        median=row["latency_seconds"],
        samples=tuple(row["samples"] or ()),
        iqr=row["iqr_seconds"],
        rounds=None if rounds is None else int(rounds),
    )


def _named_points(machine: Machine, field: str) -> Points:
    """Benchmarks by `fullname`, or by `name`."""
    named: dict[str, list[Mapping[str, Any]]] = {}
    for benchmark in machine.benchmarks:
        name = str(benchmark.get(field) or benchmark.get("name"))
        if mapping(benchmark.get("stats")):
            named.setdefault(name, []).append(benchmark)
    found = dict(_named_point(name, benchmarks) for name, benchmarks in sorted(named.items()))
    return Points(machine.name, found)


def _named_point(name: str, benchmarks: Sequence[Mapping[str, Any]]) -> tuple[Key, Point]:
    key = Key(None, None, name)
    group = benchmarks[0].get("group")
    series = Series("no group" if group is None else str(group))
    timings = [_stats_timing(mapping(each["stats"])) for each in benchmarks]
    return key, Point(key, series, known_median(timings), {})


def _stats_timing(stats: Mapping[str, Any]) -> Timing:
    data = stats.get("data")
    samples = [number_or_none(each) for each in data] if isinstance(data, list) else []
    rounds = number_or_none(stats.get("rounds"))
    return Timing(
        median=number_or_none(stats.get("median")) or 0.0,
        samples=tuple(each for each in samples if each is not None),
        iqr=number_or_none(stats.get("iqr")),
        rounds=None if rounds is None else int(rounds),
    )


def series_words(series: Series, told: Sequence[str] = SETTING) -> str:
    """`mlp forward (batch 32, fp32)`; told: the parts of the setting that are shown."""
    words = {"batch_size": "batch {}", "match": "{} matched"}
    parts = [
        words.get(name, "{}").format(value)
        for name in SETTING
        if name in told and (value := getattr(series, name)) is not None
    ]
    setting = f" ({', '.join(parts)})" if parts else ""
    return f"{series.family}{f' {series.pass_}' if series.pass_ else ''}{setting}"


def told_parts(series: Sequence[Series]) -> tuple[str, ...]:
    """The parts of the setting in which the series differ: only these need be told."""
    return tuple(name for name in SETTING if len({getattr(each, name) for each in series}) > 1)
