"""The families, each with a depth and knobs that make its networks small enough for a test."""

import inspect
import re
from collections.abc import Mapping
from types import ModuleType
from typing import Any, NamedTuple

import pytest
from torch import nn

from models import (
    blocks,
    cifar_resnet,
    densenet,
    gpt,
    mlp,
    preact_resnet,
    resnet,
    resnet_imagenet,
    transformer,
    vgg,
    vit,
    wide_resnet,
)

TRANSFORMERS = (vit, gpt)


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

    @property
    def layers(self) -> ModuleType:
        """Where the `ACTIVATIONS` and `NORMS` are that the family has."""
        return transformer if self.family in TRANSFORMERS else blocks


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
    Case(
        "vit",
        vit,
        depth=2,
        step=1,
        knobs={"input_shape": SMALL_IMAGE, "patch": 4, "classes": 10, "width": 10, "heads": 5},
    ),
    Case(
        "gpt",
        gpt,
        depth=2,
        step=1,
        knobs={"vocabulary": 50, "context": 6, "width": 10, "heads": 5},
    ),
)
FAMILIES = tuple({case.family: None for case in CASES})

EVERY_CASE = pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
EVERY_FAMILY = pytest.mark.parametrize("family", FAMILIES, ids=name_of)


def small_network(case: Case, **knobs: Any) -> nn.Module:
    """Of the case's depth; these knobs before its own."""
    network: nn.Module = case.family.build(case.depth, **{**case.knobs, **knobs})
    return network


def exactly(message: str) -> str:
    """A pattern for the whole of an error's text."""
    return f"^{re.escape(message)}$"
