"""What linear classifiers get right on the hidden layers of networks that are known."""

import pytest
import torch
from torch import Tensor, nn

from bench.measure.linear_probes import features, linear_probes


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def ring(n: int, *, seed: int) -> tuple[Tensor, Tensor]:
    """Whether a point of the plane is far from the origin: no line tells."""
    points = normal(n, 2, seed=seed)
    distance = points.norm(dim=1)
    keep = (distance < 0.8) | (distance > 1.2)
    return points[keep], (distance[keep] > 1).long()


class Squares(nn.Linear):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x**2)


class IgnoresInput(nn.Linear):
    def forward(self, x: Tensor) -> Tensor:
        return x


class NotFinite(nn.Linear):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) / 0


def test_a_layer_that_separates_the_classes_has_all_right() -> None:
    """The squares of the coordinates do, and the coordinates do not."""
    first, squares = nn.Linear(2, 2), Squares(2, 2)
    nn.init.eye_(first.weight)
    nn.init.zeros_(first.bias)
    nn.init.eye_(squares.weight)
    model = nn.Sequential(first, squares, nn.Linear(2, 2))
    before, after = linear_probes(model, ring(500, seed=0), ring(500, seed=1))
    assert (before.layer, after.layer) == ("0", "1")
    assert before.accuracy is not None
    assert before.accuracy < 0.7
    assert after.accuracy is not None
    assert after.accuracy > 0.95


def test_separable_classes_are_told_apart_by_all_layers() -> None:
    """Classes far apart, more than two of them; the accuracy is a share of the test samples."""
    labels = torch.arange(300) % 3
    inputs = 10 * nn.functional.one_hot(labels, 5).float() + normal(300, 5)
    model = nn.Sequential(nn.Linear(5, 8), nn.ReLU(), nn.Linear(8, 8), nn.Linear(8, 3))
    nn.init.eye_(model[0].weight)
    nn.init.eye_(model[2].weight)
    data = (inputs[:200], labels[:200]), (inputs[200:], labels[200:])
    for probe in linear_probes(model, *data):
        assert (probe.accuracy, probe.n_test) == (1, 100)


@pytest.mark.parametrize("width", [4, 250])
def test_random_labels_are_guessed(width: int) -> None:
    """Also with as many features as samples; within four standard errors of one in four."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(10, width), nn.ReLU(), nn.Linear(width, 4))
    labels = torch.randint(0, 4, (1000,), generator=torch.Generator().manual_seed(1))
    inputs = normal(1000, 10)
    (probe,) = linear_probes(model, (inputs[:250], labels[:250]), (inputs[250:], labels[250:]))
    assert probe.accuracy == pytest.approx(0.25, abs=4 * (0.25 * 0.75 / 750) ** 0.5)


def test_where_something_is_can_be_told() -> None:
    """Classes that differ by the half of a signal that is lit, and not by its average."""
    labels = torch.arange(100) % 2
    inputs = torch.zeros(100, 1, 8)
    inputs[labels == 0, :, :4] = 1
    inputs[labels == 1, :, 4:] = 1
    model = nn.Sequential(nn.Conv1d(1, 2, 1), nn.Flatten(), nn.Linear(16, 2))
    (probe,) = linear_probes(model, (inputs, labels), (inputs, labels))
    assert probe.accuracy == 1


@pytest.mark.parametrize(
    ("layer", "shape", "number"),
    [
        (nn.Linear(3, 5), (3,), 5),
        (nn.Linear(3, 5), (9, 3), 5 * 4),
        (nn.Conv1d(1, 5, 1), (1, 3), 5 * 3),
        (nn.Conv2d(1, 5, 1), (1, 6, 7), 5 * 2 * 2),
        (nn.Conv3d(1, 5, 1), (1, 6, 7, 2), 5),
        (nn.Linear(3, 5), (2, 2, 2, 2, 3), 5 * 4),
    ],
)
def test_positions_are_averaged_in_a_few_bins(
    layer: nn.Module, shape: tuple[int, ...], number: int
) -> None:
    """At most four features a unit."""
    model = nn.Sequential(layer, nn.Flatten(), IgnoresInput(1, 1))
    found = features(model, torch.randn(6, *shape))["0"]
    assert found is not None
    assert found.shape == (6, number)


def test_layers_that_are_not_finite_are_unknown() -> None:
    """Those before them are not."""
    model = nn.Sequential(nn.Linear(2, 2), NotFinite(2, 2), nn.Linear(2, 2)).train()
    first, second = linear_probes(model, ring(50, seed=0), ring(50, seed=1))
    assert first.accuracy is not None
    assert second.accuracy is None
    assert model.training


def test_constant_outputs_and_equal_features_give_no_warning() -> None:
    """Dead layers: the most frequent class is guessed."""
    dead, equal = nn.Linear(2, 3), nn.Linear(3, 3)
    nn.init.zeros_(dead.weight)
    nn.init.ones_(equal.weight)
    labels = (torch.arange(40) % 4 == 0).long()
    data = normal(40, 2), labels
    for probe in linear_probes(nn.Sequential(dead, equal, nn.Linear(3, 2)), data, data):
        assert probe.accuracy == 0.75


def test_probes_are_the_same_each_time_and_leave_the_random_state() -> None:
    """Nothing about them is random."""
    model = nn.Sequential(nn.Linear(2, 3), nn.Dropout(), nn.Linear(3, 2))
    before = torch.get_rng_state()
    first = linear_probes(model, ring(50, seed=0), ring(50, seed=1))
    assert first == linear_probes(model, ring(50, seed=0), ring(50, seed=1))
    assert torch.equal(before, torch.get_rng_state())


def test_networks_without_hidden_layers_have_no_probes() -> None:
    """The output is none."""
    assert linear_probes(nn.Linear(2, 2), ring(50, seed=0), ring(50, seed=1)) == ()


def test_one_class_is_refused() -> None:
    """There is nothing to tell apart."""
    data = torch.randn(5, 2), torch.zeros(5)
    with pytest.raises(ValueError, match="two classes or more"):
        linear_probes(nn.Linear(2, 2), data, data)
