"""The transformer block, and what holds for both families that stack it."""

import inspect
import itertools
import math
import re
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode

from models import gpt, transformer, vit
from models.blocks import Block
from models.weights import INITS
from tests.models.counts import count_flops, count_parameters

WIDTH, HEADS, TOKENS = 16, 4, 6
SMALL: dict[str, dict[str, Any]] = {
    "vit": {"input_shape": (3, 8, 8), "patch": 4, "classes": 10, "width": WIDTH, "heads": HEADS},
    "gpt": {"vocabulary": 50, "context": TOKENS, "width": WIDTH, "heads": HEADS},
}
FAMILIES = [pytest.param(vit, id="vit"), pytest.param(gpt, id="gpt")]
OFF: dict[str, Any] = {
    "activation": "gelu",
    "norm": "layer",
    "norm_position": "pre",
    "residual": True,
    "dropout": 0.0,
    "stochastic_depth": 0.0,
    "layer_scale": None,
}
KNOB_VALUES = [
    *({"activation": name} for name in transformer.ACTIVATIONS),
    *({"norm": name, "norm_position": p} for name in transformer.NORMS for p in ("pre", "post")),
    *({"init": name} for name in INITS),
    {"init_scale": 0.5},
    {"residual": False},
    {"residual": False, "norm_position": "post"},
    {"dropout": 0.3},
    {"stochastic_depth": 0.3},
    {"layer_scale": 0.1},
    {"width": 10, "heads": 5},
    {"mlp_ratio": 0.5},
]


def name_of(family: ModuleType) -> str:
    return family.__name__.rpartition(".")[2]


def small(family: ModuleType, depth: int = 3, **knobs: Any) -> nn.Module:
    network: nn.Module = family.build(depth, **{**SMALL[name_of(family)], **knobs})
    return network


def example_of(family: ModuleType, batch_size: int) -> Tensor:
    names = inspect.signature(family.example_input).parameters
    knobs = SMALL[name_of(family)].items()
    x: Tensor = family.example_input(batch_size, **{k: v for k, v in knobs if k in names})
    return x


def blocks_of(depth: int, *, causal: bool = False, **knobs: Any) -> nn.Sequential:
    """`depth` blocks with every knob off but the given ones."""
    size = transformer.Size(WIDTH, HEADS)
    return transformer.transformer_blocks(
        "test", depth, size=size, mlp_ratio=4.0, causal=causal, **{**OFF, **knobs}
    )


def rms(x: Tensor) -> float:
    return x.detach().square().mean().sqrt().item()


def exactly(message: str) -> str:
    return f"^{re.escape(message)}$"


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


def test_stochastic_depth_needs_shortcuts() -> None:
    """A dropped block without a shortcut would pass nothing on: it is refused."""
    message = (
        "stochastic_depth must be 0 without shortcuts for vit, where a dropped block passes "
        "nothing on; got 0.2: set residual=true or stochastic_depth=0"
    )
    with pytest.raises(ValueError, match=exactly(message)):
        small(vit, stochastic_depth=0.2, residual=False)


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
@pytest.mark.parametrize("family", FAMILIES)
def test_random_remedies_are_for_training_only(family: ModuleType, remedy: str) -> None:
    """Two passes differ in training; in evaluation the network is the one without the remedy."""
    torch.manual_seed(0)
    network, without = small(family, **{remedy: 0.5}), small(family)
    without.load_state_dict(network.state_dict())
    x = example_of(family, 8)
    assert not torch.equal(network(x), network(x))
    assert torch.equal(network.eval()(x), without.eval()(x))


@pytest.mark.parametrize(
    "knob", KNOB_VALUES, ids=lambda knob: "-".join(f"{k}={v}" for k, v in knob.items())
)
@pytest.mark.parametrize("family", FAMILIES)
def test_every_knob_value_trains(family: ModuleType, knob: dict[str, Any]) -> None:
    """A step leaves a finite loss, and every parameter had a finite gradient."""
    torch.manual_seed(0)
    network = small(family, **knob)
    x = example_of(family, 4)
    optimizer = torch.optim.SGD(network.parameters(), lr=1e-3)
    logits = network(x).flatten(0, -2)
    targets = torch.arange(len(logits)) % 10
    nn.functional.cross_entropy(logits, targets).backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in network.parameters())
    optimizer.step()
    after = nn.functional.cross_entropy(network(x).flatten(0, -2), targets)
    assert after.isfinite()


@pytest.mark.parametrize("knobs", [{}, {**OFF, "dropout": 0.1, "stochastic_depth": 0.1}], ids=str)
@pytest.mark.parametrize("family", FAMILIES)
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


@pytest.mark.parametrize("init", INITS)
@pytest.mark.parametrize("family", FAMILIES)
def test_seed_decides_the_weights(family: ModuleType, init: str) -> None:
    """The same global seed gives the same weights, another seed different ones."""

    def weights(seed: int) -> Tensor:
        torch.manual_seed(seed)
        return nn.utils.parameters_to_vector(small(family, init=init).parameters())

    assert torch.equal(weights(1), weights(1))
    assert not torch.equal(weights(1), weights(2))


@pytest.mark.parametrize("family", FAMILIES)
def test_plain_twin(family: ModuleType) -> None:
    """The plain and the residual network share every weight, and compute something else."""
    twins = [small(family, residual=r) for r in (True, False)]
    twins[1].load_state_dict(twins[0].state_dict())
    x = example_of(family, 4)
    assert not torch.allclose(twins[0](x), twins[1](x))
    assert count_flops(family, 2) == count_flops(family, 2, residual=False)


