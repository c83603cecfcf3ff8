"""The published sizes of the vision transformer."""

import re
from typing import Any

import pytest
import torch

from models import vit
from tests.models.counts import count_flops, count_parameters

FLOPS_PER_MAC = 2
SMALL: dict[str, Any] = {
    "input_shape": (3, 8, 8),
    "patch": 4,
    "classes": 5,
    "width": 16,
    "heads": 4,
}


@pytest.mark.parametrize(
    ("size", "parameters", "macs"),
    [("Ti", 5_717_416, 1_253_683_200), ("B", 86_567_656, 17_563_828_224)],
)
def test_published_sizes(size: str, parameters: int, macs: int) -> None:
    """Exact counts at depth 12; the papers round parameters to 5 and 86 million."""
    assert count_parameters(vit, 12, size=size) == parameters
    assert count_flops(vit, 12, size=size)[0] == FLOPS_PER_MAC * macs


@pytest.mark.parametrize(
    ("size", "depth", "knobs", "million_parameters"),
    [("S", 12, {}, 22), ("L", 24, {}, 304), ("H", 32, {"patch": 14}, 632)],
)
def test_rounded_sizes(
    size: str, depth: int, knobs: dict[str, Any], million_parameters: int
) -> None:
    """S is 22 million in Touvron et al. 2020, table 1; L/16 and H/14 by the formulas of a block."""
    assert count_parameters(vit, depth, size=size, **knobs) // 10**6 == million_parameters


@pytest.mark.parametrize("depth", [1, 2, 5, 12])
def test_closed_forms(depth: int) -> None:
    """Sizes are linear in depth; the backward pass costs twice the forward, less the image's."""
    macs = 116_373_504 + 1_453_954_560 * depth
    forward, both, first = count_flops(vit, depth)
    assert count_parameters(vit, depth) == 1_513_192 + 7_087_872 * depth
    assert forward == FLOPS_PER_MAC * macs
    assert first == FLOPS_PER_MAC * 14**2 * (3 * 16**2) * 768
    assert both == 3 * forward - first


def test_tokens() -> None:
    """A token for each patch and one for the class, from which alone the head reads."""
    network = vit.build(2, **{**SMALL, "input_shape": (3, 8, 12)}).eval()
    stem = network.get_submodule("stem")
    tokens = stem(vit.example_input(2, input_shape=(3, 8, 12)))
    assert tokens.shape == (2, 1 + 2 * 3, 16)
    changed = torch.cat([tokens[:, :1], torch.randn_like(tokens[:, 1:])], dim=1)
    pool = network.get_submodule("pool")
    assert torch.equal(pool(tokens), pool(changed))


def test_without_positions_patches_are_a_set() -> None:
    """Positions are all that tells the patches apart: without them their order does not matter."""
    torch.manual_seed(0)
    network = vit.build(2, **SMALL).eval()
    x = vit.example_input(2, input_shape=(3, 8, 8))
    swapped = torch.cat([x[..., 4:], x[..., :4]], dim=-1)
    assert not torch.allclose(network(x), network(swapped), rtol=1e-4)
    torch.nn.init.zeros_(network.get_parameter("stem.positions"))
    torch.testing.assert_close(network(x), network(swapped))


@pytest.mark.parametrize(
    ("knobs", "message"),
    [
        ({"size": "XS"}, "unknown size 'XS' for vit; known: Ti, S, B, L, H"),
        ({"patch": 0}, "patch must be an integer of at least 1 for vit; got 0"),
        ({"input_shape": (1, 40)}, "vit takes images (channels, height, width); got (1, 40)"),
        (
            {"input_shape": (3, 32, 40)},
            "height and width must be multiples of patch for vit; "
            "got input_shape (3, 32, 40) and patch 16: set patch or input_shape",
        ),
    ],
    ids=str,
)
def test_wrong_knob(knobs: dict[str, Any], message: str) -> None:
    """What the family has alone is refused in one line, too."""
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        vit.build(2, **knobs)


def test_wrong_image() -> None:
    """An image of another size is refused: there are no positions for its patches."""
    message = (
        "this vit takes batches of (3, 8, 8); got (2, 3, 8, 12): build it with that input_shape"
    )
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        vit.build(1, **SMALL)(torch.zeros(2, 3, 8, 12))
