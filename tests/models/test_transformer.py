"""The transformer block, and what holds for both families that stack it beside `test_families`."""

import math
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode

from models import transformer
from models.blocks import Block
from tests.models.cases import CASES, TRANSFORMERS, Case, exactly, name_of, small_network
from tests.models.counts import example_of

WIDTH, HEADS, TOKENS = 16, 4, 6
EVERY_TRANSFORMER = pytest.mark.parametrize("family", TRANSFORMERS, ids=name_of)
EVERY_SMALL_ONE = pytest.mark.parametrize(
    "case", [case for case in CASES if case.family in TRANSFORMERS], ids=lambda case: case.id
)
OFF: dict[str, Any] = {
    "activation": "gelu",
    "norm": "layer",
    "norm_position": "pre",
    "residual": True,
    "dropout": 0.0,
    "stochastic_depth": 0.0,
    "layer_scale": None,
}


def blocks_of(depth: int, *, causal: bool = False, **knobs: Any) -> nn.Sequential:
    """`depth` blocks with every knob off but the given ones."""
    size = transformer.Size(WIDTH, HEADS)
    return transformer.transformer_blocks(
        "test", depth, size=size, mlp_ratio=4.0, causal=causal, **{**OFF, **knobs}
    )


def rms(x: Tensor) -> float:
    return x.detach().square().mean().sqrt().item()


@pytest.mark.parametrize("causal", [True, False])
def test_attention_is_its_formula(causal: bool) -> None:
    """softmax(Q K' / sqrt(features of a head)) V for each head, a later token having weight 0."""
    torch.manual_seed(0)
    layer = transformer.SelfAttention(WIDTH, HEADS, causal=causal)
    x = torch.randn(2, TOKENS, WIDTH)
    features = WIDTH // HEADS
    query, key, value = layer.qkv(x).split(WIDTH, dim=-1)
    heads = []
    for h in range(HEADS):
        part = slice(h * features, (h + 1) * features)
        scores = query[..., part] @ key[..., part].mT / math.sqrt(features)
        if causal:
            later = torch.ones(TOKENS, TOKENS, dtype=torch.bool).triu(1)
            scores = scores.masked_fill(later, -math.inf)
        heads.append(scores.softmax(-1) @ value[..., part])
    torch.testing.assert_close(layer(x), layer.projection(torch.cat(heads, -1)))


@pytest.mark.parametrize("residual", [True, False])
@pytest.mark.parametrize("norm", transformer.NORMS)
def test_pre_and_post_norm_are_their_formulas(norm: str, residual: bool) -> None:
    """`x + f(norm(x))` and `norm(x + f(x))`; without the shortcut, x is not added."""
    torch.manual_seed(0)
    x = torch.randn(2, TOKENS, WIDTH)
    f = nn.Linear(WIDTH, WIDTH)
    normalize = transformer.NORMS[norm](WIDTH) or nn.Identity()
    shortcut = x if residual else torch.zeros_like(x)
    knobs = {k: v for k, v in OFF.items() if k != "activation"}
    expected = {"pre": shortcut + f(normalize(x)), "post": normalize(shortcut + f(x))}
    for position, value in expected.items():
        changed = {"norm": norm, "norm_position": position, "residual": residual}
        branch = transformer.residual_branch(f, WIDTH, **{**knobs, **changed})
        torch.testing.assert_close(branch(x), value)


def test_size_of_a_block() -> None:
    """12 w^2 + 13 w parameters: 4 w^2 + 4 w attention, 8 w^2 + 5 w perceptron, 4 w norms."""
    count = sum(p.numel() for p in blocks_of(1).parameters())
    assert count == 12 * WIDTH**2 + 13 * WIDTH


def test_what_is_off_is_absent() -> None:
    """A block without remedies and norms holds linear layers, attention and activation alone."""
    plain = blocks_of(1, norm="none", residual=False)
    kinds = {type(m) for m in plain.modules()}
    assert kinds == {nn.Sequential, Block, transformer.SelfAttention, nn.Linear, nn.GELU}


def test_post_norm_holds_the_scale_and_pre_norm_lets_it_grow() -> None:
    """After every block rms is 1 under `post`; under `pre` the shortcuts add up (Xiong 2020)."""
    torch.manual_seed(0)
    x = torch.randn(8, TOKENS, WIDTH)
    for residual in (True, False):
        h = x
        for block in blocks_of(6, norm_position="post", residual=residual):
            h = block(h)
            assert rms(h) == pytest.approx(1, abs=1e-3)
    h, scales = x, []
    for block in blocks_of(6):
        h = block(h)
        scales.append(rms(h))
    assert scales == sorted(scales)
    assert scales[-1] > 1.1 * rms(x)


@pytest.mark.parametrize("norm", transformer.NORMS)
def test_norms_take_each_token_by_itself(norm: str) -> None:
    """What a token becomes under a norm does not depend on the others."""
    torch.manual_seed(0)
    x = torch.randn(2, TOKENS, WIDTH)
    normalize = transformer.NORMS[norm](WIDTH) or nn.Identity()
    torch.testing.assert_close(normalize(x)[:, 2:3], normalize(x[:, 2:3]))


