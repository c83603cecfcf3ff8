"""Counts the floating-point operations of a network on the meta device: nothing is computed.

A dispatch mode of our own applies the formulas, because `FlopCounterMode` also keeps a tree of
modules, which costs more time than the counting itself. An operator that has no formula and is not
left out by convention is named in `uncounted_ops`: never a silent zero.
"""

import copy
import functools
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map

from ..records import Operations
from .formulas import FORMULAS, left_out_by_convention
from .passes import call, scalar_loss
from .state import random_state


def parameter_count(model: nn.Module) -> int:
    """Number of parameters; a shared one counts once."""
    return sum(p.numel() for p in model.parameters())


def count(model: nn.Module, inputs: Any) -> Operations:
    """FLOPs of one batch forward and backward.

    A copy of the model is counted on the meta device, in eval mode, so that a batch of one passes a
    batch norm. A network that needs values, and so cannot run there, is counted where it lies, and
    `device` says so.

    Args:
        model: any module; its mode, gradients and buffers are left as they were.
        inputs: a tensor, tuple or dict of tensors.
    """
    try:
        return _count(_on_meta(model), _detached(inputs, "meta"), "meta")
    except Exception:
        device = next((p.device for p in model.parameters()), torch.device("cpu"))
        if device.type == "meta":
            raise
    with random_state(device=str(device)):
        return _count(copy.deepcopy(model), _detached(inputs, device), device.type)


def _on_meta(model: nn.Module) -> nn.Module:
    """A copy whose tensors are replaced while they are copied: no second set of weights."""
    memo: dict[int, Any] = {}
    for parameter in model.parameters():
        meta = parameter.detach().to("meta")
        memo[id(parameter)] = nn.Parameter(meta, requires_grad=parameter.requires_grad)
    for buffer in model.buffers():
        memo[id(buffer)] = buffer.detach().to("meta")
    return copy.deepcopy(model, memo)


def _detached(inputs: Any, device: Any) -> Any:
    """The input on `device`; its own tensors get no gradient."""
    return tree_map(lambda x: x.detach().to(device) if isinstance(x, Tensor) else x, inputs)


def _count(model: nn.Module, inputs: Any, device: str) -> Operations:
    model.eval()
    with _fast_path_off(), torch.enable_grad(), _OperatorCounter() as counter:
        output = call(model, inputs)
        forward = counter.flops
        trained = any(p.requires_grad for p in model.parameters())
        if trained:
            scalar_loss(output).backward()
    return Operations(
        forward_flops=forward,
        backward_flops=counter.flops - forward if trained else None,
        uncounted_ops=tuple(sorted(counter.uncounted)),
        device=device,
    )


@contextmanager
def _fast_path_off() -> Iterator[None]:
    """`nn.MultiheadAttention`'s fused path hides its matrix products from every counter."""
    before = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(before)


class _OperatorCounter(TorchDispatchMode):
    """Adds up the FLOPs of the operators that run inside it.

    Deep networks repeat themselves: on the meta device an operator that was seen with the same
    shapes is not run again; its outputs are made from what the first ones were like.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.flops = 0
        self.uncounted: set[str] = set()
        self._seen: dict[Hashable, tuple[int, Any]] = {}

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        signature = _signature(func, args, kwargs)
        if signature in self._seen:
            flops, likes = self._seen[signature]
            self.flops += flops
            return _outputs(likes)
        out = func(*args, **kwargs)
        flops = self._count(func, args, kwargs, out)
        if signature is not None and (likes := _likes(out)) is not None:
            self._seen[signature] = flops, likes
        return out

    def _count(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any], out: Any) -> int:
        formula = FORMULAS.get(func.overloadpacket)
        flops = 0 if formula is None else formula(*args, **kwargs, out_val=out)
        if formula is None and not left_out_by_convention(func):
            self.uncounted.add(str(func.overloadpacket))
        self.flops += flops
        return flops


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
