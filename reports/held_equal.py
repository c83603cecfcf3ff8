"""What the depths of a comparison have in common, and what they do not.

Deeper networks of one width have more parameters, and take more FLOPs in as many epochs: whether
depth or size won is told by what was held equal. It is derived from the runs and the costs
themselves, so it holds for any file; what no row says is unknown and left out.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .costs import DepthCost
from .tables import Row

SETTINGS = (
    "match", "epochs", "steps", "optimizer", "learning_rate", "tuned_from", "weight_decay",
    "batch_size", "n_train", "stack",
)  # fmt: skip
"""Columns of a run; its knobs come before them."""

MEASURED = ("parameters", "flops", "train_flops")
"""Columns of a depth's costs."""

ALIKE = 1.1
"""Largest over smallest, up to which measured sizes are called equal: 5% either way."""


@dataclass(frozen=True)
class Held:
    """One setting or cost at each depth.

    Attributes:
        by_depth: the values of the runs at a depth, those that differ.
    """

    name: str
    by_depth: Mapping[int, tuple[Any, ...]]

    @property
    def values(self) -> tuple[Any, ...]:
        """All that differ, those of the shallowest depth first."""
        return _distinct(value for values in self.by_depth.values() for value in values)

    @property
    def is_equal(self) -> bool:
        """Is it the same in every run?"""
        return len(self.values) == 1

    @property
    def ratio(self) -> float | None:
        """The largest over the smallest; null unless all are numbers above 0."""
        if not all(_is_positive(value) for value in self.values):
            return None
        return float(max(self.values) / min(self.values))

    def as_dict(self) -> dict[str, Any]:
        """The entry of `held_equal` in the JSON verdict, under its name."""
        if self.is_equal:
            return {"equal": True, "value": self.values[0]}
        given = {str(depth): list(values) for depth, values in self.by_depth.items()}
        return {"equal": False, "ratio": self.ratio, "by_depth": given}


def settings_held(runs: Mapping[int, Sequence[Row]]) -> tuple[Held, ...]:
    """The knobs and settings that all runs say; runs: by depth."""
    said = {depth: [_said(row) for row in rows] for depth, rows in runs.items()}
    rows = [row for group in said.values() for row in group]
    names = dict.fromkeys(name for row in rows for name in row)
    return tuple(
        Held(name, {depth: _distinct(row[name] for row in group) for depth, group in said.items()})
        for name in names
        if all(name in row for row in rows)
    )


def costs_held(costs: Sequence[DepthCost]) -> tuple[Held, ...]:
    """The measured sizes, where those of every depth are known; none of a single depth."""
    return tuple(
        Held(name, {cost.depth: (_whole(getattr(cost, name)),) for cost in costs})
        for name in MEASURED
        if len(costs) > 1 and all(getattr(cost, name) is not None for cost in costs)
    )


def _said(row: Row) -> Row:
    knobs = dict(sorted((row["knobs"] or {}).items()))
    if (
        row["width"] is not None
    ):  # solved for: the knobs are those that the family was asked for with
        knobs["width"] = _whole(row["width"])
    return knobs | {name: _whole(row[name]) for name in SETTINGS if row[name] is not None}


def _whole(value: Any) -> Any:
    """A count as it was before a table made it a float."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _distinct(values: Iterable[Any]) -> tuple[Any, ...]:
    return tuple({repr(value): value for value in values}.values())


def _is_positive(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value > 0
