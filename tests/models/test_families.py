"""What holds for every family."""

import importlib
import importlib.util
import inspect
import itertools
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import nn

import models
from models import cifar_resnet, mlp, resnet
from models.blocks import ACTIVATIONS, NORMS
from models.weights import INITS
from tests.models.counts import count_flops, count_parameters

FAMILIES = [
    pytest.param(mlp, {}, id="mlp"),
    pytest.param(resnet, {}, id="resnet-signal"),
    pytest.param(resnet, {"input_shape": (3, 8, 8)}, id="resnet-image"),
    pytest.param(cifar_resnet, {}, id="cifar_resnet"),
]
CONVOLUTIONAL = FAMILIES[1:]
MODULES = [pytest.param(m, id=m.__name__.split(".")[-1]) for m in (mlp, resnet, cifar_resnet)]
KNOB_VALUES = [
    *({"activation": name} for name in ACTIVATIONS),
    *({"norm": name} for name in NORMS),
    *({"init": name} for name in INITS),
    {"init_scale": 0.5},
    {"residual": True},
    {"residual": False},
    {"dropout": 0.3},
    {"width": 5},
    {"classes": 3},
]


def small_depth(family: ModuleType) -> int:
    return 8 if family is cifar_resnet else 4


def exactly(message: str) -> str:
    """A pattern for the whole of an error's text."""
    return f"^{re.escape(message)}$"


def example_of(family: ModuleType, batch_size: int, knobs: dict[str, Any]) -> torch.Tensor:
    return family.example_input(
        batch_size, **{k: v for k, v in knobs.items() if k == "input_shape"}
    )


@pytest.mark.parametrize("knob", KNOB_VALUES, ids=lambda knob: "-".join(map(str, *knob.items())))
@pytest.mark.parametrize(("family", "knobs"), FAMILIES)
def test_every_knob_value_trains(
    family: ModuleType, knobs: dict[str, Any], knob: dict[str, Any]
) -> None:
    """One step with any knob value leaves a finite loss; every parameter has a finite gradient."""
    torch.manual_seed(0)
    network = family.build(small_depth(family), **knobs, **knob)
    x = example_of(family, 4, knobs)
    classes = knob.get("classes", 10)
    optimizer = torch.optim.SGD(network.parameters(), lr=1e-3)
    logits = network(x)
    nn.functional.cross_entropy(logits, torch.arange(4) % classes).backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in network.parameters())
    optimizer.step()
    assert logits.shape == (4, classes)
    assert nn.functional.cross_entropy(network(x), torch.arange(4) % classes).isfinite()


@pytest.mark.parametrize("init", INITS)
@pytest.mark.parametrize(("family", "knobs"), FAMILIES)
def test_meta_device(family: ModuleType, knobs: dict[str, Any], init: str) -> None:
    """Building, the example input, forward and backward allocate nothing on the meta device."""
    with torch.device("meta"):
        network = family.build(small_depth(family), init=init, **knobs)
        x = example_of(family, 2, knobs)
        logits = network(x)
        logits.sum().backward()
    assert x.is_meta
    assert logits.shape == (2, 10)
    assert all(p.is_meta and p.grad is not None and p.grad.is_meta for p in network.parameters())


@pytest.mark.parametrize("init", INITS)
@pytest.mark.parametrize("family", MODULES)
def test_seed_decides_the_weights(family: ModuleType, init: str) -> None:
    """The same global seed gives the same weights, another seed different ones."""

    def weights(seed: int) -> torch.Tensor:
        torch.manual_seed(seed)
        network = family.build(small_depth(family), init=init)
        return nn.utils.parameters_to_vector(network.parameters())

    assert torch.equal(weights(1), weights(1))
    assert not torch.equal(weights(1), weights(2))


@pytest.mark.parametrize(("family", "knobs"), FAMILIES)
def test_example_input(family: ModuleType, knobs: dict[str, Any]) -> None:
    """The example is the same standard-normal batch each time, off the global random state."""
    state = torch.get_rng_state()
    x = example_of(family, 64, knobs)
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(x, example_of(family, 64, knobs))
    assert x.mean().item() == pytest.approx(0, abs=4 / x.numel() ** 0.5)
    assert x.std().item() == pytest.approx(1, abs=4 / (2 * x.numel()) ** 0.5)


