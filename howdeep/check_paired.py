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
from dataclasses import asdict, dataclass, field

import typer

from bench import families, grid, options, turn_taking
from bench.points import Cell
from bench.specs import InputError as SpecError
from bench.turn_taking import AGAIN, BASE, HEAD, SIDES, Measured, Revisions
from reports.errors import InputError
from reports.regression.finding import INCOMPARABLE, INCONCLUSIVE, PAIRED, Answer, Finding
from reports.regression.paired import DONE, MEASURE, Decision, decide
from reports.regression.paired_memory import Peaks, memory_findings
from reports.regression.trio import Cell as Place
from reports.regression.trio import Trio

from .check_settings import Settings
from .worktrees import Worktrees, build, worktrees

# More tell little that these did not: the standard error falls with the root of their number.
MOST_TRIOS = 14

# How many there is time for is told by these: the first one also measures memory.
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
            session = _Session(settings, cells, trees)
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
    """What is measured, as it comes in.

    Attributes:
        lost: why a later trio came to nothing, and with it the measuring to its end.
    """

    settings: Settings
    cells: Mapping[Place, Cell]
    trees: Worktrees
    first: list[turn_taking.Trio] = field(default_factory=list)
    confirming: list[turn_taking.Trio] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)
    most: int = MOST_TRIOS
    lost: tuple[str, ...] = ()

    def run(self) -> Decision:
        """Measure until it is decided, or the time is over."""
        generator = random.Random(0)
        longest = 0.0
        decision = Decision(MEASURE, tuple(self.cells))
        while decision.step != DONE:
            if self.first and self._left < longest:
                return self._decided(ended=True)
            start = time.monotonic()
            try:
                self._measure(decision, generator)
            except SpecError as error:
                if not self.first:
                    raise
                self.lost = (f"{error}; what was measured before it is told",)
                return self._decided(ended=True)
            seconds = time.monotonic() - start
            longest = max(longest, seconds)
            if len(self.first) == 1:
                self._check_there()
            if len(self.first) <= TIMED_TRIOS:  # no later, so that nothing that was found has a say
                self.most = min(MOST_TRIOS, len(self.first) + max(0, int(self._left / seconds)))
            decision = self._decided()
        return decision

    @property
    def _left(self) -> float:
        """Seconds."""
        return 60 * self.settings.max_minutes - (time.monotonic() - self.began)

    def _measure(self, decision: Decision, generator: random.Random) -> None:
        trees = self.trees
        stage = self.first if decision.step == MEASURE else self.confirming
        places = decision.cells or tuple(self.cells)
        self._tell(decision, len(places))
        trio = turn_taking.measure(
            Revisions(trees.base, trees.head, trees.folder, trees.top),
            [self.cells[place] for place in places],
            generator=generator,
            with_memory=not self.first,
        )
        stage.append(trio)

    def _tell(self, decision: Decision, cells: int) -> None:
        number = 1 + len(self.first) + len(self.confirming)
        doing = "confirms" if decision.step != MEASURE else "measures"
        typer.echo(
            f"howdeep check: trio {number} of at most {self.most} {doing} {cells} cells "
            f"({time.monotonic() - self.began:.0f} s)",
            err=True,
        )
        sys.stderr.flush()

    def _decided(self, *, ended: bool = False) -> Decision:
        return decide(
            [self._times(trio) for trio in self.first],
            [self._times(trio) for trio in self.confirming],
            margins=self.settings.margins,
            most=self.most,
            ended=ended,
        )

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

    def _check_there(self) -> None:
        """A revision of which nothing can be measured does not build."""
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


def _answer(session: _Session, decision: Decision, revision: str) -> Answer:
    failures = session.failures()
    nowhere = [place for place, sides in failures.items() if {BASE, HEAD} <= sides.keys()]
    return Answer(
        base=f"{revision} ({session.trees.base_commit[:12]})",
        new=session.trees.head_words,
        findings=(
            *decision.findings,
            *memory_findings(session.peaks(), session.settings.margins),
            *(_failed(place, failures[place]) for place in nowhere),
        ),
        cannot_tell=(*session.lost, *decision.cannot_tell, *_undecided(decision.findings)),
        notes=tuple(_notes(session, failures)),
        details={
            PAIRED: {
                "seconds": time.monotonic() - session.began,
                "trios": len(session.first),
                "confirming_trios": len(session.confirming),
                "most_trios": session.most,
                "base_commit": session.trees.base_commit,
                "measured": session.raw(),
            }
        },
    )


def _undecided(findings: Sequence[Finding]) -> tuple[str, ...]:
    """A check that decides nothing about time is no pass."""
    if any(each.verdict != INCONCLUSIVE for each in findings):
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


def _notes(session: _Session, failures: Mapping[Place, Mapping[str, str]]) -> Sequence[str]:
    confirming = f", {len(session.confirming)} of them to confirm" * bool(session.confirming)
    trios = len(session.first) + len(session.confirming)
    return [
        f"measured in {trios} trios of fresh processes{confirming}, on this machine",
        *(
            f"{place.family} at depth {place.depth}, {place.pass_}, on the {side}: {error}"
            for place, sides in failures.items()
            for side, error in sides.items()
            if side != AGAIN
        ),
    ]
