"""Limit: gradients that vanish or explode on their way through the layers.

The screen is one pass of one batch at initialisation; along training a probe reads the same layers
at most twenty times, and where a training diverged, its last steps. Symptoms and their thresholds
are judged by whoever reads the rows.
"""

import contextlib
import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypedDict

import torch.nn.functional as F
from torch import Tensor, nn

from ..measure import mean_field
from ..measure.dead_units import DEAD, SATURATED, Unresponsive, share
from ..measure.hidden import weight_layers
from ..measure.signals import Signals, signals
from ..measure.training_probe import StepSignals
from ..train.treatments.surgery import norms
from .evidence import Probe
from .remedy import Change, Remedy, Situation

NAME = "gradients"

_RELU_LIKE = ("relu", "leaky_relu", "gelu", "gelu_tanh", "elu", "selu", "silu")


def screen(
    model: nn.Module,
    inputs: Tensor,
    labels: Tensor,
    *,
    depth: int,
    knobs: dict[str, Any],
    seed: int,
) -> list[Probe]:
    """The probes of a network at initialisation; it is left as found.

    Args:
        inputs, labels: a batch (batch, …) and its classes (batch,).
        knobs: of the family, for what mean-field theory needs to know.
    """
    found = signals(model, inputs, lambda logits: F.cross_entropy(logits.float(), labels))
    return [
        *_whole(found, depth, seed),
        *_by_layer(found, depth, seed),
        *_theory(model, knobs, depth, seed),
    ]


def along(step: StepSignals, *, at: str, depth: int, seed: int) -> Iterator[Probe]:
    """The probes of one step of a training.

    Args:
        at: the step, in words.
    """
    for quantity in ("activation_rms", "gradient_rms", "cosine", "update_ratio"):
        for layer, value in getattr(step, quantity).items():
            yield _finite(quantity, value, depth, seed, at=f"{at}, {layer}")
    yield from _unresponsive(step.activations, depth, seed, f"{at}, ")
    for kind in (DEAD, SATURATED):
        part = share(step.activations, kind)
        if part is not None:
            yield _probe(f"training_{kind}_share", part, depth, seed, at=at)


def divergence(steps: Sequence[StepSignals], after: Signals, *, depth: int, seed: int) -> Probe:
    """Where a training that diverged was first not finite.

    Args:
        steps: its last ones, consecutive.
        after: of the network as they left it.
    """
    found = [(step.step, step.first_nonfinite) for step in steps]
    found.append((steps[-1].step + 1 if steps else 0, after.first_nonfinite))
    known = ((number, layer) for number, layer in found if layer is not None)
    step, layer = next(known, (None, None))
    value = None if step is None else float(step)
    note = None if layer else "no layer of the network as trained"
    return _probe("nonfinite_step", value, depth, seed, at=layer, note=note)


def _theory(model: nn.Module, knobs: dict[str, Any], depth: int, seed: int) -> Iterator[Probe]:
    weights = wide_limit(model, knobs)
    if weights is None:
        note = "no mean-field theory for this network"
        yield _probe("trainable_depth", None, depth, seed, note=note)
        return
    yield _probe("trainable_depth", trainable_depth(model, knobs), depth, seed)
    yield _probe("weight_variance", weights["weight_variance"], depth, seed)
    with contextlib.suppress(ValueError):  # there is none
        critical = mean_field.critical_weight_variance(
            weights["activation"], bias_variance=weights["bias_variance"]
        )
        yield _probe("critical_weight_variance", critical, depth, seed)


def trainable_depth(model: nn.Module, knobs: dict[str, Any]) -> float | None:
    """That mean-field theory predicts from the weights (Schoenholz et al. 2017, arXiv:1611.01232);
    None for a network that it does not hold for."""
    weights = wide_limit(model, knobs)
    return None if weights is None else mean_field.mean_field(**weights).trainable_depth


class WideLimit(TypedDict):
    """What mean-field theory needs to know of a network; `weight_variance` times fan_in."""

    activation: str
    weight_variance: float
    bias_variance: float


def wide_limit(model: nn.Module, knobs: dict[str, Any]) -> WideLimit | None:
    """Of a plain network without norms, from its weights; None for others."""
    activation = knobs.get("activation")
    plain = knobs.get("residual") is False or ("residual" not in knobs and "norm" in knobs)
    if not plain or activation not in mean_field.ACTIVATIONS or norms(model):
        return None
    hidden = list(weight_layers(model).values())[1:-1]
    weights = [w for layer in hidden if isinstance(w := layer.weight, Tensor)]
    if not weights:
        return None
    variances = [float(w.detach().float().var()) * w[0].numel() for w in weights]
    biases = [layer.bias for layer in hidden if isinstance(layer.bias, Tensor)]
    bias = sum(float(b.detach().float().square().mean()) for b in biases) / len(weights)
    mean = sum(variances) / len(variances)
    return {"activation": str(activation), "weight_variance": mean, "bias_variance": bias}


