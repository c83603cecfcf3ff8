"""Simulated sessions of `howdeep check --against`: trios of processes, round by round.

Every process has an offset of its own, for each cell or for all its cells; each round of it has a
heavy-tailed error; the machine slows over the session. No two draws share a process.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from bench.turn_taking import ROUNDS, told
from reports.regression.finding import REGRESSED
from reports.regression.margins import Margins
from reports.regression.paired import Decision, decide
from reports.regression.trio import Cell, Trio

Array = npt.NDArray[np.float64]
MARGINS = Margins()


@dataclass(frozen=True, kw_only=True)
class Noise:
    """Standard deviations of logarithms.

    Attributes:
        within: of a round; Student's t with three degrees of freedom, scaled to it.
        between: of a process in each cell; common: of a process in all of them.
        drift: by how much the machine slows over 20 trios; walk: from round to round, in steps.
        job: of a whole job, for baselines of another one.
        loud: times as much between processes in the first family.
    """

    within: float = 0.03
    between: float = 0.03
    common: float = 0.0
    drift: float = 0.2
    walk: float = 0.01
    job: float = 0.15
    loud: float = 1.0
    rounds: int = ROUNDS


@dataclass(frozen=True)
class Grid:
    """What is measured.

    Attributes:
        slower: by how much the head's cells are; what is left out is as the base.
    """

    families: int
    depths: tuple[int, ...]
    passes: tuple[str, ...]
    slower: Mapping[Cell, float] = field(default_factory=dict)

    @property
    def cells(self) -> tuple[Cell, ...]:
        names = [f"family{number}" for number in range(self.families)]
        return tuple(Cell(f, d, p) for f in names for p in self.passes for d in self.depths)

    def with_slower(self, by: float, *changed: Cell) -> "Grid":
        """The same with these cells of the head slower."""
        return Grid(self.families, self.depths, self.passes, dict.fromkeys(changed, by))


FIRST = "family0"

LARGE = Grid(6, (2, 4, 8, 16, 32), ("forward", "step"))
SMALL = Grid(2, (2, 4, 8, 16), ("step",))

SECONDS_A_LAYER, OVERHEAD_SECONDS = 1e-3, 2e-3


class Session:
    """One machine for the length of one check."""

    def __init__(self, grid: Grid, noise: Noise, generator: np.random.Generator) -> None:
        self.grid, self.noise, self._generator = grid, noise, generator
        self._trios, self._walked = 0, 0.0
        cells = grid.cells
        self._truth = np.log([OVERHEAD_SECONDS + SECONDS_A_LAYER * cell.depth for cell in cells])
        self._loudness = np.array([noise.loud if c.family == FIRST else 1.0 for c in cells])
        self._slower = np.log1p([grid.slower.get(cell, 0.0) for cell in cells])

    def rounds(self) -> Array:
        """Seconds of a trio of fresh processes, (3, rounds, cells): base, base again, head."""
        noise, draw = self.noise, self._generator
        shape = (3, noise.rounds, len(self.grid.cells))
        logs = draw.standard_t(3, shape) * (noise.within / np.sqrt(3)) + self._drifted(shape)
        logs += noise.between * self._loudness * draw.standard_normal((3, 1, shape[2]))
        logs += noise.common * draw.standard_normal((3, 1, 1))
        logs[2] += self._slower
        self._trios += 1
        return np.exp(logs + self._truth)

    def trio(self, asked: Sequence[Cell] = ()) -> Trio:
        """A time a process and cell, told as a measured one is; asked: empty: of all."""
        base, again, head = told(self.rounds())
        cells = self.grid.cells
        wanted = set(asked or cells)

        def by_cell(side: Array) -> dict[Cell, float]:
            seconds = zip(cells, side.tolist(), strict=True)
            return {cell: each for cell, each in seconds if cell in wanted}

        return Trio(by_cell(base), by_cell(again), by_cell(head))

    def _drifted(self, shape: tuple[int, int, int]) -> Array:
        """In each round and cell the three take their turns in random order."""
        processes, rounds, cells = shape
        order = self._generator.permuted(
            np.broadcast_to(np.arange(processes)[:, None, None], shape), axis=0
        )
        turn = (np.arange(rounds)[:, None] * cells + np.arange(cells)) * processes + order
        slope = self.noise.drift * (self._trios + turn / (processes * rounds * cells)) / 20
        steps = self.noise.walk * self._generator.standard_normal((rounds, 1))
        walk = self._walked + steps.cumsum(axis=0)
        self._walked = float(walk[-1, 0])
        return slope + walk


@dataclass(frozen=True)
class Checked:
    """How a check ended."""

    decision: Decision
    first: int
    confirming: int

    @property
    def trios(self) -> int:
        return self.first + self.confirming

    @property
    def regressed(self) -> frozenset[tuple[str, str | None]]:
        """Families and passes of which anything regressed."""
        found = (each for each in self.decision.findings if each.verdict == REGRESSED)
        return frozenset((each.family, each.pass_) for each in found)


def checked(session: Session, most: int) -> Checked:
    """A whole check."""
    first: list[Trio] = []
    confirming: list[Trio] = []
    while (now := decide(first, confirming, margins=MARGINS, most=most)).step != "done":
        (first if now.step == "measure" else confirming).append(session.trio(now.cells))
    return Checked(now, len(first), len(confirming))
