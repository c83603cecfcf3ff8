"""Counts the operations of a network on the meta device: nothing is computed.

A dispatch mode of our own applies the formulas, because `FlopCounterMode` also keeps a tree of
modules, which costs more time than the counting itself. An operator that has no formula and is not
left out by convention is named in `uncounted_ops`: never a silent zero.

Activation checkpointing runs parts of the forward again in the backward. They are told apart by the
gradient mode: it is off in a backward, and on where a checkpoint recomputes. So are the forwards
that a reversible layer of the user's own runs again under `torch.enable_grad()`.
"""

import copy
import functools
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map

from ..records import Operations
from .formulas import FORMULAS, left_out_by_convention
from .passes import Loss, call, scalar_loss
from .state import random_state
from .traffic import Touch, moved_bytes, touch


def parameter_count(model: nn.Module) -> int:
    """Number of parameters; a shared one counts once."""
    return sum(p.numel() for p in model.parameters())


def count(model: nn.Module, inputs: Any, *, loss: Loss = scalar_loss) -> Operations:
    """FLOPs, bytes and kernels of one batch forward and backward.

    A copy of the model is counted on the meta device, in eval mode, so that a batch of one passes a
    batch norm (one that trains reads its input once more than is counted). A network that needs
    values, and so cannot run there, is counted where it lies, and `device` says so.

    Args:
        model: any module; its mode, gradients and buffers are left as they were.
        inputs: a tensor, tuple or dict of tensors.
        loss: begins the backward; its products are counted there.
    """
    try:
        return _count(on_meta(model), detached(inputs, "meta"), loss, "meta")
    except Exception:
        device = next((p.device for p in model.parameters()), torch.device("cpu"))
        if device.type == "meta":
            raise
    with random_state(device=str(device)):
        return _count(copy.deepcopy(model), detached(inputs, device), loss, device.type)


def on_meta(model: nn.Module) -> nn.Module:
    """A copy whose tensors are replaced while they are copied: no second set of weights."""
    memo: dict[int, Any] = {}
    for parameter in model.parameters():
        meta = parameter.detach().to("meta")
        memo[id(parameter)] = nn.Parameter(meta, requires_grad=parameter.requires_grad)
    for buffer in model.buffers():
        memo[id(buffer)] = buffer.detach().to("meta")
    return copy.deepcopy(model, memo)


def detached(inputs: Any, device: Any) -> Any:
    """The input on `device`; its own tensors get no gradient."""
    return tree_map(lambda x: x.detach().to(device) if isinstance(x, Tensor) else x, inputs)


def _count(model: nn.Module, inputs: Any, loss: Loss, device: str) -> Operations:
    model.eval()
    trained = any(p.requires_grad for p in model.parameters())
    with fast_path_off(), torch.enable_grad(), OperatorCounter() as counter:
        output = call(model, inputs)
        if trained:
            counter.run_backward(lambda: loss(output, inputs))
    forward, backward, again = counter.forward, counter.backward, counter.recomputed
    return Operations(
        forward_flops=forward.flops,
        backward_flops=backward.flops if trained else None,
        recomputed_flops=again.flops,
        forward_bytes=forward.bytes,
        backward_bytes=backward.bytes + again.bytes if trained else None,
        forward_kernels=forward.kernels,
        backward_kernels=backward.kernels + again.kernels if trained else None,
        uncounted_ops=tuple(sorted(counter.uncounted)),
        device=device,
    )


@contextmanager
def fast_path_off() -> Iterator[None]:
    """`nn.MultiheadAttention`'s fused path hides its matrix products from every counter."""
    before = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(before)


class _Cost(NamedTuple):
    """What one call of an operator costs."""

    flops: int
    bytes: int
    kernels: int


@dataclass(slots=True)
class _Tally:
    """Costs added up."""

    flops: int = 0
    bytes: int = 0
    kernels: int = 0

    def add(self, cost: _Cost) -> None:
        self.flops += cost.flops
        self.bytes += cost.bytes
        self.kernels += cost.kernels


class OperatorCounter(TorchDispatchMode):
    """Adds up what the operators that run inside it cost: first those of a forward.

    Deep networks repeat themselves: on the meta device an operator that was seen with the same
    shapes is not run again; its outputs are made from what the first ones were like. What a call
    costs is kept with them; to which tally it goes is decided anew each time.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.forward = _Tally()
        self.backward = _Tally()
        self.recomputed = _Tally()
        self.uncounted: set[str] = set()
        self._current = self.forward
        self._in_backward = False
        self._seen: dict[Hashable, tuple[_Cost, Any]] = {}

    @property
    def flops(self) -> int:
        """Of all that has run so far."""
        return self.forward.flops + self.backward.flops + self.recomputed.flops

    def run_backward(self, loss: Callable[[], Tensor]) -> None:
        """The backward of `loss()`; also the loss itself counts as the backward's."""
        self._current = self.backward
        value = loss()
        self._in_backward = True
        value.backward()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        again = self._in_backward and torch.is_grad_enabled()
        tally = self.recomputed if again else self._current
        signature = _signature(func, args, kwargs)
        if signature in self._seen:
            cost, likes = self._seen[signature]
            tally.add(cost)
            return _outputs(likes)
        out = func(*args, **kwargs)
        cost = self._cost(func, args, kwargs, out)
        tally.add(cost)
        if signature is not None and (likes := _likes(out)) is not None:
            self._seen[signature] = cost, likes
        return out

    def _cost(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any], out: Any) -> _Cost:
        formula = FORMULAS.get(func.overloadpacket)
        if formula is None and not left_out_by_convention(func):
            self.uncounted.add(str(func.overloadpacket))
        flops = 0 if formula is None else formula(*args, **kwargs, out_val=out)
        if touch(func) is Touch.NOTHING:
            return _Cost(flops, 0, 0)
        return _Cost(flops, moved_bytes(func, args, kwargs, out), 1)


class _Like(NamedTuple):
    """What a meta tensor is, but for its identity."""

    shape: torch.Size
    stride: tuple[int, ...]
    dtype: torch.dtype


def _signature(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Hashable | None:
    """What determines the outputs on the meta device, or None where they may not be made anew:
    views and operators in place return their inputs."""
    if not _returns_new_tensors(func):
        return None
    parts = [_part(value) for value in (*args, *kwargs.values())]
    return None if _UNLIKE in parts else (func, tuple(kwargs), *parts)


@functools.cache
def _returns_new_tensors(func: Any) -> bool:
    schema = func._schema
    return not any(value.alias_info for value in (*schema.arguments, *schema.returns))


_UNLIKE = object()


def _part(value: Any) -> Hashable:
    if isinstance(value, Tensor):
        return _Like(value.shape, value.stride(), value.dtype) if value.is_meta else _UNLIKE
    if isinstance(value, list | tuple):
        parts = tuple(_part(item) for item in value)
        return _UNLIKE if _UNLIKE in parts else parts
    return (type(value), value) if isinstance(value, Hashable) else _UNLIKE


def _likes(out: Any) -> Any:
    """A tree like `out` with a `_Like` for each tensor; None when it holds anything else."""
    parts = out if isinstance(out, tuple | list) else [out]
    if not all(part is None or (isinstance(part, Tensor) and part.is_meta) for part in parts):
        return None
    likes = [None if part is None else _part(part) for part in parts]
    return likes if isinstance(out, tuple | list) else likes[0]


def _outputs(likes: Any) -> Any:
    if isinstance(likes, list):
        return tuple(_outputs(like) for like in likes)
    if likes is None:
        return None
    return torch.empty_strided(likes.shape, likes.stride, dtype=likes.dtype, device="meta")
