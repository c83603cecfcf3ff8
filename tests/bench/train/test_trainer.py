"""Training: reproducible, honest about divergence, and without trace in the process."""

import contextlib
import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from bench import families
from bench.points import Match
from bench.records import RunRecord
from bench.train.optimizers import OPTIMIZERS
from bench.train.tasks import Split, Task
from bench.train.trainer import train, trained
from tests.bench.fakes import random_state
from tests.bench.train.small import SHAPE, family, task, training


def result(record: RunRecord) -> dict[str, Any]:
    """What a run found, without the time it took."""
    return {**vars(record), "train_seconds": None}


@pytest.mark.parametrize("spec", ["mlp:dropout=0.3", "resnet"])
def test_the_same_seed_is_the_same_run(spec: str) -> None:
    """To the bit, whatever was drawn in between; another seed is another run."""
    first, again, other = (
        train(family(spec), task(), training(family=spec, seed=seed)) for seed in (0, 0, 1)
    )
    assert result(first) == result(again)
    assert first.loss_curve != other.loss_curve


def test_random_states_are_left_as_found() -> None:
    """PyTorch's, NumPy's and Python's."""
    before = random_state()
    train(family("mlp:dropout=0.3"), task(), training(family="mlp:dropout=0.3"))
    assert random_state() == before


NUMPY_FAMILY = """
import random
import numpy, torch
from torch import nn

def build(depth, input_shape=(1, 6), classes=2):
    head = nn.Linear(6, classes)
    with torch.no_grad():
        head.weight.copy_(torch.as_tensor(numpy.random.randn(classes, 6) * random.random()))
    return nn.Sequential(nn.Flatten(), head)

def example_input(batch_size):
    return torch.zeros(batch_size, 1, 6)
"""


