"""Stacks whose passes are replayed from a graph: with a stand-in for it, and on a GPU."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from bench.measure import cuda_graph
from bench.measure.cuda_graph import WARM_UPS
from bench.points import Training
from bench.records import RunRecord
from bench.train import stack, trainer, trial, ways
from bench.train.optimizers import OPTIMIZERS
from bench.train.stack import Stack
from tests.bench.fakes import FakeTime
from tests.bench.train.recorded_graph import RecordedGraph, recording
from tests.bench.train.small import family, task, training

SPECS = [("mlp", 1), ("mlp:norm=batch", 4), ("mlp:residual=true", 4), ("resnet", 6)]


def seeds(number: int, **changes: Any) -> list[Training]:
    return [training(seed=seed, **changes) for seed in range(number)]


@pytest.fixture
def graphs(monkeypatch: pytest.MonkeyPatch) -> list[RecordedGraph]:
    """The graphs that were captured, of the stand-in."""
    found: list[RecordedGraph] = []
    monkeypatch.setattr(cuda_graph, "capturing", lambda _: recording(found))
    return found


def check_same_course(replayed: RunRecord, stacked: RunRecord, rounding: float = 1e-5) -> None:
    assert replayed.loss_curve == pytest.approx(stacked.loss_curve, rel=rounding)
    for name in ("train_loss", "validation_loss", "test_loss"):
        assert getattr(replayed, name) == pytest.approx(getattr(stacked, name), rel=5 * rounding)
    assert (replayed.way, stacked.way) == ("replayed", "stacked")
    assert replayed.stack == stacked.stack


@pytest.mark.parametrize(("spec", "depth"), SPECS)
def test_a_replayed_stack_trains_as_a_stack(
    spec: str, depth: int, graphs: list[RecordedGraph]
) -> None:
    """Weights, buffers of norms and losses, seed by seed."""
    asked = seeds(3, family=spec, depth=depth)
    replayed = stack.train(family(spec), task(), asked, replayed=True)
    for record, each in zip(replayed, stack.train(family(spec), task(), asked), strict=True):
        check_same_course(record, each)
    (graph,) = graphs
    assert replayed[0].steps is not None
    assert graph.replays == replayed[0].steps - WARM_UPS


@pytest.mark.parametrize("optimizer", sorted(OPTIMIZERS))
def test_every_optimizer_goes_on_with_its_schedule(
    optimizer: str, graphs: list[RecordedGraph]
) -> None:
    """Rates and momenta that change from step to step are not those of the capture."""
    asked = seeds(2, optimizer=optimizer, learning_rate=0.001)
    replayed = stack.train(family(), task(), asked, replayed=True)
    for record, each in zip(replayed, stack.train(family(), task(), asked), strict=True):
        check_same_course(record, each)
    assert len(graphs) == 1


def test_each_network_keeps_its_own_learning_rate(graphs: list[RecordedGraph]) -> None:
    """Gradients that are handed to each network stay where the graph writes them."""
    asked = [training(seed=3, learning_rate=rate) for rate in (0.0003, 0.003, 0.01)]
    replayed = stack.train(family(), task(), asked, replayed=True)
    for record, each in zip(replayed, stack.train(family(), task(), asked), strict=True):
        check_same_course(record, each)
    assert len(graphs) == 1


def test_a_training_shorter_than_the_warm_up_captures_nothing(graphs: list[RecordedGraph]) -> None:
    """Its few steps are launched one by one."""
    asked = seeds(2, steps=WARM_UPS)
    replayed = stack.train(family(), task(), asked, replayed=True)
    for record, each in zip(replayed, stack.train(family(), task(), asked), strict=True):
        check_same_course(record, each)
    assert graphs == []


def test_losses_are_not_written_over(graphs: list[RecordedGraph]) -> None:
    """A step's losses stay what they were when the next one is replayed."""
    asked = seeds(2)
    tools = recording(graphs)
    one = Stack(stack.networks(family(), asked), asked, steps=25, tools=tools)
    orders = stack.generators(asked)
    batches = list(stack.batches(task().train, 8, orders))
    losses = [one.update(batch) for batch in batches]
    assert len({each[0].item() for each in losses}) == len(batches)


