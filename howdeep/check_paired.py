"""The paired lane of `howdeep check`: time and peak memory against another revision, side by side.

Trios of fresh processes are measured in turns until everything is decided or the time is over;
what decides stands in `reports.regression.paired`.
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import chdir
from dataclasses import dataclass, field

import typer

from bench import families, grid, options, turn_taking
from bench.points import Cell
from bench.specs import InputError as SpecError
from bench.turn_taking import AGAIN, BASE, HEAD, Revisions
from reports.errors import InputError
from reports.regression.finding import (
    INCOMPARABLE,
    INCONCLUSIVE,
    NEW,
    PAIRED,
    Answer,
    Finding,
)
from reports.regression.paired import DONE, MEASURE, Decision, decide
from reports.regression.paired_memory import memory_findings
from reports.regression.trio import Cell as Place

from .check_settings import Settings
from .paired_measurements import Measurements
from .worktrees import Worktrees, build, worktrees

# More tell little that these did not: the standard error falls with the root of their number.
MOST_TRIOS = 14

# How many there is time for is told by these, as the first one also measures memory, and by none
# later, so that nothing that was found has a say.
TIMED_TRIOS = 2


def answer(settings: Settings, revision: str) -> Answer:
    """The working tree against that revision.

    Raises:
        InputError: no git, no such revision, it does not build, or nothing to measure.
    """
    with chdir(settings.folder):
        cells = _cells(settings)
        with worktrees(settings.folder, revision) as trees:
            if settings.build:
                for path in (trees.base, trees.head):
                    build(settings.build, path / trees.folder, path.name)
            session = _Session(settings, Measurements(cells), trees, time.monotonic())
            decision = session.run()
    return _answer(session, decision, revision)


def _cells(settings: Settings) -> dict[Place, Cell]:
    """By what the statistics call them."""
    if not settings.families:
        raise InputError(
            "--against needs families: --family mynet.py:build, or families in pyproject.toml "
            "([tool.howdeep.check])"
        )
    texts = {
        "--passes": ",".join(settings.passes),
        "--device": settings.device,
        "--dtype": settings.dtype,
        "--threads": str(settings.threads),
        "--batch-size": str(settings.batch_size),
    }
    asked = options.read(texts, families=settings.families)
    found = {family.name: family for family in map(families.find, settings.families)}
    return {
        Place(name, depth, pass_): Cell(
            family=name,
            depth=depth,
            pass_=pass_,
            batch_size=asked.batch_sizes[0],
            dtype=asked.dtype,
            device=asked.device,
            threads=asked.threads,
        )
        for name, family in found.items()
        for depth in settings.depths or grid.depths(family, asked)
        for pass_ in asked.passes
    }


@dataclass
class _Session:
    """One check's measuring, until it is decided.

    Attributes:
        most: trios in all that there is time for.
        took: cells and seconds of each trio.
        lost: why a later trio came to nothing, and with it the measuring to its end.
    """

    settings: Settings
    measured: Measurements
    trees: Worktrees
    began: float
    most: int = MOST_TRIOS
    took: list[tuple[int, float]] = field(default_factory=list)
    lost: tuple[str, ...] = ()

    def run(self) -> Decision:
        """Measure until it is decided, or the time is over."""
        generator = random.Random(0)
        measured = self.measured
        decision = Decision(MEASURE, tuple(measured.cells))
        while decision.step != DONE:
            if measured.first and self._left < self._will_take(len(decision.cells)):
                return self._decided(ended=True)
            start = time.monotonic()
            try:
                self._measure(decision, generator)
            except SpecError as error:
                if not measured.first:
                    raise
                self.lost = (f"{error}; what was measured before it is told",)
                return self._decided(ended=True)
            seconds = time.monotonic() - start
            self.took.append((len(decision.cells), seconds))
            if len(measured) == 1:
                measured.check_there()
            if len(measured) <= TIMED_TRIOS:
                self.most = min(MOST_TRIOS, len(measured) + max(0, int(self._left / seconds)))
            decision = self._decided()
        return decision

    @property
    def _left(self) -> float:
        """Seconds."""
        return 60 * self.settings.max_minutes - (time.monotonic() - self.began)

    def _will_take(self, cells: int) -> float:
        """Seconds: as the longest trio of as many cells, or of any; the first measured memory too
        and counts only where it is alone."""
        later = self.took[1:] or self.took
        alike = [seconds for n, seconds in later if n == cells]
        return max(alike or [seconds for _, seconds in later])

    def _measure(self, decision: Decision, generator: random.Random) -> None:
        trees, measured = self.trees, self.measured
        stage = measured.first if decision.step == MEASURE else measured.confirming
        places = decision.cells or tuple(measured.cells)
        self._tell(decision, len(places))
        trio = turn_taking.measure(
            Revisions(trees.base, trees.head, trees.folder, trees.top),
            [measured.cells[place] for place in places],
            generator=generator,
            with_memory=not measured.first,
        )
        stage.append(trio)

    def _tell(self, decision: Decision, cells: int) -> None:
        number = 1 + len(self.measured)
        doing = "confirms" if decision.step != MEASURE else "measures"
        typer.echo(
            f"howdeep check: trio {number} of at most {self.most} {doing} {cells} cells "
            f"({time.monotonic() - self.began:.0f} s)",
            err=True,
        )
        sys.stderr.flush()

    def _decided(self, *, ended: bool = False) -> Decision:
        measured = self.measured
        return decide(
            measured.times(measured.first),
            measured.times(measured.confirming),
            margins=self.settings.margins,
            most=self.most,
            ended=ended,
        )


def _answer(session: _Session, decision: Decision, revision: str) -> Answer:
    measured = session.measured
    failures = measured.failures()
    nowhere = [place for place, sides in failures.items() if {BASE, HEAD} <= sides.keys()]
    return Answer(
        base=f"{revision} ({session.trees.base_commit[:12]})",
        new=session.trees.head_words,
        findings=(
            *decision.findings,
            *memory_findings(measured.peaks(), session.settings.margins),
            *(_failed(place, failures[place]) for place in nowhere),
        ),
        cannot_tell=(*session.lost, *decision.cannot_tell, *_undecided(decision.findings)),
        notes=tuple(_notes(measured, failures)),
        details={
            PAIRED: {
                "seconds": time.monotonic() - session.began,
                "trios": len(measured.first),
                "confirming_trios": len(measured.confirming),
                "most_trios": session.most,
                "base_commit": session.trees.base_commit,
                "measured": measured.raw(),
            }
        },
    )


def _undecided(findings: Sequence[Finding]) -> tuple[str, ...]:
    """A check that decides nothing about time is no pass, and new cells are no answer."""
    compared = [each for each in findings if each.verdict != NEW]
    if findings and not compared:
        return ("nothing was compared: the base has no time of any cell",)
    if any(each.verdict != INCONCLUSIVE for each in compared):
        return ()
    return ("nothing about time was decided: give it more --max-minutes, or a quieter machine",)


def _failed(place: Place, sides: Mapping[str, str]) -> Finding:
    return Finding(
        lane=PAIRED,
        verdict=INCOMPARABLE,
        metric="time",
        family=place.family,
        depth=place.depth,
        pass_=place.pass_,
        reason=f"it fails on both sides: {sides[HEAD]}",
    )


def _notes(measured: Measurements, failures: Mapping[Place, Mapping[str, str]]) -> Sequence[str]:
    confirming = f", {len(measured.confirming)} of them to confirm" * bool(measured.confirming)
    trios = f"{len(measured)} trio{'s' * (len(measured) != 1)}"
    return [
        f"measured in {trios} of fresh processes{confirming}, on this machine",
        *(
            f"{place.family} at depth {place.depth}, {place.pass_}, on the {side}: {error}"
            for place, sides in failures.items()
            for side, error in sides.items()
            if side != AGAIN
        ),
    ]
