"""Linear CKA against its closed form and invariances, and which layers are compared."""

import pytest
import torch
from torch import Tensor, nn

from bench.measure.similarity import consecutive_similarity, linear_cka


def normal(*shape: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def hsic(k: Tensor, other: Tensor) -> Tensor:
    """Song et al. 2012, equation 5, but for the factor 1 / (n (n - 3))."""
    n = len(k)
    k, other = (gram - gram.diag().diag() for gram in (k, other))
    sums = k.sum() * other.sum() / ((n - 1) * (n - 2))
    return (k @ other).trace() + sums - 2 / (n - 2) * (k @ other).sum()


def test_it_is_the_ratio_of_unbiased_estimates() -> None:
    """Song's formula, which knows no centring."""
    x = normal(12, 5)
    y = x[:, :3] @ normal(3, 4, seed=1) + normal(12, 4, seed=2) + 3
    k, other = x @ x.T, y @ y.T
    expected = hsic(k, other) / (hsic(k, k) * hsic(other, other)).sqrt()
    assert linear_cka(x, y) == pytest.approx(float(expected))


@pytest.mark.parametrize("samples", [4, 5, 40])
def test_identical_representations_have_1(samples: int) -> None:
    """However few the samples."""
    x = normal(samples, 10)
    assert linear_cka(x, x) == pytest.approx(1)


def test_rotation_scale_and_shift_do_not_matter() -> None:
    """A general linear map does."""
    x, rotation = normal(40, 10), torch.linalg.qr(normal(10, 10, seed=1)).Q
    assert linear_cka(x, 7 * x @ rotation + 3) == pytest.approx(1)
    stretched = linear_cka(x, x * torch.logspace(0, 2, 10))
    assert stretched is not None
    assert stretched < 0.9


@pytest.mark.parametrize("scale", [1e-30, 1e30])
def test_single_precision_neither_overflows_nor_vanishes(scale: float) -> None:
    """Activations of deep networks without norm reach such sizes."""
    x = normal(20, 10).float()
    assert linear_cka(x, scale * x) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("features", [5, 10_000])
def test_independent_representations_have_about_0(features: int) -> None:
    """Also with many more features than samples, where the biased estimate is near 1."""
    found = [
        linear_cka(normal(50, features, seed=i), normal(50, features, seed=i + 50))
        for i in range(10)
    ]
    assert sum(f for f in found if f is not None) / 10 == pytest.approx(0, abs=0.05)


@pytest.mark.parametrize(
    "undefined",
    [
        torch.full((6, 3), 0.1),
        torch.full((6, 3), torch.nan),
        torch.full((6, 3), torch.inf),
        torch.eye(6),
    ],
    ids=["constant", "nan", "infinite", "equally far"],
)
def test_what_has_no_similarity(undefined: Tensor) -> None:
    """There is no spread of distances to compare."""
    assert linear_cka(undefined, normal(6, 3).float()) is None


def test_consecutive_layers_are_compared_in_the_order_of_their_calls() -> None:
    """A layer that passes on what it gets has 1; one that is constant has none."""
    shared = nn.Linear(4, 4)
    nn.init.eye_(shared.weight)
    dead = nn.Linear(4, 4)
    nn.init.zeros_(dead.weight)
    model = nn.Sequential(shared, nn.Dropout(), shared, dead, nn.Linear(4, 2)).train()
    first, second = consecutive_similarity(model, normal(20, 4).float())
    assert (first.first, first.second) == ("0", "0#2")
    assert first.cka == pytest.approx(1)
    assert (second.first, second.second, second.cka) == ("0#2", "3", None)
    assert model.training


def test_a_layer_that_moves_things_within_the_map_is_another() -> None:
    """Positions count as features: averages over them would be the same."""
    shift = nn.Conv1d(1, 1, 3, padding=1, padding_mode="circular", bias=False)
    shift.weight.data = torch.tensor([[[1.0, 0.0, 0.0]]])
    stay = nn.Conv1d(1, 1, 1, bias=False)
    nn.init.ones_(stay.weight)
    model = nn.Sequential(stay, nn.ReLU(), shift, nn.Flatten(), nn.Linear(8, 2))
    x = torch.arange(8.0) * normal(200, 1, 8).float()
    (found,) = consecutive_similarity(model, x)
    assert found.cka is not None
    assert found.cka < 0.9


def test_outputs_without_batch_first_are_unknown() -> None:
    """There is no telling which sample a row is."""

    class SumOverBatch(nn.Linear):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x).sum(0, keepdim=True)

    model = nn.Sequential(nn.Linear(3, 3), SumOverBatch(3, 3), nn.Linear(3, 2))
    (found,) = consecutive_similarity(model, torch.randn(6, 3))
    assert found.cka is None


def test_networks_of_one_hidden_layer_have_no_pair() -> None:
    """Nor have those of none."""
    for model in (nn.Linear(3, 2), nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 2))):
        assert consecutive_similarity(model, torch.randn(6, 3)) == ()


def test_too_few_samples_are_refused() -> None:
    """The unbiased estimate divides by n - 3."""
    with pytest.raises(ValueError, match="expected 4 samples or more; got 3"):
        consecutive_similarity(nn.Linear(3, 2), torch.randn(3, 3))
