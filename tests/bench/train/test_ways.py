"""The choice between a stack and networks one by one: by time, and only where both do the same."""

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from bench import families
from bench.points import Training
from bench.train import trainer, trial, ways
from bench.train.stack import Stack
from tests.bench.fakes import FakeTime, random_state
from tests.bench.train.small import SHAPE, family, task, training


def seeds(number: int, **changes: Any) -> list[Training]:
    return [training(seed=seed, **changes) for seed in range(number)]


# --- parts ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "workers", "sizes"),
    [
        (8, 1, [8]),
        (8, 2, [4, 4]),
        (8, 16, [1] * 8),
        (3, 2, [1, 2]),
        (20, 1, [6, 7, 7]),
        (1, 4, [1]),
    ],
)
def test_one_depth_is_divided_among_the_workers(
    number: int, workers: int, sizes: list[int]
) -> None:
    """Evenly, and into stacks of no more than eight."""
    assert [len(part) for part in ways.parts(seeds(number), workers=workers)] == sizes


def test_only_the_last_depths_are_divided() -> None:
    """While others wait, a stack need not be divided for a worker to have something to do."""
    grid = [each for depth in (2, 4, 8) for each in seeds(8, depth=depth)]
    found = [(part[0].depth, len(part)) for part in ways.parts(grid, workers=2)]
    assert found == [(2, 8), (4, 8), (8, 4), (8, 4)]


def test_parts_hold_what_differs_in_seed_and_learning_rate() -> None:
    """Every training once, whatever the order in which they are given."""
    mixed = [
        training(seed=seed, depth=depth, learning_rate=rate)
        for seed, depth, rate in itertools.product(range(3), (2, 4), (0.01, 0.1))
    ]
    parts = ways.parts(mixed, workers=1)
    assert list(map(len, parts)) == [6, 6]
    assert {each for part in parts for each in part} == set(mixed)
    for part in parts:
        assert len({each.depth for each in part}) == 1


def test_what_cannot_be_stacked_is_alone() -> None:
    """So that it is trained as soon as a worker is free."""
    asked = seeds(4, treatments=("clipping:norm=1.0",))
    assert ways.parts(asked, workers=1) == [(each,) for each in asked]


# --- the trial -----------------------------------------------------------------------------------


def _timed(monkeypatch: pytest.MonkeyPatch, clock: FakeTime, owner: type, seconds: float) -> None:
    """Lets each update of `owner` take so long on the clock."""
    update: Callable[..., torch.Tensor] = owner.update  # type: ignore[attr-defined]

    def slow(self: object, batch: object) -> torch.Tensor:
        clock.pass_by(seconds)
        return update(self, batch)

    monkeypatch.setattr(owner, "update", slow)


@pytest.mark.parametrize(("stacked_seconds", "is_stacked"), [(3.9, True), (4.1, False)])
def test_the_faster_way_is_taken(
    monkeypatch: pytest.MonkeyPatch, stacked_seconds: float, is_stacked: bool
) -> None:
    """A step of four networks against four steps of one; both times are told."""
    clock = FakeTime()
    monkeypatch.setattr("time.process_time", clock)
    _timed(monkeypatch, clock, trainer.Learner, 1.0)
    _timed(monkeypatch, clock, Stack, stacked_seconds)
    choice = ways.train(family(), task(), seeds(4))
    assert len(choice.records) == (4 if is_stacked else 0)
    assert choice.reason == (
        f"alone 1e+03 ms a step, in a stack of 4 {1e3 * stacked_seconds / 4:.3g} ms"
    )
    assert all(record.way_reason == choice.reason for record in choice.records)


@pytest.mark.parametrize("faster", ["plain", "channels_last"])
def test_a_stack_says_how_others_are_trained_alone(
    monkeypatch: pytest.MonkeyPatch, faster: str
) -> None:
    seconds = {"plain": 3.0, "channels_last": 3.0, "stacked": 1.0} | {faster: 2.0}
    monkeypatch.setattr(ways, "_tried", lambda *_: (seconds, ""))
    choice = ways.train(family(), task(), seeds(2))
    assert [record.way for record in choice.records] == ["stacked"] * 2
    assert choice.way == faster