@pytest.mark.parametrize(("family", "knobs"), FAMILIES)
def test_plain_twin(family: ModuleType, knobs: dict[str, Any]) -> None:
    """The plain and the residual network share every weight, and compute something else."""
    twins = [family.build(small_depth(family), residual=r, **knobs) for r in (True, False)]
    twins[1].load_state_dict(twins[0].state_dict())
    x = example_of(family, 4, knobs)
    assert not torch.allclose(twins[0](x), twins[1](x))
    residual, plain = (count_flops(family, 8, residual=r, **knobs) for r in (True, False))
    assert residual == plain


@pytest.mark.parametrize("family", MODULES)
def test_blocks_are_named_in_order(family: ModuleType) -> None:
    """Hidden layers are found as `blocks.0`, `blocks.1`, … before `head`, the last weight layer."""
    network = family.build(20)
    blocks = network.get_submodule("blocks")
    names = [name for name, m in network.named_modules() if m in set(blocks.children())]
    assert names == [f"blocks.{i}" for i in range(len(blocks))]
    assert next(reversed(dict(network.named_children()))) == "head"


@pytest.mark.parametrize("family", MODULES)
def test_every_suggested_depth_builds(family: ModuleType) -> None:
    """Each of `depths` is a depth of the family, and counts its weight layers."""
    assert list(family.depths) == sorted(set(family.depths))
    for depth in family.depths:
        with torch.device("meta"):
            network = family.build(depth)
        weighted = (nn.Linear, nn.Conv1d, nn.Conv2d)
        assert sum(isinstance(m, weighted) for m in network.modules()) == depth


@pytest.mark.parametrize("norm", ["none", "batch"])
@pytest.mark.parametrize("depth", [8, 20, 56])
@pytest.mark.parametrize(("family", "knobs"), CONVOLUTIONAL)
def test_backward_identity(
    family: ModuleType, knobs: dict[str, Any], depth: int, norm: str
) -> None:
    """forward + backward = 3 forward - FLOPs of the first layer, if the input needs no gradient."""
    forward, both, first = count_flops(family, depth, batch_size=3, norm=norm, **knobs)
    assert both == 3 * forward - first


@pytest.mark.parametrize(("family", "knobs"), FAMILIES)
def test_costs_are_linear_in_depth(family: ModuleType, knobs: dict[str, Any]) -> None:
    """Equal steps in depth add equal FLOPs and parameters, and samples add equal FLOPs."""
    parameters = [count_parameters(family, depth, **knobs) for depth in (8, 14, 20, 26)]
    flops = [count_flops(family, depth, **knobs)[1] for depth in (8, 14, 20, 26)]
    for counts in (parameters, flops):
        steps = {b - a for a, b in itertools.pairwise(counts)}
        assert len(steps) == 1
    assert (
        count_flops(family, 8, batch_size=5, **knobs)[0] == 5 * count_flops(family, 8, **knobs)[0]
    )


@pytest.mark.parametrize("family", MODULES)
def test_dropout_is_for_training_only(family: ModuleType) -> None:
    """Two passes with dropout differ in training mode and agree in evaluation mode."""
    network = family.build(small_depth(family), norm="none", dropout=0.5)
    x = family.example_input(4)
    assert not torch.equal(network(x), network(x))
    network.eval()
    assert torch.equal(network(x), network(x))


@pytest.mark.parametrize("family", MODULES)
def test_knobs_can_be_read_from_the_signature(family: ModuleType) -> None:
    """Each knob is keyword-only, has a default and a plain annotation."""
    allowed = (int, float, bool, str, tuple[int, ...], float | None)
    depth, *knobs = inspect.signature(family.build).parameters.values()
    assert (depth.name, depth.annotation) == ("depth", int)
    for knob in knobs:
        assert knob.kind is knob.KEYWORD_ONLY
        assert knob.default is not knob.empty
        assert knob.annotation in allowed


def test_families_load_under_another_package_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """The package needs no name of its own: a user's `models` may be the one that is imported."""
    init = Path(models.__file__)
    spec = importlib.util.spec_from_file_location(
        "families_elsewhere", init, submodule_search_locations=[str(init.parent)]
    )
    assert spec is not None
    monkeypatch.setitem(sys.modules, spec.name, importlib.util.module_from_spec(spec))
    for name in [n for n in sys.modules if n.split(".")[0] == "models"]:
        monkeypatch.delitem(sys.modules, name)
    for name in ("mlp", "resnet", "cifar_resnet"):
        family = importlib.import_module(f"{spec.name}.{name}")
        assert family.build(8)(family.example_input(2)).shape == (2, 10)
    assert not any(name.split(".")[0] == "models" for name in sys.modules)


