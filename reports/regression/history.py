"""Many studies, series by series: where levels changed, and with which commit.

At most `FALSE_ALARMS` of histories without any change show one, over all their series together;
of what is told where there are changes, that share is expected to be none (Benjamini & Hochberg
1995, on the largest change of each series). Counts have no noise: any other value is a change.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import groupby, pairwise
from statistics import median
from typing import Any

from .chance import LEAST_POINTS
from .change_points import change_points
from .history_files import Dated, Place

FALSE_ALARMS = 0.01

NOISELESS = ("flops",)
"""Metrics of which any other value is a change."""

NEAR = 2
"""Studies by which changes of one family's depths may lie apart and be one: noise moves where a
change is found."""


@dataclass(frozen=True)
class Change:
    """From which of the series' points on, from which level to which (medians); p_value: null for
    a change of a count."""

    index: int
    before: float
    after: float
    p_value: float | None

    def size(self, metric: str) -> float | None:
        """Relative; of an accuracy the difference in fractions."""
        if metric == "accuracy":
            return self.after - self.before
        return self.after / self.before - 1 if self.before else None


@dataclass(frozen=True)
class Series:
    """One value a study; studies: their places in the history."""

    place: Place
    studies: tuple[int, ...]
    values: tuple[float, ...]
    changes: tuple[Change, ...] = ()

    @property
    def is_long_enough(self) -> bool:
        """For changes to be told from noise."""
        return self.place.metric in NOISELESS or len(self.values) >= LEAST_POINTS


@dataclass(frozen=True)
class Told:
    """A change of one family, pass and metric, at one depth or at several.

    Attributes:
        place: without a depth.
        study: of the history, the first after the change; that of the surest depth.
        last_before: of the same series, the last study before it.
        studies_ago: so many studies of these series came later.
        depths: those that changed; of_depths: how many there are.
        changes: at each of these depths.
    """

    place: Place
    study: int
    last_before: int
    studies_ago: int
    depths: tuple[int | None, ...]
    of_depths: int
    changes: tuple[Change, ...]

    @property
    def sizes(self) -> tuple[float, ...]:
        """At each depth where it can be told."""
        sizes = (each.size(self.place.metric) for each in self.changes)
        return tuple(each for each in sizes if each is not None)


@dataclass(frozen=True)
class History:
    """All series of all machines, and the changes in them, the newest first."""

    studies: tuple[Dated, ...]
    series: tuple[Series, ...]
    told: tuple[Told, ...]
    notes: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """The JSON object that `howdeep history --json` prints."""
        return {
            "false_alarms": FALSE_ALARMS,
            "least_points": LEAST_POINTS,
            "studies": [_study(each) for each in self.studies],
            "changes": [self._told(each) for each in self.told],
            "series": [_series(each) for each in self.series],
            "notes": list(self.notes),
        }

    def _told(self, told: Told) -> dict[str, Any]:
        return {
            **_place(told.place),
            "from": _study(self.studies[told.study]),
            "last_before": _study(self.studies[told.last_before]),
            "studies_ago": told.studies_ago,
            "depths": list(told.depths),
            "of_depths": told.of_depths,
            "sizes": list(told.sizes),
        }


def find(studies: Sequence[Dated], notes: Sequence[str] = ()) -> History:
    """The changes in these studies; studies: in the order of time."""
    series = _judged(_series_of(studies))
    short = sum(not each.is_long_enough for each in series)
    words = f"{short} of {len(series)} series have fewer than the {LEAST_POINTS} studies that are "
    told = sorted(
        _told(series), key=lambda each: (-each.study, -max(map(abs, each.sizes), default=0))
    )
    return History(
        studies=tuple(studies),
        series=series,
        told=tuple(told),
        notes=(*notes, *([f"{words}needed to tell a change from noise."] if short else [])),
    )


def _series_of(studies: Sequence[Dated]) -> list[Series]:
    found: dict[Place, list[tuple[int, float]]] = {}
    for number, study in enumerate(studies):
        for place, value in study.values.items():
            found.setdefault(place, []).append((number, value))
    series = [Series(p, *zip(*points, strict=True)) for p, points in found.items()]
    return sorted(series, key=lambda each: _order(each.place))


def _order(place: Place) -> tuple[Any, ...]:
    """Series of one group side by side, by depth."""
    group = (place.family, place.metric, place.task or "", place.pass_ or "")
    return (*group, place.machine, place.setting, place.depth or 0)


def _judged(series: Sequence[Series]) -> tuple[Series, ...]:
    """Each series with those of its changes that pass for all series together."""
    found = [_with_changes(each) for each in series]
    noisy = [each for each in found if each.place.metric not in NOISELESS and each.is_long_enough]
    cut = _cut([min((c.p_value or 0.0 for c in each.changes), default=1.0) for each in noisy])
    return tuple(
        replace(each, changes=tuple(c for c in each.changes if (c.p_value or 0.0) <= cut))
        for each in found
    )


def _cut(p_values: Sequence[float]) -> float:
    """The largest p-value that is let pass (Benjamini & Hochberg); 0: none."""
    ranked = enumerate(sorted(p_values), start=1)
    passing = (p for place, p in ranked if p <= FALSE_ALARMS * place / len(p_values))
    return max(passing, default=0.0)


def _with_changes(series: Series) -> Series:
    values = series.values
    if series.place.metric in NOISELESS:
        pairs: list[tuple[int, float | None]] = [
            (i, None) for i in range(1, len(values)) if values[i] != values[i - 1]
        ]
    else:
        pairs = [(each.index, each.p_value) for each in change_points(values, FALSE_ALARMS)]
    ends = [0, *(index for index, _ in pairs), len(values)]
    levels = [median(values[a:b]) for a, b in pairwise(ends)]
    changes = (Change(i, levels[k], levels[k + 1], p) for k, (i, p) in enumerate(pairs))
    return replace(series, changes=tuple(changes))


def _told(series: Sequence[Series]) -> Iterator[Told]:
    """Changes of one group at nearly one study and in one direction, together."""
    for place, group in groupby(series, key=lambda each: replace(each.place, depth=None)):
        members = list(group)
        left = [(each, change) for each in members for change in each.changes]
        while left:
            surest = min(left, key=lambda pair: pair[1].p_value or 0.0)
            together = [pair for pair in left if _is_same(pair, surest)]
            left = [pair for pair in left if pair not in together]
            yield _as_told(place, surest, together, len(members))


def _is_same(one: tuple[Series, Change], other: tuple[Series, Change]) -> bool:
    (first, change), (second, reference) = one, other
    apart = abs(first.studies[change.index] - second.studies[reference.index])
    rises = (change.after > change.before, reference.after > reference.before)
    return apart <= (0 if first.place.metric in NOISELESS else NEAR) and rises[0] == rises[1]


def _as_told(
    place: Place,
    surest: tuple[Series, Change],
    together: Sequence[tuple[Series, Change]],
    of_depths: int,
) -> Told:
    series, change = surest
    return Told(
        place=place,
        study=series.studies[change.index],
        last_before=series.studies[change.index - 1],
        studies_ago=len(series.studies) - 1 - change.index,
        depths=tuple(each.place.depth for each, _ in together),
        of_depths=of_depths,
        changes=tuple(each for _, each in together),
    )


def _study(study: Dated) -> dict[str, Any]:
    when = study.when.isoformat()
    return {"source": study.source, "time": when, "commit": study.commit}


def _place(place: Place) -> dict[str, Any]:
    return {"pass" if k == "pass_" else k: v for k, v in asdict(place).items() if k != "depth"}


def _series(series: Series) -> dict[str, Any]:
    return {
        **_place(series.place),
        "depth": series.place.depth,
        "studies": list(series.studies),
        "values": list(series.values),
        "changes": [asdict(each) for each in series.changes],
        "too_short": not series.is_long_enough,
    }
