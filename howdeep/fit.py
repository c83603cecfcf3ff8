"""The deepest network, or the largest batch, whose need of memory stays within a limit.

What a network needs is close to linear in its depth and in its batch, and costs seconds to predict:
so each guess is where the line through two known points meets the limit, and few are needed.
"""

from collections.abc import Callable
from dataclasses import dataclass

# So many points are on one line when each is off by less than this share of its need.
_ON_A_LINE = 3
_STRAIGHT = 1e-3

# Numbers in a row that are tried for one that is allowed.
REACH = 64


@dataclass(frozen=True, kw_only=True)
class Fit:
    """The largest allowed number that fits, with its need in bytes.

    Attributes:
        value: None when not even the smallest fits; `need_bytes` is then the smallest's.
        extrapolated: whether the need at `value` was read off a straight line, because predicting
            it would have taken too long.
    """

    value: int | None
    need_bytes: int
    extrapolated: bool = False


def largest(
    need: Callable[[int], int],
    limit_bytes: int,
    *,
    first: int,
    allowed: Callable[[int], int],
    affordable: Callable[[int], bool] = lambda _: True,
) -> Fit:
    """The largest number whose need is within the limit; the need must not fall as it grows.

    Args:
        need: bytes at an allowed number.
        first: the smallest allowed number.
        allowed: the largest allowed number that is not above the one given, at least `first`.
        affordable: whether the need at a number can be asked for, as to the time it takes.
    """
    known = {first: need(first)}
    if known[first] > limit_bytes:
        return Fit(value=None, need_bytes=known[first])
    while True:
        fits = max(n for n in known if known[n] <= limit_bytes)
        too_large = min((n for n in known if known[n] > limit_bytes), default=None)
        following = _following(fits, allowed)
        if following is None or following == too_large:
            return Fit(value=fits, need_bytes=known[fits])
        guess = max(allowed(_guess(known, fits, too_large, limit_bytes)), following)
        if not affordable(guess):
            bytes_there = _on_a_line(known, guess)
            if bytes_there is not None:
                return Fit(value=guess, need_bytes=bytes_there, extrapolated=True)
            guess = max(allowed(min(2 * fits, guess)), following)
            if not affordable(guess):
                return Fit(value=fits, need_bytes=known[fits])
        known[guess] = need(guess)


def _guess(known: dict[int, int], fits: int, too_large: int | None, limit_bytes: int) -> int:
    """Where the line through the nearest points meets the limit; twice as far with one point."""
    others = sorted((n for n in known if n != fits), key=lambda n: abs(n - fits))
    if not others:
        return 2 * fits
    other = too_large if too_large is not None else others[0]
    slope = (known[other] - known[fits]) / (other - fits)
    room = (limit_bytes - known[fits]) / slope if slope > 0 else fits
    guess = fits + int(room)
    if too_large is not None:
        return min(guess, too_large - 1)
    # A third point before a long way, to see that it is a line.
    return guess if len(known) >= _ON_A_LINE else min(guess, 4 * fits)


def _on_a_line(known: dict[int, int], guess: int) -> int | None:
    """The need at `guess` on the line of the three largest known ones; None if they lie on none."""
    last = sorted(known)[-_ON_A_LINE:]
    slope = (known[last[-1]] - known[last[0]]) / max(last[-1] - last[0], 1)

    def at(n: int) -> float:
        return known[last[0]] + slope * (n - last[0])

    straight = all(abs(at(n) - known[n]) <= _STRAIGHT * known[n] for n in last)
    return round(at(guess)) if straight and len(last) == _ON_A_LINE else None


def _following(number: int, allowed: Callable[[int], int]) -> int | None:
    """The next allowed number above; None when there is none within reach."""
    above = (allowed(number + k) for k in range(1, REACH + 1))
    return next((n for n in above if n > number), None)
