"""Convolutions with their channels last in memory, as a CPU's kernels like them.

PyTorch has that layout for images only; a sequence is given to the kernels as an image of one row.
Nothing but memory changes: shapes are as before, and so are results, up to rounding.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

_CONVOLUTIONS = (nn.Conv1d, nn.Conv2d)


def has_convolutions(model: nn.Module) -> bool:
    """Whether there is one over sequences or images."""
    return any(isinstance(module, _CONVOLUTIONS) for module in model.modules())


@contextmanager
def channels_last(model: nn.Module) -> Iterator[None]:
    """Lets its forward passes have that layout.

    Only these: what else is called inside, an optimizer, would lose time to being looked at.
    """
    inside: list[ExitStack] = []

    def enter(*_: object) -> None:
        inside.append(ExitStack())
        inside[-1].enter_context(ChannelsLast())

    def leave(*_: object) -> None:
        inside.pop().close()

    before = model.register_forward_pre_hook(enter)
    after = model.register_forward_hook(leave, always_call=True)
    try:
        yield
    finally:
        before.remove()
        after.remove()


class ChannelsLast(TorchFunctionMode):
    """Inside, convolutions and batch norms over (batch, channels, length) and (batch, channels,
    height, width) read and write their channels last.

    A network that takes a tensor's memory for granted may raise (`view` where `reshape` would do).
    """

    def __torch_function__(
        self,
        func: Callable[..., Any],
        _types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        called: Callable[..., Any] = _IN_LAYOUT.get(func, func)
        return called(*args, **(kwargs or {}))


def _conv1d(
    input: Tensor,  # noqa: A002 (PyTorch's name, by which it may be given)
    weight: Tensor,
    bias: Tensor | None = None,
    stride: int | tuple[int, ...] = 1,
    padding: int | tuple[int, ...] | str = 0,
    dilation: int | tuple[int, ...] = 1,
    groups: int = 1,
) -> Tensor:
    if input.ndim != 3:  # without a batch
        return F.conv1d(input, weight, bias, stride, padding, dilation, groups)
    row = F.conv2d(
        _as_row(input),
        weight.unsqueeze(2),
        bias,
        _of_row(stride, 1),
        padding if isinstance(padding, str) else _of_row(padding, 0),
        _of_row(dilation, 1),
        groups,
    )
    return row.squeeze(2)


def _of_row(value: int | tuple[int, ...], height: int) -> tuple[int, ...]:
    return (height, *((value,) if isinstance(value, int) else value))


def _as_row(x: Tensor) -> Tensor:
    return x.unsqueeze(2).contiguous(memory_format=torch.channels_last)


def _conv2d(input: Tensor, *args: Any, **kwargs: Any) -> Tensor:  # noqa: A002
    if input.ndim == 4:
        input = input.contiguous(memory_format=torch.channels_last)  # noqa: A001
    return F.conv2d(input, *args, **kwargs)


def _batch_norm(input: Tensor, *args: Any, **kwargs: Any) -> Tensor:  # noqa: A002
    if input.ndim != 3:
        return F.batch_norm(input, *args, **kwargs)
    return F.batch_norm(_as_row(input), *args, **kwargs).squeeze(2)


_IN_LAYOUT: dict[Callable[..., Any], Callable[..., Tensor]] = {
    F.conv1d: _conv1d,
    F.conv2d: _conv2d,
    F.batch_norm: _batch_norm,
}
