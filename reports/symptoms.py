"""The symptoms of the limits in what was probed of a network: sentences with numbers.

Thresholds are those of the field; a symptom alone decides nothing.
"""

import math
from collections.abc import Iterable, Iterator

from .tables import Row

LARGEST_LOG_CHANGE = math.log(1e3)
"""|L s|, s the slope of ln rms(∂L/∂h) over layers: gradients change a thousandfold on their way."""

SAME_COSINE = 0.999
"""Mean cosine between inputs at the last layer above which they can no longer be told apart."""

DEAD_SHARE = 0.5
"""Share of units that give zero for every input."""


def gradient_symptoms(probes: Iterable[Row]) -> tuple[str, ...]:
    """What the screen at initialisation says of one depth."""
    rows = [row for row in probes if row["limit"] == "gradients"]
    found = {row["quantity"]: row for row in rows if not _is_of_layer(row)}
    return tuple(_gradient_symptoms(found))


def _is_of_layer(row: Row) -> bool:
    return row["quantity"] in ("activation_rms", "gradient_rms", "cosine", "update_ratio")


def _gradient_symptoms(found: dict[str, Row]) -> Iterator[str]:
    if _value(found, "nonfinite_layers"):
        yield f"at initialisation {found['nonfinite_layers']['at']} is the first layer not finite"
    change = _value(found, "log_gradient_change")
    if change is not None and abs(change) > LARGEST_LOG_CHANGE:
        verb = "vanishes" if change > 0 else "explodes"
        yield (
            f"at initialisation the gradient {verb}: rms(∂L/∂h) changes by a factor of "
            f"{_factor(abs(change))} over the layers (threshold 1000)"
        )
    trainable, depth = _value(found, "trainable_depth"), _depth(found)
    if trainable is not None and depth is not None and depth > trainable:
        yield (
            f"deeper than six depth scales: mean-field theory has {trainable:.3g} layers trainable "
            f"at these weights, the network has {depth}"
        )
    cosine = _value(found, "last_cosine")
    if cosine is not None and cosine > SAME_COSINE:
        yield (
            f"at the last layer different inputs are the same: mean cosine {cosine:.5f} "
            f"(threshold {SAME_COSINE})"
        )
    dead = _value(found, "dead_share")
    if dead is not None and dead > DEAD_SHARE:
        yield f"{100 * dead:.0f}% of the units are dead"


def _factor(log_change: float) -> str:
    return f"10^{log_change / math.log(10):.1f}"


def _value(found: dict[str, Row], quantity: str) -> float | None:
    row = found.get(quantity)
    return None if row is None else row["value"]


def _depth(found: dict[str, Row]) -> int | None:
    return next((int(row["depth"]) for row in found.values()), None)
