"""What runs were asked for, where their rows do not say it.

A run that was not trained for epochs has the steps that it took, and their FLOPs; which of the two
was chosen follows from the depths together. Chosen steps are the same at all of them. Chosen FLOPs
give each depth the steps that come nearest, so they are within half a step of those of each run.
Steps that neither explains are taken to be one choice within a file.

A run that did not finish says less: it was asked for what the finished runs of its file were, where
these are all alike.
"""

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

from .tables import Row, grouped

# What the FLOPs of a step depend on, besides family, task and depth.
_SIZED_BY = ("match", "match_reference_depth", "batch_size")

# A number of FLOPs needs no more digits than a float has.
_MOST_DIGITS = 17


@dataclass(frozen=True)
class _Taken:
    """The steps that runs of one depth took, and the FLOPs of one step; null if unknown."""

    depth: int
    steps: int
    step_flops: float | None

    @property
    def bounds(self) -> tuple[float, float] | None:
        """The training FLOPs that so many steps are nearest to."""
        if not self.step_flops:
            return None
        return self.step_flops * (self.steps - 0.5), self.step_flops * (self.steps + 0.5)


@dataclass(frozen=True)
class _Reason:
    """What would explain the steps of these runs, as it is typed: `3000steps`, `3e+11flops`."""

    name: str
    runs: frozenset[_Taken]

    @property
    def depths(self) -> int:
        """How many it explains."""
        return len({run.depth for run in self.runs})


def with_asked_for(rows: Sequence[Row]) -> list[Row]:
    """The rows of one family and task with `train_for`, null where epochs were chosen, and with
    what runs that did not finish do not say."""
    told = [row for _, group in grouped(rows, _SIZED_BY) for row in _with_train_for(group)]
    finished = [row for row in told if row["status"] == "ok"]
    return [row if row["status"] == "ok" else _completed(row, finished) for row in told]


def _with_train_for(rows: Sequence[Row]) -> list[Row]:
    taken = [_taken(row) for row in rows]
    files: dict[Any, set[_Taken]] = {}
    for row, each in zip(rows, taken, strict=True):
        if each:
            files.setdefault(row["source"], set()).add(each)
    names = _names(list(files.values()))
    return [
        row | {"train_for": names[each] if each else None}
        for row, each in zip(rows, taken, strict=True)
    ]


def _taken(row: Row) -> _Taken | None:
    """Null where epochs were chosen, and where the run was cut short."""
    if row["epochs"] is not None or not row["steps"] or row["status"] != "ok":
        return None
    flops = row["train_flops"]
    return _Taken(row["depth"], int(row["steps"]), flops and flops / row["steps"])


def _names(files: Sequence[Set[_Taken]]) -> Mapping[_Taken, str]:
    """What each was trained for: the likeliest reason first, then that of those that it leaves."""
    names: dict[_Taken, str] = {}
    while left := [runs for file in files if (runs := file - names.keys())]:
        likeliest = _likeliest(left)
        names |= dict.fromkeys(likeliest.runs, likeliest.name)
    return names


def _likeliest(files: Sequence[Set[_Taken]]) -> _Reason:
    """That of most depths, steps before FLOPs; a single depth has no reason of its own while its
    file is one."""
    runs = frozenset().union(*files)
    by_steps, by_flops = list(_same_steps(runs)), list(_same_flops(runs))
    shared = [each for each in (*by_steps, *by_flops) if each.depths > 1]
    found = shared or [*by_steps, *map(_same_file, filter(_is_one_choice, files))]
    return max(found, key=lambda reason: reason.depths)


def _same_steps(runs: Set[_Taken]) -> Iterator[_Reason]:
    for steps in sorted({run.steps for run in runs}):
        yield _Reason(f"{steps}steps", frozenset(run for run in runs if run.steps == steps))


def _same_flops(runs: Set[_Taken]) -> Iterator[_Reason]:
    bounded = {run: run.bounds for run in runs if run.bounds}
    # Where most bounds overlap, one of them begins.
    for start in sorted(low for low, _ in bounded.values()):
        around = {run: high for run, (low, high) in bounded.items() if low <= start < high}
        yield _Reason(f"{_roundest(start, min(around.values()))}flops", frozenset(around))


def _is_one_choice(runs: Set[_Taken]) -> bool:
    return len({run.depth for run in runs}) == len(runs)


def _same_file(runs: Set[_Taken]) -> _Reason:
    ordered = sorted(runs, key=lambda run: run.depth)
    name = ", ".join(f"{run.steps}steps at depth {run.depth}" for run in ordered)
    return _Reason(name, frozenset(runs))


def _roundest(low: float, high: float) -> str:
    """The number from `low` to below `high` that has fewest digits: the one that was typed."""
    texts = (f"{(low + high) / 2:.{digits}g}" for digits in range(1, _MOST_DIGITS))
    return next((text for text in texts if low <= float(text) < high), repr(low))


def _completed(row: Row, finished: Sequence[Row]) -> Row:
    same = ("source", "epochs")
    beside = [each for each in finished if all(each[name] == row[name] for name in same)]
    untold = [name for name in ("train_for", "tuned_from") if row[name] is None]
    return row | {name: _common(beside, name) for name in untold}


def _common(rows: Sequence[Row], name: str) -> Any:
    """What all rows say, else null."""
    values = {repr(row[name]): row[name] for row in rows}
    return next(iter(values.values())) if len(values) == 1 else None
