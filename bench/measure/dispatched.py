"""The operators that a network dispatches, by name: `aten.addmm 4, aten.relu 3`.

Views count, too: a count is compared with another one, not with a time. Left out is what runs
nothing: questions that PyTorch asks of a tensor, and detaching, which is mostly autograd's own.
Fake tensors dispatch what real ones on a CPU do. Two things that differ from machine to machine are
switched off meanwhile: oneDNN, whose recurrent layers are one operator where it is there, and the
fused path of `nn.MultiheadAttention`.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from .memory import Saved
from .operations import fast_path_off
from .passes import Loss, call, scalar_loss
from .state import left_as_found

_LEFT_OUT = re.compile(r"prim\..*|aten\.detach_?")


@dataclass(frozen=True, kw_only=True)
class Dispatched:
    """How often each operator ran, by its name, and what was saved.

    Attributes:
        forward: in eval mode, without a gradient.
        training: the forward in training mode.
        backward: of the loss, which counts here, too; None where nothing needs a gradient.
        saved_bytes: what the forward in training mode saves for the backward; see `memory.Saved`.
        output: of the forward in eval mode.
    """

    forward: Mapping[str, int]
    training: Mapping[str, int]
    backward: Mapping[str, int] | None
    saved_bytes: int
    output: Any


def dispatched(model: nn.Module, inputs: Any, *, loss: Loss = scalar_loss) -> Dispatched:
    """Run one batch forward in both modes and backward, on the device where model and input lie.

    The model is left as it was found, but for its gradients, which are dropped.
    """
    trained = any(p.requires_grad for p in model.parameters())
    with left_as_found(model), alike_everywhere():
        model.eval()
        with torch.no_grad(), _Names() as forward:
            output = call(model, inputs)
        model.train()
        saved = Saved(model)
        with torch.enable_grad(), saved.hooks(), _Names() as training:
            trained_output = call(model, inputs)
        with torch.enable_grad(), _Names() as backward:
            if trained:
                loss(trained_output, inputs).backward()
    model.zero_grad(set_to_none=True)
    return Dispatched(
        forward=dict(forward.counts),
        training=dict(training.counts),
        backward=dict(backward.counts) if trained else None,
        saved_bytes=saved.bytes,
        output=output,
    )


@contextmanager
def alike_everywhere() -> Iterator[None]:
    """Inside, the operators of a CPU do not depend on which CPU it is."""
    onednn: Any = torch.backends.mkldnn  # its switch is a property of a module
    before, onednn.enabled = onednn.enabled, False
    try:
        with fast_path_off():
            yield
    finally:
        onednn.enabled = before


class _Names(TorchDispatchMode):
    """Counts the operators that run inside it."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.counts: Counter[str] = Counter()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        name = str(func.overloadpacket)
        if not _LEFT_OUT.fullmatch(name):
            self.counts[name] += 1
        return func(*args, **(kwargs or {}))
