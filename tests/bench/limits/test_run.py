"""What is refused before anything is trained, and that nothing runs on after an error."""

from pathlib import Path
from typing import Any

import pytest

from bench.isolate import Children
from bench.limits import run
from bench.options import Options
from bench.specs import InputError
from bench.train.duration import Duration
from bench.train.store import Store
from tests.bench.train.small import training

TASK = """
import numpy as np
def load(n=40):
    labels = np.arange(n) % 2
    inputs = labels[:, None, None] + np.zeros((n, 1, 6))
    return {"train": (inputs, labels), "test": (inputs, labels)}
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "run_task.py").write_text(TASK)


def checked(family: str, depth: int = 4, **changes: Any) -> Any:
    known = {"task": "run_task.py:load", **changes}
    return run.checked_training(Options(families=(family,), depths=(depth,), **known))


def test_the_training_is_the_one_of_the_options() -> None:
    """The family and the task by their canonical specs; the seed that chooses."""
    asked = checked("mlp:width=8,norm=batch", batch_sizes=(16,), learning_rate=0.1, epochs=3)
    assert asked == training(
        family="mlp:norm=batch,width=8", depth=4, task="run_task.py:load", batch_size=16,
        learning_rate=0.1, epochs=3,
    )  # fmt: skip


@pytest.mark.parametrize(
    "chosen", [{"match": "flops"}, {"tune": True}, {"train_for": Duration(1e9, "flops")}]
)
def test_what_the_experiment_chooses_by_itself_is_refused(chosen: dict[str, Any]) -> None:
    """It compares depths at the family's own width, and finds the learning rates itself."""
    with pytest.raises(InputError, match="leave out --match, --lr tune"):
        checked("mlp", **chosen)


@pytest.mark.parametrize(
    ("family", "depth", "task", "words"),
    [
        ("nope", 4, "load", "unknown family 'nope'"),
        ("mlp:norm=loud", 4, "load", "unknown norm 'loud' for mlp; known: none, batch"),
        ("cifar_resnet", 21, "load", "depth must be 6n+2"),
        ("mlp", 4, "load:n=19", "at least 20 training samples are needed to tell depths apart"),
        ("mlp", 4, "load:n=1", "only one class in the training set"),
        ("mlp", 4, "nothing", "has no function 'nothing'"),
    ],
)
def test_bad_input_is_one_line(family: str, depth: int, task: str, words: str) -> None:
    """It says what was expected and what was found."""
    with pytest.raises(InputError, match=words.replace("+", r"\+")) as raised:
        checked(family, depth, task=f"run_task.py:{task}")
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("rows", "batch_size", "epochs"), [(4_000, 128, 10), (320, 32, 30), (40, 128, 300), (7, 3, 150)]
)
def test_small_data_is_trained_for_three_hundred_steps(
    rows: int, batch_size: int, epochs: int
) -> None:
    """Ten epochs, or as many as make enough steps."""
    assert run.default_epochs(rows, batch_size) == epochs


def test_children_are_ended_after_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever ends the experiment: nothing can be started any more."""

    def broken(*_: Any, **__: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(run, "Experiment", broken)
    children = Children()
    monkeypatch.setattr(run, "Children", lambda **_: children)
    store = Store(Path("s.sqlite"), document=dict, resume=False)
    with pytest.raises(KeyboardInterrupt):
        run.evidence(checked("mlp"), Options(), store, seeds=1, quick=True, tell=lambda _: None)
    assert children.call(len, (), timeout=1.0).status == "skipped"
