"""What budgets leave of the depths: the record of the answer, the nearest depth, notes."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from .budget import Budget
from .costs import DepthCost


@dataclass(frozen=True)
class Nearest:
    """The depth that exceeds budgets least: that whose largest need over its limit is smallest.

    Attributes:
        needs: by the column of each budget.
    """

    depth: int
    needs: Mapping[str, float]


@dataclass(frozen=True)
class Within:
    """The best depth inside budgets, all of them together; null if none fits.

    Attributes:
        sufficient_depth, confidence_set: among the depths that fit, as in `Verdict`.
        cannot_tell: depths of which the noise of their costs hides whether they fit, at 95%; the
            figures decide, so each may be among those that fit or not.
        nearest: null if every need is unknown.
        unknown_depths: depths with a need that is not known, which therefore do not fit.
    """

    budgets: tuple[Budget, ...]
    depth: int | None
    sufficient_depth: int | None
    confidence_set: tuple[int, ...]
    cannot_tell: tuple[int, ...]
    nearest: Nearest | None
    unknown_depths: tuple[int, ...]

    def as_dict(self) -> dict[str, Any]:
        """The entry of `under_budget` in the JSON verdict."""
        return {
            "budget": ", ".join(map(str, self.budgets)),
            "depth": self.depth,
            "sufficient_depth": self.sufficient_depth,
            "confidence_set": list(self.confidence_set),
            "cannot_tell": list(self.cannot_tell),
            "nearest": asdict(self.nearest) if self.nearest and self.depth is None else None,
        }


def nearest(budgets: Sequence[Budget], costs: Sequence[DepthCost]) -> Nearest | None:
    """Among the depths of which every need is known."""
    known = [cost for cost in costs if all(each.need(cost) is not None for each in budgets)]
    if not budgets or not known:
        return None
    least = min(known, key=lambda cost: (_excess(budgets, cost), cost.depth))
    return Nearest(least.depth, {each.column: each.need(least) or 0.0 for each in budgets})


def _excess(budgets: Sequence[Budget], cost: DepthCost) -> float:
    return max((each.need(cost) or 0.0) / each.limit for each in budgets)


def unknown_depths(budgets: Sequence[Budget], costs: Sequence[DepthCost]) -> tuple[int, ...]:
    """The depths of which some need is unknown."""
    return _depths(costs, lambda cost: any(each.need(cost) is None for each in budgets))


def budget_notes(budgets: Sequence[Budget], costs: Sequence[DepthCost]) -> Iterator[str]:
    """Of each budget, the depths of which the need or its noise is unknown."""
    for budget in budgets:
        unknown = unknown_depths([budget], costs)
        if unknown:
            yield (
                f"{budget.column} is unknown at depth {', '.join(map(str, unknown))}, "
                "which therefore does not fit the budget."
            )
        single = _depths(costs, budget.has_unknown_noise)
        if single:
            yield (
                f"The noise of {budget.column} is unknown at depth {', '.join(map(str, single))}: "
                "one figure decides whether that fits the budget."
            )


def _depths(costs: Sequence[DepthCost], holds: Callable[[DepthCost], bool]) -> tuple[int, ...]:
    return tuple(cost.depth for cost in costs if holds(cost))
