"""Identity shortcuts and scaled branches."""

import math
from typing import Any

import pytest
import torch
from torch import nn

from bench import families
from bench.train.treatments.residual import Residual, Scaled, has_shortcut
from bench.train.treatments.shortcut import branch_scale, shortcut
from bench.train.treatments.surgery import calls
from tests.bench.train.treatments import nets


def _with_shortcuts(model: nn.Module, x: torch.Tensor, scale: float | str = 1.0) -> Any:
    prepare = shortcut(scale=scale).prepare
    assert prepare is not None
    return prepare(model, x)


def _scaled(model: nn.Module, x: torch.Tensor, rule: str) -> Any:
    prepare = branch_scale(rule=rule).prepare
    assert prepare is not None
    return prepare(model, x)


def _factors(model: nn.Module) -> list[float]:
    return [module.factor for module in model.modules() if isinstance(module, Scaled)]


def _zero(model: nn.Module) -> None:
    for parameter in model.parameters():
        parameter.data.zero_()


# --- shortcuts ---------------------------------------------------------------------------------


@pytest.mark.parametrize("scale", [1.0, 0.5, "sqrt", "linear"])
def test_with_a_zero_body_the_block_is_the_identity(scale: float | str) -> None:
    """Around repeated blocks of any kind."""
    stack = nn.Sequential(*(nn.Sequential(nn.Linear(6, 6), nn.Tanh()) for _ in range(3)))
    model, x = _with_shortcuts(stack, nets.batch(), scale), nets.batch()
    _zero(model)
    assert torch.equal(model(x), x)


@pytest.mark.parametrize(("scale", "factor"), [(0.5, 0.5), ("sqrt", 0.5), ("linear", 0.25)])
def test_the_branch_is_scaled(scale: float | str, factor: float) -> None:
    """x + factor f(x), with 1/sqrt(L) and 1/L for L = 4."""
    model = nn.Sequential(*(nn.Sequential(nn.Linear(6, 6), nn.Tanh()) for _ in range(4)))
    first, x = model[0], nets.batch()
    expected = x + factor * first(x)
    _with_shortcuts(model, x, scale)
    assert isinstance(model[0], Residual)
    assert torch.allclose(model[0](x), expected)


def test_a_flat_network_gets_them_around_its_weight_layers() -> None:
    """All but the head, before the activation: h = act(x + W x)."""
    model, x = nets.flat(4), nets.batch()
    expected = torch.relu(x + model[0](x))
    _with_shortcuts(model, x)
    assert torch.allclose(model[:2](x), expected)
    assert [isinstance(m, Residual) for m in model] == [True, False] * 3 + [False]


def test_functional_activations_are_no_obstacle() -> None:
    """Shortcuts need no activation module."""
    assert isinstance(_with_shortcuts(nets.Functional(), nets.batch()).one, Residual)


@pytest.mark.parametrize(
    ("family", "depth", "shape"),
    [
        ("resnet", 8, (1, 40)),
        ("mlp", 8, (1, 40)),
        ("vit:width=8,heads=2,patch=4,input_shape=3x8x8,classes=3", 2, (3, 8, 8)),
    ],
)
def test_a_plain_twin_becomes_its_residual_network(
    family: str, depth: int, shape: tuple[int, ...]
) -> None:
    """With the same weights it computes the same."""
    separator = "," if ":" in family else ":"
    plain = families.find(f"{family}{separator}residual=false").build(depth)
    residual = families.find(f"{family}{separator}residual=true").build(depth)
    residual.load_state_dict(plain.state_dict())
    x = torch.randn(4, *shape)
    _with_shortcuts(plain, x)
    assert torch.equal(plain(x), residual(x))


def test_only_blocks_that_keep_their_shape_get_one() -> None:
    """In a network with stages."""
    model = families.find("cifar_resnet:residual=false,width=2").build(20)
    model = _with_shortcuts(model, torch.randn(2, 3, 32, 32))
    added = [i for i, block in enumerate(model.blocks) if block.shortcut is not None]
    assert added == [0, 1, 2, 4, 5, 7, 8]


def test_repeated_blocks_that_keep_their_shape() -> None:
    """A plain network that has no place for shortcuts gets them around blocks."""
    model = families.find("vgg:input_shape=3x32x32,width=1").build(16)
    model = _with_shortcuts(model, torch.randn(2, 3, 32, 32))
    added = [i for i, block in enumerate(model.blocks) if isinstance(block, Residual)]
    assert added == [5, 8, 10, 11]
    model(torch.randn(2, 3, 32, 32)).sum().backward()


@pytest.mark.parametrize(
    "family",
    ["resnet", "vit:width=8,heads=2,patch=4,input_shape=3x8x8,classes=3", "densenet:growth=2"],
)
def test_residual_and_dense_networks_are_refused(family: str) -> None:
    """They have shortcuts already, or every block changes the shape."""
    found = families.find(family)
    with pytest.raises(ValueError, match="expected blocks without a shortcut"):
        _with_shortcuts(found.build((found.depths or (8,))[2]), found.example_input(2))


