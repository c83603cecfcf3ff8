"""Does any depth of any family fit the budgets?

The answer that a command ends with: the nearest depth where none fits, and what would have to be
known where that cannot be told.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from .budget import Budget, fits_all
from .costs import DepthCost
from .within_budget import Nearest, nearest
from .words import budget_words, quantity


@dataclass(frozen=True)
class Affordable:
    """Whether some depth fits all budgets; null where what they bound is not known of enough
    depths. Unless some does, `why` says how it is, in a line."""

    fits: bool | None
    why: str | None = None


def affordable(budgets: Sequence[Budget], costs: Mapping[str, Sequence[DepthCost]]) -> Affordable:
    """The answer; costs: of the depths that are in question, by family."""
    everything = [cost for depths in costs.values() for cost in depths]
    if any(fits_all(budgets, cost) for cost in everything):
        return Affordable(fits=True)
    asked = " and ".join(map(budget_words, budgets))
    if all(_is_beyond(budgets, cost) for cost in everything):
        return Affordable(False, f"no depth has {asked}{_nearest_words(budgets, costs)}")
    unknown = " and ".join(each.words for each in budgets if _is_unknown(each, everything))
    return Affordable(
        None,
        f"whether any depth has {asked} is unknown: {unknown or 'not all of it'} was not measured",
    )


def _is_beyond(budgets: Iterable[Budget], cost: DepthCost) -> bool:
    """Is a need of this depth known to exceed its budget?"""
    return any(each.need(cost) is not None and not each.fits(cost) for each in budgets)


def _is_unknown(budget: Budget, costs: Iterable[DepthCost]) -> bool:
    return all(budget.need(cost) is None for cost in costs)


def _nearest_words(budgets: Sequence[Budget], costs: Mapping[str, Sequence[DepthCost]]) -> str:
    """Of all families; empty where no depth is known in all that is bounded."""
    found = [(family, near) for family, of in costs.items() if (near := nearest(budgets, of))]
    if not found:
        return ""
    family, least = min(found, key=lambda each: (_excess(budgets, each[1]), each[0]))
    needs = [quantity(each.column, least.needs[each.column]) for each in budgets]
    return f"; the nearest is depth {least.depth} of {family}, with {' and '.join(needs)}"


def _excess(budgets: Sequence[Budget], near: Nearest) -> float:
    return max(near.needs[each.column] / each.limit for each in budgets)
