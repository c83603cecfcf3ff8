"""How much worse is let pass: a margin for each metric, and for a family its own."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from ..errors import InputError
from ..margin import MARGIN

DEFAULTS: Mapping[str, float] = {"time": 0.03, "peak_bytes": 0.01, "accuracy": MARGIN}
"""Relative, but for accuracy: a fraction of all examples. The time's is the one of the simulations
that the rules of the check were chosen by."""

_PERCENT = re.compile(r"\s*([0-9]+(?:\.[0-9]*)?|\.[0-9]+)\s*(?:%|pp)\s*")


@dataclass(frozen=True)
class Margins:
    """By metric; `families` holds those that a family has of its own, by its spec."""

    metrics: Mapping[str, float] = field(default_factory=lambda: DEFAULTS)
    families: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    def of(self, metric: str, family: str) -> float:
        """The margin of one metric of one family."""
        return {**DEFAULTS, **self.metrics, **self.families.get(family, {})}[metric]

    def with_typed(self, typed: Mapping[str, float]) -> "Margins":
        """These in place of both the general ones and any that a family has of its own."""
        families = {
            spec: {metric: margin for metric, margin in own.items() if metric not in typed}
            for spec, own in self.families.items()
        }
        return Margins({**self.metrics, **typed}, families)


def parse_margins(given: Mapping[str, object], where: str) -> dict[str, float]:
    """Margins by metric, from `{"time": "5%", "accuracy": "0.5pp"}`; where: for the message.

    Raises:
        InputError: an unknown metric, or no percentage.
    """
    return {name: _parsed(name, value, where) for name, value in given.items()}


def _parsed(name: str, value: object, where: str) -> float:
    if name not in DEFAULTS:
        raise InputError(f"{where}: unknown metric {name!r}; known: {', '.join(DEFAULTS)}")
    match = _PERCENT.fullmatch(value) if isinstance(value, str) else None
    margin = float(match[1]) / 100 if match else -1.0
    if not 0 <= margin <= 1:
        raise InputError(
            f"{where}: {name} takes 0% to 100%, such as '5%' (accuracy: '0.5pp'); got {value!r}"
        )
    return margin
