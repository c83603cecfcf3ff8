"""What an operator costs: a table from operator to formula, and what has none by convention.

Formulas are those of `torch.utils.flop_counter`, where one multiply-add is two FLOPs, but for the
backward of convolutions. Elementwise work, normalisation, pooling, reductions and copies are
memory-bound and have no formula, as in every counter of matrix products.
"""

import functools
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch.utils.flop_counter import (
    conv_flop_count,
    flop_registry,
    sdpa_flop_count,
    shape_wrapper,
)

Formula = Callable[..., int]


def _convolution_backward_flops(
    grad_out_shape: Sequence[int],
    x_shape: Sequence[int],
    w_shape: Sequence[int],
    _bias: Any,
    _stride: Any,
    _padding: Any,
    _dilation: Any,
    transposed: bool,
    _output_padding: Any,
    _groups: int,
    output_mask: Sequence[bool],
    out_shape: Any = None,
) -> int:
    """The gradients of input and weight each cost what the forward does, whatever the groups.

    PyTorch's own formula takes every output channel to see every input channel in the backward,
    which counts a depthwise convolution up to as many times as it has channels.
    """
    del out_shape
    forward = conv_flop_count(
        list(x_shape), list(w_shape), list(grad_out_shape), transposed=transposed
    )
    return forward * (output_mask[0] + output_mask[1])


def _attention_flops(
    q_shape: Sequence[int], k_shape: Sequence[int], v_shape: Sequence[int], *_: Any, **__: Any
) -> int:
    """Both products of attention, causal or not. q, k, v: (batch, heads, tokens, features)."""
    return int(sdpa_flop_count(q_shape, k_shape, v_shape))


def _attention_backward_flops(
    _gradient: Any, q: Sequence[int], k: Sequence[int], v: Sequence[int], *_: Any, **__: Any
) -> int:
    """Two products for each of the forward's; what the kernel computes again is no model FLOP."""
    return 2 * _attention_flops(q, k, v)


# From operator to a function of its arguments, tensors given as their shapes.
FORMULAS: Mapping[Any, Formula] = {
    **flop_registry,
    torch.ops.aten._scaled_dot_product_flash_attention_for_cpu: shape_wrapper(_attention_flops),
    torch.ops.aten._scaled_dot_product_flash_attention_for_cpu_backward: shape_wrapper(
        _attention_backward_flops
    ),
    torch.ops.aten.convolution_backward: shape_wrapper(_convolution_backward_flops),
}

# Whole names of operators, less the affixes below. What torch tags as pointwise or as a view is
# left out without being named here.
_BY_CONVENTION = re.compile(
    r"(batch|group|layer|rms|instance|weight|vector|linalg_vector)_norm(_\w+)?|norm|renorm"
    r"|(log_|safe_)?softmax|(adaptive_)?(avg|max)_pool\w*|max_unpool\w*|upsample_\w+"
    r"|grid_sampler\w*|pixel_(un)?shuffle|channel_shuffle|(reflection|replication)_pad\w*"
    r"|constant_pad_nd|glu|prelu(_kernel)?|rrelu_with_noise\w*|hardtanh|hardsigmoid|hardswish"
    r"|hardshrink|softshrink|softplus|log_sigmoid|logit|threshold|gelu|leaky_relu|elu|mish|silu"
    r"|tanh|sigmoid|dropout|bernoulli|rand\w*|normal\w*|uniform|exponential|multinomial"
    r"|embedding\w*|sum|nansum|mean|prod|std(_mean)?|var(_mean)?|amax|amin|aminmax|argmax|argmin"
    r"|max|min|any|all|logsumexp|(log)?cum(sum|prod|max|min|sumexp)|count_nonzero|median|mode"
    r"|nll_loss\w*|\w*_loss|clone|to_copy|copy|cat|stack|fill|zero|(new_)?(zeros|ones|empty|full)"
    r"|(zeros|ones|empty|full)_like|empty_\w+|arange|linspace|eye|scalar_tensor|lift(_fresh)?\w*"
    r"|index\w*|gather|take|masked_\w+|(slice|select|diagonal)_scatter|scatter\w*|slice|select"
    r"|unfold|as_strided\w*|tri[lu](_indices)?|roll|flip|repeat\w*|tile|sort|topk|kthvalue|unique\w*"
    r"|where|nonzero\w*|local_scalar_dense|item|equal|one_hot|resize|set|unsafe_view|unsafe_split\w*"
    r"|transpose|t|(un)?squeeze|swap(axes|dims)|split_with_sizes_copy|linalg_check_errors|sym_\w+|is_same_size|detach|bucketize|histc|bincount"
)
_PREFIXES = ("native_", "cudnn_", "miopen_", "mkldnn_", "fused_")
_SUFFIX = re.compile(r"(_backward|_forward)?(_data)?$")


@functools.cache
def left_out_by_convention(func: Any) -> bool:
    """Whether an operator without a formula is left out by convention."""
    if func.is_view or torch.Tag.pointwise in func.tags:
        return True
    return _BY_CONVENTION.fullmatch(_plain_name(func.overloadpacket.__name__)) is not None


def _plain_name(operator: str) -> str:
    """`_native_batch_norm_legit_backward` -> `batch_norm_legit`."""
    name = operator.strip("_")
    for prefix in _PREFIXES:
        name = name.removeprefix(prefix)
    return _SUFFIX.sub("", name)
