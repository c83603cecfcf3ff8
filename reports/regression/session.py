"""Times of two sessions, one process a side: what moved as a whole, and what moved by itself.

Two sessions on one machine differ by far more than two processes of one session, and rounds are no
replicates of either. So the cells are each other's yardstick: what most of them did is the
session's (its median), and a cell has regressed if it did more than that. What cells differ by
without a cause is told by the cells themselves (a robust spread, drawn towards the usual one where
there are few). A slow-down of everything is set against what whole sessions differ by.
"""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from scipy.special import stdtr, stdtrit

from ..estimates import ALPHA, CONFIDENCE
from ..paired import holm

PROCESS_SPREAD = 0.03
"""Standard deviation of the logarithm of a median from process to process on a quiet machine."""

SESSION_SPREAD = 0.15
"""The same from job to job on shared machines: of all cells together."""

PRIOR_FREEDOM = 4.0
"""Degrees of freedom that the usual spread is worth beside that of the cells."""

MOST_FREEDOM = 12.0
"""Degrees of freedom that many cells are worth: processes have heavier tails than a normal
distribution, and the largest of many cells is looked at (chosen by `tests/simulated`)."""

FEWEST_CELLS = 5
"""With fewer there is no rest that a cell could be compared with."""

_EFFICIENCY = 0.37
"""Of the median absolute deviation on a normal distribution (Rousseeuw and Croux 1993)."""

_NORMAL = 1.4826
"""Standard deviations of a normal distribution in a median absolute deviation."""

_MEDIAN_VARIANCE = math.pi / 2
"""Of a median over that of a mean, on a normal distribution."""


@dataclass(frozen=True)
class Move:
    """One cell from base to new, in logarithms.

    Attributes:
        time: of the new time over the base's.
        kernels: of what the reference kernels did; null where they are unknown.
        error: standard error that the rounds alone give.
        margin: of the time, that is let pass.
    """

    time: float
    kernels: float | None
    error: float
    margin: float


@dataclass(frozen=True)
class Excess:
    """What a move is beyond what the session explains, in logarithms.

    Attributes:
        least: the smallest slow-down (or speed-up, if negative) that any yardstick leaves; 0 where
            they disagree on the direction.
    """

    value: float
    error: float
    degrees_of_freedom: float
    margin: float
    least: float

    @property
    def low(self) -> float:
        """One-sided, 95%."""
        return self.value - self._reach

    @property
    def high(self) -> float:
        """One-sided, 95%."""
        return self.value + self._reach

    @property
    def _reach(self) -> float:
        return float(stdtrit(self.degrees_of_freedom, CONFIDENCE)) * self.error

    @property
    def slower_p(self) -> float:
        """One-sided, against a slow-down within the margin."""
        return self._p(self.value)

    @property
    def faster_p(self) -> float:
        """One-sided, against a speed-up within the margin."""
        return self._p(-self.value)

    def _p(self, value: float) -> float:
        return float(stdtr(self.degrees_of_freedom, (self.margin - value) / self.error))


@dataclass(frozen=True)
class Session:
    """All cells of one device and dtype.

    Attributes:
        shift: the median move of all cells.
        kernels: of the reference kernels; null where they are unknown.
        cells: one each, in the order of the moves.
        common: what all together did beyond the kernels; null for fewer cells than make a session,
            and where they are normalised: by how much unlike machines differ is not known.
        spread: standard deviation between cells of what they did beyond the shift; null likewise.
        normalised: the shift is of times divided by the kernels'.
    """

    shift: float
    kernels: float | None
    cells: tuple[Excess, ...]
    common: Excess | None
    spread: float | None = None
    normalised: bool = False


