"""What looks into networks in a child: rows of every instrument, and of what one cannot do."""

import dataclasses
from pathlib import Path

import pytest

from bench.limits import optimization
from bench.limits.evidence import Probe
from bench.limits.examine import examined, screened
from bench.measure.training_probe import TrainingProbe
from bench.points import Training
from bench.train import trainer
from bench.train.child import packed
from tests.bench.fakes import random_state
from tests.bench.train.small import family, task, training

# Networks that users write otherwise than ours.
FAMILIES = """
import torch
from torch import nn

class Nameless(nn.Module):
    def __init__(self, depth):
        super().__init__()
        self.weights = nn.ParameterList(nn.Parameter(torch.eye(6)) for _ in range(depth))

    def forward(self, x):
        x = x.flatten(1)
        for weight in self.weights:
            x = x @ weight
        return x[:, :2]

class Shared(nn.Module):
    def __init__(self, depth):
        super().__init__()
        self.depth, self.layer, self.head = depth, nn.Linear(6, 6), nn.Linear(6, 2)

    def forward(self, x):
        x = x.flatten(1)
        for _ in range(self.depth):
            x = self.layer(x).relu()
        return self.head(x)

class Wrapping(nn.Module):
    def __init__(self, wrap):
        super().__init__()
        self.linear, self.wrap = nn.Linear(6, 6), wrap

    def forward(self, x): return self.wrap(self.linear(x).relu())

class Unwrapping(nn.Module):
    def __init__(self, depth, wrap, unwrap):
        super().__init__()
        self.blocks = nn.ModuleList(Wrapping(wrap) for _ in range(depth))
        self.head, self.unwrap = nn.Linear(6, 2), unwrap

    def forward(self, x):
        x = x.flatten(1)
        for block in self.blocks:
            x = self.unwrap(block(x))
        return self.head(x)

class Box:
    def __init__(self, content): self.content = content

def pair(x): return x, {"calls": 1}
def first(y): return y[0]
def content(box): return box.content

def nameless(depth): return Nameless(depth)
def shared(depth): return Shared(depth)
def tuples(depth): return Unwrapping(depth, pair, first)
def boxes(depth): return Unwrapping(depth, Box, content)
def example_input(batch_size): return torch.zeros(batch_size, 1, 6)
"""


def mlp(**changes: object) -> Training:
    return training(**{"family": "mlp:width=6", "depth": 4, **changes})


@pytest.fixture(scope="module")
def looked_into() -> list[Probe]:
    """A network of four layers beside one of two."""
    return examined(mlp(), packed(task()), mlp(depth=2))


def test_the_screen_speaks_of_gradients() -> None:
    """For a perceptron; its mean-field theory included. Global random states stay."""
    before = random_state()
    probes = screened(mlp(), packed(task()))
    assert random_state() == before
    assert {probe.limit for probe in probes} == {"gradients"}
    by_name = {probe.quantity: probe for probe in probes}
    assert by_name["log_gradient_change"].value is not None
    assert by_name["trainable_depth"].note is None


def test_the_screen_of_convolutions_has_their_field() -> None:
    """Gradients and structure."""
    probes = screened(mlp(family="resnet:width=2"), packed(task()))
    assert {probe.limit for probe in probes} == {"gradients", "structure"}
    assert not [probe for probe in probes if probe.quantity == "failed"]


def test_all_instruments_look_at_a_trained_network(
    looked_into: list[Probe],
) -> None:
    """Gradients along training, degradation, the landscape, structure: none fails."""
    assert not [probe for probe in looked_into if probe.quantity == "failed"]
    quantities = {probe.quantity for probe in looked_into}
    assert quantities >= {
        "gradient_rms", "update_ratio", "bypass_drop", "constructed_train_accuracy",
        "hessian_eigenvalue", "saturation", "similarity_to_next", "linear_probe_accuracy",
    }  # fmt: skip


