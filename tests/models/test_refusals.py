"""What every family refuses, and the words in which it says so."""

from types import ModuleType
from typing import Any

import pytest

from models import (
    blocks,
    cifar_resnet,
    densenet,
    mlp,
    preact_resnet,
    resnet,
    resnet_imagenet,
    transformer,
    vgg,
    wide_resnet,
)
from tests.models.cases import (
    EVERY_CASE,
    EVERY_FAMILY,
    TRANSFORMERS,
    Case,
    exactly,
    name_of,
    small_network,
)
from tests.models.counts import example_of

LISTS = {
    blocks: {
        "activations": "relu, leaky_relu, gelu, elu, selu, tanh, sigmoid",
        "norms": "none, batch, layer, group",
    },
    transformer: {
        "activations": "relu, leaky_relu, gelu, elu, selu, tanh, sigmoid, gelu_tanh",
        "norms": "none, layer, rms",
    },
}


@pytest.mark.parametrize(
    ("family", "depth", "message"),
    [
        *(
            (
                family,
                depth,
                f"depth must be an integer of at least 1 for {name_of(family)} (1, 2, 3, …); "
                f"got {depth!r}",
            )
            for family in (mlp, *TRANSFORMERS)
            for depth in (0, True, 2.0, "2")
        ),
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
            "unknown activation 'foo' for {}; known: {activations}",
        ),
        ({"norm": "foo"}, "unknown norm 'foo' for {}; known: {norms}"),
        ({"norm": None}, "unknown norm None for {}; known: {norms}"),
        ({"norm_position": "mid"}, "unknown norm_position 'mid' for {}; known: pre, post"),
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
        ({"heads": 2.0}, "heads must be an integer of at least 1 for {}; got 2.0"),
        ({"mlp_ratio": 0}, "mlp_ratio must be a finite number above 0 for {}; got 0"),
        ({"mlp_ratio": None}, "mlp_ratio must be a finite number above 0 for {}; got None"),
        ({"stochastic_depth": 1}, "stochastic_depth must be a number in [0, 1) for {}; got 1"),
        ({"layer_scale": 0.0}, "layer_scale must be a finite number above 0 for {}; got 0.0"),
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
    known = LISTS[case.layers]
    error: type[Exception] = ValueError
    said = exactly(message.format(name_of(case.family), **known))
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
