"""What holds for every family."""

import importlib
import importlib.util
import inspect
import itertools
import re
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode

import models
from models import (
    cifar_resnet,
    densenet,
    mlp,
    preact_resnet,
    resnet,
    resnet_imagenet,
    vgg,
    wide_resnet,
)
from models.blocks import ACTIVATIONS, NORMS
from models.weights import INITS
from tests.models.cases import CASES, FAMILIES, Case, name_of
from tests.models.counts import count_flops, count_forward_flops, count_parameters, example_of

EVERY_CASE = pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
EVERY_FAMILY = pytest.mark.parametrize("family", FAMILIES, ids=name_of)
KNOB_VALUES: list[dict[str, Any]] = [
    *({"activation": name} for name in ACTIVATIONS),
    *({"norm": name} for name in NORMS),
    *({"init": name} for name in INITS),
    {"init_scale": 0.5},
    {"residual": True},
    {"residual": False},
    {"dropout": 0.3},
    {"width": 5},
    {"widen": 1},
    {"growth": 5},
    {"compression": 0.3},
    {"classes": 3},
]


def with_knobs(cases: Iterable[Case], values: Iterable[dict[str, Any]]) -> pytest.MarkDecorator:
    """Each case with each of the knob values that its family has."""
    return pytest.mark.parametrize(
        ("case", "knob"),
        [
            pytest.param(case, knob, id=f"{case.id}-{'-'.join(map(str, *knob.items()))}")
            for case in cases
            for knob in values
            if case.has(*knob)
        ],
    )


def small_network(case: Case, **knobs: Any) -> nn.Module:
    network: nn.Module = case.family.build(case.depth, **{**case.knobs, **knobs})
    return network


def exactly(message: str) -> str:
    """A pattern for the whole of an error's text."""
    return f"^{re.escape(message)}$"


@with_knobs(CASES, KNOB_VALUES)
def test_every_knob_value_trains(case: Case, knob: dict[str, Any]) -> None:
    """One step with any knob value leaves a finite loss; every parameter has a finite gradient."""
    torch.manual_seed(0)
    network = small_network(case, **knob)
    x = example_of(case.family, 4, case.knobs)
    classes = knob.get("classes", 10)
    optimizer = torch.optim.SGD(network.parameters(), lr=1e-3)
    logits = network(x)
    nn.functional.cross_entropy(logits, torch.arange(4) % classes).backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in network.parameters())
    optimizer.step()
    assert logits.shape[0] == 4
    assert nn.functional.cross_entropy(network(x), torch.arange(4) % classes).isfinite()


@with_knobs(CASES, [{"classes": 3}])
def test_classes(case: Case, knob: dict[str, Any]) -> None:
    """There is one logit a class."""
    assert small_network(case, **knob).eval()(example_of(case.family, 2, case.knobs)).shape == (
        2,
        3,
    )


@pytest.mark.parametrize("init", INITS)
@EVERY_CASE
def test_meta_device(case: Case, init: str) -> None:
    """Building, the example input, forward and backward allocate nothing on the meta device."""
    with torch.device("meta"):
        network = small_network(case, init=init)
        x = example_of(case.family, 2, case.knobs)
        logits = network(x)
        logits.sum().backward()
    assert x.is_meta
    assert logits.is_meta
    assert all(p.is_meta and p.grad is not None and p.grad.is_meta for p in network.parameters())


@EVERY_CASE
def test_fake_tensors(case: Case) -> None:
    """The same under a `FakeTensorMode`, which predicts memory without allocating any."""
    with FakeTensorMode():
        network = small_network(case)
        network(example_of(case.family, 2, case.knobs)).sum().backward()
    assert all(p.grad is not None and p.grad.shape == p.shape for p in network.parameters())


@pytest.mark.parametrize("init", INITS)
@EVERY_CASE
def test_seed_decides_the_weights(case: Case, init: str) -> None:
    """The same global seed gives the same weights, another seed different ones."""

    def weights(seed: int) -> torch.Tensor:
        torch.manual_seed(seed)
        return nn.utils.parameters_to_vector(small_network(case, init=init).parameters())

    assert torch.equal(weights(1), weights(1))
    assert not torch.equal(weights(1), weights(2))