def test_stochastic_depth_keeps_the_expectation() -> None:
    """In training a sample is 0 or scaled up whole; the mean is x within 4 standard errors."""
    torch.manual_seed(0)
    rate, samples = 0.3, 10_000
    layer = transformer.StochasticDepth(rate)
    out = layer(torch.ones(samples, 2, 3))
    scaled_up = 1 / (1 - rate)
    assert torch.equal(out, out[:, :1, :1].expand_as(out))
    torch.testing.assert_close(out.unique(), torch.tensor([0, scaled_up]))
    deviation = math.sqrt(rate / (1 - rate))
    assert out[:, 0, 0].mean().item() == pytest.approx(1, abs=4 * deviation / math.sqrt(samples))


def test_stochastic_depth_grows_linearly() -> None:
    """Rates go from 0 in the first block, where the layer is absent, to the given rate."""
    rates = [
        [m.rate for m in block.modules() if isinstance(m, transformer.StochasticDepth)]
        for block in blocks_of(5, stochastic_depth=0.4)
    ]
    assert rates[0] == []
    for found, expected in zip(rates[1:], (0.1, 0.2, 0.3, 0.4), strict=True):
        assert found == pytest.approx([expected] * 2)


@EVERY_SMALL_ONE
def test_stochastic_depth_needs_shortcuts(case: Case) -> None:
    """A dropped block without a shortcut would pass nothing on: it is refused."""
    message = (
        f"stochastic_depth must be 0 without shortcuts for {case.id}, where a dropped block passes "
        "nothing on; got 0.2: set residual=true or stochastic_depth=0"
    )
    with pytest.raises(ValueError, match=exactly(message)):
        small_network(case, stochastic_depth=0.2, residual=False)


def test_tiny_layer_scale_makes_blocks_the_identity() -> None:
    """Branches scaled by epsilon leave x as it is; scaled by one, they are as without."""
    x = torch.randn(2, TOKENS, WIDTH)
    torch.testing.assert_close(blocks_of(4, layer_scale=1e-9)(x), x)
    outputs = []
    for layer_scale in (None, 1.0):
        torch.manual_seed(0)
        outputs.append(blocks_of(4, layer_scale=layer_scale)(x))
    assert torch.equal(*outputs)


@pytest.mark.parametrize("remedy", ["dropout", "stochastic_depth"])
@EVERY_SMALL_ONE
def test_random_remedies_are_for_training_only(case: Case, remedy: str) -> None:
    """Two passes differ in training; in evaluation the network is the one without the remedy."""
    torch.manual_seed(0)
    network, without = small_network(case, **{remedy: 0.5}), small_network(case)
    without.load_state_dict(network.state_dict())
    x = example_of(case.family, 8, case.knobs)
    assert not torch.equal(network(x), network(x))
    assert torch.equal(network.eval()(x), without.eval()(x))


@pytest.mark.parametrize("knobs", [{}, {**OFF, "dropout": 0.1, "stochastic_depth": 0.1}], ids=str)
@EVERY_TRANSFORMER
def test_meta_device_and_fake_tensors(family: ModuleType, knobs: dict[str, Any]) -> None:
    """Building, example, forward and backward allocate nothing, at the published size."""
    logits_shape = {"vit": (2, 1000), "gpt": (2, 1024, 50257)}[name_of(family)]
    for mode in (torch.device("meta"), FakeTensorMode()):
        with mode:
            network = family.build(2, **knobs)
            x = family.example_input(2)
            logits = network(x)
            logits.sum().backward()
        assert logits.shape == logits_shape
        assert all(p.grad is not None for p in network.parameters())


@pytest.mark.parametrize("knobs", [{"norm_position": "post"}, {"norm": "none"}], ids=str)
@EVERY_SMALL_ONE
def test_no_final_norm_after_post_norm(case: Case, knobs: dict[str, Any]) -> None:
    """Only `pre` needs a norm before the head."""
    assert "norm" not in dict(small_network(case, **knobs).named_children())


@EVERY_SMALL_ONE
def test_parts_come_in_order(case: Case) -> None:
    """As a reader of the network finds them; what one family has alone is left out."""
    parts = [name for name, _ in small_network(case).named_children() if name != "pool"]
    assert parts == ["stem", "blocks", "norm", "head"]


@EVERY_TRANSFORMER
def test_size_gives_width_and_heads(family: ModuleType) -> None:
    """A size is short for its width and heads."""
    for name, (width, heads) in family.SIZES.items():
        with torch.device("meta"):
            by_name = family.build(1, size=name)
            by_hand = family.build(1, width=width, heads=heads)
        shapes = [{k: v.shape for k, v in n.state_dict().items()} for n in (by_name, by_hand)]
        assert shapes[0] == shapes[1]


@EVERY_SMALL_ONE
def test_heads_divide_the_width(case: Case) -> None:
    """Each head has as many features."""
    message = (
        f"width must be a multiple of heads for {case.id}; got width 100 and 12 heads: "
        "set width or heads"
    )
    with pytest.raises(ValueError, match=exactly(message)):
        small_network(case, width=100, heads=12)
