"""What the paired lane has measured: trios by stage, and what is read from them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

from bench import turn_taking
from bench.points import Cell
from bench.turn_taking import BASE, HEAD, SIDES, Measured
from reports.errors import InputError
from reports.regression.paired_memory import Peaks
from reports.regression.trio import Cell as Place
from reports.regression.trio import Trio


@dataclass
class Measurements:
    """Trios of the cells, by what the statistics call them."""

    cells: Mapping[Place, Cell]
    first: list[turn_taking.Trio] = field(default_factory=list)
    confirming: list[turn_taking.Trio] = field(default_factory=list)

    def __len__(self) -> int:
        """Trios."""
        return len(self.first) + len(self.confirming)

    def times(self, trios: list[turn_taking.Trio]) -> list[Trio]:
        """Seconds a pass."""
        return [self._times(trio) for trio in trios]

    def _times(self, trio: turn_taking.Trio) -> Trio:
        return Trio(
            *({p: m.seconds for p, m in self._of(trio, side) if m.seconds} for side in SIDES)
        )

    def peaks(self) -> Peaks:
        """Of the first trio."""
        sides = (self._of(self.first[0], side) for side in SIDES)
        return Peaks(*({place: m.peak_bytes for place, m in of if m.peak_bytes} for of in sides))

    def _of(self, trio: turn_taking.Trio, side: str) -> list[tuple[Place, Measured]]:
        measured = trio[side]
        return [(place, measured[cell]) for place, cell in self.cells.items() if cell in measured]

    def check_there(self) -> None:
        """Of the first trio.

        Raises:
            InputError: nothing of a revision can be measured: it does not build.
        """
        for side, name in ((HEAD, "the working tree"), (BASE, "the base")):
            measured = [each for _, each in self._of(self.first[0], side)]
            broken = [each for each in measured if each.not_there]
            if broken and (side == HEAD or len(broken) == len(measured)):
                raise InputError(f"{name}: {broken[0].error}")

    def failures(self) -> dict[Place, dict[str, str]]:
        """By cell and side, why it was not measured."""
        found: dict[Place, dict[str, str]] = {}
        for trio in (*self.first, *self.confirming):
            for side in SIDES:
                for place, measured in self._of(trio, side):
                    if measured.error:
                        found.setdefault(place, {}).setdefault(side, measured.error)
        return found

    def raw(self) -> list[dict[str, object]]:
        """Everything that was measured, one row a cell and process."""
        return [
            {"stage": stage, "trio": number, "side": side, **asdict(place), **asdict(measured)}
            for stage, trios in (("first", self.first), ("confirming", self.confirming))
            for number, trio in enumerate(trios)
            for side in SIDES
            for place, measured in self._of(trio, side)
        ]
