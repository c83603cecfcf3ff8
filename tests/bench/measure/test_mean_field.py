"""Fixed points of wide random networks, against published and independent figures."""

import math

import numpy as np
import pytest
from scipy.integrate import dblquad, quad

from bench.measure.mean_field import ACTIVATIONS, critical_weight_variance, mean_field

BIAS = 0.05


def test_the_border_between_order_and_chaos_of_tanh() -> None:
    """For a bias variance of 0.05 (Schoenholz et al. 2017)."""
    assert critical_weight_variance("tanh", bias_variance=BIAS) == pytest.approx(1.7610, abs=1e-4)


@pytest.mark.parametrize(
    ("weight_variance", "chi", "trainable_depth"),
    [(1.0, 0.7590, 21.8), (1.5, 0.9386, 94.7), (2.0, 1.0477, 151), (3.0, 1.2089, 54.3)],
)
def test_tanh_on_both_sides_of_it(
    weight_variance: float, chi: float, trainable_depth: float
) -> None:
    """On the side of order all inputs become one; on that of chaos their correlation is below 1."""
    found = mean_field("tanh", weight_variance=weight_variance, bias_variance=BIAS)
    assert found.chi == pytest.approx(chi, abs=5e-5)
    assert found.trainable_depth == pytest.approx(trainable_depth, rel=3e-3)
    assert found.correlation is not None
    assert (found.correlation == 1) is (chi < 1)


@pytest.mark.parametrize("weight_variance", [1.0, 2.0, 4.0])
@pytest.mark.parametrize("activation", ["relu", "leaky_relu"])
def test_relu_without_bias_has_no_depth_scale(activation: str, weight_variance: float) -> None:
    """χ₁ is half the weight variance; He's 2 keeps the gradient (He et al. 2015, equation 10),
    and the correlation tends to 1 more slowly than any exponential does."""
    found = mean_field(activation, weight_variance=weight_variance)
    assert found.chi == pytest.approx(weight_variance / 2, rel=2e-4)
    assert (found.correlation, found.depth_scale, found.trainable_depth) == (None, None, None)
    assert found.q == (0 if weight_variance < 2 else None)


def test_relu_with_bias_forgets_its_input() -> None:
    """q = q / 6 + 1 / 6 for a weight variance of 1/3, as in PyTorch's linear layers: 0.2."""
    found = mean_field("relu", weight_variance=1 / 3, bias_variance=1 / 6)
    assert found.q == pytest.approx(0.2)
    assert found.correlation == 1
    assert found.depth_scale == pytest.approx(1 / math.log(6))


def test_selu_normalises_itself() -> None:
    """Its constants make 1 the fixed point (Klambauer et al. 2017, equation 14), and the mean of
    its outputs 0: inputs become uncorrelated."""
    found = mean_field("selu", weight_variance=1.0)
    assert found.q == pytest.approx(1)
    assert found.correlation == pytest.approx(0, abs=1e-9)


def test_tanh_without_bias() -> None:
    """It dies below a weight variance of 1, is critical there, and is chaotic above: the output is
    odd, and inputs become uncorrelated."""
    dead, critical, chaotic = (
        mean_field("tanh", weight_variance=variance) for variance in (0.5, 1.0, 2.0)
    )
    assert (dead.q, dead.depth_scale) == (0, None)
    assert dead.chi == pytest.approx(0.5)
    assert (critical.q, critical.depth_scale) == (0, None)
    assert critical.chi == pytest.approx(1)
    assert chaotic.correlation == 0
    assert chaotic.depth_scale is not None


@pytest.mark.parametrize("activation", ["elu", "gelu", "selu"])
def test_a_signal_that_grows_without_bound_has_no_fixed_point(activation: str) -> None:
    """χ₁ is then that of large signals, of which these let half through."""
    found = mean_field(activation, weight_variance=4.0)
    expected = 4 * (1.0507**2 if activation == "selu" else 1) / 2
    assert (found.q, found.correlation, found.depth_scale) == (None, None, None)
    assert found.chi == pytest.approx(expected, rel=1e-4)


def density(z: float) -> float:
    return math.exp(-z * z / 2) / math.sqrt(2 * math.pi)


@pytest.mark.parametrize(
    ("activation", "weight_variance"),
    [("gelu", 1.5), ("elu", 1.3), ("selu", 0.9), ("tanh", 2.5), ("sigmoid", 3.0)],
)
def test_fixed_points_by_adaptive_quadrature(activation: str, weight_variance: float) -> None:
    """q* and χ₁ satisfy their equations."""
    phi = ACTIVATIONS[activation]
    found = mean_field(activation, weight_variance=weight_variance, bias_variance=BIAS)
    assert found.q is not None
    deviation = math.sqrt(found.q)

    def mean_square(function: object) -> float:
        assert callable(function)
        halves = ((-9, 0), (0, 9))
        parts = (quad(lambda z: density(z) * function(deviation * z) ** 2, *h)[0] for h in halves)
        return weight_variance * sum(parts)

    assert mean_square(phi.value) + BIAS == pytest.approx(found.q, rel=1e-6)
    assert mean_square(phi.slope) == pytest.approx(found.chi, rel=1e-6)


def test_the_correlation_by_adaptive_quadrature() -> None:
    """c* = (weight variance E[φ(z₁) φ(z₂)] + bias variance) / q*."""
    found = mean_field("tanh", weight_variance=3.0, bias_variance=BIAS)
    assert found.q is not None
    assert found.correlation is not None
    deviation, c = math.sqrt(found.q), found.correlation

    def product(second: float, first: float) -> float:
        mixed = c * first + math.sqrt(1 - c * c) * second
        values = math.tanh(deviation * first) * math.tanh(deviation * mixed)
        return density(first) * density(second) * values

    mean, _ = dblquad(product, -7, 7, -7, 7, epsabs=1e-6, epsrel=1e-6)
    assert (3 * mean + BIAS) / found.q == pytest.approx(c, abs=1e-5)


@pytest.mark.parametrize("activation", sorted(ACTIVATIONS))
def test_slopes_are_the_derivatives_of_values(activation: str) -> None:
    """Away from the kink, by central differences."""
    phi, step = ACTIVATIONS[activation], 1e-6
    z = np.array([-3.0, -0.4, 0.7, 2.0])
    by_difference = (phi.value(z + step) - phi.value(z - step)) / (2 * step)
    assert by_difference == pytest.approx(phi.slope(z), abs=1e-6)


def test_an_unknown_activation_is_refused() -> None:
    """The known ones are named."""
    with pytest.raises(ValueError, match=r"one of relu, .*; got swish"):
        mean_field("swish", weight_variance=1.0)


def test_no_border_where_gradients_vanish_for_any_weights() -> None:
    """A sigmoid passes on a quarter at most."""
    with pytest.raises(ValueError, match=r"expected χ₁ to pass 1 .* for sigmoid it goes from 0\.0"):
        critical_weight_variance("sigmoid", bias_variance=BIAS)
