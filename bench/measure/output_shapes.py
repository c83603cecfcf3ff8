"""What a network returns, as a line of text: `8x10`, or nested `(8x10, {loss: scalar})`."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor


def shape_text(output: Any, dtype: torch.dtype) -> str:
    """The shapes of all tensors of an output, in its structure.

    Args:
        output: a tensor, or tuples, lists and mappings of tensors and other things, which are named
            by their type.
        dtype: tensors of another one are marked: `8x10:int64`.
    """
    if isinstance(output, Tensor):
        sizes = "x".join(map(str, output.shape)) or "scalar"
        return sizes if output.dtype == dtype else f"{sizes}:{str(output.dtype).split('.')[-1]}"
    if isinstance(output, Mapping):
        parts = ", ".join(f"{name}: {shape_text(part, dtype)}" for name, part in output.items())
        return f"{{{parts}}}"
    if isinstance(output, tuple | list):
        parts = ", ".join(shape_text(part, dtype) for part in output)
        return f"({parts})" if isinstance(output, tuple) else f"[{parts}]"
    return type(output).__name__
