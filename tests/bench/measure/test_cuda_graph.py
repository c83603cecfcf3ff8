"""Capturing a pass, with a stand-in that writes down what happens where."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import torch
from torch import nn

from bench.measure import passes
from bench.measure.cuda_graph import WARM_UPS, Capturing, captured
from bench.measure.passes import Pass


class Log:
    """What happened, each with where: on the main stream, on the side stream, in the capture."""

    def __init__(self) -> None:
        self.where = "main"
        self.calls: list[str] = []

    def __call__(self, what: str) -> None:
        self.calls.append(f"{self.where}: {what}")

    @contextmanager
    def at(self, where: str) -> Iterator[None]:
        before, self.where = self.where, where
        try:
            yield
        finally:
            self.where = before

    def replay(self) -> None:
        self("replay")

    def tools(self) -> Capturing:
        return Capturing(
            graph=lambda: self,
            side_stream=lambda: self.at("side"),
            capture=lambda _: self.at("capture"),
        )

    def pass_(self) -> Pass:
        return Pass(lambda: self("run"), lambda: self("prepare"))


@pytest.mark.parametrize("name", ["forward", "step"])
def test_a_pass_is_warmed_up_aside_and_captured_once(name: str) -> None:
    """Prepared before each run, also before the one that is captured; not prepared in it."""
    log = Log()
    captured(log.pass_(), name=name, tools=log.tools())
    warm_up = ["side: prepare", "side: run"] * WARM_UPS
    assert log.calls == [*warm_up, "main: prepare", "capture: run"]


def test_a_replay_needs_no_preparation() -> None:
    """Gradients stay where the graph writes them; the pass itself is not run again."""
    log = Log()
    graph = captured(log.pass_(), name="step", tools=log.tools(), warm_ups=1)
    log.calls.clear()
    for _ in range(3):
        graph.prepare()
        graph.run()
    assert log.calls == ["main: replay"] * 3


def test_gradients_are_none_when_the_capture_starts() -> None:
    """So that the backward allocates them in the graph's memory, where they stay."""
    model = nn.Linear(2, 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.0)
    step = passes.make("step", model, torch.ones(1, 2), optimizer)
    seen: list[bool] = []
    log = Log()

    def run() -> None:
        if log.where == "capture":
            seen.append(all(p.grad is None for p in model.parameters()))
        step.run()

    graph = captured(Pass(run, step.prepare), name="step", optimizer=optimizer, tools=log.tools())
    graph.prepare()
    assert seen == [True]
    assert all(p.grad is not None for p in model.parameters())


def test_a_backward_alone_cannot_be_captured() -> None:
    """Its forward is not in the graph."""
    log = Log()
    with pytest.raises(
        ValueError, match="expected one of forward, step to capture; got 'backward'"
    ):
        captured(log.pass_(), name="backward", tools=log.tools())
    assert log.calls == []


def test_an_optimizer_that_counts_on_the_cpu_is_refused() -> None:
    """The message says what to do; with that done, it is taken."""
    log, parameters = Log(), [nn.Parameter(torch.ones(2))]
    with pytest.raises(ValueError, match=r"AdamW .* build it with capturable=True"):
        captured(
            log.pass_(), name="step", optimizer=torch.optim.AdamW(parameters), tools=log.tools()
        )
    assert log.calls == []
    capturable = torch.optim.AdamW(parameters, capturable=True)
    captured(log.pass_(), name="step", optimizer=capturable, tools=log.tools())


def test_an_optimizer_without_a_count_is_taken() -> None:
    """SGD has no step count."""
    log = Log()
    optimizer = torch.optim.SGD([nn.Parameter(torch.ones(2))], lr=0.1)
    captured(log.pass_(), name="step", optimizer=optimizer, tools=log.tools())
    assert log.calls[-1] == "capture: run"


def test_an_error_of_the_pass_goes_on() -> None:
    """What cannot be captured says so itself."""
    log = Log()

    def fail() -> None:
        raise RuntimeError("operation not permitted when stream is capturing")

    with pytest.raises(RuntimeError, match="not permitted"):
        captured(Pass(fail), name="forward", tools=log.tools())
    assert log.where == "main"
