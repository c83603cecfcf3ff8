"""How deep should the network be: a verdict per family and task, from accuracies and costs.

Which depths may be the best is said by `confidence_set`, which deeper ones are worse by `decline`.
What is not claimed: nothing is said about depths that were not tried, and no curve is fitted
through those that were.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace

from .budget import Budget, fits_all
from .confidence_set import Candidate, candidates
from .costs import CostTable, DepthCost
from .decline import decline_p_values
from .estimates import ALPHA, CONFIDENCE, Comparison, Estimate, Moments, compare
from .margin import MARGIN
from .separation import separations
from .sweep import Sweep, TrainingCost
from .verdict import DepthRow, Gain, Limit, Verdict, Within
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
    gains, doubling_of, gain_notes = _gains(sweep, costs)
    rows = _rows(sweep, costs, gains, standing)
    within = tuple(_within(budget, rows) for budget in budgets)
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
        under_budget=within,
        within_all=_best_row([row for row in rows if fits_all(budgets, row.cost)]),
        limit=Limit(),
        notes=(*sweep.notes, *gain_notes, *_budget_notes(within), *_test_note(sweep, best)),
        rows=rows,
        setting=costs.setting if costs else None,
        failed=sweep.failed,
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


def stand(estimates: Sequence[Estimate]) -> Standing:
    """Compares all depths whose noise is known, if that of the best is."""
    best = best_estimate(estimates)
    known = best is not None and best.tested is not None
    tested = {e.depth: e.tested for e in estimates if known and e.tested is not None}
    moments = list(tested.values())
    return Standing(
        depths=tuple(each.depth for each in estimates),
        best=best.depth if best else None,
        candidates=dict(zip(tested, candidates(moments), strict=True)) if tested else {},
        declines=dict(zip(tested, decline_p_values(moments), strict=True)),
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


def _compared(first: Moments | None, second: Moments | None) -> Comparison | None:
    return compare(first, second) if first and second else None


def _gains(sweep: Sweep, costs: CostTable | None) -> tuple[tuple[Gain, ...], str, tuple[str, ...]]:
    """Gains per doubling of FLOPs if those of every depth are known, else per doubling of depth."""
    flops = {cost.depth: cost.flops for cost in costs.depths} if costs else {}
    known = {depth: value for depth, value in flops.items() if value}
    missing = [each.depth for each in sweep.estimates if each.depth not in known]
    size = {each.depth: float(each.depth) for each in sweep.estimates} if missing else known
    steps = list(zip(sweep.estimates, sweep.estimates[1:], strict=False))
    gains = tuple(_gain(a, b, size[a.depth], size[b.depth]) for a, b in steps)
    if not missing or not steps:
        return gains, "FLOPs", ()
    at = f" at depth {', '.join(map(str, missing))}" if known else ""
    note = f"Gains are per doubling of depth: the forward FLOPs{at} are unknown."
    return gains, "depth", (note,)


def _gain(first: Estimate, second: Estimate, first_size: float, second_size: float) -> Gain:
    doublings = math.log2(second_size / first_size)
    if doublings <= 0:  # more depth for no more FLOPs: a gain per doubling has no meaning
        return Gain(first.depth, second.depth, None, None, None)
    scale = 100 / doublings
    points = scale * (second.mean - first.mean)
    comparison = _compared(first.raw, second.raw)
    if comparison is None:
        return Gain(first.depth, second.depth, points, None, None)
    low, high = scale * comparison.low, scale * comparison.high
    return Gain(first.depth, second.depth, points, low, high)


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
    known = asdict(training) if training else {}
    if measured.parameters is not None:
        known["parameters"] = measured.parameters
    return replace(measured, **known)


def _within(budget: Budget, rows: Sequence[DepthRow]) -> Within:
    judged = [row for row in rows if row.accuracy is not None]
    needs = [(row.depth, budget.need(row.cost)) for row in judged]
    known = [(depth, need) for depth, need in needs if need is not None]
    return Within(
        budget=budget,
        depth=_best_row([row for row in judged if budget.fits(row.cost)]),
        smallest_need=min(known, key=lambda each: (each[1], each[0]), default=None),
        unknown_depths=tuple(depth for depth, need in needs if need is None),
    )


def _best_row(rows: Sequence[DepthRow]) -> int | None:
    best = best_estimate([row.accuracy for row in rows if row.accuracy is not None])
    return best.depth if best else None


def _budget_notes(within: Sequence[Within]) -> list[str]:
    return [
        f"{each.budget.column} is unknown at depth {', '.join(map(str, each.unknown_depths))}, "
        "which therefore does not fit the budget."
        for each in within
        if each.unknown_depths
    ]


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
