"""A CUDA graph's stand-in on a CPU: it writes down the operations of a capture, with the tensors
that they read and wrote, and a replay runs them again on the same memory.

As on a GPU, nothing of the capture itself stays done, no Python runs in a replay, what was a number
at the capture stays that number, and reading a value is an error.
"""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from bench.measure.cuda_graph import Capturing


class RecordedGraph:
    """What a capture did.

    Attributes:
        replays: so far.
    """

    def __init__(self) -> None:
        self.replays = 0
        self._calls: list[tuple[Any, Any, Any, Any]] = []

    def replay(self) -> None:
        self.replays += 1
        with torch._C._AutoDispatchBelowAutograd():
            for operation, args, kwargs, outputs in self._calls:
                again = operation(*args, **kwargs)
                for old, new in zip(_tensors(outputs), _tensors(again), strict=True):
                    if _memory(old) != _memory(new):
                        old.copy_(new)

    @contextmanager
    def capture(self) -> Iterator[None]:
        recorder = _Recorder(self._calls)
        with recorder:
            yield
        with torch._C._AutoDispatchBelowAutograd():
            for tensor, value in recorder.before:
                tensor.copy_(value)


class _Recorder(TorchDispatchMode):
    def __init__(self, calls: list[tuple[Any, Any, Any, Any]]) -> None:
        super().__init__()
        self._calls = calls
        self.before: list[tuple[Tensor, Tensor]] = []
        self._seen: set[int] = set()

    def __torch_dispatch__(
        self, operation: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        if operation is torch.ops.aten._local_scalar_dense.default:
            raise RuntimeError("operation not permitted when stream is capturing")
        kwargs = kwargs or {}
        for tensor in _tensors((args, kwargs)):
            # Not only what a schema says is written: batch norms change their buffers untold.
            if _memory(tensor) not in self._seen:
                self.before.append((tensor, tensor.detach().clone()))
                self._seen.add(_memory(tensor))
        outputs = operation(*args, **kwargs)
        self._calls.append((operation, args, kwargs, outputs))
        self._seen.update(map(_memory, _tensors(outputs)))
        return outputs


def _tensors(values: Any) -> list[Tensor]:
    return [each for each in tree_leaves(values) if isinstance(each, Tensor)]


def _memory(tensor: Tensor) -> int:
    return tensor.untyped_storage().data_ptr()


def recording(graphs: list[RecordedGraph]) -> Capturing:
    """Tools that put each new graph into `graphs`."""

    def graph() -> RecordedGraph:
        graphs.append(RecordedGraph())
        return graphs[-1]

    return Capturing(graph=graph, side_stream=nullcontext, capture=lambda graph: graph.capture())
