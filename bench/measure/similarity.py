"""How alike consecutive hidden layers represent the same inputs: a layer that is all but identical
to the one before it adds nothing.

Linear centred kernel alignment (CKA; Kornblith et al. 2019, arXiv:1905.00414) with the unbiased
estimate of the Hilbert-Schmidt independence criterion (Song et al. 2012, "Feature selection via
dependence maximization"; Nguyen et al. 2021, arXiv:2010.15327): the biased one calls any two wide
layers alike when there are fewer samples than features.

All positions count as features, as in the paper. An average over positions would be cheaper and
blind to layers that only move things within the map, and the Gram matrices (batch, batch) bound the
memory whatever the width. Their time is batch² x features: a few hundred samples are enough.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from .hidden import hidden_layers, watched
from .saturation import ROUNDINGS
from .state import left_as_found

# The unbiased estimate divides by batch - 3.
FEWEST_SAMPLES = 4


@dataclass(frozen=True)
class Similarity:
    """`cka` of two consecutive hidden layers, at most 1: 1 for the same representation up to
    rotation and scale, about 0 for independent ones; None where it is undefined."""

    first: str
    second: str
    cka: float | None


def consecutive_similarity(model: nn.Module, inputs: Tensor) -> tuple[Similarity, ...]:
    """The similarity of each hidden layer in eval mode with the one that ran before it.

    `cka` is None where an output is constant or not finite, or has no batch dimension first.

    Args:
        inputs: (batch, ...) of four samples or more.

    Raises:
        ValueError: there are fewer than four samples.
    """
    if len(inputs) < FEWEST_SAMPLES:
        raise ValueError(f"expected {FEWEST_SAMPLES} samples or more; got {len(inputs)}")
    similarities: list[Similarity] = []
    before: tuple[str, Tensor | None] | None = None

    def see(call: str, output: Tensor) -> None:
        nonlocal before
        batched = output.ndim >= 2 and len(output) == len(inputs)
        gram = centred_gram(output.flatten(1)) if batched else None
        if before is not None:
            first, gram_before = before
            similarities.append(Similarity(first, call, _product(gram_before, gram)))
        before = call, gram

    with left_as_found(model), torch.no_grad(), watched(model, hidden_layers(model), see):
        model.eval()
        model(inputs)
    return tuple(similarities)


def linear_cka(x: Tensor, y: Tensor) -> float | None:
    """The unbiased linear CKA of two representations of the same samples, -1 to 1:

        HSIC(x, y) / sqrt(HSIC(x, x) HSIC(y, y))

    None where it is undefined: all samples of one are alike, or equally far from each other.

    Args:
        x: (samples, features), of four samples or more.
        y: (samples, other features).
    """
    return _product(centred_gram(x), centred_gram(y))


def _product(gram: Tensor | None, other: Tensor | None) -> float | None:
    return None if gram is None or other is None else float((gram * other).sum())


def centred_gram(features: Tensor) -> Tensor | None:
    """The U-centred Gram matrix (samples, samples), of norm 1: the inner product of two is the
    ratio of unbiased estimates (Székely & Rizzo 2014, arXiv:1310.2926, section 2).

    None if the features are not finite, or nothing but rounding is left of them.
    """
    if not features.isfinite().all():
        return None
    rounding = ROUNDINGS * torch.finfo(features.dtype).eps
    features = features if features.dtype == torch.float64 else features.float()
    mean = features.mean(0)
    centred = features - mean
    spread = centred.abs().max()
    if spread <= rounding * mean.abs().max():
        return None
    centred /= spread  # so that no square overflows
    gram = (centred @ centred.T).double()
    size = gram.norm()
    u_centred = _u_centred(gram)
    norm = u_centred.norm()
    return u_centred / norm if norm > rounding * size else None


def _u_centred(gram: Tensor) -> Tensor:
    """Rows and columns without their diagonal entry sum to 0; `gram` loses its diagonal."""
    n = len(gram)
    gram.fill_diagonal_(0)
    means = gram.sum(0) / (n - 2)
    total = gram.sum() / ((n - 1) * (n - 2))
    return (gram - means - means[:, None] + total).fill_diagonal_(0)
