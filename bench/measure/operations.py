"""Counts the floating-point operations of a network on the meta device: nothing is computed.

Formulas are those of `torch.utils.flop_counter`, where one multiply-add is two FLOPs. A dispatch
mode of our own applies them, because `FlopCounterMode` also keeps a tree of modules, which costs
more time than the counting itself. Elementwise work, normalisation, pooling, reductions and
copies have no formula by convention; any other operator without one is named in `uncounted_ops`.
"""

import copy
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map
from torch.utils.flop_counter import flop_registry

from ..records import Operations
from .passes import call, scalar_loss

# Memory-bound work that every counter of matrix products leaves out (fvcore counts the norms).
NOT_COUNTED_BY_CONVENTION = (
    "batch_norm", "group_norm", "layer_norm", "rms_norm", "softmax", "pool", "dropout",
    "embedding", "sum", "mean", "amax", "amin", "argmax", "max", "min", "var", "norm", "cumsum",
    "clone", "copy", "cat", "stack", "pad", "fill", "zero", "ones", "full", "empty", "arange",
    "scalar_tensor", "index", "gather", "scatter", "slice_backward", "select_backward",
    "nll_loss", "upsample", "detach", "bernoulli", "rand", "normal", "uniform", "lift_fresh",
    "tril", "triu", "roll", "flip", "repeat", "sort", "topk", "where", "nonzero", "item",
    "equal", "constant", "one_hot", "unfold_backward", "as_strided", "local_scalar", "new_",
    "resize", "set_",
)  # fmt: skip


def parameter_count(model: nn.Module) -> int:
    """Number of parameters; a shared one counts once."""
    return sum(p.numel() for p in model.parameters())


def count(model: nn.Module, inputs: Any) -> Operations:
    """FLOPs of one batch forward and backward.

    The model is counted as it is when it lies on the meta device, else a copy of it there, in eval
    mode, so that a batch of one passes a batch norm. A network that cannot run on the meta device
    is counted where it is, and `device` says so.

    Args:
        model: any module; its mode, gradients and buffers are left as they were.
        inputs: a tensor, tuple or dict of tensors.
    """
    try:
        return _count(_on_meta(model), _meta_inputs(inputs), "meta")
    except NotImplementedError:
        device = next((p.device.type for p in model.parameters()), "cpu")
        if device == "meta":
            raise
        return _count(copy.deepcopy(model), inputs, device)


def _on_meta(model: nn.Module) -> nn.Module:
    """A copy whose tensors are replaced while they are copied: no second set of weights."""
    memo: dict[int, Any] = {}
    for parameter in model.parameters():
        meta = parameter.detach().to("meta")
        memo[id(parameter)] = nn.Parameter(meta, requires_grad=parameter.requires_grad)
    for buffer in model.buffers():
        memo[id(buffer)] = buffer.detach().to("meta")
    return copy.deepcopy(model, memo)


def _meta_inputs(inputs: Any) -> Any:
    return tree_map(lambda x: x.detach().to("meta") if isinstance(x, Tensor) else x, inputs)


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
    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.flops = 0
        self.uncounted: Counter[str] = Counter()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        out = func(*args, **(kwargs or {}))
        formula = flop_registry.get(func.overloadpacket)
        if formula is not None:
            self.flops += formula(*args, **(kwargs or {}), out_val=out)
        elif not _is_cheap(func):
            self.uncounted[str(func.overloadpacket)] += 1
        return out


def _is_cheap(func: Any) -> bool:
    if func.is_view or torch.Tag.pointwise in func.tags:
        return True
    name = func.overloadpacket.__name__
    return any(part in name for part in NOT_COUNTED_BY_CONVENTION) or name in _CHEAP_BACKWARD


# Elementwise, but not tagged so (torch 2.13).
_CHEAP_BACKWARD = frozenset(
    {"threshold_backward", "gelu_backward", "leaky_relu_backward", "elu_backward"}
    | {"tanh_backward", "sigmoid_backward", "_to_copy", "_unsafe_view", "sym_size", "is_same_size"}
)
