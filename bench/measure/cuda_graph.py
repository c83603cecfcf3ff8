"""A pass as a CUDA graph: all of its kernels are launched as one, so launches cost next to nothing.

The pass is captured as PyTorch's notes on CUDA semantics say for a whole network: run a few times
on a side stream, then once under capture, with gradients set to None before, so that the backward
allocates them in the graph's own memory. There they stay: each replay writes them anew, and nothing
may be zeroed or set to None between two replays.

What a graph cannot hold: control flow by values, copies to the CPU, an optimizer that keeps its
step count there, and a backward without its forward.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import torch

from .passes import Pass

# PyTorch's notes take three; some libraries choose their kernels in the first runs.
WARM_UPS = 3

CAPTURABLE = ("forward", "step")


class Graph(Protocol):
    """What is used of `torch.cuda.CUDAGraph`."""

    def replay(self) -> None: ...


@dataclass(frozen=True)
class _Replay:
    """Replays a graph, and keeps alive whose memory it works on."""

    graph: Graph
    captured: Pass

    def __call__(self) -> None:
        self.graph.replay()


@dataclass(frozen=True, kw_only=True)
class Capturing:
    """What is done to capture a graph.

    Attributes:
        graph: a new, empty graph.
        side_stream: inside, work runs on another stream, which waits for the present one before
            and is waited for after.
        capture: inside, work is written into the graph instead of being run.
    """

    graph: Callable[[], Graph]
    side_stream: Callable[[], AbstractContextManager[object]]
    capture: Callable[[Graph], AbstractContextManager[object]]


def captured(
    pass_: Pass,
    *,
    name: str,
    optimizer: torch.optim.Optimizer | None = None,
    tools: Capturing,
    warm_ups: int = WARM_UPS,
) -> Pass:
    """A pass whose run replays what `pass_` does; it needs no preparation.

    The inputs are read where they lie now: copy new ones into them. The warm-up runs the pass
    for real, the optimizer's steps included.

    Args:
        name: "forward" or "step".
        optimizer: that of a step.
        tools: `capturing(device)`.

    Raises:
        ValueError: the pass or its optimizer cannot be captured.
    """
    _check(name, optimizer)
    with tools.side_stream():
        for _ in range(warm_ups):
            pass_.prepare()
            pass_.run()
    pass_.prepare()
    graph = tools.graph()
    with tools.capture(graph):
        pass_.run()
    return Pass(_Replay(graph, pass_))


def _check(name: str, optimizer: torch.optim.Optimizer | None) -> None:
    if name not in CAPTURABLE:
        raise ValueError(f"expected one of {', '.join(CAPTURABLE)} to capture; got {name!r}")
    groups = optimizer.param_groups if optimizer is not None else []
    if any(group.get("capturable") is False for group in groups):
        raise ValueError(
            f"{type(optimizer).__name__} keeps its step count on the CPU, which no CUDA graph can "
            "hold: build it with capturable=True"
        )


def capturing(device: str) -> Capturing:
    """The tools for a CUDA device."""
    return Capturing(
        graph=torch.cuda.CUDAGraph,
        side_stream=lambda: _side_stream(device),
        capture=lambda graph: _capture(device, graph),
    )


@contextmanager
def _side_stream(device: str) -> Iterator[None]:
    before, side = torch.cuda.current_stream(device), torch.cuda.Stream(device)
    side.wait_stream(before)
    with torch.cuda.stream(side):
        yield
    before.wait_stream(side)


@contextmanager
def _capture(device: str, graph: Any) -> Iterator[None]:
    with torch.cuda.device(device), torch.cuda.graph(graph):
        yield
