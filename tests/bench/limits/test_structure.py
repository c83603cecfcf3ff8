"""Hints of the structure: rows by layer, none where an instrument does not apply."""

import torch
from torch import nn

from bench.limits import structure

from .small import batch, left_alone, network, values


def test_convolutions_have_a_receptive_field() -> None:
    """The input of the fourth of four 3x3 convolutions sees 7 pixels, of 5 that there are: it is
    beyond the border."""
    layers = [nn.Conv2d(2, 2, 3, padding=1) for _ in range(4)]
    model = nn.Sequential(*layers, nn.Flatten(), nn.Linear(50, 2))
    with left_alone(model):
        probes = structure.receptive_field(model, torch.zeros(1, 2, 5, 5), depth=4)
    found = {probe.quantity: probe.value for probe in probes}
    assert found["receptive_field"] == 9.0
    assert found["input_size"] == 5.0
    assert found["share_beyond_border"] == 0.25
    assert [probe.at for probe in probes if probe.quantity == "share_beyond_border"] == ["3"]


def test_perceptrons_have_none() -> None:
    """No convolution, no row."""
    assert structure.receptive_field(network(), batch()[0], depth=4) == []


def test_each_hidden_layer_is_read() -> None:
    """Saturation and a linear probe of each, similarity of each pair; accuracies are shares."""
    model = network(norm=True)
    with left_alone(model):
        probes = structure.representations(model, batch(64), batch(40), depth=4)
    assert list(values(probes, "saturation")) == ["0.0", "0.1", "0.2"]
    assert list(values(probes, "similarity_to_next")) == ["0.0 - 0.1", "0.1 - 0.2"]
    accuracies = values(probes, "linear_probe_accuracy")
    assert list(accuracies) == ["0.0", "0.1", "0.2"]
    assert all(value is not None and 0 <= value <= 1 for value in accuracies.values())
