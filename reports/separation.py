"""What it would take to tell depths from the best one that cannot be told from it now."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from .confidence_set import Candidate
from .estimates import Estimate

MOST = 1_000_000
"""Seeds or examples beyond which the answer is that they cannot be told apart."""


@dataclass(frozen=True)
class Separation:
    """What one depth needs, if it is as far behind in truth as it seems to be.

    Attributes:
        seeds: a depth, in place of those that there are; null for single runs, and beyond `MOST`.
        examples: in the split that depths are chosen by, for single runs; null for others, and
            beyond `MOST`.
    """

    depth: int
    seeds: int | None
    examples: int | None

    def as_dict(self) -> dict[str, Any]:
        """The entry of `to_separate` in the JSON verdict."""
        return asdict(self)


def separations(
    estimates: Sequence[Estimate], candidates: Mapping[int, Candidate], *, best: int | None
) -> tuple[Separation, ...]:
    """For each depth beside the best that may be the best, too: errors shrink with the root of the
    runs, or of the examples where there are only single runs."""
    repeated = any(each.n_seeds > 1 for each in estimates)
    behind = [(e, candidates.get(e.depth)) for e in estimates if e.depth != best]
    return tuple(
        _separation(each, (found.needed / found.lead) ** 2, repeated)
        for each, found in behind
        if found is not None and found.is_member and found.lead > 0
    )


def _separation(each: Estimate, factor: float, repeated: bool) -> Separation:
    if repeated:
        return Separation(each.depth, _rounded(factor * each.n_seeds), None)
    examples = None if each.n_examples is None else _rounded(factor * each.n_examples)
    return Separation(each.depth, None, examples)


def _rounded(number: float) -> int | None:
    return math.ceil(number) if number <= MOST else None
