"""The families, each with a depth and knobs that make its networks small enough for a test."""

import inspect
from collections.abc import Mapping
from types import ModuleType
from typing import Any, NamedTuple

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


class Case(NamedTuple):
    """Depths `depth`, `depth + step`, … differ in nothing but the number of blocks.

    Their costs are a polynomial of degree `degree` in depth.
    """

    id: str
    family: ModuleType
    depth: int
    step: int
    knobs: Mapping[str, Any] = {}
    degree: int = 1

    def has(self, *knobs: str) -> bool:
        """Whether the family has all of these knobs."""
        return set(knobs) <= set(inspect.signature(self.family.build).parameters)


def name_of(family: ModuleType) -> str:
    """As the family is called in a spec and in its errors."""
    return family.__name__.rpartition(".")[2]


SMALL_IMAGE = (3, 8, 8)

CASES = (
    Case("mlp", mlp, depth=4, step=1),
    Case("resnet-signal", resnet, depth=4, step=2),
    Case("resnet-image", resnet, depth=4, step=2, knobs={"input_shape": SMALL_IMAGE}),
    Case("cifar_resnet", cifar_resnet, depth=8, step=6),
    Case(
        "resnet_imagenet",
        resnet_imagenet,
        depth=18,
        step=2,
        knobs={"input_shape": SMALL_IMAGE, "width": 4},
    ),
    Case(
        "resnet_imagenet-bottleneck",
        resnet_imagenet,
        depth=50,
        step=3,
        knobs={"input_shape": SMALL_IMAGE, "width": 2},
    ),
    Case("preact_resnet", preact_resnet, depth=11, step=9, knobs={"input_shape": SMALL_IMAGE}),
    Case(
        "preact_resnet-basic",
        preact_resnet,
        depth=8,
        step=6,
        knobs={"input_shape": SMALL_IMAGE, "bottleneck": False},
    ),
    Case(
        "wide_resnet", wide_resnet, depth=10, step=6, knobs={"input_shape": SMALL_IMAGE, "widen": 2}
    ),
    Case("densenet", densenet, depth=16, step=6, knobs={"input_shape": SMALL_IMAGE}, degree=2),
    Case(
        "densenet-plain",
        densenet,
        depth=10,
        step=3,
        knobs={"input_shape": SMALL_IMAGE, "bottleneck": False, "compression": 1.0},
        degree=2,
    ),
    Case("vgg", vgg, depth=13, step=3, knobs={"input_shape": (3, 32, 32), "width": 2}),
)
FAMILIES = tuple({case.family: None for case in CASES})