def test_the_seed_is_also_that_of_numpy_and_python(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A user's family may draw its weights from either: the seed determines them, and the global
    states stay."""
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "numpy_family.py").write_text(NUMPY_FAMILY)
    name = f"{tmp_path / 'numpy_family.py'}:build"
    found = families.find(name).for_task(input_shape=SHAPE, classes=2)
    before = random_state()
    first, again = (train(found, task(), training(family=name)) for _ in range(2))
    assert result(first) == result(again)
    assert random_state() == before


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_every_optimizer_learns_an_easy_task(optimizer: str) -> None:
    """Two separable classes: every training sample, and nearly every other, is right."""
    asked = training(optimizer=optimizer, epochs=15, learning_rate=0.03)
    record = train(family(), task(80), asked)
    assert record.status == "ok"
    assert record.train_accuracy == 1.0
    assert record.test_accuracy is not None
    assert record.test_accuracy >= 0.9
    assert record.loss_curve[-1] < record.loss_curve[0]  # type: ignore[operator]


USERS_WEIGHTS = """
import torch
from torch import nn

class Complex(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(6, 2, dtype=torch.cfloat))

    def forward(self, x):
        return (x.flatten(1).to(torch.cfloat) @ self.weight).abs()

def build(depth, input_shape=(1, 6), classes=2, kind="complex"):
    return nn.Sequential(nn.Flatten(), Complex() if kind == "complex" else nn.LazyLinear(2))

def example_input(batch_size):
    return torch.zeros(batch_size, 1, 6)
"""


@pytest.mark.filterwarnings("ignore:Lazy modules are a new feature")
@pytest.mark.parametrize("kind", ["complex", "lazy"])
def test_weights_that_one_kernel_cannot_update_are_updated(kind: str, tmp_path: Path) -> None:
    """Complex ones, and those whose shape the first batch gives: fused is only where it can be."""
    (tmp_path / "users.py").write_text(USERS_WEIGHTS)
    found = families.find(f"{tmp_path / 'users.py'}:build:kind={kind}")
    found = found.for_task(input_shape=SHAPE, classes=2)
    asked = training(family=found.name)
    together, alone = train(found, task(), asked, fused=True), train(found, task(), asked)
    assert together.status == alone.status == "ok"
    assert together.loss_curve == pytest.approx(alone.loss_curve)


def test_a_record_says_all_that_was_asked_and_found() -> None:
    """The settings, the sizes of the splits, and a figure for each."""
    asked = training(seed=3)
    record = train(family(), task(), asked)
    assert {name: getattr(record, name) for name in asked.settings()} == asked.settings()
    assert record.knobs["input_shape"] == SHAPE
    assert (record.knobs["width"], record.knobs["residual"]) == (100, False)  # the defaults, too
    assert (record.n_train, record.n_validation, record.n_test) == (40, 20, 30)
    assert record.parameters == 6 * 100 + 100 + 100 * 2 + 2
    assert len(record.loss_curve) == asked.epochs
    assert record.train_seconds is not None
    assert record.train_seconds > 0
    for name in ("train", "validation", "test"):
        assert 0 <= getattr(record, f"{name}_accuracy") <= 1
        assert getattr(record, f"{name}_loss") > 0


def test_a_task_may_have_no_validation() -> None:
    """As a published split: its figures are unknown, the others are not."""
    record = train(family(), task(validation=False), training())
    assert record.n_validation is record.validation_accuracy is record.validation_loss is None
    assert record.test_accuracy is not None


def test_order_and_size_of_the_evaluation_do_not_matter() -> None:
    """The mean over a split is over its samples: doubling them changes nothing."""
    once = task()
    twice = dataclasses.replace(
        once,
        test=Split(once.test.inputs.repeat(60, 1, 1).flip(0), once.test.labels.repeat(60).flip(0)),
    )
    a, b = (train(family(), data, training()) for data in (once, twice))
    assert b.test_accuracy == pytest.approx(a.test_accuracy)
    assert b.test_loss == pytest.approx(a.test_loss)


# --- work --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("n", "batch_size", "steps"),
    [(40, 8, 5), (41, 8, 5), (47, 8, 5), (7, 100, 1), (8, 8, 1)],
)
def test_training_flops_of_one_linear_layer(n: int, batch_size: int, steps: int) -> None:
    """Forward and weight gradient, 2 x 6 x 2 each a row, times rows, steps and epochs. Whole
    batches only; a batch is never larger than the data."""
    epochs = 3
    asked = training(depth=1, batch_size=batch_size, epochs=epochs)
    record = train(family(), task(n), asked)
    rows = min(batch_size, n)
    assert record.train_flops == 2 * (2 * 6 * 2) * rows * steps * epochs


@pytest.mark.parametrize(("steps", "epochs"), [(1, 1), (4, 1), (5, 1), (6, 2), (13, 3)])
def test_steps_end_a_training_within_an_epoch(steps: int, epochs: int) -> None:
    """Of five batches each; the last part of one has a loss of its own, and is work only for the
    steps that were taken."""
    whole = train(family(), task(), training(epochs=1))
    record = train(family(), task(), training(epochs=epochs, steps=steps))
    assert (record.steps, len(record.loss_curve), record.epochs) == (steps, epochs, None)
    assert record.train_flops is not None
    assert whole.train_flops is not None
    assert record.train_flops * 5 == whole.train_flops * steps


def test_steps_of_whole_epochs_are_these_epochs() -> None:
    """To the bit: the schedule and the batches are the same."""
    by_epochs = train(family(), task(), training(epochs=3))
    by_steps = train(family(), task(), training(epochs=3, steps=15))
    assert by_epochs.steps == 15
    assert result(by_steps) == result(dataclasses.replace(by_epochs, epochs=None))


def test_the_width_that_was_solved_for_is_trained() -> None:
    """Under the family's name and knobs."""
    match = Match(cost="parameters", width=7, reference_depth=4, ratio=1.0)
    record = train(family(), task(), training(match=match))
    assert record.parameters == 6 * 7 + 7 + 7 * 2 + 2
    assert (record.family, record.width, record.knobs["width"]) == ("mlp", 7, 100)


@pytest.mark.parametrize("spec", ["mlp:norm=batch", "resnet"])
def test_one_row_left_over_does_not_stop_a_batch_norm(spec: str) -> None:
    """An incomplete batch is left out, since one row has no variance."""
    record = train(family(spec), task(41), training(family=spec))
    assert record.status == "ok"


def test_mixed_precision_trains() -> None:
    """bf16 by autocast; the figures are of the same task."""
    record = train(family(), task(), training(dtype="bf16", epochs=15))
    assert record.status == "ok"
    assert record.train_accuracy == 1.0


# --- divergence --------------------------------------------------------------------------------


def check_diverged(record: RunRecord) -> None:
    assert record.status == "diverged"
    assert record.reason
    assert "\n" not in record.reason
    for name in ("train", "validation", "test"):
        assert getattr(record, f"{name}_accuracy") is None
        assert getattr(record, f"{name}_loss") is None


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_run_that_diverges_stops_and_is_recorded(optimizer: str) -> None:
    """The epoch is named, the loss is unknown from there, and no accuracy is made up."""
    asked = training(depth=4, learning_rate=1e30, optimizer=optimizer)
    record = train(family(), task(), asked)
    check_diverged(record)
    assert len(record.loss_curve) < asked.epochs
    assert record.loss_curve[-1] is None
    assert f"epoch {len(record.loss_curve)}" in (record.reason or "")
    assert record.train_flops is not None


def test_a_run_that_diverges_in_its_last_step_is_recorded() -> None:
    """Its training losses are all finite, but those of the trained network are not."""
    asked = training(depth=4, learning_rate=1e30, epochs=1, batch_size=40, optimizer="sgd")
    check_diverged(train(family(), task(), asked))


def test_task_is_left_as_it_was() -> None:
    """Training changes no data."""
    data: Task = task()
    before = data.train.inputs.clone(), data.train.labels.clone()
    train(family(), data, training())
    assert data.train.inputs.equal(before[0])
    assert data.train.labels.equal(before[1])


def test_curves_are_accuracies_on_the_two_halves_of_the_validation_split() -> None:
    """One an epoch, the last that of the end; the training itself is unchanged."""
    plain = train(family(), task(), training())
    curved = train(family(), task(), training(curves=True))
    assert plain.selection_curve == plain.holdout_curve == ()
    assert len(curved.selection_curve) == len(curved.holdout_curve) == 5
    last = (curved.selection_curve[-1] + curved.holdout_curve[-1]) / 2
    assert last == pytest.approx(curved.validation_accuracy)
    assert curved.loss_curve == plain.loss_curve


def test_a_watched_training_is_the_same_training() -> None:
    """The watch is entered around each step, with its number."""
    seen: list[int] = []

    @contextlib.contextmanager
    def watch(_: Any, step: int) -> Iterator[None]:
        seen.append(step)
        yield

    model, record = trained(family(), task(), training(), watch=watch)
    assert seen == list(range(25))
    assert record.loss_curve == train(family(), task(), training()).loss_curve
    assert sum(p.numel() for p in model.parameters()) == record.parameters


def test_treatments_are_part_of_the_training_and_of_its_record() -> None:
    """A penalty, clipped gradients and augmented inputs each change the course."""
    without = train(family(), task(), training()).loss_curve
    for treatment in ("l1:strength=0.1", "clipping:norm=0.01", "augmentation", "dropout:p=0.5"):
        record = train(family(), task(), training(treatments=(treatment,)))
        assert record.treatments == (treatment,)
        assert record.loss_curve != without


@pytest.mark.parametrize("validation", [True, False])
def test_the_test_split_is_not_looked_at_where_another_is_there(validation: bool) -> None:
    """What is chosen by trainings must not be judged by the same data."""
    record = train(family(), task(validation=validation), training(test=False))
    assert (record.test_accuracy is None) == validation
    assert (record.validation_accuracy is None) != validation


@pytest.mark.parametrize(("optimizer", "momentum"), [("sgd", 0.0), ("momentum", 0.9)])
def test_an_optimizer_keeps_its_momentum(
    optimizer: str, momentum: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one-cycle schedule of PyTorch would set it to 0.95."""
    seen: list[float] = []

    def remembering(parameters: Any, **options: Any) -> torch.optim.Optimizer:
        made = OPTIMIZERS[optimizer](parameters, **options)
        made.register_step_pre_hook(lambda *_: seen.append(made.param_groups[0]["momentum"]))
        return made

    monkeypatch.setattr("bench.train.schedule.OPTIMIZERS", {optimizer: remembering})
    train(family(), task(), training(optimizer=optimizer))
    assert set(seen) == {momentum}


def test_a_long_training_is_evaluated_twenty_times_at_most() -> None:
    """And at its end."""
    record = train(family(), task(), training(epochs=45, curves=True))
    assert len(record.selection_curve) == len(record.holdout_curve) == 15
