"""The published sizes of GPT-2, its mask and its tied head."""

import copy
import math
import re
from typing import Any

import pytest
import torch
from torch import nn

from models import gpt
from tests.models.counts import count_flops, count_parameters

SMALL: dict[str, Any] = {"vocabulary": 50, "context": 8, "width": 16, "heads": 4}


@pytest.mark.parametrize(
    ("size", "depth", "parameters", "flops"),
    [
        ("small", 12, 124_439_808, 291_648_307_200),
        ("medium", 24, 354_823_168, 826_951_073_792),
    ],
)
def test_published_sizes(size: str, depth: int, parameters: int, flops: int) -> None:
    """Exact counts for 1024 tokens; forward + backward is thrice the forward pass."""
    assert count_parameters(gpt, depth, size=size) == parameters
    forward, both, _ = count_flops(gpt, depth, size=size)
    assert (forward, both) == (flops, 3 * flops)


def test_parameters_of_the_largest() -> None:
    """48 blocks of width 1600."""
    assert count_parameters(gpt, 48, size="xl") == 1_557_611_200


@pytest.mark.parametrize("depth", [1, 2, 5])
def test_closed_forms(depth: int) -> None:
    """Sizes are linear in depth; the rest is embeddings, last norm and the head's product."""
    assert count_parameters(gpt, depth) == 39_385_344 + 7_087_872 * depth
    assert count_flops(gpt, depth)[0] == 2 * (39_523_713_024 + 8_858_370_048 * depth)


@pytest.mark.parametrize("norm_position", ["pre", "post"])
def test_no_token_sees_a_later_one(norm_position: str) -> None:
    """Changing a token leaves the logits before it as they were, and changes those from it on."""
    torch.manual_seed(0)
    network = gpt.build(3, **SMALL, norm_position=norm_position).eval()
    ids = gpt.example_input(2, context=8, vocabulary=50)
    changed = ids.clone()
    changed[:, 5] = (changed[:, 5] + 1) % 50
    difference = (network(ids) - network(changed)).abs().amax(dim=(0, 2))
    assert (difference[:5] < 1e-6).all()
    assert (difference[5:] > 1e-4).all()


def test_shorter_sequence_is_a_prefix() -> None:
    """The logits of the first tokens are those of the sequence cut after them."""
    network = gpt.build(2, **SMALL).eval()
    ids = gpt.example_input(2, context=8, vocabulary=50)
    torch.testing.assert_close(network(ids)[:, :3], network(ids[:, :3]))


def test_head_is_the_embedding() -> None:
    """Embedding and head are one parameter, of which both uses make the gradient."""
    network = gpt.build(1, **SMALL)
    names = [name for name, _ in network.named_parameters() if "tokens" in name]
    assert names == ["stem.tokens.weight"]
    network(torch.zeros(1, 1, dtype=torch.int64))[..., 7].sum().backward()
    gradient = network.get_parameter("stem.tokens.weight").grad
    assert gradient is not None
    assert [i for i, row in enumerate(gradient) if row.any()] == [0, 7]


def moved_to_meta(network: nn.Module) -> nn.Module:
    return network.to("meta")


def loaded(network: nn.Module) -> nn.Module:
    other = gpt.build(1, **SMALL)
    other.load_state_dict(network.state_dict())
    return other


@pytest.mark.parametrize("change", [copy.deepcopy, moved_to_meta, loaded, nn.Module.double])
def test_head_stays_the_embedding(change: Any) -> None:
    """A copy, a move, loaded weights and another dtype leave one weight for both."""
    network = change(gpt.build(1, **SMALL))
    embedding = network.get_submodule("stem").tokens
    assert network.get_submodule("head").tokens.weight is embedding.weight
    assert sum(p is embedding.weight for p in network.parameters()) == 1


@pytest.mark.parametrize("depth_scaled_init", [True, False])
def test_deviation_of_the_weights(depth_scaled_init: bool) -> None:
    """Weights have deviation 0.02, that of the branches' last layers divided by sqrt(2 depth).

    Within 4 standard errors; biases are 0.
    """
    depth = 8
    torch.manual_seed(0)
    network = gpt.build(depth, **{**SMALL, "width": 64}, depth_scaled_init=depth_scaled_init)
    factor = 1 / math.sqrt(2 * depth) if depth_scaled_init else 1
    for name, parameter in network.named_parameters():
        if name.endswith("bias"):
            assert not parameter.any()
        elif "norm" not in name:
            expected = 0.02 * (factor if "projection" in name else 1)
            tolerance = 4 / math.sqrt(2 * parameter.numel())
            assert parameter.std().item() == pytest.approx(expected, rel=tolerance)


def test_untrained_loss_is_that_of_guessing() -> None:
    """Small weights make all tokens as likely: cross entropy log(vocabulary), within 5%."""
    torch.manual_seed(0)
    logits = gpt.build(4, **SMALL)(gpt.example_input(4, context=8, vocabulary=50))
    loss = nn.functional.cross_entropy(logits.flatten(0, 1), torch.arange(32))
    assert loss.item() == pytest.approx(math.log(50), rel=0.05)


def test_example_input() -> None:
    """Ids below the vocabulary, the same each time, off the global random state."""
    state = torch.get_rng_state()
    ids = gpt.example_input(16, context=64, vocabulary=10)
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(ids, gpt.example_input(16, context=64, vocabulary=10))
    assert (ids.shape, ids.dtype) == ((16, 64), torch.int64)
    assert ids.unique().tolist() == list(range(10))
    with torch.device("meta"):
        assert gpt.example_input(2).shape == (2, 1024)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: gpt.build(1, size="B"),
            "unknown size 'B' for gpt; known: small, medium, large, xl",
        ),
        (
            lambda: gpt.build(1, context=0),
            "context must be an integer of at least 1 for gpt; got 0",
        ),
        (
            lambda: gpt.build(1, depth_scaled_init="yes"),
            "depth_scaled_init must be true or false for gpt; got 'yes'",
        ),
        (
            lambda: gpt.build(1, **SMALL)(torch.zeros(1, 9, dtype=torch.int64)),
            "this gpt takes at most 8 tokens a sequence; got 9: shorten it or build with context=9",
        ),
        (lambda: gpt.example_input(0), "batch_size must be an integer of at least 1; got 0"),
        (
            lambda: gpt.example_input(1, vocabulary=0),
            "vocabulary must be an integer of at least 1; got 0",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_wrong_use(call: Any, message: str) -> None:
    """What cannot be used is refused in one line, with what was expected and found."""
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        call()