def test_a_training_that_is_watched_is_the_same() -> None:
    """To the bit: looking changes nothing."""
    network = family("mlp:width=6")
    alone = trainer.train(network, task(), mlp())
    _, record = trainer.trained(network, task(), mlp(), watch=TrainingProbe(every=1).watch)
    assert dataclasses.replace(record, train_seconds=None) == dataclasses.replace(
        alone, train_seconds=None
    )


def test_layers_are_watched_at_the_first_step_of_each_epoch(
    looked_into: list[Probe],
) -> None:
    """Five epochs, three hidden layers."""
    places = [probe.at for probe in looked_into if probe.quantity == "gradient_rms"]
    assert places == [f"epoch {e}, blocks.{b}" for e in range(1, 6) for b in range(3)]


def test_what_is_read_along_a_training(looked_into: list[Probe]) -> None:
    """Signals, what a step changes, how alike inputs are, and units that do not answer."""
    (last,) = [p for p in looked_into if (p.quantity, p.at) == ("training_dead_share", "epoch 5")]
    assert last.value is not None
    by_layer = {p.quantity for p in looked_into if (p.at or "").startswith("epoch 5, ")}
    assert by_layer == {
        "activation_rms", "gradient_rms", "cosine", "update_ratio", "layer_dead_share"
    }  # fmt: skip


def test_a_long_training_is_read_some_twenty_times() -> None:
    """In epochs that lie equally far apart."""
    probes = examined(mlp(epochs=50), packed(task()), None)
    read = dict.fromkeys((p.at or "").split(",")[0] for p in probes if p.quantity == "cosine")
    assert list(read) == [f"epoch {epoch}" for epoch in range(1, 51, 3)]


def test_a_diverged_training_is_only_watched() -> None:
    """Up to where it ended; values that are not finite are None and said to be so. The step and
    the layer where it began are named."""
    probes = examined(mlp(learning_rate=1e30, optimizer="sgd"), packed(task()), None)
    assert {probe.limit for probe in probes} == {"gradients"}
    assert {probe.note for probe in probes if probe.value is None} == {"not finite"}
    (began,) = [probe for probe in probes if probe.quantity == "nonfinite_step"]
    assert began.at in {f"blocks.{block}" for block in range(3)}
    assert began.value is not None
    assert 1 <= began.value < 25


@pytest.mark.parametrize("name", ["nameless", "shared", "tuples", "boxes"])
def test_no_instrument_fails_at_unusual_networks(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No named hidden layers, a layer that is called several times, layers that return a tuple or
    no tensor."""
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "unusual.py").write_text(FAMILIES)
    asked = mlp(family=f"{tmp_path / 'unusual.py'}:{name}")
    shallow = dataclasses.replace(asked, depth=2)
    probes = examined(asked, packed(task()), shallow)
    probes += screened(asked, packed(task()))
    assert [probe for probe in probes if probe.quantity == "failed"] == []
    layers = {
        "nameless": set(),
        "shared": {"layer", "layer#2", "layer#3", "layer#4"},
        "tuples": {f"blocks.{i}" for i in range(4)},
        "boxes": set(),
    }[name]
    seen = {probe.at for probe in probes if probe.quantity == "cosine"}
    along = {f"epoch {epoch}, {layer}" for epoch in range(1, 6) for layer in layers}
    assert seen == layers | along


def test_what_one_instrument_cannot_do_is_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    """It says what was raised; the other instruments go on."""

    def no_curvature(*_: object, **__: object) -> list[Probe]:
        raise NotImplementedError("no second derivative\nof this kernel")

    monkeypatch.setattr(optimization, "landscape", no_curvature)
    probes = examined(mlp(), packed(task()), None)
    (failed,) = [probe for probe in probes if probe.quantity == "failed"]
    assert (failed.limit, failed.at) == ("optimization", "landscape")
    assert failed.note == "NotImplementedError: no second derivative of this kernel"
    assert {probe.limit for probe in probes} == {
        "gradients", "degradation", "optimization", "structure"
    }  # fmt: skip
