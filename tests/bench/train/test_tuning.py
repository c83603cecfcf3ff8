"""The learning rate of each depth, chosen before its seeds are trained. The children are fakes."""

import dataclasses
import json
import sqlite3
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bench.isolate import Outcome
from bench.points import Training
from bench.records import RunRecord
from bench.specs import InputError
from bench.train import tuning
from bench.train.recorder import Recorder
from bench.train.runs import Runs
from bench.train.store import Store
from bench.train.tuning import FACTORS, Tuning, best, trials
from bench.train.ways import Choice
from tests.bench.train.small import family, task, training

RATES = (0.001, 0.0032, 0.01, 0.032, 0.1)

Answer = Callable[[Training], dict[str, Any]]


class FakeChildren:
    """Answers for a child with what a test says of a training; several are faster one by one."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.trained: list[Training] = []

    def call(
        self, _: Callable[..., Any], asked: Training | tuple[Training, ...], *__: Any, **___: Any
    ) -> Outcome:
        if isinstance(asked, tuple):
            return Outcome("ok", Choice())
        self.trained.append(asked)
        found = self.answer(asked)
        if found.get("status", "ok") != "ok":
            return Outcome(found["status"], reason="planted")
        about = {**asked.settings(), "knobs": {}, "status": "ok"}
        return Outcome("ok", RunRecord(**{**about, **found}))


def best_at(rate: float) -> Answer:
    """Accuracy falls with the distance from one of the rates."""
    place = RATES.index(rate)

    def answer(asked: Training) -> dict[str, Any]:
        off = abs(RATES.index(asked.learning_rate) - place)
        return {"validation_accuracy": 0.9 - 0.1 * off, "validation_loss": 1.0}

    return answer


class Study:
    """Opens a tuning on one store, which is resumed from the second on."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.open = list[Runs]()

    def __call__(
        self, children: FakeChildren, *groups: tuple[Training, ...], resume: bool = False
    ) -> Tuning:
        recorder = Recorder(
            {"mlp": family()},
            {"small": task()},
            Store(self.path, document=dict, resume=resume),
            children,  # type: ignore[arg-type]
            circumstances={},
            timeout=60,
        )
        runs = Runs(recorder, workers=2)
        self.open.append(runs)
        return Tuning(runs, groups)

    def kinds(self) -> Counter[str]:
        with sqlite3.connect(self.path) as connection:
            return Counter(kind for (kind,) in connection.execute("SELECT kind FROM records"))

    def rows(self, kind: str) -> list[dict[str, Any]]:
        query = "SELECT row FROM records WHERE kind = ?"
        with sqlite3.connect(self.path) as connection:
            return [json.loads(row) for (row,) in connection.execute(query, (kind,))]


@pytest.fixture
def study(tmp_path: Path) -> Iterator[Study]:
    opened = Study(tmp_path / "store.sqlite")
    yield opened
    for runs in opened.open:
        runs.close()


def group(depth: int = 2, seeds: int = 3) -> tuple[Training, ...]:
    return tuple(training(depth=depth, seed=seed) for seed in range(seeds))


def test_trials_are_spread_around_the_rate_asked_for() -> None:
    """From a tenth to ten times; with a seed of their own, and without a look at the test split."""
    tried = trials(training(seed=2))
    assert tuple(trial.learning_rate for trial in tried) == RATES
    assert {trial.seed for trial in tried} == {tuning.SEED}
    assert not any(trial.test for trial in tried)
    same = {"learning_rate": 0.01, "seed": 2, "test": True}
    assert {dataclasses.replace(trial, **same) for trial in tried} == {training(seed=2)}


def record(
    rate: float, accuracy: float | None, loss: float | None, status: str = "ok"
) -> RunRecord:
    about = training(learning_rate=rate).settings() | {"knobs": {}, "status": status}
    # A choice by the test split would be another.
    return RunRecord(
        **about, validation_accuracy=accuracy, validation_loss=loss, test_accuracy=rate
    )


def test_the_best_trial_is_the_most_accurate_then_of_lowest_loss() -> None:
    """On the validation split; of equals the lower rate; one that diverged is none."""
    tried = [record(0.1, 0.8, 0.5), record(0.01, 0.9, 0.4), record(0.032, 0.9, 0.3)]
    assert best(tried) is tried[2]
    assert best([*tried, record(0.001, 0.9, 0.3)]).learning_rate == 0.001  # type: ignore[union-attr]
    assert best([*tried, record(1.0, 0.99, 0.1, status="diverged")]) is tried[2]
    assert best([record(0.1, None, None, status="oom")]) is None


