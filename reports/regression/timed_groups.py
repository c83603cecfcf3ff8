"""Matched cells as moves from base to new, in groups that share a session: a device and a dtype."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..median_ratio import KnownMedian, ratio_of
from .margins import Margins
from .reference_speed import Place, moved
from .session import FEWEST_CELLS, Move, Session, session_of
from .stored_cells import Matched

Kernels = Mapping[Place, Mapping[str, float]]
"""Of one side: seconds a unit of each reference kernel, by device and dtype."""

_SIGMAS = 2 * 1.96
"""Standard errors in a 95% interval."""


@dataclass(frozen=True)
class TimedGroup:
    """The cells of one device and dtype; moves: in the order of the pairs."""

    words: str
    pairs: tuple[Matched, ...]
    moves: tuple[Move, ...]
    session: Session


def place_of_setting(setting: Mapping[str, Any]) -> Place:
    """What reference kernels are measured for."""
    return setting.get("device"), setting.get("dtype")


def place_words(setting: Mapping[str, Any]) -> str:
    """`cpu fp32`; nothing for benchmarks of other files."""
    return " ".join(str(part) for part in place_of_setting(setting) if part)


def move_of(
    pair: Matched, kernels: tuple[Kernels, Kernels], margins: Margins, normalise: bool
) -> Move:
    """The move of a pair that has both times.

    Its kernel is, of unlike machines, the one that is bound as the cell is; of one machine the
    mean of all, which is steadier.
    """
    base, new = pair.base, pair.new
    assert base.median is not None
    assert new.median is not None
    first, second = (
        each.get(place_of_setting(cell.setting), {})
        for each, cell in zip(kernels, (base, new), strict=True)
    )
    bounds = {base.row.get("bound"), new.row.get("bound")}
    bound = bounds.pop() if normalise and len(bounds) == 1 else None
    return Move(
        time=math.log(new.median.seconds / base.median.seconds),
        kernels=moved(first, second, bound),
        error=_error(base.median, new.median),
        margin=margins.of("time", base.family),
    )


def _error(base: KnownMedian, new: KnownMedian) -> float:
    """Of the logarithm of the ratio, from the rounds; 0 where they are not known."""
    ratio = ratio_of(base, new)
    if ratio.low is None or ratio.high is None:
        return 0.0
    return math.log(ratio.high / ratio.low) / _SIGMAS


def timed_groups(
    known: Sequence[tuple[Matched, Move]], normalise: bool
) -> tuple[list[TimedGroup], list[Matched]]:
    """The groups, and the cells that are too few to be normalised: unlike machines differ in
    unknown ways, so that only other cells tell what one did."""
    grouped: dict[str, list[tuple[Matched, Move]]] = {}
    for pair, move in known:
        grouped.setdefault(_group_words(pair), []).append((pair, move))
    least = FEWEST_CELLS if normalise else 1
    found = [
        TimedGroup(
            words,
            tuple(pair for pair, _ in members),
            tuple(move for _, move in members),
            session_of([move for _, move in members], normalise=normalise),
        )
        for words, members in grouped.items()
        if len(members) >= least
    ]
    few = [pair for members in grouped.values() if len(members) < least for pair, _ in members]
    return found, few


def _group_words(pair: Matched) -> str:
    """`cpu fp32`, or `cpu fp32 -> cuda fp32`."""
    sides = [place_words(cell.setting) for cell in (pair.base, pair.new)]
    return " -> ".join(dict.fromkeys(sides))
