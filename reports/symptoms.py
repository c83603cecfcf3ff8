"""The symptoms of the limits in what was probed of a network: sentences with numbers.

Thresholds are those of the field; a symptom alone decides nothing.
"""

import math
from collections.abc import Iterable, Iterator

from .tables import Row

LARGEST_LOG_CHANGE = math.log(1e3)
"""|L s|, s the slope of ln rms(∂L/∂h) over L layers: a thousandfold change on their way."""

SAME_COSINE = 0.999
"""Mean cosine between inputs at the last layer above which they can no longer be told apart."""

DEAD_SHARE = 0.5
"""Share of units that give zero for every input."""


def gradient_symptoms(probes: Iterable[Row]) -> tuple[str, ...]:
    """What the screen at initialisation says of one depth."""
    rows = [row for row in probes if row["limit"] == "gradients"]
    found = {row["quantity"]: row for row in rows}
    return tuple(_gradient_symptoms(found))


def divergence(probes: Iterable[Row], lowest_rate: float | None) -> tuple[str, ...]:
    """What training at one depth says, if it diverged at every learning rate down to the lowest."""
    if lowest_rate is None:
        return ()
    began = next((row for row in probes if row["quantity"] == "nonfinite_step"), None)
    where = "" if began is None else f": {_began(began)}"
    return (f"training diverges at each learning rate tried, down to {lowest_rate:.2g}{where}",)


def _began(row: Row) -> str:
    if row["value"] is None:
        return "where it begins was not found"
    return f"in step {row['value'] + 1:.0f} {row['at']} is the first that is not finite"


def was_screened(probes: Iterable[Row], depth: int) -> bool:
    """Whether the layers of one depth could be looked into at initialisation."""
    found = {row["quantity"]: row["value"] for row in probes if row["depth"] == depth}
    return found.get("log_gradient_change") is not None or bool(found.get("nonfinite_layers"))


def _gradient_symptoms(found: dict[str, Row]) -> Iterator[str]:
    if _value(found, "nonfinite_layers"):
        yield f"at initialisation {found['nonfinite_layers']['at']} is the first that is not finite"
    change = _value(found, "log_gradient_change")
    if change is not None and abs(change) > LARGEST_LOG_CHANGE:
        verb, way = ("vanishes", "falls") if change > 0 else ("explodes", "grows")
        yield (
            f"at initialisation the gradient {verb}: rms(∂L/∂h) {way} by a factor of "
            f"{_factor(abs(change))} from the last layer to the first (threshold 1000)"
        )
    trainable, depth = _value(found, "trainable_depth"), _depth(found)
    if trainable is not None and depth is not None and depth > trainable:
        yield (
            f"deeper than six depth scales: by mean-field theory {trainable:.3g} layers are "
            f"trainable at these weights, the network has {depth}"
        )
    cosine = _value(found, "last_cosine")
    if cosine is not None and cosine > SAME_COSINE:
        yield (
            f"at initialisation different inputs are the same at the last layer: mean cosine "
            f"{cosine:.5f} (threshold {SAME_COSINE})"
        )
    dead = _value(found, "dead_share")
    if dead is not None and dead > DEAD_SHARE:
        yield (
            f"at initialisation {100 * dead:.0f}% of the units give zero for every input "
            f"(threshold {100 * DEAD_SHARE:.0f}%)"
        )


def _factor(log_change: float) -> str:
    return f"10^{log_change / math.log(10):.1f}"


def _value(found: dict[str, Row], quantity: str) -> float | None:
    row = found.get(quantity)
    return None if row is None else row["value"]


def _depth(found: dict[str, Row]) -> int | None:
    return next((int(row["depth"]) for row in found.values()), None)
