"""From which layer on a convolutional network sees its whole input: the receptive-field border.

The border layer is the first convolution whose input already has a receptive field larger than
the network's input (Richter et al. 2021, "Should you go deeper?", arXiv:2106.12307): from there on
depth adds no context. No training is needed: one forward of one sample runs under a dispatch mode,
and each operator's output has the largest receptive field of its inputs, so that shortcuts, dense
connections, functional calls and writing in place need no graph.

Left out: operators that see all positions at once (global and adaptive pools, linear layers,
attention, squeeze and excitation) keep the receptive field of their input. Padding does not matter.
The largest receptive field is an upper bound where there are shortcuts: past the border some paths
still see less than the whole input.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, UntypedStorage, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from .state import left_as_found

aten = torch.ops.aten


@dataclass(frozen=True)
class LayerField:
    """One call of a convolution or pool; tuples are per spatial dimension, in input positions.

    Attributes:
        name: the innermost module that calls it; `name#2`, … where it calls several.
        kind: "convolution" or "pool".
        before: receptive field of its input.
        after: receptive field of its output.
        jump: distance of two neighbouring outputs.
    """

    name: str
    kind: str
    before: tuple[int, ...]
    after: tuple[int, ...]
    jump: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class ReceptiveFields:
    """`layers` in the order in which they ran; `input_size` is what the first of them saw."""

    layers: tuple[LayerField, ...]
    input_size: tuple[int, ...]

    @property
    def convolutions(self) -> tuple[LayerField, ...]:
        return tuple(layer for layer in self.layers if layer.kind == "convolution")

    @property
    def border_layer(self) -> str | None:
        """The first convolution beyond the border; None where there is none."""
        return next((layer.name for layer in self.convolutions if self.is_beyond(layer)), None)

    @property
    def share_beyond(self) -> float:
        """The share of the convolutions that is beyond the border, 0 to 1."""
        return sum(map(self.is_beyond, self.convolutions)) / len(self.convolutions)

    def is_beyond(self, layer: LayerField) -> bool:
        """Whether its input saw more than the network's input in every dimension."""
        last_first = zip(reversed(layer.before), reversed(self.input_size), strict=False)
        return all(seen > whole for seen, whole in last_first)


def receptive_fields(model: nn.Module, inputs: Tensor) -> ReceptiveFields | None:
    """The receptive fields of a network's convolutions and pools in eval mode (Araujo et al. 2019,
    "Computing receptive fields of convolutional neural networks", Distill):

        after = before + (kernel - 1) * dilation * jump before,   jump = stride * jump before

    None without convolutions whose receptive fields overlap (perceptrons, transformers on patches),
    and where positions are added again (transposed convolution, upsampling): no border is defined.

    Args:
        inputs: (batch, channels, *spatial), of which the first sample is used.
    """
    calls: list[str] = []
    tracer = _Tracer(calls)
    with left_as_found(model), torch.no_grad(), _called(model, calls), tracer:
        model.eval()
        model(inputs[:1])
    convolutions = [layer for layer in tracer.layers if layer.kind == "convolution"]
    if tracer.adds_positions or all(map(_tiles, convolutions)):
        return None
    return ReceptiveFields(layers=tuple(tracer.layers), input_size=tracer.input_size)


def _tiles(layer: LayerField) -> bool:
    """Its outputs see the input in pieces that do not overlap."""
    return all(seen <= jump for seen, jump in zip(layer.after, layer.jump, strict=True))


@contextmanager
def _called(model: nn.Module, calls: list[str]) -> Iterator[None]:
    """Inside, `calls` are the names of the modules that run, the innermost last."""

    def beginner(name: str) -> Callable[..., None]:
        return lambda *_: calls.append(name)

    def end(*_: Any) -> None:
        calls.pop()

    with ExitStack() as stack:
        for name, module in model.named_modules():
            begin = beginner(name or type(module).__name__)
            stack.callback(module.register_forward_pre_hook(begin).remove)
            stack.callback(module.register_forward_hook(end, always_call=True).remove)
        yield


class _Window(NamedTuple):
    """What one output of an operator sees of its input, per spatial dimension."""

    kind: str
    kernel: Sequence[int]
    stride: Sequence[int]
    dilation: Sequence[int] = (1,)
    transposed: bool = False

    def dimensions(self, x: Tensor) -> int:
        """How many it has, but for a height of 1: one-dimensional pools run on such images."""
        number = len(self.kernel)
        flat = number > 1 and self.kernel[0] == 1 and x.shape[-number] == 1
        return number - flat


