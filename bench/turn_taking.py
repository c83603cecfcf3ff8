"""Measures two revisions at once: fresh processes that take turns, pass by pass.

A trio is three fresh processes: the base, the base again, and the head. They are alive together
and measure one cell at a time, a few milliseconds each in random order, over and over: a slow clock
or a noisy neighbour happens to all three. What differs between two processes of the same code (the
layout of their memory) does not go away by more rounds, only by more trios; so a process gives one
number a cell. The base again is the canary: whatever it seems to differ by is noise.

This is the idea of interleaved (ABBA) trials, and of duet benchmarking (Bulej et al. 2020,
doi:10.1145/3358960.3379132), where both run at the same time; here one waits while another
computes, so that caches and clocks are not shared.
"""

import contextlib
import json
import random
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .points import Cell
from .specs import InputError

BASE, AGAIN, HEAD = "base", "again", "head"
SIDES = (BASE, AGAIN, HEAD)

# A turn takes so long, unless one pass takes longer: a machine's speed hardly changes meanwhile.
TURN_SECONDS = 0.01
# On two shared cores the median of 11 rounds was as uncertain as processes differed from one
# another. Twenty more take about as long as the imports of the three (8 cells: 5 s and 4 s).
ROUNDS = 31
# Of a cell whose passes take long, fewer rounds: so many seconds of one side, but these at least.
CELL_SECONDS, FEWEST_ROUNDS = 1.0, 5

_ROOT = Path(__file__).parent.parent
_PROGRAM = """
import sys
sys.path.insert(0, sys.argv[1])
from bench import turns
turns.main(*sys.argv[2:])
"""
_LAST_LINES = 5

# The first answer waits for the imports, and any for a network that takes its time; none for ever.
ANSWER_SECONDS = 120.0


@dataclass(frozen=True)
class Measured:
    """A cell in one process: its time (seconds a pass), or why there is none.

    Attributes:
        peak_bytes: where it was asked for.
        not_there: the revision has no such family that can be imported from it.
    """

    seconds: float | None = None
    rounds: tuple[float, ...] = ()
    peak_bytes: int | None = None
    error: str | None = None
    not_there: bool = False


Trio = Mapping[str, Mapping[Cell, Measured]]
"""By side, of `SIDES`."""


@dataclass(frozen=True)
class Revisions:
    """Where the code of both is, to be run from `folder` below each.

    Attributes:
        forbidden: the user's working tree, which neither may import from.
    """

    base: Path
    head: Path
    folder: Path
    forbidden: Path


def measure(
    revisions: Revisions, cells: Sequence[Cell], *, generator: random.Random, with_memory: bool
) -> Trio:
    """One trio over all cells, in random order.

    Raises:
        InputError: a process ended, with the last lines of what it said.
    """
    with ExitStack() as stack:
        sides = {
            name: stack.enter_context(_Process(revisions, revisions.head if name == HEAD else base))
            for name, base in dict.fromkeys(SIDES, revisions.base).items()
        }
        trio: dict[str, dict[Cell, Measured]] = {name: {} for name in SIDES}
        for cell in generator.sample(cells, len(cells)):
            for name, measured in _cell(sides, cell, generator, with_memory).items():
                trio[name][cell] = measured
    return trio


def _cell(
    sides: Mapping[str, "_Process"], cell: Cell, generator: random.Random, with_memory: bool
) -> dict[str, Measured]:
    """All sides prepare it, and those that can take turns."""
    request = {"do": "prepare", "cell": asdict(cell), "memory": with_memory}
    answers = {name: sides[name].asked(request) for name in generator.sample(SIDES, len(SIDES))}
    rounds = _take_turns(sides, answers, generator)
    seconds = dict(zip(rounds, told([*rounds.values()]).tolist(), strict=True)) if rounds else {}
    return {
        name: Measured(error=answer["error"], not_there=answer["not_there"])
        if "error" in answer
        else Measured(seconds[name], tuple(rounds[name]), answer["peak_bytes"])
        for name, answer in answers.items()
    }


def _take_turns(
    sides: Mapping[str, "_Process"], answers: dict[str, dict[str, Any]], generator: random.Random
) -> dict[str, list[float]]:
    """Seconds a pass in each round, of the sides without an error; an error that comes now takes
    the place of the side's answer."""
    rounds: dict[str, list[float]] = {n: [] for n, each in answers.items() if "error" not in each}
    if not rounds:
        return {}
    pass_seconds = min(answers[name]["seconds"] for name in rounds)
    turn = {"do": "turn", "passes": max(1, round(TURN_SECONDS / pass_seconds))}
    for _ in range(_rounds(pass_seconds * turn["passes"])):
        for name in generator.sample(sorted(rounds), len(rounds)):
            answer = sides[name].asked(turn)
            if "error" in answer:
                answers[name] = answer
                del rounds[name]
            else:
                rounds[name].append(answer["seconds"])
    return rounds


def told(rounds: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """The time of each side, in seconds a pass: what the sides have in common in a round, and how
    far a side usually is off that in the same round.

    Medians over rounds, of logarithms. Sides are compared within rounds because a machine's speed
    changes between them: a neighbour that comes in the middle slows the later rounds of all.

    Args:
        rounds: (sides, rounds) or (sides, rounds, cells), seconds a pass.

    Returns:
        (sides,) or (sides, cells).
    """
    logs = np.log(rounds)
    common = logs.mean(axis=0)
    seconds: npt.NDArray[np.float64] = np.exp(
        np.median(common, axis=0) + np.median(logs - common, axis=1)
    )
    return seconds


def _rounds(seconds: float) -> int:
    """How many turns of that length each side has."""
    return max(FEWEST_ROUNDS, min(ROUNDS, int(CELL_SECONDS / seconds)))


class _Process:
    """One process of a trio; a context that ends it."""

    def __init__(self, revisions: Revisions, root: Path) -> None:
        self._said = tempfile.TemporaryFile("w+", errors="replace")  # noqa: SIM115 (closed in __exit__)
        self._name = root.name
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-c", _PROGRAM, str(_ROOT), str(root), str(revisions.forbidden)],
            cwd=root / revisions.folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
            text=True,
        )

    def __enter__(self) -> "_Process":
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        with contextlib.suppress(BrokenPipeError):  # what it was told last
            self._process.communicate()
        self._said.close()

    def asked(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Its answer."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
        if not wait([self._process.stdout.fileno()], ANSWER_SECONDS):
            raise InputError(
                f"the process that measures the {self._name} did not answer within "
                f"{ANSWER_SECONDS:g} s ({request['do']}): leave out the deepest depths"
            )
        line = self._process.stdout.readline()
        if not line:
            raise InputError(self._end())
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _end(self) -> str:
        code = self._process.wait()
        self._said.seek(0)
        lines = [line.strip() for line in self._said.readlines() if line.strip()][-_LAST_LINES:]
        said = "; ".join(lines) or "it said nothing"
        return f"the process that measured the {self._name} ended with code {code}: {said}"