# --- the choice ----------------------------------------------------------------------------------


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> FakeTime:
    """Of the trial: 5 s for a step alone, 8 s for a stack's that is launched, 4 s for any other;
    all devices may replay."""
    found = FakeTime()
    monkeypatch.setattr("time.process_time", found)
    monkeypatch.setattr(trial, "_has_graphs", lambda _: True)
    _slow(monkeypatch, found, trainer.Learner, "update", 5.0)
    _slow(monkeypatch, found, Stack, "_pass", 4.0)
    _slow(monkeypatch, found, Stack, "update", 4.0)
    return found


def _slow(
    monkeypatch: pytest.MonkeyPatch, clock: FakeTime, owner: type, name: str, seconds: float
) -> None:
    method: Callable[..., Any] = getattr(owner, name)

    def slow(self: object, batch: object) -> object:
        clock.pass_by(seconds)
        return method(self, batch)

    monkeypatch.setattr(owner, name, slow)


LONG = {"epochs": 40}  # 200 steps, for a trial of six


@pytest.mark.usefixtures("clock")
def test_replaying_is_chosen_where_it_is_fastest(graphs: list[RecordedGraph]) -> None:
    """Neither the warm-up nor the capture counts; all three times are told."""
    choice = ways.train(family(), task(), seeds(2, **LONG))
    assert choice.reason == (
        "alone 5e+03 ms a step, in a stack of 2 4e+03 ms, replayed from a CUDA graph 2e+03 ms"
    )
    assert [record.way for record in choice.records] == ["replayed"] * 2
    assert len(graphs) == 2  # the trial's and the training's


@pytest.mark.usefixtures("clock")
def test_a_short_training_is_not_replayed(graphs: list[RecordedGraph]) -> None:
    """Its trial has too few steps to time one after the capture."""
    choice = ways.train(family(), task(), seeds(2))
    assert [record.way for record in choice.records] == ["stacked"] * 2
    assert choice.reason == "alone 5e+03 ms a step, in a stack of 2 4e+03 ms"
    assert graphs == []


@pytest.mark.usefixtures("clock", "graphs")
def test_what_cannot_be_captured_is_stacked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A value that is read on the CPU, such as a loss; the stack is as good without."""
    pass_: Callable[..., Any] = Stack._pass

    def reading(self: Stack, batch: object) -> Any:
        losses = pass_(self, batch)
        losses[0].item()
        return losses

    monkeypatch.setattr(Stack, "_pass", reading)
    choice = ways.train(family(), task(), seeds(2, **LONG))
    assert [record.way for record in choice.records] == ["stacked"] * 2
    assert choice.reason is not None
    assert ", cannot be replayed: RuntimeError: operation not permitted" in choice.reason


@pytest.mark.usefixtures("clock", "graphs")
def test_a_replay_that_computes_something_else_is_not_taken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Here one that runs nothing again."""
    monkeypatch.setattr(RecordedGraph, "replay", lambda _: None)
    choice = ways.train(family(), task(), seeds(2, **LONG))
    assert [record.way for record in choice.records] == ["stacked"] * 2
    assert choice.reason is not None
    assert ", cannot be replayed: ValueError: it computes something else so" in choice.reason


# --- on a GPU ------------------------------------------------------------------------------------

GPU = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU here")


@GPU
@pytest.mark.parametrize(("spec", "depth"), SPECS)
@pytest.mark.parametrize("optimizer", ["adamw", "rmsprop", "sgd"])
def test_a_gpu_trains_a_replayed_stack_as_a_stack(spec: str, depth: int, optimizer: str) -> None:
    """With the graph itself; kernels may add in another order."""
    asked = seeds(3, family=spec, depth=depth, device="cuda", optimizer=optimizer,
                  learning_rate=0.001)  # fmt: skip
    replayed = stack.train(family(spec), task(), asked, replayed=True)
    for record, each in zip(replayed, stack.train(family(spec), task(), asked), strict=True):
        check_same_course(record, each, rounding=2e-3)


@GPU
def test_a_gpu_tries_all_three_ways() -> None:
    """And trains the fastest."""
    choice = ways.train(family(), task(), seeds(4, device="cuda", **LONG))
    assert choice.reason is not None
    assert "replayed from a CUDA graph" in choice.reason