def session_of(moves: Sequence[Move], *, normalise: bool = False) -> Session:
    """The session that these cells were measured in; moves: at least one.

    Args:
        normalise: times are divided by the kernels' before anything else; every move has them, and
            there are enough for a session.
    """
    values = [each.time - _kernels(each) if normalise else each.time for each in moves]
    shift = statistics.median(values)
    known = [each.kernels for each in moves if each.kernels is not None]
    kernels = statistics.fmean(known) if known else None
    if len(moves) < FEWEST_CELLS:
        cells = tuple(map(_alone, moves))
        return Session(shift, kernels, cells, None, None, normalise)
    spread, freedom = _spread([value - shift for value in values])
    cells = tuple(
        Excess(
            value=value - shift,
            error=math.hypot(spread * math.sqrt(1 + _MEDIAN_VARIANCE / len(moves)), move.error),
            degrees_of_freedom=freedom,
            margin=math.log1p(move.margin),
            least=_least((value - shift, *_yardsticks(move, normalise))),
        )
        for value, move in zip(values, moves, strict=True)
    )
    common = None if normalise else _common(moves, shift, kernels, spread)
    return Session(shift, kernels, cells, common, spread, normalise)


def _kernels(move: Move) -> float:
    return move.kernels or 0.0


def _yardsticks(move: Move, normalise: bool) -> tuple[float, ...]:
    """The move as it is, and less that of the kernels; of unlike machines only the latter."""
    return (move.time - _kernels(move),) if normalise else (move.time, move.time - _kernels(move))


def _least(values: Sequence[float]) -> float:
    """The value nearest 0 if all have one sign, else 0."""
    if min(values) <= 0 <= max(values):
        return 0.0
    return min(values, key=abs)


def _spread(residuals: Sequence[float]) -> tuple[float, float]:
    """The standard deviation between cells, and its degrees of freedom: of the median absolute
    deviation, which a few cells that truly moved do not change, and of the usual spread."""
    own = _NORMAL * statistics.median(map(abs, residuals))
    freedom = _EFFICIENCY * (len(residuals) - 1)
    usual = 2 * PROCESS_SPREAD**2
    total = freedom + PRIOR_FREEDOM
    spread = math.sqrt((freedom * own**2 + PRIOR_FREEDOM * usual) / total)
    return spread, min(total, MOST_FREEDOM)


def _alone(move: Move) -> Excess:
    """A cell without a rest to compare it with: sessions differ, and so does it."""
    least = _least(_yardsticks(move, normalise=False))
    error = math.hypot(_of_two(SESSION_SPREAD), _of_two(PROCESS_SPREAD), move.error)
    return Excess(least, error, math.inf, math.log1p(move.margin), least)


def _common(moves: Sequence[Move], shift: float, kernels: float | None, spread: float) -> Excess:
    """All together, against what sessions differ by."""
    least = _least((shift, shift - (kernels or 0.0)))
    own = spread * math.sqrt(_MEDIAN_VARIANCE / len(moves))
    error = math.hypot(_of_two(SESSION_SPREAD), own)
    margin = max(math.log1p(each.margin) for each in moves)
    return Excess(least, error, math.inf, margin, least)


def _of_two(spread: float) -> float:
    """Of a difference of two with that spread."""
    return math.sqrt(2) * spread


@dataclass(frozen=True)
class Judged:
    """What is shown of one excess.

    Attributes:
        direction: 1: slower, -1: faster, 0: neither is shown.
        equivalent: the whole 90% interval lies within the margin.
        p_value: of the direction that the value has, after Holm's correction for all of them.
    """

    direction: int
    equivalent: bool
    p_value: float


def judge_all(excesses: Sequence[Excess]) -> tuple[Judged, ...]:
    """Slower, or faster, than the margin lets pass; any false one of a direction in at most 5% of
    checks (Holm), as far as the spreads are what they are taken for."""
    slower = holm({str(i): each.slower_p for i, each in enumerate(excesses)})
    faster = holm({str(i): each.faster_p for i, each in enumerate(excesses)})
    return tuple(_judged(each, slower[str(i)], faster[str(i)]) for i, each in enumerate(excesses))


def _judged(each: Excess, slower: float, faster: float) -> Judged:
    """What any yardstick leaves within the margin is neither."""
    direction = 0
    if slower < ALPHA and each.least > each.margin:
        direction = 1
    elif faster < ALPHA and each.least < -each.margin:
        direction = -1
    equivalent = -each.margin <= each.low and each.high <= each.margin
    return Judged(direction, equivalent, slower if each.value > 0 else faster)
