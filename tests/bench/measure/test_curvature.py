"""Curvature against closed forms and against the dense Hessian of a small network."""

from collections.abc import Callable
from functools import cache, partial

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bench.measure.curvature import (
    DENSE_UP_TO,
    NEGATIVE_BELOW,
    Eigenvalue,
    Spectrum,
    spectral_density,
    top_eigenvalues,
)
from bench.measure.flatness import flatness
from bench.measure.loss_slice import Objective

from .test_loss_slice import check_left_as_found, weight

INSTRUMENTS = [
    top_eigenvalues,
    partial(spectral_density, steps=5, probes=2),
    partial(flatness, directions=2),
]
Instrument = Callable[[nn.Module, Objective], object]


class Point(nn.Module):
    """Nothing but a vector of weights, which are not at 0."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(size))


def quadratic(eigenvalues: Tensor) -> Objective:
    """A loss whose Hessian is diagonal."""
    return lambda model: (eigenvalues * weight(model).square()).sum() / 2


def perceptron() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Linear(6, 12), nn.Tanh(), nn.Linear(12, 12), nn.Tanh(), nn.Linear(12, 4)
    )


def classification(model: nn.Module) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(64, 6, generator=generator)
    return F.cross_entropy(model(x), torch.randint(4, (64,), generator=generator))


@cache
def exact() -> npt.NDArray[np.float64]:
    """All eigenvalues of the perceptron's Hessian, from its columns in double precision."""
    model = perceptron()
    parameters = list(model.parameters())
    found = torch.autograd.grad(classification(model), parameters, create_graph=True)
    columns = [
        torch.cat([c.reshape(-1) for c in torch.autograd.grad(g, parameters, retain_graph=True)])
        for g in torch.cat([f.reshape(-1) for f in found])
    ]
    return np.linalg.eigvalsh(torch.stack(columns).double().numpy())


def values(end: tuple[Eigenvalue, ...]) -> list[float | None]:
    return [eigenvalue.value for eigenvalue in end]


def all_converged(spectrum: Spectrum) -> bool:
    return all(e.converged for e in (*spectrum.largest, *spectrum.smallest))


@pytest.mark.parametrize("size", [10, DENSE_UP_TO, DENSE_UP_TO + 1, 500])
def test_quadratic_loss_has_its_own_eigenvalues(size: int) -> None:
    """Both ends of a known Hessian, by columns and by Lanczos, outermost first."""
    diagonal = torch.linspace(-1, 1, size)
    diagonal[:5] = torch.tensor([7.0, 5.0, 3.0, -4.0, -2.0])
    found = top_eigenvalues(Point(size), quadratic(diagonal), count=3, smallest=2)
    assert values(found.largest) == pytest.approx([7, 5, 3], rel=1e-5)
    assert values(found.smallest) == pytest.approx([-4, -2], rel=1e-5)
    assert all_converged(found)


def test_ends_agree_with_the_dense_hessian() -> None:
    """Of a small network, to 0.1%; the products are fewer than its parameters."""
    found = top_eigenvalues(perceptron(), classification, count=4, smallest=3)
    assert values(found.largest) == pytest.approx(exact()[::-1][:4], rel=1e-3)
    assert values(found.smallest) == pytest.approx(exact()[:3], rel=1e-3)
    assert all_converged(found)
    assert found.products < len(exact())


@pytest.mark.parametrize("scale", [1e-20, 1e15])
def test_eigenvalues_scale_with_the_loss(scale: float) -> None:
    """Also where gradients have nearly vanished, or explode."""
    diagonal = torch.linspace(-1, 3, 200)
    found = top_eigenvalues(Point(200), quadratic(diagonal * scale), count=1)
    assert values((*found.largest, *found.smallest)) == pytest.approx([3 * scale, -scale], rel=1e-4)
    assert all_converged(found)


