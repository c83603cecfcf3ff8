"""How much of its width a layer uses: its saturation.

The share of a layer's units that principal components need to explain 99 % of the variance of its
output (Richter et al. 2020, "Feature space saturation during training", arXiv:2006.08679): near 1
a layer uses all of its width; a tail of layers with low saturation only passes on what it gets.

The units of a convolution are its channels, and each position is a sample. The rank of a covariance
is below the number of samples: with fewer samples than units the saturation is at most
(samples - 1) / units, and a linear layer has one sample an input.
"""

import torch
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd

from .hidden import hidden_layers, watched
from .state import left_as_found

# Share of the variance (Richter et al. 2020, section 3).
EXPLAINED = 0.99

# Samples whose products are summed at once: bounds the memory in double precision.
CHUNK = 65_536

# A spread below this many roundings of the mean is not told from a constant.
ROUNDINGS = 10


def saturation(
    model: nn.Module, inputs: Tensor, *, explained: float = EXPLAINED
) -> dict[str, float | None]:
    """The saturation of each hidden layer in eval mode by the name of its call, in (0, 1].

    None where an output is constant or not finite, or has one unit.

    Args:
        inputs: (batch, ...).
        explained: the share of the variance that counts.
    """
    found: dict[str, float | None] = {}
    layers = hidden_layers(model)

    def see(call: str, output: Tensor) -> None:
        layer = layers[call.partition("#")[0]]
        found[call] = saturation_of(units_last(output, layer), explained=explained)

    with left_as_found(model), torch.no_grad(), watched(model, layers, see):
        model.eval()
        model(inputs)
    return found


def units_last(output: Tensor, layer: nn.Module) -> Tensor:
    """(…, units) of a layer's output: what convolves has its channels after the batch, all else
    has its features last."""
    return output.movedim(1, -1) if output.ndim > 2 and convolves(layer) else output


def convolves(layer: nn.Module) -> bool:
    """Whether it is or holds a convolution."""
    return any(isinstance(module, _ConvNd) for module in layer.modules())


def saturation_of(output: Tensor, *, explained: float = EXPLAINED) -> float | None:
    """The least number of eigenvalues of the covariance whose sum is the share `explained` of all,
    divided by the units; None if it is undefined.

    Args:
        output: (…, units).
    """
    if output.ndim < 2 or output.shape[-1] < 2 or not output.numel():
        return None
    if not output.isfinite().all():
        return None
    samples = output.flatten(0, -2)
    mean = samples.mean(0, dtype=torch.float64)
    eigenvalues = _scatter_eigenvalues(samples, mean)
    total = eigenvalues.sum()
    rounding = ROUNDINGS * torch.finfo(output.dtype).eps * mean.norm()
    if total <= len(samples) * rounding**2:
        return None
    needed = torch.searchsorted(eigenvalues.cumsum(0), explained * total) + 1
    return min(int(needed), samples.shape[1]) / samples.shape[1]


def _scatter_eigenvalues(samples: Tensor, mean: Tensor) -> Tensor:
    """Those of the covariance times the number of samples, the largest first, from the smaller of
    the two products of the centred samples."""
    if len(samples) < samples.shape[1]:
        centred = samples.double() - mean
        scatter = centred @ centred.T
    else:
        scatter = torch.zeros(len(mean), len(mean), dtype=mean.dtype, device=mean.device)
        for chunk in samples.split(CHUNK):
            centred = chunk.double() - mean
            scatter += centred.T @ centred
    eigenvalues: Tensor = torch.linalg.eigvalsh(scatter)
    return eigenvalues.flip(0).clamp(min=0)
