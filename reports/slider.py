"""What the budget slider of the page looks up: for each cost its range, and each network's answers
in words.

Everything is worked out and worded here; the page only finds the step that a budget falls on.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from .budget import BOUNDED
from .budget_steps import BudgetStep, budget_steps
from .labels import shortened
from .units import Unit, unit_of
from .verdict import Verdict
from .words import percent, quantity

OFFERED = {
    "latency": "forward latency of a batch",
    "memory": "peak memory of a step",
    "flops": "forward FLOPs of a sample",
    "train_time": "training time of a run",
    "train_flops": "training FLOPs of a run",
    "energy": "energy of a forward pass",
}
"""Budgets by their name on the command line, in the order in which they are offered."""

ROOM = 1.25
"""The slider begins and ends this far, as a factor, beyond the smallest and the largest cost."""

UNMEASURED = {"depth": "unknown", "told": "not measured"}


def sliders(verdicts: Sequence[Verdict]) -> list[dict[str, Any]]:
    """One entry for each cost that any network's depths have, as JSON can hold it."""
    steps = [budget_steps(verdict) for verdict in verdicts]
    return [
        _slider(name, verdicts, [each.get(name, ()) for each in steps])
        for name in OFFERED
        if any(name in each for each in steps)
    ]


def _slider(
    name: str, verdicts: Sequence[Verdict], steps: Sequence[Sequence[BudgetStep]]
) -> dict[str, Any]:
    column = BOUNDED[name].column
    costs = [cost for verdict in verdicts for cost in _costs(verdict, column).values()]
    unit = unit_of(column, costs)
    return {
        "name": name,
        "label": OFFERED[name],
        "unit": unit.name,
        "low": min(costs) / ROOM / unit.factor,
        "high": max(costs) * ROOM / unit.factor,
        "networks": [
            _network(verdict, column, unit, each)
            for verdict, each in zip(verdicts, steps, strict=True)
        ],
    }


def _costs(verdict: Verdict, column: str) -> Mapping[int, float]:
    """Of the depths that have an accuracy; those above 0, which alone a log scale can show."""
    found = {row.depth: getattr(row.cost, column) for row in verdict.rows if row.accuracy}
    return {depth: cost for depth, cost in found.items() if cost}


def _network(
    verdict: Verdict, column: str, unit: Unit, steps: Sequence[BudgetStep]
) -> dict[str, Any]:
    costs = _costs(verdict, column)
    if not steps:
        return {"name": shortened(verdict.family), "from": [], "answers": [UNMEASURED]}
    cheapest = min(costs, key=lambda depth: (costs[depth], depth))
    none = {"depth": "none", "told": f"depth {cheapest} needs {quantity(column, costs[cheapest])}"}
    return {
        "name": shortened(verdict.family),
        "from": [float(f"{step.at_least / unit.factor:.12g}") for step in steps],
        "answers": [none, *(_answer(verdict, column, costs, step, none) for step in steps)],
    }


def _answer(
    verdict: Verdict,
    column: str,
    costs: Mapping[int, float],
    step: BudgetStep,
    none: dict[str, str],
) -> dict[str, str]:
    """The best depth that fits, and what is to be known of it."""
    unsure = ", ".join(map(str, step.cannot_tell))
    doubt = [f"whether depth {unsure} fits cannot be told"] if unsure else []
    if step.depth is None:
        return {"depth": "none", "told": "; ".join([none["told"], *doubt])}
    told = "; ".join([*_facts(verdict, column, costs, step), *doubt])
    return {"depth": str(step.depth), "told": told}


def _facts(
    verdict: Verdict, column: str, costs: Mapping[int, float], step: BudgetStep
) -> Iterator[str]:
    depth, sufficient = step.depth, step.sufficient_depth
    if depth is None:
        return
    yield percent(verdict, verdict.row(depth).accuracy)
    if depth in costs:
        yield quantity(column, costs[depth])
    if sufficient is not None and sufficient != depth:
        yield f"sufficient: {sufficient}"
