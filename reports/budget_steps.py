"""The answer for every budget on one cost, before anybody asks: a step function of the budget.

What fits, and whether that is sure, changes only where the budget passes a depth's cost or one of
its bounds. Between two of these the answer is the same, so that a page need only look it up.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from .best_depth import Standing, stand
from .budget import BOUNDED, Budget, cannot_tell
from .verdict import DepthRow, Verdict


@dataclass(frozen=True)
class BudgetStep:
    """The answer from this budget on, up to the next step's; see `Within`.

    Attributes:
        depth: the best that fits; null if none does.
    """

    at_least: float
    depth: int | None
    sufficient_depth: int | None
    cannot_tell: tuple[int, ...]


class _Standings:
    """The depths that fit against each other; budgets on many costs leave the same depths."""

    def __init__(self, rows: Sequence[DepthRow]) -> None:
        self._rows = rows
        self._known: dict[tuple[int, ...], Standing] = {}

    def within(self, budget: Budget) -> Standing:
        fitting = [row for row in self._rows if budget.fits(row.cost)]
        key = tuple(row.depth for row in fitting)
        if key not in self._known:
            estimates = [row.accuracy for row in fitting if row.accuracy]
            self._known[key] = stand(estimates, declines=False)
        return self._known[key]


def budget_steps(verdict: Verdict) -> Mapping[str, tuple[BudgetStep, ...]]:
    """By the name of the budget, its steps, the smallest first; below the first nothing fits.
    Costs that no judged depth has are left out."""
    judged = [row for row in verdict.rows if row.accuracy is not None]
    standings = _Standings(judged)
    found = {name: tuple(_steps(name, judged, standings)) for name in BOUNDED}
    return {name: steps for name, steps in found.items() if steps}


def _steps(name: str, rows: Sequence[DepthRow], standings: _Standings) -> Iterator[BudgetStep]:
    before: BudgetStep | None = None
    for limit in _borders(name, rows):
        step = _step(Budget(name, limit), rows, standings)
        if before is None or _said(step) != _said(before):
            yield step
        before = step


def _step(budget: Budget, rows: Sequence[DepthRow], standings: _Standings) -> BudgetStep:
    standing = standings.within(budget)
    unsure = tuple(row.depth for row in rows if cannot_tell([budget], row.cost))
    return BudgetStep(budget.limit, standing.best, standing.sufficient, unsure)


def _borders(name: str, rows: Sequence[DepthRow]) -> list[float]:
    budget = Budget(name, 0.0)
    needs = [need for row in rows if (need := budget.need(row.cost)) is not None]
    known = [bounds for row in rows if (bounds := budget.bounds(row.cost)) is not None]
    borders = {*needs, *(b.low for b in known), *(b.high for b in known)}
    return sorted(border for border in borders if border > 0)


def _said(step: BudgetStep) -> tuple[object, ...]:
    return step.depth, step.sufficient_depth, step.cannot_tell
