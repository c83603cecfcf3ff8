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
    _check_counts(batch_size=batch_size)
    device = torch.get_default_device()
    if device.type == "meta":
        return torch.empty(batch_size, *shape)
    generator = torch.Generator("cpu").manual_seed(EXAMPLE_SEED)
    return torch.randn(batch_size, *shape, generator=generator, device="cpu").to(device)


def token_ids(batch_size: int, context: int, vocabulary: int) -> Tensor:
    """(batch_size, context) int64 ids, uniform below `vocabulary`; else as `standard_normal`."""
    _check_counts(batch_size=batch_size, context=context, vocabulary=vocabulary)
    device = torch.get_default_device()
    if device.type == "meta":
        return torch.empty(batch_size, context, dtype=torch.int64)
    generator = torch.Generator("cpu").manual_seed(EXAMPLE_SEED)
    shape = (batch_size, context)
    return torch.randint(vocabulary, shape, generator=generator, device="cpu").to(device)


def _check_counts(**values: int) -> None:
    for name, value in values.items():
        if not is_count(value):
            raise ValueError(f"{name} must be an integer of at least 1; got {value!r}")


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


def check_image_shape(family: str, input_shape: tuple[int, ...], *, smallest: int = 1) -> None:
    """An image (channels, height, width), height and width of at least `smallest`."""
    takes = "images (channels, height, width)"
    check_input_shape(family, input_shape, ranks=(3,), takes=takes)
    if min(input_shape[1:]) < smallest:
        raise ValueError(
            f"height and width must be at least {smallest} for {family}; got {input_shape!r}"
        )