@pytest.mark.parametrize(
    ("family", "depth", "message"),
    [
        (mlp, 0, "depth must be an integer of at least 1 for mlp (1, 2, 3, …); got 0"),
        (mlp, True, "depth must be an integer of at least 1 for mlp (1, 2, 3, …); got True"),
        (mlp, 2.0, "depth must be an integer of at least 1 for mlp (1, 2, 3, …); got 2.0"),
        (resnet, 3, "depth must be 2n+2 for resnet (2, 4, 6, …); got 3"),
        (resnet, 0, "depth must be 2n+2 for resnet (2, 4, 6, …); got 0"),
        (cifar_resnet, 21, "depth must be 6n+2 for cifar_resnet (8, 14, 20, …); got 21"),
        (cifar_resnet, 2, "depth must be 6n+2 for cifar_resnet (8, 14, 20, …); got 2"),
        (cifar_resnet, "20", "depth must be 6n+2 for cifar_resnet (8, 14, 20, …); got '20'"),
    ],
)
def test_wrong_depth(family: ModuleType, depth: Any, message: str) -> None:
    """A depth that the family does not have is refused with the rule and its smallest depths."""
    with pytest.raises(ValueError, match=exactly(message)):
        family.build(depth)


@pytest.mark.parametrize(
    ("knobs", "message"),
    [
        (
            {"activation": "foo"},
            "unknown activation 'foo' for {}; known: "
            "relu, leaky_relu, gelu, elu, selu, tanh, sigmoid",
        ),
        ({"norm": "foo"}, "unknown norm 'foo' for {}; known: none, batch, layer, group"),
        ({"norm": None}, "unknown norm None for {}; known: none, batch, layer, group"),
        (
            {"init": "foo"},
            "unknown init 'foo' for {}; known: default, he, xavier, orthogonal, normal",
        ),
        ({"width": 0}, "width must be an integer of at least 1 for {}; got 0"),
        ({"width": 2.5}, "width must be an integer of at least 1 for {}; got 2.5"),
        ({"classes": 0}, "classes must be an integer of at least 1 for {}; got 0"),
        ({"dropout": 1.0}, "dropout must be a number in [0, 1) for {}; got 1.0"),
        ({"dropout": -0.1}, "dropout must be a number in [0, 1) for {}; got -0.1"),
        ({"dropout": float("nan")}, "dropout must be a number in [0, 1) for {}; got nan"),
        ({"init_scale": 0}, "init_scale must be a finite number above 0 for {}; got 0"),
        ({"init_scale": "1"}, "init_scale must be a finite number above 0 for {}; got '1'"),
        ({"residual": "no"}, "residual must be true or false for {}; got 'no'"),
    ],
    ids=str,
)
@pytest.mark.parametrize("family", MODULES)
def test_wrong_knob(family: ModuleType, knobs: dict[str, Any], message: str) -> None:
    """A knob's wrong value is refused with what is known or expected, and what was found."""
    with pytest.raises(ValueError, match=exactly(message.format(family.__name__.split(".")[-1]))):
        family.build(20, **knobs)


@pytest.mark.parametrize(
    ("family", "input_shape", "message"),
    [
        (
            resnet,
            (40,),
            "resnet takes signals (channels, length) or images (channels, height, width); "
            "got (40,)",
        ),
        (
            resnet,
            (1, 0),
            "sizes of input_shape must be integers of at least 1 for resnet; got (1, 0)",
        ),
        (
            mlp,
            (),
            "mlp takes samples of one or more dimensions, "
            "such as (features,) or (channels, length); got ()",
        ),
        (
            mlp,
            40,
            "mlp takes samples of one or more dimensions, "
            "such as (features,) or (channels, length); got 40",
        ),
    ],
)
def test_wrong_input_shape(family: ModuleType, input_shape: Any, message: str) -> None:
    """Network and example refuse a shape that the family cannot take, in the same words."""
    for call in (family.build, family.example_input):
        with pytest.raises(ValueError, match=exactly(message)):
            call(4, input_shape=input_shape)


@pytest.mark.parametrize("family", MODULES)
def test_wrong_batch_size(family: ModuleType) -> None:
    """An empty batch is refused."""
    with pytest.raises(ValueError, match="batch_size must be an integer of at least 1; got 0"):
        family.example_input(0)