def _whole(found: Signals, depth: int, seed: int) -> Iterator[Probe]:
    """The numbers that symptoms are judged by."""
    layers = len(found.layers)
    total = None if found.gradient_slope is None else layers * found.gradient_slope
    growth = None if found.activation_slope is None else layers * found.activation_slope
    note = None if layers > 1 else "fewer than two hidden layers have names: no slope over layers"
    yield _probe("log_gradient_change", total, depth, seed, note=note)
    yield _probe("log_activation_change", growth, depth, seed, note=note)
    yield _probe("gradient_ratio", found.gradient_ratio, depth, seed)
    yield _probe("depth_scale", found.depth_scale, depth, seed)
    yield _probe("last_cosine", found.last_cosine, depth, seed)
    yield _probe("dead_share", found.dead_share, depth, seed)
    yield _probe("saturated_share", found.saturated_share, depth, seed)
    nonfinite = found.first_nonfinite
    yield _probe("nonfinite_layers", 0.0 if nonfinite is None else 1.0, depth, seed, at=nonfinite)


def _by_layer(found: Signals, depth: int, seed: int) -> Iterator[Probe]:
    for layer in found.layers:
        for quantity in ("activation_rms", "gradient_rms", "cosine"):
            yield _finite(quantity, getattr(layer, quantity), depth, seed, at=layer.name)
    yield from _unresponsive(found.activations, depth, seed)


def _unresponsive(
    activations: Iterable[Unresponsive], depth: int, seed: int, when: str = ""
) -> Iterator[Probe]:
    for each in activations:
        part = each.hits / each.total if each.total else None
        yield _probe(f"layer_{each.kind}_share", part, depth, seed, at=f"{when}{each.name}")


def _finite(quantity: str, value: float | None, depth: int, seed: int, *, at: str) -> Probe:
    known = value if value is not None and math.isfinite(value) else None
    note = None if value is None or known is not None else "not finite"
    return _probe(quantity, known, depth, seed, at=at, note=note)


def _probe(quantity: str, value: float | None, depth: int, seed: int, **more: Any) -> Probe:
    return Probe(limit=NAME, quantity=quantity, depth=depth, value=value, seed=seed, **more)


# --- remedies ---------------------------------------------------------------------------------


def _norm(situation: Situation) -> tuple[Change, ...]:
    if "norm" not in situation.knobs:
        return (Change(treatments=("normalization",)),)
    return (Change(knobs={"norm": "batch"}),) if situation.knobs["norm"] == "none" else ()


def _init(situation: Situation) -> tuple[Change, ...]:
    """The scheme that fits the activation; behind a norm the scale of weights is without effect."""
    knobs = situation.knobs
    if knobs.get("norm", "none") != "none":
        return ()
    if "init" not in knobs:
        return (Change(treatments=("initialization:scheme=lsuv",)),)
    if knobs.get("activation") == "selu":  # Klambauer et al. 2017, arXiv:1706.02515
        return (Change(treatments=("initialization:scheme=lecun",)),)
    scheme = "he" if knobs.get("activation") in _RELU_LIKE else "xavier"
    if knobs["init"] == scheme and knobs.get("init_scale") in (None, 1.0):
        return ()
    return (Change(knobs={"init": scheme, "init_scale": None}),)


def _activation(situation: Situation) -> tuple[Change, ...]:
    """ReLU with the init that belongs to it (He et al. 2015, arXiv:1502.01852)."""
    knobs = situation.knobs
    if "activation" not in knobs:
        return (Change(treatments=("activation:to=relu",)),)
    if knobs["activation"] in _RELU_LIKE:
        return ()
    init = {"init": "he", "init_scale": None} if "init" in knobs else {}
    return (Change(knobs={"activation": "relu", **init}),)


def _clipping(_situation: Situation) -> tuple[Change, ...]:
    return (Change(treatments=("clipping:norm=1.0",)),)


REMEDIES = (
    Remedy(name="initialization", limit=NAME, changes=_init, tuned=True, quick=True),
    Remedy(name="activation", limit=NAME, changes=_activation, tuned=True, quick=True),
    Remedy(name="normalization", limit=NAME, changes=_norm, tuned=True, quick=True),
    Remedy(name="gradient clipping", limit=NAME, changes=_clipping),
)
