"""What an operator moves and launches: bytes to and from memory, and kernels.

Bytes are those of an operator that finds nothing in a cache and shares nothing with the next one:
the sizes of its tensors, read and written. That is the honest upper bound which shapes alone give;
a fused or cached network moves less. A dimension that is expanded (stride 0) lies in memory once.
Where an operator does not touch a tensor whole, the part that it touches counts: what is only
overwritten is not read, and of a table only as many rows are read as come out.

Kernels are operators that touch memory, as if each launched one: a few launch more (the backward of
a convolution, a sort), and a device may run as one what is counted by its parts, as attention and
recurrent layers are on the meta device, bytes of the attention's scores included.
"""

import functools
import math
from collections.abc import Iterable, Iterator
from enum import Enum
from typing import Any

import torch
from torch import Tensor

# Touch no element, though PyTorch does not call them views.
_NO_KERNEL = frozenset(
    [
        *("empty", "empty_like", "empty_strided", "empty_permuted", "new_empty"),
        *("new_empty_strided", "_unsafe_view", "_reshape_alias", "alias", "detach", "lift"),
        *("lift_fresh", "resize_", "set_", "is_same_size", "sym_size", "sym_stride", "sym_numel"),
    ]
)
# Their first argument gives a shape or is overwritten.
_UNREAD = frozenset(
    [
        *("copy_", "fill_", "zero_", "zeros_like", "ones_like", "full_like", "new_zeros"),
        *("new_ones", "new_full", "rand_like", "randn_like", "randint_like", "bernoulli_"),
        *("normal_", "uniform_", "exponential_", "random_"),
    ]
)
# Of their first argument they read what they return.
_GATHERING = frozenset(["embedding", "index", "index_select", "gather", "take"])


class Touch(Enum):
    """How an operator uses its first argument."""

    NOTHING = "runs no kernel"
    READ = "reads it whole"
    UNREAD = "does not read it"
    GATHERED = "reads as much of it as it returns"


@functools.cache
def touch(func: Any) -> Touch:
    """How the operator `func` (an overload) uses its first argument."""
    name = func.overloadpacket.__name__
    if func.is_view or name in _NO_KERNEL:
        return Touch.NOTHING
    if name in _UNREAD:
        return Touch.UNREAD
    return Touch.GATHERED if name in _GATHERING else Touch.READ


def moved_bytes(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any], out: Any) -> int:
    """Bytes that one call reads and writes: its tensor arguments and its outputs."""
    how = touch(func)
    if how is Touch.NOTHING:
        return 0
    written = _total([out])
    if how is Touch.READ:
        return _total(args) + _total(kwargs.values()) + written
    first = written if how is Touch.GATHERED else 0
    return first + _total(args[1:]) + _total(kwargs.values()) + written


def _total(values: Iterable[Any]) -> int:
    return sum(stored_bytes(tensor) for tensor in _tensors(values))


def _tensors(values: Iterable[Any]) -> Iterator[Tensor]:
    for value in values:
        if isinstance(value, Tensor):
            yield value
        elif isinstance(value, list | tuple):
            yield from _tensors(value)


def stored_bytes(tensor: Tensor) -> int:
    """Bytes of the elements that lie in memory: an expanded dimension counts once."""
    if tensor.layout != torch.strided:
        return tensor.numel() * tensor.element_size()
    sizes = (n for n, step in zip(tensor.shape, tensor.stride(), strict=True) if step or not n)
    return math.prod(sizes) * tensor.element_size()
