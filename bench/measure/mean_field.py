"""How far a signal gets in a wide random network, by mean-field theory: no network is needed.

For layers z = W φ(z') + b with weights of variance `weight_variance` / fan_in and biases of
variance `bias_variance`, all normal, in the limit of infinite width: the variance of a
pre-activation z tends to q* and the correlation of two inputs to c*, each at its own rate (Poole et
al. 2016, arXiv:1606.05340; Schoenholz et al. 2017, arXiv:1611.01232). Past about six depth scales
two inputs can no longer be told apart, or are as far apart as any two, and the network does not
train. What norms and shortcuts change is not in these equations.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import erf, expit

Array = NDArray[np.float64]

TRAINABLE_SCALES = 6
"""Depth scales ξ_c that a network can be deep and train (Schoenholz et al. 2017, figure 5)."""

# Between these variances a fixed point is looked for, from 1 on in steps of this factor.
_SMALLEST, _LARGEST, _FACTOR = 1e-12, 1e12, 1.25

# Changes below this are rounding.
_ROUNDING = 1e-12


@dataclass(frozen=True)
class Activation:
    """φ and its derivative, elementwise on arrays."""

    value: Callable[[Array], Array]
    slope: Callable[[Array], Array]


_SELU_SCALE, _SELU_ALPHA = 1.0507009873554805, 1.6732632423543772  # Klambauer et al. 2017, eq. 14


def _selu(z: Array) -> Array:
    return _SELU_SCALE * np.where(z > 0, z, _SELU_ALPHA * np.expm1(np.minimum(z, 0)))


ACTIVATIONS: Mapping[str, Activation] = {
    "relu": Activation(lambda z: np.maximum(z, 0), lambda z: (z > 0).astype(float)),
    "leaky_relu": Activation(
        lambda z: np.where(z > 0, z, 0.01 * z), lambda z: np.where(z > 0, 1.0, 0.01)
    ),
    "gelu": Activation(
        lambda z: z * (1 + erf(z / math.sqrt(2))) / 2,
        lambda z: (1 + erf(z / math.sqrt(2))) / 2 + z * np.exp(-(z**2) / 2) / math.sqrt(2 * np.pi),
    ),
    "elu": Activation(
        lambda z: np.where(z > 0, z, np.expm1(np.minimum(z, 0))),
        lambda z: np.where(z > 0, 1.0, np.exp(np.minimum(z, 0))),
    ),
    "selu": Activation(
        _selu,
        lambda z: _SELU_SCALE * np.where(z > 0, 1.0, _SELU_ALPHA * np.exp(np.minimum(z, 0))),
    ),
    "tanh": Activation(np.tanh, lambda z: 1 - np.tanh(z) ** 2),
    "sigmoid": Activation(expit, lambda z: expit(z) * (1 - expit(z))),
}


@dataclass(frozen=True)
class MeanField:
    """Where a wide random network settles.

    Attributes:
        q: the variance of a pre-activation, q*; 0 where the signal dies, None where it grows
            without bound or keeps whatever it starts with.
        chi: the factor by which the mean square of ∂L/∂h grows from a layer to the one before it,
            χ₁ (Schoenholz et al. 2017).
        correlation: of two inputs at depth, c*; None without a positive q*.
        depth_scale: layers over which their correlation comes nearer to c* by a factor e, ξ_c;
            None at criticality and without a positive q*: there it comes nearer more slowly than
            any exponential does (ReLU), or not at all (a linear network).
    """

    q: float | None
    chi: float
    correlation: float | None
    depth_scale: float | None

    @property
    def trainable_depth(self) -> float | None:
        """6 ξ_c layers; None where ξ_c is."""
        return None if self.depth_scale is None else TRAINABLE_SCALES * self.depth_scale


def mean_field(activation: str, *, weight_variance: float, bias_variance: float = 0.0) -> MeanField:
    """The fixed point that pre-activations of variance 1 run into.

    q* = `weight_variance` E[φ(√q* z)²] + `bias_variance` (Poole et al. 2016) and
    χ₁ = `weight_variance` E[φ'(√q* z)²]; ξ_c = -1 / ln(`weight_variance` E[φ'(z₁) φ'(z₂)]) with z₁
    and z₂ correlated by c* (Schoenholz et al. 2017).

    Args:
        activation: of `ACTIVATIONS`.
        weight_variance: fan_in times the variance of a weight.

    Raises:
        ValueError: another activation.
    """
    if activation not in ACTIVATIONS:
        known = ", ".join(ACTIVATIONS)
        raise ValueError(f"activation must be one of {known}; got {activation}")
    phi = ACTIVATIONS[activation]
    q = _settled_variance(phi, weight_variance, bias_variance)
    if not q:
        limit = _LARGEST if q is None else _SMALLEST
        return MeanField(q, _chi(phi, weight_variance, limit), None, None)
    chi = _chi(phi, weight_variance, q)
    c = 1.0 if chi <= 1 else _settled_correlation(phi, weight_variance, bias_variance, q)
    rate = chi if c == 1 else weight_variance * _pair_mean(phi.slope, q, c)
    return MeanField(q, chi, c, -1 / math.log(rate) if 0 < rate < 1 else None)


def critical_weight_variance(activation: str, *, bias_variance: float) -> float:
    """The weight variance at which χ₁ = 1: the border between order and chaos.

    Raises:
        ValueError: there is none in 0.5 to 10, or no such activation.
    """

    def above_one(weight_variance: float) -> float:
        found = mean_field(activation, weight_variance=weight_variance, bias_variance=bias_variance)
        return found.chi - 1

    lowest, highest = 0.5, 10.0
    ends = above_one(lowest), above_one(highest)
    if ends[0] * ends[1] > 0:
        raise ValueError(
            f"expected χ₁ to pass 1 between weight variances of {lowest} and {highest}; for "
            f"{activation} it goes from {1 + ends[0]:.3g} to {1 + ends[1]:.3g}"
        )
    return float(brentq(above_one, lowest, highest, xtol=1e-6))


def _legendre(nodes: int, edges: Array) -> tuple[Array, Array]:
    """Nodes and weights of Gauss-Legendre quadrature over each interval between `edges`."""
    at, weight = np.polynomial.legendre.leggauss(nodes)
    halves, middles = np.diff(edges)[:, None] / 2, (edges[:-1] + edges[1:])[:, None] / 2
    return (middles + halves * at).ravel(), (halves * weight).ravel()


# Expectations over a standard normal and over the radius of two. An interval ends at 0: some
# activations have a kink there, which quadrature across it is thrown by.
_FARTHEST = 9.0  # standard deviations; beyond lies a share of 1e-18
_Z, _WEIGHTS = _legendre(200, np.array([-_FARTHEST, 0.0, _FARTHEST]))
_WEIGHTS *= np.exp(-(_Z**2) / 2) / math.sqrt(2 * math.pi)
_RADII, _RADIUS_WEIGHTS = _legendre(64, np.array([0.0, _FARTHEST]))
_RADIUS_WEIGHTS *= _RADII * np.exp(-(_RADII**2) / 2) / (2 * math.pi)
_ANGLES = 32


def _chi(phi: Activation, weight: float, q: float) -> float:
    return weight * float(_WEIGHTS @ phi.slope(math.sqrt(q) * _Z) ** 2)


def _settled_variance(phi: Activation, weight: float, bias: float) -> float | None:
    """By bracketing: near criticality to iterate would take forever."""

    def growth(q: float) -> float:
        return (weight * float(_WEIGHTS @ phi.value(math.sqrt(q) * _Z) ** 2) + bias) / q - 1

    start = growth(1.0)
    if abs(start) < _ROUNDING:
        return None if abs(growth(_FACTOR)) < _ROUNDING else 1.0
    q, factor = 1.0, _FACTOR if start > 0 else 1 / _FACTOR
    while _SMALLEST < q < _LARGEST:
        before, q = q, q * factor
        if growth(q) * start <= 0:
            return float(brentq(growth, before, q, xtol=1e-15, rtol=1e-12))
    return None if start > 0 else 0.0


def _pair_mean(function: Callable[[Array], Array], q: float, c: float) -> float:
    """E[f(z₁) f(z₂)] of two normals of variance q and correlation c, in polar coordinates: there
    the kinks at z₁ = 0 and z₂ = 0 lie at four angles."""
    between = math.acos(c)
    quarters = [-1 / 2, between / math.pi - 1 / 2, 1 / 2, between / math.pi + 1 / 2, 3 / 2]
    angles, weights = _legendre(_ANGLES, math.pi * np.array(quarters))
    radii = math.sqrt(q) * _RADII[:, None]
    products = function(radii * np.cos(angles)) * function(radii * np.cos(angles - between))
    return float(_RADIUS_WEIGHTS @ products @ weights)


def _settled_correlation(phi: Activation, weight: float, bias: float, q: float) -> float:
    """The one below 1, which attracts where χ₁ > 1."""

    def change(c: float) -> float:
        return (weight * _pair_mean(phi.value, q, c) + bias) / q - c

    highest = 1 - 1e-6
    if change(0.0) < _ROUNDING:  # an odd activation without bias
        return 0.0
    return float(brentq(change, 0.0, highest)) if change(highest) < 0 else 1.0
