"""Solves for the width at which each depth of a family costs what one of them, the reference, does.

The reference has the family's own width. It is the middle of the depths, so that the widths of the
shallowest and of the deepest are both as near to it as can be: with the shallowest as the reference
the deepest would be left with a few units a layer, each of which is a large part of its cost.
"""

import functools
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from . import known_costs
from .families import Family
from .points import Match
from .specs import InputError, one_line

WIDTH = "width"

# What can be held equal by means of the width: a function from a family and its depth.
COSTS: Mapping[str, Callable[[Family, int], int]] = {
    "parameters": known_costs.parameters,
    "flops": known_costs.forward_flops,
}

# `width` is the family's own at every depth.
CHOICES = (WIDTH, *COSTS)

# Widths in a row that are tried for one that the family accepts; some take only multiples.
REACH = 64

# Where the search begins for a family whose width follows from another knob.
USUAL_WIDTH = 64


def reference_depth(depths: Sequence[int]) -> int:
    """The geometric middle: of `depths` the nearest to it by ratio, of equals the shallower."""
    square = min(depths) * max(depths)

    def off(depth: int) -> float:
        return max(depth**2, square) / min(depth**2, square)

    return min(sorted(depths), key=off)


class Matching:
    """The widths of one family.

    Args:
        family: bound to the task's inputs.
        cost: of `COSTS`.
        reference: the depth that has the family's own width.

    Raises:
        InputError: the family has no whole number as its knob `width`, or what the reference costs
            cannot be counted or is nothing.
    """

    def __init__(self, family: Family, *, cost: str, reference: int) -> None:
        _check_width(family)
        self._family = family
        self._cost = cost
        self._reference = reference
        self._target = self._counted()
        if not self._target:
            raise InputError(f"--match {cost}: {family.name} has none at depth {reference}")

    def _counted(self) -> int:
        try:
            return COSTS[self._cost](self._family, self._reference)
        except (Exception, SystemExit) as error:  # whatever a user's network raises
            where = f"{self._family.name} at depth {self._reference}"
            why = one_line(error)
            raise InputError(f"--match {self._cost}: {where} cannot be counted: {why}") from error

    def at(self, depth: int) -> Match:
        """The width at which that depth costs most nearly the same, by ratio.

        Raises:
            InputError: the family accepts no width where the search begins.
        """
        start = self._family.all_knobs[WIDTH] or USUAL_WIDTH
        cost = functools.cache(lambda width: self._accepted_cost(depth, width))
        width = nearest(cost, self._target, start=start)
        if width is None:
            raise InputError(
                f"--match {self._cost}: {self._family.name} accepts no width from {start} to "
                f"{start + REACH - 1} at depth {depth}: give one with the family"
            )
        return Match(
            cost=self._cost,
            width=width,
            reference_depth=self._reference,
            ratio=(cost(width) or 0) / self._target,
        )

    def _accepted_cost(self, depth: int, width: int) -> int | None:
        """None for a width that the family refuses, in whichever way."""
        try:
            return COSTS[self._cost](self._family.at_width(width), depth)
        except (Exception, SystemExit):
            return None


def _check_width(family: Family) -> None:
    if WIDTH not in family.all_knobs:
        known = ", ".join(family.all_knobs) or "none"
        raise InputError(f"--match solves for a knob width, and {family.name} has only: {known}")
    width = family.all_knobs[WIDTH]
    if width is not None and not isinstance(width, int):
        raise InputError(f"--match needs a whole number as width of {family.name}; got {width!r}")


def nearest(cost: Callable[[int], int | None], target: int, *, start: int) -> int | None:
    """The whole number whose cost is nearest to `target` by ratio; None where none from `start` on
    is accepted.

    Args:
        cost: does not fall with its argument; None for a number that is not accepted.
        target: above 0.
        start: the search doubles from here, and bisects.
    """
    known: dict[int, int] = {}

    def first(numbers: Iterable[int]) -> int | None:
        """The first that is accepted."""
        for number in numbers:
            found = cost(number)
            if found is not None:
                known[number] = found
                return number
        return None

    low, high = 0, first(range(start, start + REACH))
    while high is not None and known[high] < target:
        low, high = high, first(range(2 * high, 2 * high + REACH))
        if high is not None and known[high] == known[low]:  # costs do not depend on it
            break
    high = 2 * low if high is None else high
    while (middle := first(_between(low, high))) is not None:
        low, high = (middle, high) if known[middle] < target else (low, middle)
    return min(
        known, key=lambda number: abs(math.log(max(known[number], 1) / target)), default=None
    )


def _between(low: int, high: int) -> Iterator[int]:
    """The numbers between the two, from the middle outwards, as far as the reach goes."""
    middle = (low + high) // 2
    for offset in range(REACH):
        for number in dict.fromkeys((middle + offset, middle - offset)):
            if low < number < high:
                yield number
