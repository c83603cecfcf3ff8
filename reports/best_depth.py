"""How deep should the network be: a verdict per family and task, from accuracies and costs.

Which depths may be the best is said by `confidence_set`, which deeper ones are worse by `decline`.
What is not claimed: nothing is said about depths that were not tried. Curves are fitted through
those that were, and decide nothing (`fits`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from .budget import Budget, cannot_tell, fits_all
from .confidence_set import Candidate, candidates
from .costs import CostTable, DepthCost
from .decline import decline_p_values
from .estimates import ALPHA, CONFIDENCE, Estimate
from .fits import fits
from .gains import Gain, gains_between
from .held_equal import Held, costs_held
from .margin import MARGIN
from .pareto import fronts
from .separation import separations
from .sweep import Sweep, TrainingCost
from .verdict import DepthRow, Limit, Verdict
from .within_budget import Within, budget_notes, nearest, unknown_depths
from .within_margin import within_margin


def judge(
    sweep: Sweep,
    costs: CostTable | None = None,
    budgets: Sequence[Budget] = (),
    *,
    margin: float = MARGIN,
) -> Verdict:
    """The verdict on one sweep.

    Args:
        costs: the family's costs in the setting that fits the sweep.
        margin: accuracy (a fraction) that the user cares for.
    """
    estimates = sweep.estimates
    best = best_estimate(estimates)
    standing = stand(estimates)
    testable = best is not None and best.tested is not None
    gains, doubling_of, gain_notes = gains_between(estimates, costs.depths if costs else ())
    rows = _rows(sweep, costs, gains, standing)
    judged = [row for row in rows if row.accuracy is not None]
    prices = [row.cost for row in judged]
    return Verdict(
        family=sweep.family,
        knobs=sweep.knobs,
        task=sweep.task,
        metric=sweep.metric,
        n_depths=len(estimates),
        best_depth=best.depth if best else None,
        sufficient_depth=standing.sufficient if testable else None,
        confidence_set=standing.members if testable else (),
        confidence=CONFIDENCE if testable else None,
        margin=margin,
        within_margin=within_margin(estimates, margin),
        to_separate=separations(estimates, standing.candidates, best=standing.best),
        shape=shape(standing),
        declines_from=declines_from(standing),
        censored=best is not None and best.depth == max(sweep.tried),
        gains=gains,
        doubling_of=doubling_of,
        under_budget=tuple(_within([budget], judged) for budget in budgets),
        within_all=_within(budgets, judged) if budgets else None,
        fits=fits(estimates),
        pareto=fronts(prices, estimates),
        held=(*sweep.held, *_seeds(estimates), *costs_held(prices)),
        limit=Limit(),
        notes=(
            *sweep.notes,
            *gain_notes,
            *budget_notes(budgets, prices),
            *_test_note(sweep, best),
        ),
        rows=rows,
        setting=costs.setting if costs else None,
        failed=sweep.failed,
        trained=sweep.trained,
    )


def best_estimate(estimates: Sequence[Estimate]) -> Estimate | None:
    """The estimate with the best mean; of equals the shallowest."""
    return max(estimates, key=lambda each: (each.mean, -each.depth), default=None)


@dataclass(frozen=True)
class Standing:
    """The depths against each other, the shallowest first.

    Attributes:
        best: the depth with the best mean; null without any.
        candidates, declines: by depth, those whose noise is known; see `confidence_set` and
            `decline`.
    """

    depths: tuple[int, ...]
    best: int | None
    candidates: Mapping[int, Candidate]
    declines: Mapping[int, float]

    @property
    def members(self) -> tuple[int, ...]:
        """Depths that may truly be the best."""
        found = self.candidates
        kept = (d for d in self.depths if d not in found or found[d].is_member or d == self.best)
        return tuple(kept)

    @property
    def sufficient(self) -> int | None:
        """The shallowest member whose noise is known."""
        return next((depth for depth in self.members if depth in self.candidates), None)

    @property
    def beyond(self) -> dict[int, bool]:
        """The depths beyond the best, and whether each is significantly worse than a shallower
        one."""
        return {
            depth: self.declines.get(depth, 1.0) < ALPHA
            for depth in self.depths
            if self.best is not None and depth > self.best
        }


def stand(estimates: Sequence[Estimate], *, declines: bool = True) -> Standing:
    """Compares all depths whose noise is known, if that of the best is.

    Args:
        declines: whether they are asked for; to find them takes as long as all else.
    """
    best = best_estimate(estimates)
    known = best is not None and best.tested is not None
    tested = {e.depth: e.tested for e in estimates if known and e.tested is not None}
    moments = list(tested.values())
    return Standing(
        depths=tuple(each.depth for each in estimates),
        best=best.depth if best else None,
        candidates=dict(zip(tested, candidates(moments), strict=True)) if tested else {},
        declines=dict(zip(tested, decline_p_values(moments), strict=True)) if declines else {},
    )


def shape(standing: Standing) -> str:
    """How accuracy goes with depth.

    - `undetermined`: fewer than two depths, or each of them may be the best.
    - `declining`: some depth beyond the best is significantly worse than a shallower one.
    - `rising`: the deepest is best, and the depth before it is not.
    - `plateau`: anything else, as nothing past the sufficient depth gains significantly and nothing
      beyond the best is significantly worse.
    """
    members = standing.members
    if any(standing.beyond.values()):
        return "declining"
    if len(members) == len(standing.depths):
        return "undetermined"
    *_, before, deepest = standing.depths
    return "rising" if standing.best == deepest and before not in members else "plateau"


def declines_from(standing: Standing) -> int | None:
    """The shallowest depth beyond the best that is significantly worse, unless accuracy comes back.

    If the deepest depth is not worse, the loss between them is a dip and no decline begins
    anywhere: null. A depth in between that is not worse moves the start past itself.
    """
    start = None
    for depth, worse in standing.beyond.items():
        start = (start or depth) if worse else None
    return start


def _rows(
    sweep: Sweep,
    costs: CostTable | None,
    gains: Sequence[Gain],
    standing: Standing,
) -> tuple[DepthRow, ...]:
    cost = {each.depth: each for each in costs.depths} if costs else {}
    train = {each.depth: each for each in sweep.train}
    accuracy = {each.depth: each for each in sweep.estimates}
    gain = {each.to_depth: each for each in gains}
    return tuple(
        DepthRow(
            cost=_cost(cost.get(depth, DepthCost(depth)), sweep.training_costs.get(depth)),
            train=train.get(depth),
            accuracy=accuracy.get(depth),
            gain=gain.get(depth),
            candidate=standing.candidates.get(depth),
            decline_p=standing.declines.get(depth),
        )
        for depth in sorted({*cost, *sweep.training_costs})
    )


def _cost(measured: DepthCost, training: TrainingCost | None) -> DepthCost:
    """What was measured and what training took; parameters are known to both."""
    if training is None:
        return measured
    parameters = measured.parameters if measured.parameters is not None else training.parameters
    return replace(
        measured,
        parameters=parameters,
        train_seconds=training.train_seconds,
        train_flops=training.train_flops,
        bounds={**measured.bounds, **training.bounds},
    )


def _seeds(estimates: Sequence[Estimate]) -> tuple[Held, ...]:
    found = {each.depth: (each.n_seeds,) for each in estimates}
    return (Held("seeds", found),) if found else ()


def _within(budgets: Sequence[Budget], rows: Sequence[DepthRow]) -> Within:
    """What is best within these budgets together; rows: of the depths that have an accuracy."""
    costs = [row.cost for row in rows]
    standing = stand([row.accuracy for row in rows if row.accuracy and fits_all(budgets, row.cost)])
    return Within(
        budgets=tuple(budgets),
        depth=standing.best,
        sufficient_depth=standing.sufficient,
        confidence_set=standing.members if standing.candidates else (),
        cannot_tell=tuple(cost.depth for cost in costs if cannot_tell(budgets, cost)),
        nearest=nearest(budgets, costs),
        unknown_depths=unknown_depths(budgets, costs),
    )


def _test_note(sweep: Sweep, best: Estimate | None) -> list[str]:
    """The test split, looked at once: for the chosen depth."""
    return [
        f"Test accuracy at depth {each.depth}, which was chosen on the validation split: "
        f"{100 * each.mean:.1f}%{_interval_words(each)}."
        for each in sweep.test
        if best is not None and each.depth == best.depth
    ]


def _interval_words(estimate: Estimate) -> str:
    if estimate.low is None or estimate.high is None:
        return ""
    return f" (95% interval {100 * estimate.low:.1f} to {100 * estimate.high:.1f})"
