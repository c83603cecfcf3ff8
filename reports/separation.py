"""What it would take to tell depths from the best one that cannot be told from it now."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from .confidence_set import Candidate
from .estimates import Estimate


@dataclass(frozen=True)
class Separation:
    """What one depth needs, if it is as far behind in truth as it seems to be.

    Attributes:
        seeds: a depth, in place of those that there are; null for single runs.
        examples: in the split that depths are chosen by, for single runs; null for others.
    """

    depth: int
    seeds: int | None
    examples: int | None

    def as_dict(self) -> dict[str, Any]:
        """The entry of `to_separate` in the JSON verdict."""
        return asdict(self)


def separations(
    estimates: Sequence[Estimate], candidates: Mapping[int, Candidate]
) -> tuple[Separation, ...]:
    """For each depth that may be the best and is behind: errors shrink with the root of the runs,
    or of the examples."""
    behind = [(each, candidates.get(each.depth)) for each in estimates]
    return tuple(
        _separation(each, (found.needed / found.lead) ** 2)
        for each, found in behind
        if found is not None and found.is_member and found.lead > 0
    )


def _separation(each: Estimate, factor: float) -> Separation:
    if each.n_seeds > 1:
        return Separation(each.depth, math.ceil(factor * each.n_seeds), None)
    examples = None if each.n_examples is None else math.ceil(factor * each.n_examples)
    return Separation(each.depth, None, examples)
