"""The Hessian of a loss with respect to a network's weights, as products with vectors.

H is never built: a product is one more backward through the graph of the gradient (Pearlmutter
1994, "Fast exact multiplication by the Hessian").
"""

from functools import cached_property

import numpy as np
import numpy.typing as npt
import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from .gradient_agreement import flat_gradient
from .loss_slice import Objective

Vector = npt.NDArray[np.float64]

# Products that find the order of magnitude of the Hessian's norm.
POWER_ITERATIONS = 5


class Hessian:
    """Products with vectors, all from one graph of the gradient, which lives as long as this.

    Args:
        model: in the mode in which its curvature is wanted, see `loss_slice.at_rest`.
        parameters: those that H is of.

    Raises:
        ValueError: the loss or its gradient is not finite, or does not depend on the weights; of a
            product: it is not finite.
    """

    def __init__(
        self, model: nn.Module, objective: Objective, parameters: list[nn.Parameter]
    ) -> None:
        with sdpa_kernel(SDPBackend.MATH):  # the fused kernels have no second derivative
            self._gradient = flat_gradient(model, objective, parameters, differentiable=True)
        self._parameters = parameters
        self.size = len(self._gradient)
        self.products = 0

    @cached_property
    def norm(self) -> float:
        """A lower bound of ||H||, within a small factor, by power iteration."""
        vector = np.random.default_rng(0).standard_normal(self.size)
        for _ in range(POWER_ITERATIONS):
            vector = self @ (vector / (np.linalg.norm(vector) or 1.0))
        return float(np.linalg.norm(vector))

    def __matmul__(self, vector: Vector) -> Vector:
        self.products += 1
        if not self._gradient.requires_grad:  # the loss is linear
            return np.zeros(self.size)
        found = torch.autograd.grad(
            self._gradient,
            self._parameters,
            torch.as_tensor(vector).to(self._gradient),
            retain_graph=True,
            materialize_grads=True,
        )
        product: Vector = torch.cat([f.reshape(-1) for f in found]).double().cpu().numpy()
        if not np.isfinite(product).all():
            raise ValueError("expected a finite Hessian; a product with a vector is not finite")
        return product
