"""Budgets: upper bounds on what a depth may cost, as `--budget latency=5ms` gives them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from reports.quantity import QuantityError, parse_quantity

# From the name people type to the column that is bounded and its unit.
COLUMNS = {
    "latency": ("latency_seconds", "seconds"),
    "flops": ("flops", "flops"),
    "train_flops": ("train_flops", "flops"),
    "memory": ("peak_bytes", "bytes"),
    "train_time": ("train_seconds", "seconds"),
}


@dataclass(frozen=True)
class Budget:
    """An upper bound: `latency_seconds` (forward, median), `flops` (forward, one sample),
    `train_flops` and `train_seconds` (one run, mean) or `peak_bytes` (a step)."""

    column: str
    limit: float

    def __str__(self) -> str:
        return f"{self.column}<={self.limit:.12g}"


def parse_budgets(texts: Sequence[str]) -> tuple[Budget, ...]:
    """Budgets of the form `name=quantity`, several in one text separated by commas.

    Raises:
        QuantityError: an unknown name, or a quantity of another kind.
    """
    return tuple(_parse(part.strip()) for text in texts for part in text.split(","))


def _parse(text: str) -> Budget:
    name, sign, quantity = text.partition("=")
    if name.strip() not in COLUMNS or not sign:
        raise QuantityError(
            f"--budget: one of {', '.join(COLUMNS)} was expected, as in latency=5ms; got {text!r}"
        )
    column, unit = COLUMNS[name.strip()]
    try:
        return Budget(column, parse_quantity(quantity, unit))
    except QuantityError as error:
        raise QuantityError(f"--budget {name.strip()}: {error}") from None
