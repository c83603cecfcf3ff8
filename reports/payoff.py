"""Whether the last depth of a climb is shown not to pay.

It pays if it brings the margin a doubling. What it is compared with must not depend on how well
that did: the best of several is flattered, and what comes after it would seem to bring too little.
So it is the depth before in the climb, and the one before that, from which two doublings must bring
twice as much: where noise hides what one brings, two may be seen not to.
"""

import math
from dataclasses import dataclass

from scipy.special import stdtrit

from .estimates import ALPHA, Moments
from .looks import level_of_each
from .search_table import Table

REFERENCES = 2
"""Depths of the climb that the last is compared with."""


@dataclass(frozen=True)
class Payoff:
    """Of the last depth of a climb over a shallower one.

    Attributes:
        excess: an upper bound on what it brings beyond the margin a doubling, one-sided; 95% over
            all looks and references together.
    """

    reference: int
    excess: float

    @property
    def is_too_small(self) -> bool:
        """Whether it is shown to bring less than the margin a doubling."""
        return self.excess < 0


def payoff(table: Table) -> Payoff | None:
    """Over the reference that tells most; null where nothing is known of the noise."""
    deepest = table.started[-1]
    last = table.estimates.get(deepest)
    before = [table.estimates[d] for d in table.started[:-1] if d in table.estimates]
    known = {each.depth: each.raw for each in before[-REFERENCES:] if each.raw is not None}
    if last is None or last.raw is None or not known:
        return None
    level = level_of_each(table.space.fewest, table.space.seeds, ALPHA / len(known))
    most = {depth: _bound(moments, last.raw, 1 - level) for depth, moments in known.items()}
    found = [
        Payoff(depth, bound - table.space.worth(depth, deepest)) for depth, bound in most.items()
    ]
    return min(found, key=lambda each: each.excess)


def _bound(first: Moments, second: Moments, level: float) -> float:
    """An upper one on the second mean less the first. Of the degrees of freedom the fewer: what
    depths borrow from each other is not known twice, and so early it is most of what is known."""
    error = math.sqrt(first.variance_of_mean + second.variance_of_mean)
    freedom = min(first.degrees_of_freedom, second.degrees_of_freedom)
    return second.mean - first.mean + float(stdtrit(freedom, level)) * error
