"""How deep should the network be: a verdict per family and task, from accuracies and costs.

Depths are compared with the best one only, two-sided at 5%. What is not claimed: nothing is said
about depths that were not tried, and no curve is fitted through those that were.
"""

import math
from collections.abc import Sequence
from dataclasses import asdict, replace

from .budget import Budget, fits_all
from .costs import CostTable, DepthCost
from .estimates import CONFIDENCE, Comparison, Estimate, Moments, compare
from .sweep import Sweep, TrainingCost
from .verdict import DepthRow, Gain, Limit, Verdict, Within


def judge(sweep: Sweep, costs: CostTable | None = None, budgets: Sequence[Budget] = ()) -> Verdict:
    """The verdict on one sweep; costs: the family's costs in the setting that fits the sweep."""
    estimates = sweep.estimates
    best = best_estimate(estimates)
    against = compare_with_best(estimates, best)
    testable = best is not None and best.tested is not None
    members = tuple(each.depth for each in estimates if not _is_worse(against, each.depth))
    gains, doubling_of, gain_notes = _gains(sweep, costs)
    rows = _rows(sweep, costs, gains, against)
    within = tuple(_within(budget, rows) for budget in budgets)
    return Verdict(
        family=sweep.family,
        knobs=sweep.knobs,
        task=sweep.task,
        metric=sweep.metric,
        n_depths=len(estimates),
        best_depth=best.depth if best else None,
        sufficient_depth=members[0] if testable else None,
        confidence_set=members if testable else (),
        confidence=CONFIDENCE if testable else None,
        shape=shape(estimates, against),
        declines_from=declines_from(estimates, against),
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


def compare_with_best(
    estimates: Sequence[Estimate], best: Estimate | None
) -> dict[int, Comparison | None]:
    """Each other depth against the best one; null where nothing is known of the noise."""
    return {
        each.depth: _compared(best.tested, each.tested)
        for each in estimates
        if best is not None and each.depth != best.depth
    }


def _compared(first: Moments | None, second: Moments | None) -> Comparison | None:
    return compare(first, second) if first and second else None


def _is_worse(against: dict[int, Comparison | None], depth: int) -> bool:
    comparison = against.get(depth)
    return comparison is not None and comparison.significantly_worse


def shape(estimates: Sequence[Estimate], against: dict[int, Comparison | None]) -> str:
    """How accuracy goes with depth.

    - `undetermined`: fewer than two depths, or none can be told from the best.
    - `declining`: some depth beyond the best is significantly worse.
    - `rising`: the deepest is best, and significantly better than the depth before it.
    - `plateau`: anything else, as nothing past the sufficient depth gains significantly and nothing
      beyond the best is significantly worse.
    """
    depths = [each.depth for each in estimates]
    worse = [depth for depth in depths if _is_worse(against, depth)]
    if not worse:
        return "undetermined"
    (best,) = [depth for depth in depths if depth not in against]
    if worse[-1] > best:
        return "declining"
    return "rising" if best == depths[-1] and worse[-1] == depths[-2] else "plateau"


def declines_from(
    estimates: Sequence[Estimate], against: dict[int, Comparison | None]
) -> int | None:
    """The shallowest depth beyond the best that is significantly worse, unless accuracy comes back.

    If the deepest depth cannot be told from the best, the loss between them is a dip and no decline
    begins anywhere: null. A depth in between that cannot be told from the best moves the start past
    itself.
    """
    best = best_estimate(estimates)
    start = None
    for each in estimates:
        if best is not None and each.depth > best.depth:
            start = (start or each.depth) if _is_worse(against, each.depth) else None
    return start


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
    against: dict[int, Comparison | None],
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
            against_best=against.get(depth),
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
