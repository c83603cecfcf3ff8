"""What is asked of the trios: of a family and pass as a whole and in its parts, and of each cell.

A question is answered by one number a trio: the head's, and beside it the canary's.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from .family_change import parts_of
from .trio import Array, Cell, Logs


@dataclass(frozen=True)
class Question:
    """How a time changed.

    Attributes:
        depth: null: of all depths of the family together.
        part: null: as a whole; else `per layer` or `overhead`.
    """

    family: str
    pass_: str
    depth: int | None = None
    part: str | None = None

    @property
    def is_whole(self) -> bool:
        """Is it about a family and pass as a whole?"""
        return self.depth is None and self.part is None

    @property
    def group(self) -> tuple[str, str]:
        """Family and pass: what is measured on or left together."""
        return self.family, self.pass_


@dataclass(frozen=True)
class Contrast:
    """One number a trio, NaN left out.

    Attributes:
        head: (trios,) of the head against both processes of the base.
        canary: (trios,) of the base's second process against its first.
        relative: whether the numbers are relative changes; else logarithms of ratios.
        seconds: of the base; null where they have no meaning.
    """

    question: Question
    head: Array
    canary: Array
    relative: bool = False
    seconds: float | None = None


def contrasts(logs: Logs) -> tuple[Contrast, ...]:
    """Of all families, then of all cells that were measured on both sides in two trios or more."""
    counts = np.isfinite(logs.heads).sum(axis=0)
    used = [place for place in range(len(logs.cells)) if counts[place] >= 2]
    used.sort(key=lambda place: (_group(logs.cells[place]), logs.cells[place].depth))
    groups = [list(places) for _, places in groupby(used, lambda i: _group(logs.cells[i]))]
    families = (each for places in groups for each in _family(logs, places))
    cells = (_cell(logs, place) for place in used)
    return (*families, *cells)


def _group(cell: Cell) -> tuple[str, str]:
    return cell.family, cell.pass_


def _cell(logs: Logs, place: int) -> Contrast:
    cell = logs.cells[place]
    return Contrast(
        Question(cell.family, cell.pass_, cell.depth),
        _known(logs.heads[:, place]),
        _known(logs.canaries[:, place]),
        seconds=float(logs.seconds[place]),
    )


def _family(logs: Logs, places: list[int]) -> Iterator[Contrast]:
    """Of the depths that never failed more often than the others, if these are two or more."""
    counts = np.isfinite(logs.heads[:, places]).sum(axis=0)
    whole = [place for place, n in zip(places, counts, strict=True) if n == counts.max()]
    family, pass_ = _group(logs.cells[places[0]])
    head, canary = logs.heads[:, whole], logs.canaries[:, whole]
    if len(whole) < 2 or np.isfinite(head).all(axis=1).sum() < 2:
        return
    yield Contrast(Question(family, pass_), _known(head.mean(axis=1)), _known(canary.mean(axis=1)))
    depths = [logs.cells[place].depth for place in whole]
    for part, (base, weights) in parts_of(depths, logs.seconds[whole]).items():
        yield Contrast(
            Question(family, pass_, part=part),
            _known(np.expm1(head) @ weights),
            _known(np.expm1(canary) @ weights),
            relative=True,
            seconds=base,
        )


def _known(values: Array) -> Array:
    return values[np.isfinite(values)]
