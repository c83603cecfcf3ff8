"""What trios of processes measured: the base, the base again, and the head, alive together.

The three are measured in turns, so that what slows the machine slows all of them, and only their
ratios are looked at. The process is the replicate: its rounds agree with each other more than with
those of another process.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, order=True)
class Cell:
    """One thing that is timed."""

    family: str
    depth: int
    pass_: str


@dataclass(frozen=True)
class Trio:
    """Seconds by cell, each above 0; a cell that failed in a process is not in its mapping.

    Attributes:
        again: of the second process of the base, the canary.
    """

    base: Mapping[Cell, float]
    again: Mapping[Cell, float]
    head: Mapping[Cell, float]

    @property
    def cells(self) -> set[Cell]:
        """All that was measured in one of the three at least."""
        return {*self.base, *self.again, *self.head}


@dataclass(frozen=True)
class Logs:
    """Logarithms of seconds: (trios, cells) each, NaN where there is none."""

    cells: tuple[Cell, ...]
    base: Array
    again: Array
    head: Array

    @cached_property
    def reference(self) -> Array:
        """Of both processes of the base: the mean, or the one there is."""
        both = (self.base + self.again) / 2
        one = np.where(np.isnan(self.base), self.again, self.base)
        return np.where(np.isnan(both), one, both)

    @cached_property
    def heads(self) -> Array:
        """The head's log ratio to both processes of the base."""
        return self.head - (self.base + self.again) / 2

    @cached_property
    def canaries(self) -> Array:
        """The log ratio of the base's two processes."""
        return self.again - self.base

    @cached_property
    def seconds(self) -> Array:
        """(cells,) of the base: geometric means; NaN where it never had one."""
        counts = np.isfinite(self.reference).sum(axis=0)
        means: Array = np.exp(np.nansum(self.reference, axis=0) / np.where(counts, counts, np.nan))
        return means


def logs_of(trios: Sequence[Trio]) -> Logs:
    """All cells that any of the trios measured, in order."""
    cells = tuple(sorted(set().union(*(trio.cells for trio in trios))))
    return Logs(
        cells,
        _logs(cells, (trio.base for trio in trios)),
        _logs(cells, (trio.again for trio in trios)),
        _logs(cells, (trio.head for trio in trios)),
    )


def _logs(cells: Sequence[Cell], sides: Iterator[Mapping[Cell, float]]) -> Array:
    seconds = [[side.get(cell, np.nan) for cell in cells] for side in sides]
    return np.log(np.array(seconds, dtype=np.float64).reshape(len(seconds), len(cells)))
