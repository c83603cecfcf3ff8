"""Budgets: upper bounds on what a depth may cost, as `--budget latency=5ms` gives them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from .cost_bounds import NOISY, Bounds
from .costs import DepthCost
from .errors import InputError
from .quantity import parse_quantity


class Bounded(NamedTuple):
    """A cost that can be bounded: its column in `DepthCost`, its unit, and how it is read aloud."""

    column: str
    unit: str
    words: str


# By the name that people type.
BOUNDED = {
    "latency": Bounded("latency_seconds", "seconds", "a forward latency"),
    "flops": Bounded("flops", "flops", "forward FLOPs of a sample"),
    "train_flops": Bounded("train_flops", "flops", "training FLOPs"),
    "memory": Bounded("peak_bytes", "bytes", "a peak memory of a step"),
    "train_time": Bounded("train_seconds", "seconds", "a training time"),
    "energy": Bounded("energy_joules", "joules", "an energy of a forward pass"),
}


@dataclass(frozen=True)
class Budget:
    """An upper bound on one cost.

    Attributes:
        name: a key of `BOUNDED`.
        limit: the most that fits, in the unit of the column.
    """

    name: str
    limit: float

    @property
    def column(self) -> str:
        """The column of `DepthCost` that is bounded."""
        return BOUNDED[self.name].column

    @property
    def words(self) -> str:
        """What is bounded, as it is read aloud: `a forward latency`."""
        return BOUNDED[self.name].words

    def __str__(self) -> str:
        return f"{self.column}<={self.limit:.12g}"

    def need(self, cost: DepthCost) -> float | None:
        """How much of what is bounded this depth needs; null if it is unknown."""
        need: float | None = getattr(cost, self.column)
        return need

    def fits(self, cost: DepthCost) -> bool:
        """Is this depth known to stay within the bound, which is itself allowed?"""
        need = self.need(cost)
        return need is not None and need <= self.limit

    def bounds(self, cost: DepthCost) -> Bounds | None:
        """What the need is known to be within; null if it is unknown."""
        need = self.need(cost)
        return None if need is None else cost.bounds.get(self.column, Bounds(need, need))

    def has_unknown_noise(self, cost: DepthCost) -> bool:
        """Is the need known by one figure only, which another measurement would change?"""
        known = self.column in cost.bounds or self.need(cost) is None
        return self.column in NOISY and not known


def fits_all(budgets: Iterable[Budget], cost: DepthCost) -> bool:
    """Is this depth known to fit all budgets together?"""
    return all(budget.fits(cost) for budget in budgets)


def cannot_tell(budgets: Iterable[Budget], cost: DepthCost) -> bool:
    """Is this depth shown neither to fit all budgets nor to break one of them, at 95%?

    A need that is unknown breaks its budget.
    """
    asked = [(each.limit, each.bounds(cost)) for each in budgets]
    fits = all(bounds is not None and bounds.high <= limit for limit, bounds in asked)
    breaks = any(bounds is None or bounds.low > limit for limit, bounds in asked)
    return not fits and not breaks


def parse_budgets(texts: Sequence[str]) -> tuple[Budget, ...]:
    """Budgets of the form `name=quantity`, several in one text separated by commas.

    Raises:
        InputError: an unknown name, a quantity of another kind, or two bounds on one cost.
    """
    parts = [part.strip() for text in texts for part in text.split(",")]
    budgets = tuple(map(_parse, parts))
    names = [budget.name for budget in budgets]
    for name in names:
        if names.count(name) > 1:
            given = [part for part, each in zip(parts, names, strict=True) if each == name]
            raise InputError(f"--budget: one bound on {name} was expected; got {', '.join(given)}")
    return budgets


def _parse(text: str) -> Budget:
    name, sign, quantity = (part.strip() for part in text.partition("="))
    if name not in BOUNDED or not sign:
        raise InputError(
            f"--budget: one of {', '.join(BOUNDED)} was expected, as in latency=5ms; got {text!r}"
        )
    try:
        return Budget(name, parse_quantity(quantity, BOUNDED[name].unit))
    except InputError as error:
        raise InputError(f"--budget {name}: {error}") from None