def test_an_epoch_of_one_batch_can_be_stacked(monkeypatch: pytest.MonkeyPatch) -> None:
    """The steps of the trial are of several epochs then."""
    clock = FakeTime()
    monkeypatch.setattr("time.process_time", clock)
    _timed(monkeypatch, clock, trainer.Learner, 1.0)
    assert len(ways.train(family(), task(), seeds(3, batch_size=40)).records) == 3


def test_a_trial_leaves_no_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    """The runs are those without a trial, and the random states are as before."""
    monkeypatch.setattr(ways, "_tried", lambda *_: ({"plain": 2.0, "stacked": 1.0}, ""))
    untried = ways.train(family(), task(), seeds(2)).records
    monkeypatch.undo()
    monkeypatch.setattr(trial, "median", lambda times: -len(list(times)))  # faster with more
    before = random_state()
    tried = ways.train(family(), task(), seeds(2)).records
    assert random_state() == before
    for a, b in zip(untried, tried, strict=False):
        assert a.loss_curve == b.loss_curve


USERS = """
import random
import torch
from torch import nn

class Layer(nn.Module):
    def __init__(self, kind):
        super().__init__()
        self.kind = kind
        self.linear = nn.Linear(6, 6)
        scale = torch.initial_seed() % 7 + 1.0 if "seed" in kind else 1.0
        self.scale = torch.tensor(scale) if kind == "hidden seed" else scale
        self.calls = 0
        self.register_buffer("mean", torch.zeros(()))

    def forward(self, x):
        x = self.linear(x.flatten(1))
        if self.kind == "python" and random.random() < 0.5:
            return x
        if self.kind == "counts" and self.training:
            self.calls += 1
        if self.calls > 20:
            x = -x
        if self.kind == "value" and x.mean() > 0:
            return -x
        if self.kind == "buffer":
            self.mean = 0.9 * self.mean + 0.1 * x.mean().detach()
        return torch.relu(x) * self.scale

def build(depth, input_shape=(1, 6), classes=2, kind="fine"):
    return nn.Sequential(Layer(kind), nn.Linear(6, classes))

def example_input(batch_size):
    return torch.zeros(batch_size, 1, 6)
"""


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("python", "draws from NumPy's or Python's generator"),
        ("value", "control flow"),
        ("counts", "0.calls is not the same for all networks"),
        ("buffer", "puts another tensor in the place of 0.mean"),
        ("seed", "0.scale is not the same for all networks"),
        ("hidden seed", "it computes something else so"),
    ],
)
def test_a_network_that_a_stack_would_change_is_trained_alone(
    kind: str, words: str, tmp_path: Path
) -> None:
    """Draws that would be the same for all, decisions by value, a count of calls, a buffer that is
    replaced, and a network whose form depends on the seed; the reason is told."""
    (tmp_path / "users.py").write_text(USERS)
    found = families.find(f"{tmp_path / 'users.py'}:build:kind={kind}")
    found = found.for_task(input_shape=SHAPE, classes=2)
    choice = ways.train(found, task(), seeds(3, family=found.name))
    assert choice.records == ()
    assert choice.reason is not None
    assert ", cannot be stacked: " in choice.reason
    assert words in choice.reason


def test_the_same_network_without_these_can_be_stacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was found above is what was planted there."""
    (tmp_path / "users.py").write_text(USERS)
    found = families.find(f"{tmp_path / 'users.py'}:build")
    found = found.for_task(input_shape=SHAPE, classes=2)
    clock = FakeTime()
    monkeypatch.setattr("time.process_time", clock)
    _timed(monkeypatch, clock, trainer.Learner, 1.0)
    assert len(ways.train(found, task(), seeds(3, family=found.name)).records) == 3