@pytest.mark.parametrize("rate", RATES)
def test_seeds_are_trained_at_the_best_rate(study: Study, rate: float) -> None:
    """Their rows say of which it was chosen, and where it is at an end of these, that too."""
    tuned = study(FakeChildren(best_at(rate)), group())
    runs = tuned.wait(group())
    assert [(run.seed, run.learning_rate, run.tuned_from) for run in runs] == [
        (seed, rate, RATES) for seed in range(3)
    ]
    warned = {warning for run in runs for warning in run.warnings}
    assert len(warned) == (rate in (RATES[0], RATES[-1]))
    assert all(f"{rate:g}, is at the edge of those tried (0.001 to 0.1)" in w for w in warned)


def test_every_depth_has_as_many_trials(study: Study) -> None:
    """Wherever its best rate is."""
    answers = {2: best_at(0.01), 4: best_at(0.1), 8: best_at(0.0032)}
    children = FakeChildren(lambda asked: answers[asked.depth](asked))
    groups = [group(depth) for depth in answers]
    tuned = study(children, *groups)
    found = [tuned.wait(each)[0].learning_rate for each in groups]
    assert found == [0.01, 0.1, 0.0032]
    tried = Counter(asked.depth for asked in children.trained if asked.seed == tuning.SEED)
    assert tried == dict.fromkeys(answers, len(FACTORS))
    assert len(tuned.finished()) == 3 * len(FACTORS)


def test_more_seeds_of_a_depth_need_no_more_trials(study: Study) -> None:
    """Also of a group that was not foreseen: the choice is the depth's."""
    children = FakeChildren(best_at(0.032))
    tuned = study(children)
    first, more = tuned.wait(group()), tuned.wait(group(seeds=5)[3:])
    assert {run.learning_rate for run in [*first, *more]} == {0.032}
    assert len(children.trained) == len(FACTORS) + 5


def test_several_depths_are_trained_side_by_side(study: Study) -> None:
    """A seed of one depth does not wait for that of the other; each has its own rate."""
    both = threading.Barrier(2, timeout=60)
    answers = {2: best_at(0.01), 4: best_at(0.1)}

    def answer(asked: Training) -> dict[str, Any]:
        if asked.seed != tuning.SEED:
            both.wait()
        return answers[asked.depth](asked)

    children = FakeChildren(answer)
    runs = study(children).wait_together([group(2, seeds=1), group(4, seeds=1)])
    assert [(run.depth, run.learning_rate) for run in runs] == [(2, 0.01), (4, 0.1)]
    assert len(children.trained) == 2 * (len(FACTORS) + 1)


def test_trials_are_kept_as_a_kind_of_their_own(study: Study) -> None:
    """So that no report takes them for runs."""
    study(FakeChildren(best_at(0.01)), group()).wait(group())
    assert study.kinds() == {"run": 3, tuning.KIND: 5}
    assert {row["seed"] for row in study.rows("run")} == {0, 1, 2}
    assert {row["test_accuracy"] for row in study.rows(tuning.KIND)} == {None}


def test_what_was_kept_is_not_trained_again(study: Study) -> None:
    """Neither trials nor runs."""
    children = FakeChildren(best_at(0.032))
    before = study(children, group()).wait(group())
    children.trained.clear()
    after = study(children, group(), resume=True).wait(group())
    assert after == before
    assert children.trained == []


@pytest.mark.parametrize("status", ["oom", "error", "timeout"])
def test_where_no_trial_ends_the_rate_asked_for_is_taken(study: Study, status: str) -> None:
    """The rows say what was tried, as those of the other depths do: they may be compared."""
    tuned = study(FakeChildren(lambda _: {"status": status}), group())
    for run in tuned.wait(group()):
        assert (run.status, run.learning_rate, run.tuned_from) == (status, 0.01, RATES)
        assert run.warnings == ()


def test_tuning_needs_a_validation_split() -> None:
    """It would choose on the test split."""
    tuning.check(task())
    with pytest.raises(InputError, match="chooses on a validation split, and small has none"):
        tuning.check(task(validation=False))