def test_a_users_residual_block_is_recognised() -> None:
    """By what it computes: without parameters the output still follows the input."""
    model, x = nets.residual(), nets.batch(4, nets.WIDTH, 10)
    with pytest.raises(ValueError, match="expected blocks without a shortcut"):
        _with_shortcuts(model, x)


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        (nn.Linear(6, 6), False),
        (nn.Sequential(nn.Linear(6, 6), nn.BatchNorm1d(6), nn.Sigmoid()), False),
        (nn.utils.parametrizations.weight_norm(nn.Linear(6, 6)), False),
        (Residual(nn.Linear(6, 6)), True),
        (nn.ReLU(), True),
    ],
)
def test_whether_a_block_has_a_shortcut(block: nn.Module, expected: bool) -> None:
    """The block and the global random state stay as they were."""
    before = {k: v.clone() for k, v in block.state_dict().items()}
    state = torch.get_rng_state()
    (call,) = calls(block, nets.batch(), [block])
    assert has_shortcut(call) is expected
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(v, before[k]) for k, v in block.state_dict().items())


@pytest.mark.parametrize("training", [True, False])
def test_surgery_keeps_the_mode(training: bool) -> None:
    """Of everything, what was put in too."""
    family = families.find("mlp").build(4)
    for model, x in ((nets.flat(), nets.batch()), (family, torch.randn(4, 1, 40))):
        _with_shortcuts(model.train(training), x, "sqrt")
        assert {m.training for m in model.modules()} == {training}


# --- scaled branches ---------------------------------------------------------------------------


@pytest.mark.parametrize(("rule", "factor"), [("sqrt", 1 / math.sqrt(3)), ("linear", 1 / 3)])
def test_every_branch_of_a_family_is_scaled(rule: str, factor: float) -> None:
    """By the number of branches: depth 8 has three blocks."""
    model: Any = families.find("resnet").build(8)
    x = torch.randn(4, 1, 40)
    block, h = model.blocks[0], torch.randn(4, 24, 20)
    expected = torch.relu(h + factor * block.body(h))
    _scaled(model, x, rule)
    assert torch.allclose(block(h), expected)
    assert _factors(model) == pytest.approx([factor] * 3)


def test_a_transformer_block_has_two_branches() -> None:
    """Attention and perceptron each count."""
    text = "vit:width=8,heads=2,patch=4,input_shape=3x8x8,classes=3"
    model = _scaled(families.find(text).build(2), torch.randn(2, 3, 8, 8), "linear")
    assert _factors(model) == [1 / 4] * 4


def test_token_ids_are_inputs_too() -> None:
    """The plain twin of a language model becomes its residual network."""
    text = "gpt:width=8,heads=2,vocabulary=11,context=5"
    plain, residual = (families.find(f"{text},residual={r}").build(2) for r in ("false", "true"))
    residual.load_state_dict(plain.state_dict())
    ids = torch.arange(10).view(2, 5)
    assert torch.equal(_with_shortcuts(plain, ids)(ids), residual(ids))


def test_a_users_branch_is_scaled_where_it_ends() -> None:
    """In its last norm, behind which only the addition comes."""
    model: Any = nets.residual(4)
    x = nets.batch(4, nets.WIDTH, 10)
    block = model[0][0]
    branch = block.bn2(block.conv2(torch.relu(block.bn1(block.conv1(x)))))
    _scaled(model, x, "sqrt")
    assert torch.allclose(block(x), torch.relu(x + branch / 2))
    assert _factors(model) == [0.5] * 4


def test_without_norms_variance_stays_below_e() -> None:
    """2^L without scale, about (1 + 1/L)^L with 1/sqrt(L): linear branches of unit gain."""
    torch.manual_seed(0)

    def variance(scale: float | str) -> float:
        stack = nn.Sequential(*(nn.Sequential(nn.Linear(200, 200, bias=False)) for _ in range(20)))
        for layer in stack.modules():
            if isinstance(layer, nn.Linear):
                nn.init.orthogonal_(layer.weight)
        x = torch.randn(64, 200)
        return float(_with_shortcuts(stack, x, scale)(x).detach().var())

    assert variance(1.0) == pytest.approx(2**20, rel=0.3)
    assert variance("sqrt") == pytest.approx((1 + 1 / 20) ** 20, rel=0.1)
    assert variance("linear") == pytest.approx((1 + 1 / 400) ** 20, rel=0.1)


@pytest.mark.parametrize("family", ["mlp", "resnet:residual=false"])
def test_plain_networks_have_no_branch_to_scale(family: str) -> None:
    """The error says how blocks are known."""
    with pytest.raises(ValueError, match="expected residual blocks to scale; found none"):
        _scaled(families.find(family).build(8), torch.randn(4, 1, 40), "sqrt")


def test_a_block_of_two_branches_in_one_is_refused() -> None:
    """PyTorch's pre-norm encoder layer: its last layer is the end of the second branch only."""
    layers = [nn.TransformerEncoderLayer(6, 2, 8, norm_first=True, batch_first=True) for _ in "ab"]
    with pytest.raises(ValueError, match="2 of 2 do not"):
        _scaled(nn.Sequential(*layers), nets.batch(4, 5, 6), "sqrt")
