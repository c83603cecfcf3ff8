"""A stack of networks: each takes the course that it takes alone."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest
from scipy.stats import ks_2samp, wilcoxon

from bench import families
from bench.families import Family
from bench.points import Training
from bench.records import RunRecord
from bench.train import stack, trainer
from bench.train.optimizers import OPTIMIZERS
from tests.bench.fakes import random_state
from tests.bench.train.small import SHAPE, family, task, training

# Rounding differs; what it does to a loss within a few epochs, at most.
ROUNDING = 2e-3


def seeds(*numbers: int, **changes: object) -> list[Training]:
    return [training(seed=seed, **changes) for seed in numbers]


def check_same_course(stacked: RunRecord, alone: RunRecord) -> None:
    """Everything is alike but the time and the way."""
    assert stacked.loss_curve == pytest.approx(alone.loss_curve, rel=ROUNDING)
    assert stacked.selection_curve == pytest.approx(alone.selection_curve, abs=0.11)
    for name in ("train_loss", "validation_loss", "test_loss"):
        assert getattr(stacked, name) == pytest.approx(getattr(alone, name), rel=5 * ROUNDING)
    for name in ("status", "reason", "seed", "knobs", "n_train", "parameters", "train_flops"):
        assert getattr(stacked, name) == getattr(alone, name)


@pytest.mark.parametrize(
    ("spec", "depth"),
    [("mlp", 1), ("mlp:residual=true", 4), ("mlp:norm=batch", 4), ("resnet", 6)],
)
def test_a_stack_is_its_networks_alone(spec: str, depth: int) -> None:
    """The same weights at the start, batches, losses and accuracies, seed by seed."""
    changes = {"family": spec, "depth": depth, "curves": True, "learning_rate": 0.003}
    asked = seeds(0, 1, 7, **changes)
    stacked = stack.train(family(spec), task(), asked)
    for record, each in zip(stacked, asked, strict=True):
        check_same_course(record, trainer.train(family(spec), task(), each))
        assert (record.way, record.stack) == ("stacked", 3)
    assert len({record.loss_curve for record in stacked}) == 3


@pytest.mark.parametrize("optimizer", sorted(OPTIMIZERS))
def test_every_optimizer_updates_each_network_by_its_own_gradients(optimizer: str) -> None:
    """One optimizer over all weights is as many optimizers."""
    asked = seeds(0, 1, optimizer=optimizer, learning_rate=0.001)
    for record, each in zip(stack.train(family(), task(), asked), asked, strict=True):
        check_same_course(record, trainer.train(family(), task(), each))


def test_each_network_has_its_own_learning_rate() -> None:
    """Those that a study tries for one depth differ in nothing else."""
    asked = [training(seed=3, learning_rate=rate) for rate in (0.0003, 0.003, 0.01)]
    records = stack.train(family(), task(), asked)
    for record, each in zip(records, asked, strict=True):
        check_same_course(record, trainer.train(family(), task(), each))
    assert [record.learning_rate for record in records] == [0.0003, 0.003, 0.01]


def test_so_many_steps_are_taken_as_were_asked_for() -> None:
    """The last epoch may be a part of one, and the schedule ends with it."""
    asked = seeds(0, 1, steps=5)
    for record, each in zip(stack.train(family(), task(), asked), asked, strict=True):
        check_same_course(record, trainer.train(family(), task(), each))
        assert record.steps == 5


def test_mixed_precision_is_stacked() -> None:
    """bf16 rounds to three digits, alone and in a stack."""
    asked = seeds(0, 1, dtype="bf16")
    for record, each in zip(stack.train(family(), task(), asked), asked, strict=True):
        alone = trainer.train(family(), task(), each)
        assert record.loss_curve == pytest.approx(alone.loss_curve, rel=0.1)


def test_the_time_of_a_stack_is_shared_by_its_networks() -> None:
    """Each has the same; the random states are as before."""
    before = random_state()
    records = stack.train(family(), task(), seeds(0, 1))
    assert records[0].train_seconds == records[1].train_seconds
    assert records[0].train_seconds
    assert random_state() == before


# --- what one network does and another does not --------------------------------------------------

# Its start depends on the seed: that of seed 1 is not finite.
BROKEN = """
import torch
from torch import nn

def build(depth, input_shape=(1, 6), classes=2, norm=False):
    layers = [nn.Conv1d(1, 24, 3, padding=1), nn.Conv1d(24, 24, 3, padding=1)]
    if torch.initial_seed() == 1:
        nn.init.constant_(layers[1].weight, float("inf"))
    normed = [nn.BatchNorm1d(24)] if norm else []
    return nn.Sequential(*layers, *normed, nn.ReLU(), nn.Flatten(), nn.Linear(24 * 6, classes))

