"""The share of a layer's units that its variance needs, for outputs of known spectrum."""

import pytest
import torch
from torch import Tensor, nn

from bench.measure.saturation import saturation, saturation_of, units_last


def orthogonal(samples: int, rank: int) -> Tensor:
    """Centred columns of equal variance, (samples, rank)."""
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(samples, rank, generator=generator, dtype=torch.float64)
    return torch.linalg.qr(noise - noise.mean(0)).Q


def of_rank(rank: int, *, samples: int, units: int) -> Tensor:
    return orthogonal(samples, rank) @ orthogonal(units, rank).T


@pytest.mark.parametrize(("rank", "samples", "units"), [(1, 50, 8), (3, 50, 8), (7, 20, 40)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_rank_k_is_k_of_the_width(rank: int, samples: int, units: int, dtype: torch.dtype) -> None:
    """Of equal eigenvalues all are needed; also with fewer samples than units."""
    output = of_rank(rank, samples=samples, units=units).to(dtype)
    assert saturation_of(output) == rank / units


@pytest.mark.parametrize("scale", [1e-30, 1.0, 1e30])
def test_scale_and_mean_do_not_matter(scale: float) -> None:
    """Neither overflow nor underflow: networks without norm reach such sizes."""
    output = (of_rank(3, samples=50, units=8) + 1).float() * scale
    assert saturation_of(output) == 3 / 8


def test_small_eigenvalues_are_left_out() -> None:
    """The second has 0.9 % of the variance, or 1.1 %."""
    columns = orthogonal(50, 2)
    for second, needed in ((0.009, 1), (0.011, 2)):
        variances = torch.tensor([1 - second, second], dtype=torch.float64)
        assert saturation_of(columns * variances.sqrt()) == needed / 2


def test_explained_is_a_choice() -> None:
    """Half of the variance needs half of ten equal eigenvalues, or little more."""
    assert saturation_of(of_rank(10, samples=50, units=10), explained=0.45) == 0.5


@pytest.mark.parametrize(
    "output",
    [
        torch.full((9, 4), 0.1),
        torch.full((9, 4), 3e4) + 1e-3 * torch.arange(9)[:, None],
        torch.tensor([[1.0, torch.nan], [2.0, 3.0]]),
        torch.tensor([[1.0, torch.inf], [2.0, 3.0]]),
        torch.arange(9.0)[:, None],
        torch.tensor(1.0),
        torch.zeros(0, 4),
    ],
    ids=["constant", "rounding", "nan", "infinite", "one unit", "scalar", "empty"],
)
def test_what_has_no_saturation(output: Tensor) -> None:
    """Nothing varies but by rounding, or is finite, or there is one unit."""
    assert saturation_of(output) is None


def test_units_are_channels_of_what_convolves_and_features_of_all_else() -> None:
    """Blocks count as what they hold; a flattened output has its features last in any case."""
    images, tokens = torch.zeros(2, 3, 4, 5), torch.zeros(2, 7, 3)
    assert units_last(images, nn.Sequential(nn.Conv2d(1, 3, 3))).shape == (2, 4, 5, 3)
    assert units_last(tokens, nn.Linear(3, 3)).shape == (2, 7, 3)
    assert units_last(torch.zeros(2, 3), nn.Conv1d(1, 3, 3)).shape == (2, 3)


def test_each_hidden_layer_has_one_in_eval_mode() -> None:
    """A linear layer of rank 1 passes one direction on; dropout and batch norm do not disturb."""
    narrow = nn.Linear(6, 6)
    nn.init.constant_(narrow.weight, 0.5)
    eye = nn.Linear(6, 6)
    nn.init.eye_(eye.weight)
    model = nn.Sequential(eye, nn.Dropout(), narrow, nn.BatchNorm1d(6), nn.Linear(6, 2)).train()
    assert saturation(model, orthogonal(40, 6).float()) == {"0": 1.0, "2": 1 / 6}
    assert model.training
    assert model[3].num_batches_tracked == 0


def test_positions_are_samples() -> None:
    """One image is enough for a convolution."""
    model = nn.Sequential(nn.Conv2d(1, 2, 1), nn.Flatten(), nn.Linear(50, 2))
    assert saturation(model, torch.randn(1, 1, 5, 5)) == {"0": 0.5}


def test_calls_of_a_shared_layer_have_an_entry_each() -> None:
    """A layer that does not exist has none."""
    shared = nn.Linear(3, 3)
    model = nn.Sequential(shared, nn.ReLU(), shared, nn.Linear(3, 2))
    assert list(saturation(model, torch.randn(20, 3))) == ["0", "0#2"]
    assert saturation(nn.Linear(3, 2), torch.randn(20, 3)) == {}


def test_a_failing_network_is_left_as_found() -> None:
    """Mode, buffers and hooks, although its forward raises after a batch norm."""
    model = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3), nn.Linear(3, 3), nn.Linear(4, 2))
    model.train()
    with pytest.raises(RuntimeError):
        saturation(model, torch.randn(5, 3))
    assert all(module.training for module in model.modules())
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())
    assert all(p.grad is None for p in model.parameters())