@EVERY_CASE
def test_example_input(case: Case) -> None:
    """The example is the same standard-normal batch each time, off the global random state."""
    state = torch.get_rng_state()
    x = example_of(case.family, 64, case.knobs)
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(x, example_of(case.family, 64, case.knobs))
    assert x.mean().item() == pytest.approx(0, abs=4 / x.numel() ** 0.5)
    assert x.std().item() == pytest.approx(1, abs=4 / (2 * x.numel()) ** 0.5)


@EVERY_FAMILY
def test_default_example_fits_the_default_network(family: ModuleType) -> None:
    """Without knobs, what `example_input` gives is what `build` takes."""
    with torch.device("meta"):
        x = family.example_input(2)
        assert family.build(family.depths[0])(x).shape[0] == 2
    assert x.shape[0] == 2


@with_knobs(CASES, [{"residual": True}])
def test_plain_twin(case: Case, knob: dict[str, Any]) -> None:
    """The plain and the residual network share every weight but those of the shortcuts, and
    compute something else. What they do not share is all that one of them costs more."""
    residual, plain = small_network(case, **knob), small_network(case, residual=False)
    shared = {k: v for k, v in residual.state_dict().items() if ".shortcut." not in k}
    plain.load_state_dict(shared)
    x = example_of(case.family, 4, case.knobs)
    assert not torch.allclose(residual(x), plain(x))
    counts = [
        count_forward_flops(case.family, case.depth, batch_size=2, **{**case.knobs, "residual": r})
        for r in (True, False)
    ]
    assert (counts[0] == counts[1]) is (len(shared) == len(residual.state_dict()))


@EVERY_CASE
def test_blocks_are_named_in_order(case: Case) -> None:
    """Hidden layers are found as `blocks.0`, `blocks.1`, … before `head`, the last weight layer."""
    network = small_network(case)
    blocks = network.get_submodule("blocks")
    names = [name for name, m in network.named_modules() if m in set(blocks.children())]
    assert names == [f"blocks.{i}" for i in range(len(list(blocks.children())))]
    assert next(reversed(dict(network.named_children()))) == "head"
    assert isinstance(network.get_submodule("head"), nn.Linear)


@EVERY_CASE
def test_no_layer_works_in_place(case: Case) -> None:
    """What a hook sees of a layer's output is what the layer gave."""
    assert not any(getattr(m, "inplace", False) for m in small_network(case).modules())


def layers_on_the_longest_path(network: nn.Module) -> int:
    weighted = (nn.Linear, nn.Conv1d, nn.Conv2d)
    return sum(
        isinstance(m, weighted) and "shortcut" not in name for name, m in network.named_modules()
    )


def convolutions(network: nn.Module) -> int:
    return sum(isinstance(m, nn.Conv2d) for m in network.modules())


COUNTS_CONVOLUTIONS = {wide_resnet: convolutions}


@EVERY_FAMILY
def test_every_suggested_depth_builds(family: ModuleType) -> None:
    """Each of `depths` is a depth of the family, and counts its weight layers on the longest path;
    a wide residual network's counts its convolutions."""
    count: Callable[[nn.Module], int] = COUNTS_CONVOLUTIONS.get(family, layers_on_the_longest_path)
    assert list(family.depths) == sorted(set(family.depths))
    for depth in family.depths:
        with torch.device("meta"):
            network = family.build(depth)
        assert count(network) == depth


@pytest.mark.parametrize("norm", ["none", "batch"])
@EVERY_CASE
def test_backward_identity(case: Case, norm: str) -> None:
    """forward + backward = 3 forward - FLOPs of the first layer, if the input needs no gradient."""
    knobs = {**case.knobs, "norm": norm}
    depth = case.depth + case.step
    forward, both, first = count_flops(case.family, depth, batch_size=3, **knobs)
    assert both == 3 * forward - first


