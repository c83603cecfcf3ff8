"""Example inputs, and the check of their shape."""

from collections.abc import Container

import torch
from torch import Tensor

from .knobs import is_count

EXAMPLE_SEED = 0


def standard_normal(batch_size: int, shape: tuple[int, ...]) -> Tensor:
    """(batch_size, *shape) standard-normal values, the same on each call and on each device.

    They are drawn on the CPU from an own generator, and land on PyTorch's current default device.
    On the meta device nothing is drawn and nothing allocated.
    """
    if not is_count(batch_size):
        raise ValueError(f"batch_size must be an integer of at least 1; got {batch_size!r}")
    device = torch.get_default_device()
    if device.type == "meta":
        return torch.empty(batch_size, *shape)
    generator = torch.Generator("cpu").manual_seed(EXAMPLE_SEED)
    return torch.randn(batch_size, *shape, generator=generator, device="cpu").to(device)


def check_input_shape(
    family: str, input_shape: tuple[int, ...], *, ranks: Container[int], takes: str
) -> None:
    """The shape of one sample, without the batch: as many sizes as `ranks` allows."""
    if not isinstance(input_shape, tuple | list) or len(input_shape) not in ranks:
        raise ValueError(f"{family} takes {takes}; got {input_shape!r}")
    if not all(is_count(size) for size in input_shape):
        raise ValueError(
            f"sizes of input_shape must be integers of at least 1 for {family}; got {input_shape!r}"
        )
