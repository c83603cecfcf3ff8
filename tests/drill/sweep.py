"""A sweep of trainings to kill and resume: `python -m tests.drill.sweep FOLDER SEEDS [stacks]`.

It says `ready` when its first training can begin at once, and writes down each that is begun. With
`stacks`, seeds of one depth are trained together.
"""

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.isolate import Children, Outcome
from bench.points import Training
from bench.train.recorder import Recorder
from bench.train.runs import Runs
from bench.train.store import Store
from tests.bench.train.small import family, task, training

DEPTHS = (2, 4, 8)
WORKERS = 2
TIMEOUT = 120.0

# Long enough that a kill finds some of them in the middle.
EPOCHS = 20


class WritingChildren(Children):
    """Writes which training is begun, when (Unix time) and by which process."""

    def __init__(self, path: Path) -> None:
        super().__init__(preload=("bench.train.child",))
        self._path = path

    def call(
        self,
        function: Callable[..., Any],
        asked: Training | tuple[Training, ...],
        *args: Any,
        timeout: float,
    ) -> Outcome:
        begun = (asked,) if isinstance(asked, Training) else asked
        with self._path.open("a") as file:
            for each in begun:
                file.write(f"{each.depth} {each.seed} {time.time()} {os.getpid()}\n")
        return super().call(function, asked, *args, timeout=timeout)


def trainings(seeds: int) -> list[Training]:
    """The sweep."""
    return [
        training(depth=depth, seed=seed, epochs=EPOCHS) for seed in range(seeds) for depth in DEPTHS
    ]


def store_in(folder: Path) -> Path:
    """The sweep's store."""
    return folder / "store.sqlite"


def main(folder: Path, seeds: int, *, stacks: bool) -> None:
    """Train what is not kept yet."""
    children = WritingChildren(folder / "begun.txt")
    Children.call(children, abs, 0, timeout=TIMEOUT)  # the fork server is there
    recorder = Recorder(
        {"mlp": family()},
        {"small": task()},
        Store(store_in(folder), document=dict, resume=True),
        children,
        circumstances={},
        timeout=TIMEOUT,
        fast=stacks,  # which change the roundings: what is in hand at a kill decides who is in one
    )
    runs = Runs(recorder, workers=WORKERS)
    print("ready", flush=True)
    try:
        runs.wait(trainings(seeds))
    finally:
        children.close()
        runs.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), stacks=sys.argv[3:] == ["stacks"])
