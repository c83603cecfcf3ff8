"""A library in the place of the search, on the same simulated tasks and for as much training.

Optuna, with successive halving over the seeds of a depth: a trial is a depth, trained with one seed
more at a time until it is pruned. It may spend 35% of the sweep's training FLOPs, and is asked for
the sufficient depth by the same confidence set. Not installed by tox: `pip install optuna`.
"""

import contextlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tabulate import tabulate

from tests.simulated.searches import SEEDS, members, race
from tests.simulated.test_search import DEPTHS, EXAMPLES, FLOPS, SHAPES, tasks

RESULTS = Path("results/simulated/library.md")
SHARE = 0.35
MOST_TRIALS = 40


class _SpentError(Exception):
    """No further training can be paid."""


class Grant:
    """Trainings of a task, until a share of the sweep is spent."""

    def __init__(self, accuracies: Mapping[int, Sequence[float]]) -> None:
        self._accuracies = accuracies
        self._left = SHARE * SEEDS * sum(FLOPS.values())
        self.taken = dict.fromkeys(accuracies, 0)

    def mean(self, depth: int, seeds: int) -> float:
        """Of the first so many seeds; a training that was paid for is not paid again."""
        if seeds > self.taken[depth]:
            if FLOPS[depth] > self._left:
                raise _SpentError
            self._left -= FLOPS[depth]
            self.taken[depth] = seeds
        return float(np.mean(self._accuracies[depth][:seeds]))

    def sufficient(self) -> int | None:
        """By what was trained."""
        known = {d: self._accuracies[d][:n] for d, n in self.taken.items() if n}
        return members(known, EXAMPLES)[0] if known else None


def searched(grant: Grant, optuna: Any, sampler: Any, pruner: Any) -> int | None:
    """The sufficient depth that the library finds."""

    def objective(trial: Any) -> float:
        depth = trial.suggest_categorical("depth", list(DEPTHS))
        for seeds in range(1, SEEDS + 1):
            mean = grant.mean(depth, seeds)
            trial.report(mean, seeds)
            if trial.should_prune():
                raise optuna.TrialPruned
        return mean

    study = optuna.create_study(direction="maximize", sampler=sampler, pruner=pruner)
    with contextlib.suppress(_SpentError):
        study.optimize(objective, n_trials=MOST_TRIALS)
    return grant.sufficient()


def _ways(optuna: Any) -> dict[str, Callable[[int], tuple[Any, Any]]]:
    samplers, pruners = optuna.samplers, optuna.pruners
    grid = {"depth": list(DEPTHS)}
    return {
        "TPE, Hyperband": lambda seed: (
            samplers.TPESampler(seed=seed),
            pruners.HyperbandPruner(1, SEEDS, 2),
        ),
        "grid, successive halving": lambda seed: (
            samplers.GridSampler(grid, seed=seed),
            pruners.SuccessiveHalvingPruner(1, 2),
        ),
    }


@pytest.mark.simulated
@pytest.mark.filterwarnings("ignore")
def test_no_library_finds_the_sufficient_depth_as_often() -> None:
    """Over all shapes; a library that does may drive the search."""
    optuna = pytest.importorskip("optuna", reason="pip install optuna")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    rows = []
    for shape in SHAPES:
        races = [(each, race(each, EXAMPLES, FLOPS)) for each, _ in tasks(shape)]
        same = {"howdeep search": sum(race.same for _, race in races)}
        for name, way in _ways(optuna).items():
            found = [
                searched(Grant(each), optuna, *way(seed)) == race.swept
                for seed, (each, race) in enumerate(races)
            ]
            same[name] = sum(found)
        rows.append({"shape": shape, **same})
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(str(tabulate(rows, headers="keys", tablefmt="github")) + "\n")
    totals = {name: sum(int(row[name]) for row in rows) for name in rows[0] if name != "shape"}
    assert max(totals, key=lambda name: totals[name]) == "howdeep search", totals