def example_input(batch_size):
    return torch.zeros(batch_size, 1, 6)
"""


@pytest.fixture
def users_family(tmp_path: Path) -> Callable[..., Family]:
    def find(source: str, knobs: str = "") -> Family:
        (tmp_path / "users.py").write_text(source)
        found = families.find(f"{tmp_path / 'users.py'}:build{knobs}")
        return found.for_task(input_shape=SHAPE, classes=2)

    return find


@pytest.mark.parametrize("knobs", ["", ":norm=true"])
def test_a_network_that_diverges_disturbs_no_other(
    users_family: Callable[..., Family], knobs: str
) -> None:
    """It is recorded with its epoch, and the others are as without it."""
    found = users_family(BROKEN, knobs)
    asked = seeds(0, 1, 2, family=found.name, learning_rate=0.001, curves=True)
    first, diverged, last = stack.train(found, task(), asked)
    alone = [trainer.train(found, task(), each) for each in asked]
    check_same_course(first, alone[0])
    check_same_course(last, alone[2])
    assert diverged.status == alone[1].status == "diverged"
    for name in ("reason", "loss_curve", "train_flops", "test_accuracy"):
        assert getattr(diverged, name) == getattr(alone[1], name)
    assert "epoch 1" in (diverged.reason or "")


def test_a_stack_whose_networks_all_diverge_stops() -> None:
    """After the epoch in which the last of them does."""
    asked = seeds(0, 1, depth=4, learning_rate=1e30)
    for record, each in zip(stack.train(family(), task(), asked), asked, strict=True):
        alone = trainer.train(family(), task(), each)
        assert (record.status, record.loss_curve) == ("diverged", alone.loss_curve)
        assert len(record.loss_curve) < each.epochs


# --- a user's network ----------------------------------------------------------------------------

IN_EVAL_MODE = """
import torch
from torch import nn

def build(depth, input_shape=(1, 6), classes=2):
    layers = nn.Linear(6, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, classes)
    return nn.Sequential(nn.Flatten(), *layers).eval()

def example_input(batch_size):
    return torch.zeros(batch_size, 1, 6)
"""


def test_a_network_that_is_built_in_eval_mode_is_trained(
    users_family: Callable[..., Family],
) -> None:
    """Its layers are in training mode, as they are when it trains alone."""
    found = users_family(IN_EVAL_MODE)
    asked = seeds(0, 1, family=found.name)
    for record, each in zip(stack.train(found, task(), asked), asked, strict=True):
        check_same_course(record, trainer.train(found, task(), each))


# --- what a network draws ------------------------------------------------------------------------


def test_each_network_draws_for_itself() -> None:
    """Two that start alike are alike without dropout, and not with it."""
    alike = stack.train(family(), task(), seeds(0, 0))
    assert alike[0].loss_curve == pytest.approx(alike[1].loss_curve, rel=ROUNDING)
    dropping = "mlp:dropout=0.5"
    other = stack.train(family(dropping), task(), seeds(0, 0, family=dropping))
    assert other[0].loss_curve != pytest.approx(other[1].loss_curve, rel=10 * ROUNDING)


def _losses(spec: str, train: Callable[..., list[RunRecord]]) -> list[float]:
    asked = seeds(*range(40), family=spec, epochs=2, learning_rate=0.003)
    found = [record.loss_curve[-1] for record in train(family(spec), task(), asked)]
    return [loss for loss in found if loss is not None]


def _alone(found: Family, data: object, asked: list[Training]) -> list[RunRecord]:
    return [trainer.train(found, data, each) for each in asked]  # type: ignore[arg-type]


def test_with_dropout_a_stack_is_alike_in_distribution() -> None:
    """Losses of 40 seeds, trained together and one by one, are of one distribution and do not
    differ from seed to seed; those of another dropout do, and the tests see that."""
    alone = _losses("mlp:dropout=0.3", _alone)
    together = _losses("mlp:dropout=0.3", stack.train)
    assert ks_2samp(alone, together).pvalue > 0.05
    assert wilcoxon(alone, together).pvalue > 0.05
    assert ks_2samp(alone, _losses("mlp:dropout=0.8", stack.train)).pvalue < 0.01
    assert wilcoxon(alone, _losses("mlp:dropout=0.6", stack.train)).pvalue < 0.01


# --- what cannot be stacked ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, True),
        ({"dtype": "bf16"}, True),
        ({"dtype": "fp16"}, False),
        ({"treatments": ("clipping:norm=1.0",)}, False),
    ],
)
def test_settings_that_see_one_network_are_not_stacked(
    changes: dict[str, object], expected: bool
) -> None:
    """A treatment is of one network, and a loss scale too."""
    asked = dataclasses.replace(training(), **changes)  # type: ignore[arg-type]
    assert stack.can_be_stacked(asked) == expected
