"""Budgets: upper bounds on what a depth may cost, as `--budget latency=5ms` gives them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

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


def fits_all(budgets: Iterable[Budget], cost: DepthCost) -> bool:
    """Is this depth known to fit all budgets together?"""
    return all(budget.fits(cost) for budget in budgets)


def parse_budgets(texts: Sequence[str]) -> tuple[Budget, ...]:
    """Budgets of the form `name=quantity`, several in one text separated by commas.

    Raises:
        InputError: an unknown name, or a quantity of another kind.
    """
    return tuple(_parse(part.strip()) for text in texts for part in text.split(","))


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
