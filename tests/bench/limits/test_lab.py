"""An interrupt ends what runs, and what a child brought or did not is said."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bench.isolate import Outcome
from bench.limits.evidence import Planned, Trial
from bench.limits.lab import Lab, failure
from bench.options import Options
from bench.train.places import Place
from bench.train.store import Store
from tests.bench.train.small import training

TASK = """
import numpy as np
def load():
    labels = np.arange(40) % 2
    inputs = labels[:, None, None] + np.zeros((40, 1, 6))
    return {"train": (inputs, labels), "test": (inputs, labels)}
"""


class FakeChildren:
    """Answers at once; remembers whether it was closed."""

    def __init__(self, answer: Callable[..., Outcome]) -> None:
        self._answer = answer
        self.closed = False

    def call(self, function: Callable[..., Any], *args: Any, timeout: float) -> Outcome:
        assert timeout > 0
        return self._answer(function, *args)

    def close(self) -> None:
        self.closed = True


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A user's task, in a folder of its own."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "lab_task.py").write_text(TASK)


def lab(answer: Callable[..., Outcome], heard: list[Trial]) -> tuple[Lab, FakeChildren]:
    children = FakeChildren(answer)
    store = Store(Path("s.sqlite"), document=dict, resume=False)
    place = Place(children, workers=1, machine={})
    made = Lab(Options(), store, place, tell=heard.append)
    return made, children


def interrupted(*_: Any) -> Outcome:
    raise KeyboardInterrupt


@pytest.mark.parametrize("step", ["probe", "weigh"])
def test_an_interrupt_ends_the_children(step: str) -> None:
    """They are not waited for: a look into a network may take minutes."""
    made, children = lab(interrupted, [])
    asked = training(task="lab_task.py:load")
    with pytest.raises(KeyboardInterrupt):
        made.probe(len, [(asked, ())]) if step == "probe" else made.weigh([asked])
    assert children.closed
    made.close()


def test_trials_come_in_the_order_of_the_plan() -> None:
    """Whichever ends first; each is told, with what it was for."""
    heard: list[Trial] = []
    made, _ = lab(lambda *_: Outcome("error", reason="planted"), heard)
    depths = [2, 8, 4]
    plan = [
        Planned(role="screening", remedy=f"remedy {depth}", training=training(
            task="lab_task.py:load", depth=depth))
        for depth in depths
    ]  # fmt: skip
    trials = made.train(plan)
    made.close()
    assert [trial.run.depth for trial in trials] == depths
    assert [trial.plan.remedy for trial in heard] == ["remedy 2", "remedy 8", "remedy 4"]
    assert {trial.run.reason for trial in heard} == {"planted"}


def test_a_child_that_brought_nothing_is_a_row() -> None:
    """With its status and reason."""
    row = failure(Outcome("oom", reason="killed"), limit="gradients", depth=3)
    assert (row.quantity, row.value, row.note, row.depth) == ("failed", None, "oom: killed", 3)