def test_eigenvalues_of_zero_converge() -> None:
    """A Hessian of rank 1 has one value that is not zero; a linear loss has none."""
    one = torch.zeros(300)
    one[7] = 2.0
    found = top_eigenvalues(Point(300), quadratic(one))
    assert values((*found.largest, *found.smallest)) == pytest.approx([2, 0, 0, 0], abs=1e-5)
    assert all_converged(found)
    linear = top_eigenvalues(Point(300), lambda model: weight(model).sum())
    assert values(linear.largest) == [0, 0, 0]
    assert all_converged(linear)


def test_value_that_was_not_reached_says_so() -> None:
    """One round of Lanczos is too short for a thousand evenly spaced eigenvalues."""
    found = top_eigenvalues(Point(1000), quadratic(torch.linspace(0, 1, 1000)), max_iterations=1)
    missing = Eigenvalue(value=None, residual=None, converged=False)
    assert found.largest == (missing,) * 3
    assert found.smallest == (missing,)


def test_residual_above_the_tolerance_says_so() -> None:
    """Single precision cannot show 1e-12; the value and its residual are still given."""
    model = nn.Linear(4, 2)
    x = torch.randn(8, 4, generator=torch.Generator().manual_seed(0))
    top = top_eigenvalues(model, lambda m: m(x).square().mean(), tolerance=1e-12).largest[0]
    assert top.value is not None
    assert top.residual is not None
    assert 1e-12 < top.residual < 1e-5
    assert not top.converged


def test_network_of_few_parameters_has_few_eigenvalues() -> None:
    """No more than there are, at either end."""
    found = top_eigenvalues(Point(2), quadratic(torch.tensor([1.0, 2.0])), count=3, smallest=3)
    assert values(found.largest) == pytest.approx([2, 1])
    assert values(found.smallest) == pytest.approx([1, 2])


def test_frozen_unused_and_shared_parameters() -> None:
    """Frozen ones are left out, unused ones are zeros, a shared one counts once with the sum of
    its curvatures."""
    first, frozen, unused = Point(1), Point(1), Point(1)
    frozen.weight.requires_grad = False
    shared = Point(1)
    shared.weight = first.weight
    found = top_eigenvalues(
        nn.ModuleList([first, frozen, unused, shared]),
        lambda _: (first.weight**2 + shared.weight**2 + frozen.weight**2).sum(),
        count=9,
    )
    assert values(found.largest) == pytest.approx([4, 0])


def test_attention_has_curvature() -> None:
    """Its fused kernels have no second derivative; the plain one is taken."""
    x = torch.randn(2, 5, 8, generator=torch.Generator().manual_seed(0))
    model = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    assert all_converged(top_eigenvalues(model, lambda m: m(x)[:, 0, 0].square().mean(), count=1))


def test_density_of_two_values_is_exact() -> None:
    """30 eigenvalues of -1 and 70 of 2: every probe sees shares of 0.3 and 0.7, and the trace."""
    diagonal = torch.tensor([-1.0] * 30 + [2.0] * 70)
    found = spectral_density(Point(100), quadratic(diagonal), probes=3)
    assert found.nodes[0] == pytest.approx([-1, 2])
    assert found.weights[0] == pytest.approx([0.3, 0.7])
    assert found.negative_share == pytest.approx(0.3)
    assert found.trace == pytest.approx(110)
    assert found.negative_share_error == pytest.approx(0, abs=1e-6)
    assert found.trace_error == pytest.approx(0, abs=1e-3)


def negative_share() -> float:
    return float((exact() < -NEGATIVE_BELOW * exact()[-1]).mean())


def test_full_density_agrees_with_the_dense_hessian() -> None:
    """With as many steps as parameters: trace and negative share within three standard errors."""
    found = spectral_density(perceptron(), classification, steps=1000, probes=10)
    assert found.trace_error is not None
    assert found.negative_share_error is not None
    assert abs(found.trace - exact().sum()) < 3 * found.trace_error
    assert abs(found.negative_share - negative_share()) < 3 * found.negative_share_error
    assert found.negative_share_error < 0.05
    assert [sum(w) for w in found.weights] == pytest.approx([1.0] * 10)