@EVERY_CASE
def test_costs_are_polynomials_of_depth(case: Case) -> None:
    """Equal steps in depth add equal FLOPs and parameters; in a densely connected network, where
    each layer sees all before it, they add equally more each time."""
    depths = [case.depth + i * case.step for i in range(case.degree + 2)]
    parameters = [count_parameters(case.family, depth, **case.knobs) for depth in depths]
    flops = [
        count_forward_flops(case.family, depth, batch_size=2, **case.knobs) for depth in depths
    ]
    for counts in (parameters, flops):
        for _ in range(case.degree):
            counts = [b - a for a, b in itertools.pairwise(counts)]
        assert len(set(counts)) == 1
        assert counts[0] > 0


@EVERY_CASE
def test_costs_are_linear_in_samples(case: Case) -> None:
    """A batch three times as large takes three times the FLOPs."""
    small, large = (
        count_forward_flops(case.family, case.depth, batch_size=b, **case.knobs) for b in (2, 6)
    )
    assert large == 3 * small


@EVERY_CASE
def test_dropout_is_for_training_only(case: Case) -> None:
    """Two passes with dropout differ in training mode and agree in evaluation mode."""
    network = small_network(case, norm="none", dropout=0.5)
    x = example_of(case.family, 4, case.knobs)
    assert not torch.equal(network(x), network(x))
    network.eval()
    assert torch.equal(network(x), network(x))


@EVERY_CASE
def test_no_dropout_is_no_layer(case: Case) -> None:
    """At probability 0 there is none."""
    assert not any(isinstance(m, nn.Dropout) for m in small_network(case, dropout=0.0).modules())


@EVERY_FAMILY
def test_knobs_can_be_read_from_the_signature(family: ModuleType) -> None:
    """Each knob is keyword-only, has a default and a plain annotation, and `build` says what it is
    for unless its name does."""
    plain = (int, float, bool, str, tuple[int, ...])
    allowed = (*plain, *(kind | None for kind in (int, float, tuple[int, ...])))
    depth, *knobs = inspect.signature(family.build).parameters.values()
    assert (depth.name, depth.annotation) == ("depth", int)
    for knob in knobs:
        assert knob.kind is knob.KEYWORD_ONLY
        assert knob.default is not knob.empty
        assert knob.annotation in allowed
        assert knob.name == "classes" or f"- {knob.name}: " in family.build.__doc__


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
    for case in CASES:
        family = importlib.import_module(f"{spec.name}.{name_of(case.family)}")
        network = family.build(case.depth, **case.knobs)
        assert network(example_of(family, 2, case.knobs)).shape[0] == 2
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
        *(
            (
                resnet_imagenet,
                depth,
                "depth must be 18+2k up to 48 or 50+3k for resnet_imagenet (18, 20, 22, …); "
                f"got {depth}",
            )
            for depth in (16, 21, 52, 151, 18.0)
        ),
        *(
            (wide_resnet, depth, f"depth must be 6n+4 for wide_resnet (10, 16, 22, …); got {depth}")
            for depth in (4, 12)
        ),
        *(
            (vgg, depth, f"depth must be 11 or 3n+10 for vgg (11, 13, 16, …); got {depth}")
            for depth in (10, 12, 14)
        ),
    ],
)
def test_wrong_depth(family: ModuleType, depth: Any, message: str) -> None:
    """A depth that the family does not have is refused with the rule and its smallest depths."""
    with pytest.raises(ValueError, match=exactly(message)):
        family.build(depth)


