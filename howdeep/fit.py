"""The deepest network, or the largest batch, whose need of memory stays within a limit.

What a network needs is close to linear in its depth and in its batch, and costs seconds to predict:
so each guess is where the line through two known points meets the limit, and few are needed. It is
linear phase by phase: where a step needs most may change from the backward to the optimizer.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

# Points that must lie on one line before it is trusted beyond them, …
_ON_A_LINE = 3
# … each off by at most this share of what they rise by.
_STRAIGHT = 1e-3

# At every so manieth question the interval is halved: on a curve, lines come closer from one side.
_HALVE_EVERY = 3

# So often the number is doubled while its need stays the same: what is held by the weights alone
# hides what grows with the batch, until that is more.
_DOUBLINGS = 20

# Numbers in a row that are tried for one that is allowed.
REACH = 64


@dataclass(frozen=True, kw_only=True)
class Fit:
    """The largest allowed number that fits, with its need in bytes.

    Attributes:
        value: None when not even the smallest fits; `need_bytes` is then the smallest's.
        extrapolated: whether the need at `value` was read off straight lines, because predicting
            it would have taken too long.
        at_least: whether larger ones may fit too: predicting their need would take too long, or
            the need does not grow.
    """

    value: int | None
    need_bytes: int
    extrapolated: bool = False
    at_least: bool = False


def largest(
    need: Callable[[int], Sequence[float]],
    limit_bytes: int,
    *,
    first: int,
    allowed: Callable[[int], int],
    affordable: Callable[[int], bool] = lambda _: True,
) -> Fit:
    """The largest number whose need is within the limit; the need must not fall as it grows.

    Args:
        need: bytes at an allowed number in each phase, of which the largest must be there; infinity
            where there is none such after all.
        first: the smallest allowed number.
        allowed: the largest allowed number that is not above the one given, at least `first`.
        affordable: whether the need at a number can be asked for, as to the time it takes.
    """
    phases = {first: need(first)}
    known = {first: max(phases[first])}
    if known[first] > limit_bytes:
        return Fit(value=None, need_bytes=int(known[first]))
    while True:
        fits = max(n for n in known if known[n] <= limit_bytes)
        too_large = min((n for n in known if n > fits), default=None)
        following = _following(fits, allowed)
        if following is None or following == too_large:
            return Fit(value=fits, need_bytes=int(known[fits]))
        if too_large is None and _is_constant(known):
            return Fit(value=fits, need_bytes=int(known[fits]), at_least=True)
        guess = max(allowed(_guess(known, fits, too_large, limit_bytes)), following)
        if not affordable(guess):
            if too_large is None and (lines := _lines(phases)):
                return _where(lines, limit_bytes, allowed)
            guess = max(allowed(min(2 * fits, guess)), following)
            if not affordable(guess):
                return Fit(value=fits, need_bytes=int(known[fits]), at_least=True)
        phases[guess] = need(guess)
        known[guess] = max(phases[guess])


def _guess(known: Mapping[int, float], fits: int, too_large: int | None, limit_bytes: int) -> int:
    """Where the line through the nearest points meets the limit; twice as far with one point."""
    others = sorted((n for n in known if n != fits), key=lambda n: abs(n - fits))
    if not others:
        return 2 * fits
    if too_large is not None and (len(known) % _HALVE_EVERY == 0 or math.isinf(known[too_large])):
        # Where the need is a curve, lines alone come closer from one side only, and slowly.
        return (fits + too_large) // 2
    other = too_large if too_large is not None else others[0]
    slope = (known[other] - known[fits]) / (other - fits)
    room = int((limit_bytes - known[fits]) / slope) if slope > 0 else fits
    if too_large is not None:
        return min(fits + room, too_large - 1)
    # A third point before a long way, to see that it is a line.
    return fits + room if len(known) >= _ON_A_LINE else min(fits + room, 4 * fits)


def _is_constant(known: Mapping[int, float]) -> bool:
    return len(known) > _DOUBLINGS and len(set(known.values())) == 1


@dataclass(frozen=True)
class _Line:
    """Bytes at `start`, and more for each one above."""

    start: int
    bytes_there: float
    slope: float

    def at(self, number: int) -> float:
        return self.bytes_there + self.slope * (number - self.start)

    def reaches(self, limit_bytes: int) -> float:
        """The number there; infinity if it rises never."""
        return (
            self.start + (limit_bytes - self.bytes_there) / self.slope if self.slope else math.inf
        )


def _lines(phases: Mapping[int, Sequence[float]]) -> list[_Line]:
    """The lines of all phases through the three largest known numbers; none if one is no line, or
    falls, or if none rises."""
    numbers = sorted(phases)[-_ON_A_LINE:]
    if len(numbers) < _ON_A_LINE:
        return []
    lines = [_line(numbers, needs) for needs in zip(*(phases[n] for n in numbers), strict=True)]
    straight = [line for line in lines if line is not None]
    rising = any(line.slope for line in straight)
    return straight if rising and len(straight) == len(lines) else []


def _line(numbers: Sequence[int], needs: Sequence[float]) -> _Line | None:
    rise = needs[-1] - needs[0]
    line = _Line(numbers[0], needs[0], rise / (numbers[-1] - numbers[0]))
    off = max(abs(line.at(n) - need) for n, need in zip(numbers, needs, strict=True))
    return line if rise >= 0 and off <= _STRAIGHT * rise else None


def _where(lines: Sequence[_Line], limit_bytes: int, allowed: Callable[[int], int]) -> Fit:
    """Where the first line meets the limit."""
    value = allowed(int(min(line.reaches(limit_bytes) for line in lines)))
    need_bytes = min(int(max(line.at(value) for line in lines)), limit_bytes)
    return Fit(value=value, need_bytes=need_bytes, extrapolated=True)


def _following(number: int, allowed: Callable[[int], int]) -> int | None:
    """The next allowed number above; None when there is none within reach."""
    above = (allowed(number + k) for k in range(1, REACH + 1))
    return next((n for n in above if n > number), None)