def _convolution(
    _x: Tensor, weight: Tensor, _bias: Any, stride: Any, _padding: Any, *rest: Any
) -> _Window:
    dilation, transposed, *_ = rest
    return _Window("convolution", weight.shape[2:], stride, dilation, transposed)


def _max_pool(
    _x: Tensor, kernel: Any, stride: Any = (), _padding: Any = 0, dilation: Any = (1,), *_: Any
) -> _Window:
    return _Window("pool", kernel, stride or kernel, dilation)


def _average_pool(_x: Tensor, kernel: Any, stride: Any = (), *_: Any) -> _Window:
    return _Window("pool", kernel, stride or kernel)


_WINDOWS: dict[Any, Callable[..., _Window]] = {
    aten.convolution.default: _convolution,
    aten.max_pool2d_with_indices.default: _max_pool,
    aten.max_pool3d_with_indices.default: _max_pool,
    aten.avg_pool2d.default: _average_pool,
    aten.avg_pool3d.default: _average_pool,
}


class _Field(NamedTuple):
    """Receptive field and jump; nothing that convolves or pools has been seen where empty."""

    size: tuple[int, ...] = ()
    jump: tuple[int, ...] = ()

    def last(self, dimensions: int) -> "_Field":
        """The last dimensions; those that are new have seen one position."""
        return _Field(*(((1,) * dimensions + each)[len(each) :] for each in self))

    def through(self, window: _Window) -> "_Field":
        """What the window's outputs have if this is what its inputs have."""
        each = zip(self.size, self.jump, *map(self._per_dimension, window[1:4]), strict=True)
        after = [(r + (k - 1) * d * jump, s * jump) for r, jump, k, s, d in each]
        sizes, jumps = zip(*after, strict=True)
        return _Field(sizes, jumps)

    def _per_dimension(self, values: Sequence[int]) -> tuple[int, ...]:
        """Of the last dimensions; a single value is that of all."""
        return (tuple(values) * len(self.size))[-len(self.size) :]


def _largest(fields: Sequence[_Field]) -> _Field:
    number = max((len(field.size) for field in fields), default=0)
    aligned = [field.last(number) for field in fields]
    return _Field(*(tuple(map(max, *each, each[0])) for each in zip(*aligned, strict=True)))


class _Tracer(TorchDispatchMode):
    """Carries the largest receptive field of each operator's inputs to its outputs.

    A field belongs to a storage, so that writing into a view reaches the whole tensor; storages
    are kept, so that none takes the place of another.
    """

    def __init__(self, calls: list[str]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.layers: list[LayerField] = []
        self.input_size: tuple[int, ...] = ()
        self.adds_positions = False
        self._calls = calls
        self._entries: Counter[str] = Counter()
        self._fields: dict[int, tuple[_Field, UntypedStorage]] = {}

    def __torch_dispatch__(
        self, func: Any, _types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        output = func(*args, **(kwargs or {}))
        storages = [s._cdata for s in _storages((args, kwargs))]
        field = _largest([self._fields[s][0] for s in storages if s in self._fields])
        self.adds_positions |= bool(self.layers) and "upsample" in str(func)
        if func in _WINDOWS:
            field = self._record(_WINDOWS[func](*args), args[0], field)
        for storage in _storages(output):
            self._fields[storage._cdata] = field, storage
        return output

    def _record(self, window: _Window, x: Tensor, field: _Field) -> _Field:
        number = window.dimensions(x)
        before = field.last(number)
        after = before.through(window)
        self.input_size = self.input_size or tuple(x.shape[-number:])
        self.adds_positions |= window.transposed
        self.layers.append(
            LayerField(self._name(), window.kind, before.size, after.size, after.jump)
        )
        return after

    def _name(self) -> str:
        name = self._calls[-1]
        self._entries[name] += 1
        return name if self._entries[name] == 1 else f"{name}#{self._entries[name]}"


def _storages(values: Any) -> list[UntypedStorage]:
    tensors = (leaf for leaf in tree_leaves(values) if isinstance(leaf, Tensor))
    return [t.untyped_storage() for t in tensors if t.layout is torch.strided]