def test_short_density_has_the_same_trace() -> None:
    """The first step holds it; the negative share is off by the weight near its threshold."""
    full = spectral_density(perceptron(), classification, steps=1000, probes=20)
    short = spectral_density(perceptron(), classification, steps=40, probes=20)
    assert short.trace == pytest.approx(full.trace, rel=1e-4)
    assert short.negative_share == pytest.approx(negative_share(), abs=0.1)


def test_one_probe_knows_no_error() -> None:
    """It is None, not zero."""
    found = spectral_density(Point(5), quadratic(torch.ones(5)), probes=1)
    assert (found.trace_error, found.negative_share_error) == (None, None)
    assert found.trace == pytest.approx(5)


def test_positive_hessian_has_no_negative_share() -> None:
    """Zeros that rounding makes slightly negative do not count."""
    x = torch.randn(3, 200, generator=torch.Generator().manual_seed(0))
    found = spectral_density(nn.Linear(200, 1), lambda m: m(x).square().mean())
    assert found.negative_share == 0


def test_flatness_of_a_quadratic() -> None:
    """||w - c||^2 / 2 with c the present weights rises by r^2 ||w||^2 / 2 in every direction."""
    model = nn.Linear(20, 3)
    centre = model.weight.detach().clone()
    found = flatness(model, lambda m: (weight(m) - centre).square().sum() / 2, radius=0.2)
    expected = 0.2**2 * centre.square().sum().item() / 2
    assert found.increases == pytest.approx([expected] * 10, rel=1e-4)
    assert found.mean_increase == pytest.approx(expected, rel=1e-4)
    assert found.error == pytest.approx(0, abs=1e-4 * expected)


def test_flatness_is_unknown_where_a_loss_is_not_finite() -> None:
    """None instead of a mean over the directions that went well."""
    model = nn.Linear(2, 1)
    present = model.weight.detach().clone()
    found = flatness(
        model, lambda m: torch.where(weight(m) == present, 0.0, torch.inf).sum(), directions=2
    )
    assert (found.increases, found.mean_increase, found.error) == ((None, None), None, None)


@pytest.mark.parametrize("instrument", INSTRUMENTS)
def test_loss_that_is_not_finite_is_refused(instrument: Instrument) -> None:
    """One line, not eigenvalues of nothing."""
    with pytest.raises(ValueError, match="expected a finite loss"):
        instrument(nn.Linear(2, 1), lambda m: weight(m).sum() / 0)


@pytest.mark.parametrize("instrument", INSTRUMENTS)
def test_network_without_trainable_weights_is_refused(instrument: Instrument) -> None:
    """The message says what was expected."""
    with pytest.raises(ValueError, match="expected a network with a trainable parameter"):
        instrument(nn.Tanh(), lambda _: torch.tensor(1.0))


def test_infinite_curvature_is_refused() -> None:
    """The gradient of |w|^1.5 is finite at 0, its derivative is not."""
    model = Point(3)
    nn.init.zeros_(model.weight)
    with pytest.raises(ValueError, match="expected a finite Hessian"):
        top_eigenvalues(model, lambda m: weight(m).pow(1.5).sum())


@pytest.mark.parametrize("instrument", INSTRUMENTS)
def test_model_is_left_as_found(instrument: Instrument) -> None:
    """Weights, gradients, buffers, modes, hooks and random states; after errors too."""
    check_left_as_found(instrument)


@pytest.mark.parametrize("instrument", INSTRUMENTS)
def test_same_seed_gives_the_same_record(instrument: Instrument) -> None:
    """Whatever the global random state is."""
    first = instrument(perceptron(), classification)
    torch.manual_seed(99)
    again = perceptron()
    torch.rand(3)
    assert instrument(again, classification) == first
