"""The remedies that were tried, ranked by the share of the loss that each alone recovers."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from .case import Case
from .paired import Paired
from .symptoms import gradient_symptoms
from .tables import Row
from .trials import (
    MORE_DATA,
    OF_TRAINING,
    BySeed,
    differences,
    median,
    metric_of,
    score,
)

SHORTCUTS, AUGMENTATION = "residual connections", "augmentation"


@dataclass(frozen=True)
class RemedyFinding:
    """What one remedy alone brought.

    Attributes:
        change: what was changed.
        metric: the accuracy that `points` are of; validation stands for all data held out.
        recovered_share: of the accuracy lost against the best shallower depth, or else, for
            gradients, optimization and data, of what is missing to 100%; None where nothing is
            lost.
        low, high: one-sided 95% bounds; None for the seed that chose alone.
        points: percent points of accuracy won.
        cost_ratio: training time over that of the network as asked.
        seeds: fresh ones; 0 means the one that chose.
    """

    name: str
    limit: str
    change: str
    metric: str
    points: float
    recovered_share: float | None
    low: float | None
    high: float | None
    cost_ratio: float | None
    seeds: int

    def as_dict(self) -> dict[str, Any]:
        """The entry of `remedies` in the JSON verdict."""
        return dict(vars(self))


def ranked(case: Case) -> tuple[RemedyFinding, ...]:
    """One finding a remedy, the best of its strengths, by the share it recovers, then by points."""
    found = {(each.name, each.limit): each for each in _screened(case)}
    found |= {(each.name, each.limit): each for each in _confirmed(case)}
    found |= {(each.name, each.limit): each for each in _of_others_too(case, found.values())}

    def rank(each: RemedyFinding) -> tuple[float, float, str]:
        share = each.recovered_share if each.recovered_share is not None else 0.0
        return -share, -each.points, each.name

    return tuple(sorted(found.values(), key=rank))


def _of_others_too(case: Case, found: Iterable[RemedyFinding]) -> Iterator[RemedyFinding]:
    """Remedies that the field knows against two limits: shortcuts against gradients, where the
    screen fires, and augmentation against too few data. They decide nothing there, since they help
    a network that degrades, or overfits, for any other reason, too."""
    probes = [row for row in case.probes if row["depth"] == case.depth]
    for each in found:
        if each.name == SHORTCUTS and gradient_symptoms(probes):
            yield replace(each, limit="gradients")
        if each.name == AUGMENTATION:
            yield replace(each, limit="data")


def _confirmed(case: Case) -> Iterator[RemedyFinding]:
    """Remedies trained with fresh seeds; early stopping and more data have seeds of their own."""
    for limit in (*OF_TRAINING, "overfitting"):
        for remedy, gain in case.remedies(limit).items():
            rows = case.trials.confirmed(limit).get(remedy, {})
            yield _finding(case, remedy, limit, rows, gain)
    more = case.doubled
    sized = case.trials.sized(case.depth)
    if more is not None and case.more_data:
        rows = sized[max(sized)]
        yield _finding(case, MORE_DATA, "data", rows, more, change=f"n={max(sized)}")


def _finding(
    case: Case, name: str, limit: str, rows: BySeed, gain: Paired, change: str | None = None
) -> RemedyFinding:
    share = case.share(limit, gain)
    row = next(iter(rows.values()), None)
    words = change or (str(row["change"]) if row else "the best evaluation")
    return RemedyFinding(
        name=name,
        limit=limit,
        change=words,
        metric=_metric(limit),
        points=100 * gain.mean,
        recovered_share=None if share is None else share.mean,
        low=None if share is None else share.low,
        high=None if share is None else share.high,
        cost_ratio=_cost_ratio(case, rows),
        seeds=gain.n,
    )


def _screened(case: Case) -> Iterator[RemedyFinding]:
    """The best strength of each remedy on the seed that chose."""
    best: dict[tuple[str, str], Row] = {}
    for row in case.trials.screened():
        place = str(row["remedy"]), str(row["limit"])
        if _rank(row) > _rank(best.get(place)):
            best[place] = row
    for (name, limit), row in best.items():
        gain = _one_seed_gain(case, limit, row)
        if gain is not None:
            lost = case.lost(limit) or 0.0
            yield RemedyFinding(
                name=name,
                limit=limit,
                change=str(row["change"]),
                metric=_metric(limit),
                points=100 * gain,
                recovered_share=gain / lost if lost > 0 and lost >= case.margin else None,
                low=None,
                high=None,
                cost_ratio=_cost_ratio(case, {int(row["seed"]): row}),
                seeds=0,
            )


def _rank(row: Row | None) -> tuple[float, str]:
    """By score; of equals always the same one, whatever the order of the rows."""
    value = None if row is None else score(row, metric_of(str(row["limit"])))
    return (-1.0, "") if row is None or value is None else (value, str(row["change"]))


def _one_seed_gain(case: Case, limit: str, row: Row) -> float | None:
    seed = int(row["seed"])
    there = [each for each in case.trials.baselines(limit) if seed in each]
    return differences({seed: row}, there, metric_of(limit)).get(seed)


def _cost_ratio(case: Case, rows: BySeed) -> float | None:
    """Time of training over that of the network as asked."""
    ours, theirs = median(rows, "train_seconds"), median(case.trials.asked, "train_seconds")
    return None if ours is None or not theirs else ours / theirs


def _metric(limit: str) -> str:
    return "train_accuracy" if limit in OF_TRAINING else "validation_accuracy"
