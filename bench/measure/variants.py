"""Ways to run a network other than as it is written, and whether they can be had here."""

import importlib.util
from collections.abc import Collection
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_map

from . import checkpointing

# Dimensions: batch, channels, height, width.
_IMAGE_DIMENSIONS = 4


def variant_error(variants: Collection[str], device: str) -> str | None:
    """Why one of the variants cannot be had on `device`: one line, or None when all can."""
    needs_gpu = [name for name in ("cuda_graphs", "flush_l2") if name in variants]
    if needs_gpu and device == "cpu":
        return f"--{needs_gpu[0].replace('_', '-')} needs a GPU: add --device cuda"
    if {"cuda_graphs", "compile"} <= set(variants):
        return "--cuda-graphs and --compile exclude each other: choose one"
    return _compiler_error(device) if "compile" in variants else None


def _compiler_error(device: str) -> str | None:
    """What `torch.compile` writes its kernels with: C++ on a CPU, Triton on a GPU."""
    if device != "cpu":
        if importlib.util.find_spec("triton") is None:
            return "--compile needs Triton on a GPU: install triton, or leave out --compile"
        return None
    from torch._inductor import cpp_builder

    try:
        cpp_builder.get_cpp_compiler()
    except RuntimeError:  # InvalidCxxCompiler, which is private
        return "--compile needs a C++ compiler: install g++ or set CXX, or leave out --compile"
    return None


def apply(variants: Collection[str], model: nn.Module, inputs: Any) -> tuple[nn.Module, Any]:
    """The model, changed in place, and its input, as the variants ask; CUDA graphs and the L2 cache
    are not the model's.

    Raises:
        ValueError: no image for `channels_last`.
    """
    if "channels_last" in variants:
        model, inputs = _channels_last(model, inputs)
    if "checkpointing" in variants:
        checkpointing.apply(model)
    if "compile" in variants:
        model.compile()
    return model, inputs


def _channels_last(model: nn.Module, inputs: Any) -> tuple[nn.Module, Any]:
    """Weights and images (batch, channels, height, width) with the channels innermost."""
    images = 0

    def innermost(leaf: Any) -> Any:
        nonlocal images
        if not isinstance(leaf, Tensor) or leaf.dim() != _IMAGE_DIMENSIONS:
            return leaf
        images += 1
        return leaf.contiguous(memory_format=torch.channels_last)

    inputs = tree_map(innermost, inputs)
    if not images:
        raise ValueError("--channels-last needs images (batch, channels, height, width) as input")
    for tensor in (*model.parameters(), *model.buffers()):
        if tensor.dim() == _IMAGE_DIMENSIONS:
            tensor.data = tensor.data.contiguous(memory_format=torch.channels_last)
    return model, inputs
