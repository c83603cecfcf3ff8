"""Augmentation: every batch is changed at random in ways that leave its labels true.

What is done depends on what a sample is, which the number of dimensions tells:

signals (batch, channels, length)        shift, scale, noise
images (batch, channels, height, width)  crop, flip
vectors (batch, features)                scale, noise

A signal is shifted in a circle: nothing of it is lost and no step to zero appears, and the signals
of MNIST-1D were themselves shifted so when they were made (Greydanus & Kobak 2024,
arXiv:2011.14439). An image is padded with zeros and cropped (He et al. 2015, arXiv:1512.03385,
section 4.2: 4 pixels of 32, an eighth of the size). The features of a vector have no neighbours to
shift to. All samples are changed at once, and the generator alone determines how.
"""

from functools import partial

import torch
from torch import Tensor
from torch.nn import functional as F

from .knobs import check_number
from .treatment import Treatment

# Of signals and vectors where no knob says otherwise; images have neither in the paper's recipe.
DEFAULT_NOISE = 0.1
DEFAULT_SCALE = 0.1

_VECTORS, _SIGNALS, _IMAGES = 2, 3, 4


def augmentation(
    *,
    shift: float = 0.125,
    noise: float | None = None,
    scale: float | None = None,
    flip: bool = False,
) -> Treatment:
    """Random shifts, amplitudes and noise for each sample of a batch.

    - shift: the most that a sample is moved to either side, as a share of its size.
    - noise: deviation of Gaussian noise, in deviations of the batch; 0.1, for images 0.
    - scale: the most by which a sample's amplitude is changed, as a share of it; 0.1, for images 0.
    - flip: mirrors half of the images left to right; off because digits and letters are not
      symmetric.
    """
    if not isinstance(flip, bool):
        raise ValueError(f"flip must be true or false; got {flip!r}")
    augment = partial(
        _augment,
        shift=check_number("shift", shift, high=1.0),
        noise=None if noise is None else check_number("noise", noise),
        scale=None if scale is None else check_number("scale", scale, high=1.0),
        flip=flip,
    )
    return Treatment(augment=augment)


def _augment(
    inputs: Tensor,
    generator: torch.Generator,
    *,
    shift: float,
    noise: float | None,
    scale: float | None,
    flip: bool,
) -> Tensor:
    _check(inputs, flip)
    image = inputs.ndim == _IMAGES
    noise = (0.0 if image else DEFAULT_NOISE) if noise is None else noise
    scale = (0.0 if image else DEFAULT_SCALE) if scale is None else scale
    deviation = inputs.std(correction=0)  # before the zeros of a crop
    if shift:
        inputs = _moved(inputs, generator, shift)
    if flip:
        inputs = _flipped(inputs, generator)
    if scale:
        each = _uniform((len(inputs),) + (1,) * (inputs.ndim - 1), generator)
        inputs = inputs * (1 + scale * each).to(inputs)
    if noise:
        inputs = inputs + noise * deviation * _normal(inputs.shape, generator).to(inputs)
    return inputs


def _check(inputs: Tensor, flip: bool) -> None:
    if not inputs.is_floating_point() or inputs.ndim not in (_VECTORS, _SIGNALS, _IMAGES):
        raise ValueError(
            "augmentation needs floating-point vectors, signals or images, 2 to 4 dimensions with "
            f"the batch; got {inputs.dtype} of shape {tuple(inputs.shape)}"
        )
    if flip and inputs.ndim != _IMAGES:
        raise ValueError(f"flip is for images of 4 dimensions; got shape {tuple(inputs.shape)}")


def _moved(inputs: Tensor, generator: torch.Generator, shift: float) -> Tensor:
    if inputs.ndim == _SIGNALS:
        return _rolled(inputs, generator, shift)
    return _cropped(inputs, generator, shift) if inputs.ndim == _IMAGES else inputs


def _rolled(inputs: Tensor, generator: torch.Generator, shift: float) -> Tensor:
    """Each sample moved in a circle by a whole number of steps."""
    length = inputs.shape[-1]
    steps = _offsets(len(inputs), round(shift * length), generator).to(inputs.device)
    places = (torch.arange(length, device=inputs.device) - steps[:, None, None]) % length
    return inputs.gather(-1, places.expand(inputs.shape))


def _cropped(inputs: Tensor, generator: torch.Generator, shift: float) -> Tensor:
    """Each image padded with zeros on all sides and cropped to its size anywhere."""
    n, channels, height, width = inputs.shape
    device = inputs.device
    most = (round(shift * height), round(shift * width))
    down, right = (edge + _offsets(n, edge, generator).to(device) for edge in most)
    rows = down[:, None, None, None] + torch.arange(height, device=device)[:, None]
    columns = right[:, None, None, None] + torch.arange(width, device=device)
    samples = torch.arange(n, device=device)[:, None, None, None]
    padded = F.pad(inputs, (most[1], most[1], most[0], most[0]))
    return padded[samples, torch.arange(channels, device=device)[:, None, None], rows, columns]


def _flipped(inputs: Tensor, generator: torch.Generator) -> Tensor:
    mirrored = (_uniform((len(inputs), 1, 1, 1), generator) < 0).to(inputs.device)
    return torch.where(mirrored, inputs.flip(-1), inputs)


# A draw is made where its generator lies, so that it is the same on every device of the inputs.


def _uniform(shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    """From -1 to 1."""
    return 2 * torch.rand(shape, generator=generator, device=generator.device) - 1


def _normal(shape: torch.Size, generator: torch.Generator) -> Tensor:
    return torch.randn(shape, generator=generator, device=generator.device)


def _offsets(n: int, most: int, generator: torch.Generator) -> Tensor:
    """n whole numbers from -most to most."""
    return torch.randint(-most, most + 1, (n,), generator=generator, device=generator.device)