@pytest.mark.parametrize(
    ("family", "knobs", "depths", "message"),
    [
        (preact_resnet, {}, (2, 14), "9n+2 for preact_resnet (11, 20, 29, …)"),
        (
            preact_resnet,
            {"bottleneck": False},
            (2, 11),
            "6n+2 for preact_resnet:bottleneck=false (8, 14, 20, …)",
        ),
        (densenet, {}, (4, 13, 121), "6n+4 for densenet (10, 16, 22, …)"),
        (
            densenet,
            {"bottleneck": False},
            (4, 12),
            "3n+4 for densenet:bottleneck=false (7, 10, 13, …)",
        ),
        (
            densenet,
            {"layout": "imagenet"},
            (119, 122, 266),
            "121+2k or 264 for densenet:layout=imagenet (121, 123, 125, …)",
        ),
        (
            densenet,
            {"bottleneck": False, "layout": "imagenet"},
            (62, 63.0),
            "63+k for densenet:bottleneck=false,layout=imagenet (63, 64, 65, …)",
        ),
    ],
)
def test_wrong_depth_for_a_knob(
    family: ModuleType, knobs: dict[str, Any], depths: tuple[Any, ...], message: str
) -> None:
    """Where a knob decides the rule, the error names the knob as a spec does."""
    for depth in depths:
        with pytest.raises(ValueError, match=exactly(f"depth must be {message}; got {depth}")):
            family.build(depth, **knobs)


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
        ({"bottleneck": 1}, "bottleneck must be true or false for {}; got 1"),
        ({"widen": 0}, "widen must be an integer of at least 1 for {}; got 0"),
        ({"growth": 1.5}, "growth must be an integer of at least 1 for {}; got 1.5"),
        ({"compression": 0}, "compression must be a number in (0, 1] for {}; got 0"),
        ({"compression": 1.1}, "compression must be a number in (0, 1] for {}; got 1.1"),
        ({"layout": "foo"}, "unknown layout 'foo' for {}; known: cifar, imagenet"),
    ],
    ids=str,
)
@EVERY_CASE
def test_wrong_knob(case: Case, knobs: dict[str, Any], message: str) -> None:
    """A knob's wrong value is refused with what is known or expected, and what was found; a family
    without the knob refuses it as Python does."""
    error, said = (ValueError, exactly(message.format(name_of(case.family))))
    if not case.has(*knobs):
        error, said = (TypeError, f"unexpected keyword argument '{next(iter(knobs))}'")
    with pytest.raises(error, match=said):
        small_network(case, **knobs)


def test_wrong_layout_of_an_example() -> None:
    """Where the example depends on another knob, its value is checked there too."""
    with pytest.raises(ValueError, match="unknown layout 'foo' for densenet"):
        densenet.example_input(2, layout="foo")


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


OF_IMAGES = (densenet, preact_resnet, resnet_imagenet, vgg, wide_resnet)


@pytest.mark.parametrize("input_shape", [(1, 40), 32])
@pytest.mark.parametrize("family", OF_IMAGES, ids=name_of)
def test_only_images_are_taken(family: ModuleType, input_shape: Any) -> None:
    """A network of two-dimensional convolutions takes no signal."""
    message = f"{name_of(family)} takes images (channels, height, width); got {input_shape}"
    for call, number in ((family.build, family.depths[0]), (family.example_input, 2)):
        with pytest.raises(ValueError, match=exactly(message)):
            call(number, input_shape=input_shape)


@pytest.mark.parametrize(
    ("family", "knobs", "smallest", "name"),
    [
        (preact_resnet, {}, 1, ""),
        (wide_resnet, {"widen": 1}, 1, ""),
        (resnet_imagenet, {"width": 4}, 1, ""),
        (vgg, {"width": 4}, 32, "vgg"),
        (densenet, {}, 4, "densenet"),
        (densenet, {"layout": "imagenet"}, 29, "densenet:layout=imagenet"),
    ],
)
def test_smallest_image(
    family: ModuleType, knobs: dict[str, Any], smallest: int, name: str
) -> None:
    """The smallest image that the family takes works, and a smaller one is refused."""
    depth = 121 if "layout" in knobs else family.depths[0]
    for size in ((smallest, smallest + 3), (smallest + 1, smallest)):
        shape = {"input_shape": (2, *size)}
        network = family.build(depth, **knobs, **shape)
        assert network(example_of(family, 2, {**knobs, **shape})).shape[0] == 2
    if smallest > 1:
        too_small = (2, smallest, smallest - 1)
        message = f"height and width must be at least {smallest} for {name}; got {too_small}"
        with pytest.raises(ValueError, match=exactly(message)):
            family.build(depth, **knobs, input_shape=too_small)
        with pytest.raises(ValueError, match=exactly(message)):
            example_of(family, 2, {**knobs, "input_shape": too_small})


@EVERY_FAMILY
def test_wrong_batch_size(family: ModuleType) -> None:
    """An empty batch is refused."""
    with pytest.raises(ValueError, match="batch_size must be an integer of at least 1; got 0"):
        family.example_input(0)
