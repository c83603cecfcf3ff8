"""Hardware against hardware: all that a comparison of machines says.

The first machine is the base. What was computed must be the same (family, knobs, depth, pass, batch
size, dtype, variants); where it was computed may differ, and what differs there is said first.
Left out: whether a difference is worth its price, and any machine that nobody measured.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from .budget import Budget
from .errors import InputError
from .hardware_budgets import UnderBudget, affordable
from .hardware_cause import Cause, causes
from .hardware_cells import Points, Series, all_points
from .hardware_environment import Difference, differences, facts_of, silent
from .hardware_left_out import Excluded, holding, left_out, notes_on
from .hardware_pairs import Mean, Pair, Unshared, means, pairs, series_rank, unshared
from .hardware_price import TrainingRun, training_runs
from .hardware_scaling import Crossing, Line, crossings, lines
from .hardware_use import Use, uses
from .labels import shortened
from .machine_names import short
from .machines import Machine
from .price import Price
from .warned import Warned, count_warnings


@dataclass(frozen=True)
class Comparison:
    """What is shown. All that lists machines has them in one order, the base first.

    Attributes:
        files: by machine.
        silent: machines of whose environment nothing is known.
        holdings: by machine, what it has in words: said where nothing is shared.
        warnings: by machine, of its cells.
    """

    base: str
    files: Mapping[str, tuple[str, ...]]
    environments: Mapping[str, Mapping[str, str | None]]
    differences: tuple[Difference, ...]
    silent: tuple[str, ...]
    holdings: Mapping[str, str]
    pairs: tuple[Pair, ...]
    means: tuple[Mean, ...]
    uses: tuple[Use, ...]
    lines: tuple[Line, ...]
    crossings: tuple[Crossing, ...]
    causes: tuple[Cause, ...]
    affordable: tuple[UnderBudget, ...]
    runs: tuple[TrainingRun, ...]
    unshared: tuple[Unshared, ...]
    excluded: tuple[Excluded, ...]
    warnings: Mapping[str, tuple[Warned, ...]]
    notes: tuple[str, ...]

    @property
    def machines(self) -> tuple[str, ...]:
        """The names, the base first."""
        return tuple(self.files)

    @property
    def comparable(self) -> bool:
        """Is there anything that the base and another machine have both measured, or that two
        have trained?"""
        places: dict[tuple[str, str | None, int], set[str]] = {}
        for run in self.runs:
            places.setdefault((run.family, run.task, run.depth), set()).add(run.machine)
        return bool(self.pairs) or any(len(names) > 1 for names in places.values())

    @property
    def nothing_shared(self) -> str:
        """What each machine has, in one line; long names leave room for those of the others."""
        shown = list(self.holdings.items())[:_MOST_HOLDINGS]
        more = len(self.holdings) - len(shown)
        room = _LONGEST_HOLDINGS // len(shown)
        words = "; ".join(shortened(f"{short(name)} has {has}", room) for name, has in shown)
        others = f" with the base, {short(self.base)}" if len(self.files) > 2 else ""
        return f"nothing is shared{others}: {words}{f'; and {more} more' if more else ''}"

    def as_dict(self) -> dict[str, Any]:
        """The JSON object that `howdeep compare --json` prints."""
        return {
            "base": self.base,
            "machines": [
                {"name": name, "files": list(files), "environment": dict(self.environments[name])}
                for name, files in self.files.items()
            ],
            "differences": [asdict(each) for each in self.differences],
            "means": [_of_series(each) for each in self.means],
            "cells": [_of_pair(each) for each in self.pairs],
            "use": [_of_series(each) for each in self.uses],
            "scaling": [_of_series(each) for each in self.lines],
            "crossings": [_of_series(each) for each in self.crossings],
            "bounds": [_of_series(each) for each in self.causes],
            "under_budget": [each.as_dict() for each in self.affordable],
            "training_runs": [asdict(each) for each in self.runs],
            "not_shared": [_of_series(each) for each in self.unshared],
            "excluded": [asdict(each) for each in self.excluded],
            "warnings": {
                name: [each.as_dict() for each in warned] for name, warned in self.warnings.items()
            },
            "notes": list(self.notes),
        }


_MOST_HOLDINGS = 4
_LONGEST_HOLDINGS = 320
"""Characters of all of them: the line of an error is bounded."""
_LEFT_OUT = ("covariance",)


def _of_series(record: Any) -> dict[str, Any]:
    """A record with the names of its series beside its own."""
    given = asdict(record)
    pass_ = given.pop("pass_", None)
    series = given.pop("series") or {"family": None, "pass_": pass_}
    return _series(series) | {name: v for name, v in given.items() if name not in _LEFT_OUT}


def _series(given: Mapping[str, Any]) -> dict[str, Any]:
    return {"pass" if name == "pass_" else name: value for name, value in given.items()}


def _of_pair(pair: Pair) -> dict[str, Any]:
    return {
        "machine": pair.machine,
        **_series(asdict(pair.series)),
        "depth": pair.key.depth,
        "name": pair.key.name,
        "base_seconds": asdict(pair.base.median),
        "seconds": asdict(pair.other.median),
        "ratio": asdict(pair.ratio),
        "verdict": pair.ratio.verdict,
    }


def compare(
    machines: Sequence[Machine],
    *,
    base: str | None = None,
    budgets: Sequence[Budget] = (),
    prices: Sequence[Price] = (),
    notes: Sequence[str] = (),
) -> Comparison:
    """Each machine against the base, the first unless it is named.

    Raises:
        InputError: no machine has the base's name.
    """
    ordered = _base_first(machines, base)
    points = all_points(ordered)
    found = pairs(points[0], points[1:])
    shared = sorted(dict.fromkeys(pair.series for pair in found), key=series_rank)
    by_machine = [_shared_lines(each, shared) for each in points]
    crossed = [each for theirs in by_machine[1:] for each in crossings(by_machine[0], theirs)]
    with_lines = [each for each in shared if any(line.series == each for line in by_machine[0])]
    runs, run_notes = training_runs(ordered, prices)
    afforded = affordable(ordered, budgets)
    return Comparison(
        base=ordered[0].name,
        files={machine.name: machine.files for machine in ordered},
        environments={machine.name: facts_of(machine) for machine in ordered},
        differences=differences(ordered),
        silent=silent(ordered),
        holdings={each.machine: holding(each) for each in points},
        pairs=found,
        means=means(found),
        uses=tuple(uses(points, found)),
        lines=tuple(line for known in by_machine for line in known),
        crossings=tuple(crossed),
        causes=causes(ordered, points, with_lines),
        affordable=afforded,
        runs=runs,
        unshared=unshared(points),
        excluded=tuple(left_out(ordered, points)),
        warnings={machine.name: count_warnings(machine.tables) for machine in ordered},
        notes=(*notes, *notes_on(ordered, points, budgets, prices, afforded), *run_notes),
    )


def _base_first(machines: Sequence[Machine], base: str | None) -> list[Machine]:
    names = [machine.name for machine in machines]
    if base is not None and base not in names:
        raise InputError(f"--base: no machine {base!r}; there are {', '.join(names)}")
    return sorted(machines, key=lambda machine: base is not None and machine.name != base)


def _shared_lines(points: Points, shared: Sequence[Series]) -> list[Line]:
    known = {line.series: line for line in lines(points)}
    return [known[series] for series in shared if series in known]
