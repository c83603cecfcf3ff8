"""Which depths a family has, found by asking it: its own rule is only what it refuses."""

import functools
from collections.abc import Callable, Iterator

import torch

from .families import Family
from .measure.state import random_state
from .specs import InputError

# Depths in a row that are tried for one that the family has.
REACH = 64


def smallest(family: Family) -> int:
    """The shallowest depth that the family builds, of 1 to 64 and those it names.

    Raises:
        InputError: it builds none of them.
    """
    asked = (*range(1, REACH + 1), *sorted(family.depths or ()))
    found: int | None = next(filter(_asked(family), asked), None)
    if found is None:
        raise InputError(
            f"{family.name} has none of the depths 1 to {REACH}, and names none that it has: "
            "give --depths"
        )
    return found


def at_most(family: Family) -> Callable[[int], int]:
    """A function that gives the deepest depth of the family that is not above a number.

    Beyond the depths that it names, depths are taken to go on in the steps that the first three
    there make; where they make no equal steps, with the last of those the family ends.
    """
    has, first = _asked(family), smallest(family)
    last_named = max(family.depths or (REACH,))
    beyond = list(_following(has, last_named, 3))
    regular = len(beyond) == 3 and beyond[2] - beyond[1] == beyond[1] - beyond[0]

    def deepest(number: int) -> int:
        if regular and number >= beyond[0]:
            return number - (number - beyond[0]) % (beyond[1] - beyond[0])
        downwards = range(min(number, max((last_named, *beyond))), first, -1)
        return next(filter(has, downwards), first)

    return deepest


def _asked(family: Family) -> Callable[[int], bool]:
    @functools.cache
    def has(depth: int) -> bool:
        return any(_builds(family, depth, device) for device in ("meta", "cpu"))

    return has


def _builds(family: Family, depth: int, device: str) -> bool:
    with random_state():
        try:
            with torch.device(device):
                family.build(depth)
        except (Exception, SystemExit):  # a user's way to refuse a depth, such as a KeyError
            return False
        return True


def _following(has: Callable[[int], bool], depth: int, count: int) -> Iterator[int]:
    """The next `count` depths above, each at most `REACH` after the one before."""
    for _ in range(count):
        following = next(filter(has, range(depth + 1, depth + REACH + 1)), None)
        if following is None:
            return
        yield following
        depth = following
