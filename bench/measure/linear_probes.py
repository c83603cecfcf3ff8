"""How well a linear classifier does on each hidden layer: from where on depth no longer helps.

A probe (Alain & Bengio 2016, arXiv:1610.01644) is trained on what a layer gives for the training
samples and judged on the test samples; the network itself does not change. It is a ridge classifier
that chooses its own regularisation by leave-one-out cross-validation, so that narrow and wide
layers are compared fairly: no iterations, nothing random. It takes samples x features² (or samples²
x features, if that is less) operations: 1000 samples of 256 features are 0.1 s.

Positions are averaged in a few bins, the same for all layers, so that accuracies are comparable.
All positions would make probes of early layers slow and overfitted; an average over all of them
would hide where something is, which a network that flattens can see.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from sklearn.linear_model import RidgeClassifierCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import Tensor, nn

from .hidden import hidden_layers, watched
from .saturation import units_last
from .state import left_as_found

Labelled = tuple[Tensor, Tensor]
"""Inputs (samples, ...) and their classes (samples,)."""

# Bins per dimension for so many spatial dimensions: at most four features a unit. (Richter et al.
# 2021, arXiv:2106.12307, probe images with 4 x 4, which is four times as slow.)
BINS = {1: 4, 2: 2, 3: 1}

# From hardly any to mostly regularisation of features with variance 1.
ALPHAS = tuple(10.0**exponent for exponent in range(6))

_AVERAGE: dict[int, Callable[..., Tensor]] = {
    1: F.adaptive_avg_pool1d,
    2: F.adaptive_avg_pool2d,
    3: F.adaptive_avg_pool3d,
}


@dataclass(frozen=True)
class Probe:
    """The share of `n_test` test samples that a linear classifier on `layer` gets right, 0 to 1;
    None where the layer's output is not finite or has no batch dimension first."""

    layer: str
    accuracy: float | None
    n_test: int


def linear_probes(model: nn.Module, train: Labelled, test: Labelled) -> tuple[Probe, ...]:
    """A linear probe on each hidden layer in eval mode, in the order in which they run.

    Raises:
        ValueError: the training labels are of fewer than two classes.
    """
    labels, test_labels = train[1].cpu(), test[1].cpu()
    if len(labels.unique()) < 2:
        raise ValueError(f"expected training labels of two classes or more; got {labels.unique()}")
    trained, tested = features(model, train[0]), features(model, test[0])

    def probe(layer: str) -> Probe:
        x, test_x = trained[layer], tested.get(layer)
        if x is None or test_x is None or x.shape[1] != test_x.shape[1]:
            return Probe(layer, None, len(test_labels))
        return Probe(layer, _accuracy((x, labels), (test_x, test_labels)), len(test_labels))

    return tuple(map(probe, trained))


def features(model: nn.Module, inputs: Tensor) -> dict[str, Tensor | None]:
    """What each hidden layer in eval mode gives for the samples: (samples, units x bins), by the
    name of its call; None where it is not finite or has no batch dimension first."""
    found: dict[str, Tensor | None] = {}
    layers = hidden_layers(model)

    def see(call: str, output: Tensor) -> None:
        layer = layers[call.partition("#")[0]]
        batched = output.ndim >= 2 and len(output) == len(inputs)
        usable = batched and bool(output.isfinite().all())
        found[call] = _binned(units_last(output, layer)).double().cpu() if usable else None

    with left_as_found(model), torch.no_grad(), watched(model, layers, see):
        model.eval()
        model(inputs)
    return found


def _binned(output: Tensor) -> Tensor:
    """output: (samples, *positions, units) to (samples, units x bins)."""
    if output.ndim == 2:
        return output
    if output.ndim - 2 not in BINS:
        output = output.flatten(1, -2)
    x = output.movedim(-1, 1).float()
    size = [min(BINS[x.ndim - 2], positions) for positions in x.shape[2:]]
    return _AVERAGE[x.ndim - 2](x, size).flatten(1)


def _accuracy(train: Labelled, test: Labelled) -> float:
    probe = make_pipeline(StandardScaler(), RidgeClassifierCV(alphas=ALPHAS))
    probe.fit(*(tensor.numpy() for tensor in train))
    return float(probe.score(*(tensor.numpy() for tensor in test)))
