"""The peak of a training step, split by what holds it, from the tensors alone.

Every storage that an operator makes is followed from its birth to its death, on a device or as a
fake tensor, for which nothing is allocated: the same step gives the same answer both ways. The
`MemTracker` of PyTorch (torch.distributed._tools) gives that answer too, but looks through all
modules again at every operator, which for a thousand layers takes minutes.

What an operator takes for itself while it runs (workspaces, reordered weights) is no tensor and is
not in it; nor is what an allocator loses to fragmentation. A sparse gradient that is fake counts as
nothing.
"""

import contextlib
import itertools
import weakref
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from ..records import Peak
from .passes import Loss, call, scalar_loss

KINDS = (
    "parameters",
    "buffers",
    "input",
    "gradients",
    "optimizer_state",
    "activations",
    "temporaries",
)
SOURCE = "tracked tensors"

# On fake tensors the workspace that it saves, most of what an LSTM holds, is empty.
_WRONG_ON_FAKES = (torch.ops.aten.mkldnn_rnn_layer.default,)

# The CUDA allocator hands out multiples of this many bytes (kMinBlockSize of c10).
CUDA_BLOCK_BYTES = 512


@dataclass(frozen=True, kw_only=True)
class StepPeak(Peak):
    """The peak of a step, and those of its phases, of which it is the largest.

    Attributes:
        by_kind: what held it, by `KINDS`; adds up to `peak_bytes`.
        phase_bytes: at most held in the forward, the backward and the optimizer's step. Each is
            close to linear in the depth of a network; the largest is not where they change places.
    """

    by_kind: Mapping[str, int]
    phase_bytes: tuple[int, ...]


@dataclass
class _Allocation:
    """A storage. `born` and `died` count operators; None is alive to the end."""

    n_bytes: int
    kind: str
    born: int
    died: int | None = None


def step_peak(
    model: nn.Module,
    inputs: Any,
    optimizer: torch.optim.Optimizer,
    *,
    loss: Loss = scalar_loss,
    block_bytes: int = 1,
) -> StepPeak:
    """The peak of forward + backward + optimizer step, by kind.

    Before it one step with gradients of zero makes the optimizer's state. That changes nothing
    where the learning rate is zero and the tensors are fake; a real network takes the step. The
    state of what the backward does not reach is not counted: a real optimizer makes none for it.

    Activations are what the forward kept for the backward, and what its recomputation under
    checkpointing made; temporaries are what else the operators make.

    Args:
        model: in the mode it is to be trained in.
        block_bytes: sizes are rounded up to multiples of this, as an allocator does.

    Raises:
        NotImplementedError: an operator that saves what its fake outputs do not have.
    """
    _make_state(optimizer)
    storages = _Storages(block_bytes)
    storages.add("parameters", list(model.parameters()))
    storages.add("buffers", list(model.buffers()))
    storages.add("input", inputs)
    with storages, _gradients_named(model, storages), torch.enable_grad():
        value = loss(call(model, inputs), inputs)
        storages.phase_ends()
        value.backward()
        del value
        reached = [state for p, state in optimizer.state.items() if p.grad is not None]
        storages.add("optimizer_state", [list(state.values()) for state in reached], born=0)
        storages.phase_ends()
        optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    return storages.peak()


def _make_state(optimizer: torch.optim.Optimizer) -> None:
    """An optimizer makes its state at its first step."""
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)


@contextlib.contextmanager
def _gradients_named(model: nn.Module, storages: "_Storages") -> Iterator[None]:
    """Inside, what becomes a parameter's gradient is no temporary any more."""

    def name(parameter: Tensor) -> None:
        storages.rename("gradients", parameter.grad)

    trained = [p for p in model.parameters() if p.requires_grad]
    handles = [p.register_post_accumulate_grad_hook(name) for p in trained]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _parts(tensor: Tensor) -> tuple[Tensor, ...]:
    """The tensors that have a storage: of a sparse one its indices and values."""
    if tensor.layout is torch.sparse_coo:
        return tensor._indices(), tensor._values()
    return (tensor,)


class _Storages(TorchDispatchMode):
    """Follows every storage that an operator makes, and those that are added."""

    def __init__(self, block_bytes: int) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._block_bytes = block_bytes
        self._operators = 0
        self._ends: list[int] = []
        self._all: list[_Allocation] = []
        self._alive: dict[int, tuple[_Allocation, Any]] = {}

    def add(self, kind: str, tensors: Any, *, born: int | None = None) -> None:
        """Follow the storages of these tensors (trees allowed) that are not followed yet.

        Args:
            born: the operator at which they were made; None is the last one.
        """
        for leaf in [tensors] if isinstance(tensors, Tensor) else tree_leaves(tensors):
            if isinstance(leaf, Tensor):
                for part in _parts(leaf):
                    self._follow(kind, part, self._operators if born is None else born)

    def rename(self, kind: str, tensor: Tensor | None) -> None:
        if tensor is not None:
            self.add(kind, tensor)
            for part in _parts(tensor):
                self._alive[part.untyped_storage()._cdata][0].kind = kind

    def phase_ends(self) -> None:
        self._ends.append(self._operators)

    def _follow(self, kind: str, tensor: Tensor, born: int) -> None:
        storage = tensor.untyped_storage()
        identity = storage._cdata
        if identity in self._alive:
            return
        blocks = -(-storage.nbytes() // self._block_bytes)
        allocation = _Allocation(blocks * self._block_bytes, kind, born)
        self._all.append(allocation)
        self._alive[identity] = (allocation, weakref.ref(storage, self._at_death(identity)))

    def _at_death(self, identity: int) -> Callable[[object], None]:
        def died(_: object) -> None:
            allocation, _reference = self._alive.pop(identity)
            allocation.died = self._operators

        return died

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        out = func(*args, **(kwargs or {}))
        if func in _WRONG_ON_FAKES and any(isinstance(leaf, FakeTensor) for leaf in out):
            raise NotImplementedError(f"{func.overloadpacket} hides its workspace there")
        if not func.is_view:
            self.add("activations" if torch.is_grad_enabled() else "temporaries", out)
        self._operators += 1
        return out

    def peak(self) -> StepPeak:
        """The first moment at which the most bytes are alive."""
        changes = [0] * (self._operators + 1)
        for allocation in self._all:
            changes[allocation.born] += allocation.n_bytes
            if allocation.died is not None:
                changes[allocation.died] -= allocation.n_bytes
        totals = list(itertools.accumulate(changes))
        peak_bytes = max(totals)
        moment = totals.index(peak_bytes)
        by_kind = dict.fromkeys(KINDS, 0)
        for allocation in self._all:
            if allocation.born <= moment and (allocation.died is None or moment < allocation.died):
                by_kind[self._kind(allocation)] += allocation.n_bytes
        phases = itertools.pairwise((0, *self._ends, len(totals)))
        return StepPeak(
            peak_bytes=peak_bytes,
            source=SOURCE,
            by_kind=by_kind,
            phase_bytes=tuple(max(totals[start:end], default=0) for start, end in phases),
        )

    def _kind(self, allocation: _Allocation) -> str:
        """What the forward made and freed itself was saved for nobody."""
        saved = allocation.died is None or allocation.died > self._ends[0]
        return allocation.kind if allocation.kind != "activations" or saved else "temporaries"
