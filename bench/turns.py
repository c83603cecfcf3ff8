"""A process that measures one revision's networks, a turn at a time, when it is told to.

Three of these are alive together and take turns, so that whatever the machine does in a minute
happens to all of them: see `turn_taking`. Requests are lines of JSON on standard input, answers
lines of JSON on what was standard output; what a network prints goes to standard error.
The measuring code is that of the running howdeep for every revision; only the networks are the
revision's, found from the working folder.
"""

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from . import cost, families
from .families import Family
from .measure import machine, memory
from .measure.latency import Clock, timed
from .measure.passes import Pass
from .points import Cell
from .specs import InputError, one_line

# A network is warm after so many passes that took so many seconds.
WARM_PASSES, WARM_SECONDS = 3, 0.03

_OPTIMIZER = "adamw"
_OURS = Path(__file__).parent


class Turns:
    """Holds one cell at a time.

    Args:
        revision: the folder of the revision's worktree, where its code must come from.
        forbidden: the user's working tree, where none of it may come from: both sides would be the
            same then, and nothing would ever be found.
    """

    def __init__(self, revision: Path, forbidden: Path) -> None:
        self._revision = revision
        self._forbidden = forbidden
        self._clock = Clock()
        self._families: dict[str, Family] = {}
        self._pass: Pass | None = None
        self._synchronize = machine.synchronizer("cpu")

    def prepare(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Build a cell and warm it up; seconds a pass, and where asked for its peak memory."""
        self._pass = None  # the memory of the last one is free
        cell = Cell(**request["cell"])
        torch.set_num_threads(cell.threads)
        family = self._family(cell.family)
        network = cost.prepare(family, _OPTIMIZER, cell)
        self._pass = network.pass_
        self._synchronize = machine.synchronizer(cell.device)
        peak = (
            memory.peak(
                network.pass_, network.model, network.inputs, network.optimizer, device=cell.device
            )
            if request["memory"]
            else None
        )
        return {"seconds": self._warm_up(), "peak_bytes": peak and peak.peak_bytes}

    def _family(self, spec: str) -> Family:
        if spec not in self._families:
            family = families.find(spec)
            self._check_origin(family)
            self._families[spec] = family
        return self._families[spec]

    def turn(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Seconds a pass, over so many passes of the prepared cell."""
        return {"seconds": self._seconds(request["passes"])}

    def _warm_up(self) -> float:
        total, passes, seconds = 0.0, 0, 0.0
        while passes < WARM_PASSES or total < WARM_SECONDS:
            seconds = self._seconds(1)
            total, passes = total + seconds, passes + 1
        return seconds

    def _seconds(self, passes: int) -> float:
        assert self._pass is not None
        iteration = timed(self._pass, self._clock, self._synchronize)
        start = self._clock()
        for _ in range(passes):
            iteration()
        return (self._clock() - start) / passes

    def _check_origin(self, family: Family) -> None:
        if family.file is None or not family.file.is_relative_to(self._revision):
            raise InputError(
                f"{family.name} is no part of the repository ({family.file}): it is the same in "
                "every revision"
            )
        for name, module in list(sys.modules.items()):
            file = getattr(module, "__file__", None)
            if isinstance(file, str) and self._is_foreign(Path(file)):
                raise InputError(
                    f"{family.name} imports {name} from the working tree ({file}), not from the "
                    "revision: it must lie at the top of the repository or in src"
                )

    def _is_foreign(self, file: Path) -> bool:
        """The folder for temporary files, and the revision in it, may lie in the working tree."""
        inside = file.is_relative_to(self._forbidden) and not file.is_relative_to(self._revision)
        return inside and _OURS not in file.parents and "site-packages" not in file.parts


def main(revision: str, forbidden: str) -> None:
    """Answer requests until there are no more."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    source = Path.cwd() / "src"
    sys.path[:0] = [str(source)] if source.is_dir() else []
    turns = Turns(Path(revision), Path(forbidden))
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = getattr(turns, request["do"])(request)
        except (Exception, SystemExit) as error:  # whatever a user's network raises
            answer = {"error": one_line(error), "not_there": isinstance(error, InputError)}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()
