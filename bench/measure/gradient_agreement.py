"""How far the gradients of minibatches at the same weights point the same way.

Where their cosine is near 0, a minibatch says little about the loss of all data: noise, not depth,
may be what holds training back, and larger batches help. The gradient noise scale says how large:
about the batch size at which noise and signal are equal. It is the "simple" one of McCandlish et
al. 2018, "An Empirical Model of Large-Batch Training" (arXiv:1812.06162, equation 2.9),
tr(S) / |G|^2 with S the covariance of one example's gradient and G the gradient of all data.

The network is in eval mode: with batch statistics or dropout the batches would not be measured on
the same function. A cosine depends on the batch size: compare batches of one size.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import torch
from torch import Tensor, nn

from .loss_slice import Objective, at_rest, evaluate


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """Of all pairs of batches that have a direction; a batch with gradient zero has none.

    Attributes:
        cosines: one for each pair.
        mean_cosine: None without a pair.
        noise_scale: in examples; None without a batch size, with fewer than two batches, and
            where the noise hides the gradient (its estimated square is not above zero).
    """

    cosines: tuple[float, ...]
    mean_cosine: float | None
    noise_scale: float | None

    @property
    def pairs(self) -> int:
        return len(self.cosines)


def gradient_agreement(
    model: nn.Module, objectives: Sequence[Objective], *, batch_size: int | None = None
) -> Agreement:
    """Pairwise cosines of the gradients of `objectives`, each the mean loss of one minibatch.

    Args:
        batch_size: the examples of each batch, the same for all; the noise scale needs it.

    Raises:
        ValueError: a loss or its gradient is not finite, a loss does not depend on the weights,
            or no parameter is trainable.
    """
    gradients = []
    with at_rest(model) as parameters:
        for objective in objectives:
            gradients.append(flat_gradient(model, objective, parameters).detach())
    products = _products(gradients)
    cosines = _cosines(products)
    return Agreement(
        cosines=cosines,
        mean_cosine=sum(cosines) / len(cosines) if cosines else None,
        noise_scale=None if batch_size is None else _noise_scale(products, batch_size),
    )


def flat_gradient(
    model: nn.Module,
    objective: Objective,
    parameters: Sequence[nn.Parameter],
    *,
    differentiable: bool = False,
) -> Tensor:
    """The gradient as one vector: (number of parameters,); zero where the loss uses none.

    Raises:
        ValueError: the loss or the gradient is not finite, or the loss does not depend on
            `parameters`.
    """
    with torch.enable_grad():
        loss = evaluate(model, objective)
        if not torch.isfinite(loss).all():
            raise ValueError(f"expected a finite loss; got {loss.item()}: look at an earlier epoch")
        if not loss.requires_grad:
            raise ValueError(
                "expected a loss that depends on a trainable parameter; this one has no gradient"
            )
        found = torch.autograd.grad(
            loss, parameters, create_graph=differentiable, materialize_grads=True
        )
        gradient = torch.cat([g.reshape(-1) for g in found])
    if not torch.isfinite(gradient).all():
        raise ValueError(f"expected a finite gradient; it is not, at a loss of {loss.item():g}")
    return gradient


def _products(gradients: list[Tensor]) -> Tensor:
    """Scalar products of all gradients: (batches, batches). In double precision: squares of
    vanishing gradients underflow in single."""
    if not gradients:
        return torch.zeros(0, 0, dtype=torch.float64)
    stacked = torch.stack([g.double().cpu() for g in gradients])
    return stacked @ stacked.T


def _cosines(products: Tensor) -> tuple[float, ...]:
    norms = products.diagonal().sqrt().tolist()
    with_direction = [i for i, norm in enumerate(norms) if norm > 0]
    return tuple(
        float(products[i, j]) / (norms[i] * norms[j]) for i, j in combinations(with_direction, 2)
    )


def _noise_scale(products: Tensor, batch_size: int) -> float | None:
    """Unbiased estimates of |G|^2 and tr(S) from single batches and from all of them together
    (McCandlish et al. 2018, appendix A.1); their ratio is biased."""
    batches = len(products)
    if batches < 2:
        return None
    small, large = batch_size, batch_size * batches
    small_square = float(products.diagonal().mean())
    large_square = float(products.mean())
    square = (large * large_square - small * small_square) / (large - small)
    noise = (small_square - large_square) / (1 / small - 1 / large)
    return noise / square if square > 0 else None