@pytest.mark.parametrize("family", FAMILIES)
def test_blocks_are_named_in_order(family: ModuleType) -> None:
    """Depth blocks are found as `blocks.0`, `blocks.1`, …; the parts come in order, `head` last."""
    network = small(family, 5)
    blocks = network.get_submodule("blocks")
    names = [name for name, m in network.named_modules() if m in set(blocks.children())]
    assert names == [f"blocks.{i}" for i in range(5)]
    parts = [name for name, _ in network.named_children() if name != "pool"]
    assert parts == ["stem", "blocks", "norm", "head"]


@pytest.mark.parametrize("knobs", [{"norm_position": "post"}, {"norm": "none"}], ids=str)
@pytest.mark.parametrize("family", FAMILIES)
def test_no_final_norm_after_post_norm(family: ModuleType, knobs: dict[str, Any]) -> None:
    """Only `pre` needs a norm before the head: 2 w parameters fewer."""
    assert "norm" not in dict(small(family, **knobs).named_children())


@pytest.mark.parametrize("family", FAMILIES)
def test_costs_are_linear_in_depth(family: ModuleType) -> None:
    """Each block adds equal FLOPs and parameters, and samples add equal FLOPs."""
    parameters = [count_parameters(family, depth) for depth in (1, 2, 3)]
    flops = [count_flops(family, depth)[1] for depth in (1, 2, 3)]
    for counts in (parameters, flops):
        assert len({b - a for a, b in itertools.pairwise(counts)}) == 1
    assert count_flops(family, 1, batch_size=3)[0] == 3 * count_flops(family, 1)[0]


@pytest.mark.parametrize("family", FAMILIES)
def test_every_suggested_depth_builds(family: ModuleType) -> None:
    """Each of `depths` is a depth of the family, and counts its blocks."""
    assert list(family.depths) == sorted(set(family.depths))
    for depth in family.depths:
        with torch.device("meta"):
            assert len(family.build(depth).get_submodule("blocks")) == depth


@pytest.mark.parametrize("family", FAMILIES)
def test_size_gives_width_and_heads(family: ModuleType) -> None:
    """A size is short for its width and heads."""
    for name, (width, heads) in family.SIZES.items():
        with torch.device("meta"):
            by_name = family.build(1, size=name)
            by_hand = family.build(1, width=width, heads=heads)
        shapes = [{k: v.shape for k, v in n.state_dict().items()} for n in (by_name, by_hand)]
        assert shapes[0] == shapes[1]


@pytest.mark.parametrize("family", FAMILIES)
def test_knobs_can_be_read_from_the_signature(family: ModuleType) -> None:
    """Each knob is keyword-only, has a default and a plain annotation."""
    allowed = (int, float, bool, str, tuple[int, ...], float | None, int | None)
    depth, *knobs = inspect.signature(family.build).parameters.values()
    assert (depth.name, depth.annotation) == ("depth", int)
    for knob in knobs:
        assert knob.kind is knob.KEYWORD_ONLY
        assert knob.default is not knob.empty
        assert knob.annotation in allowed


@pytest.mark.parametrize("depth", [0, True, 2.0, "2"])
@pytest.mark.parametrize("family", FAMILIES)
def test_wrong_depth(family: ModuleType, depth: Any) -> None:
    """A depth that is no number of blocks is refused."""
    rule = "depth must be an integer of at least 1"
    message = f"{rule} for {name_of(family)} (1, 2, 3, …); got {depth!r}"
    with pytest.raises(ValueError, match=exactly(message)):
        family.build(depth)


@pytest.mark.parametrize(
    ("knobs", "message"),
    [
        (
            {"activation": "foo"},
            "unknown activation 'foo' for {}; known: "
            "relu, leaky_relu, gelu, elu, selu, tanh, sigmoid, gelu_tanh",
        ),
        ({"norm": "batch"}, "unknown norm 'batch' for {}; known: none, layer, rms"),
        ({"norm_position": "mid"}, "unknown norm_position 'mid' for {}; known: pre, post"),
        ({"width": 0}, "width must be an integer of at least 1 for {}; got 0"),
        ({"heads": 2.0}, "heads must be an integer of at least 1 for {}; got 2.0"),
        ({"mlp_ratio": 0}, "mlp_ratio must be a finite number above 0 for {}; got 0"),
        ({"mlp_ratio": None}, "mlp_ratio must be a finite number above 0 for {}; got None"),
        ({"dropout": 1.0}, "dropout must be a number in [0, 1) for {}; got 1.0"),
        ({"stochastic_depth": 1}, "stochastic_depth must be a number in [0, 1) for {}; got 1"),
        ({"layer_scale": 0.0}, "layer_scale must be a finite number above 0 for {}; got 0.0"),
        ({"residual": 1}, "residual must be true or false for {}; got 1"),
        (
            {"width": 100, "heads": 12},
            "width must be a multiple of heads for {}; got width 100 and 12 heads: "
            "set width or heads",
        ),
    ],
    ids=str,
)
@pytest.mark.parametrize("family", FAMILIES)
def test_wrong_knob(family: ModuleType, knobs: dict[str, Any], message: str) -> None:
    """A knob's wrong value is refused with what is known or expected, and what was found."""
    with pytest.raises(ValueError, match=exactly(message.format(name_of(family)))):
        family.build(2, **knobs)
