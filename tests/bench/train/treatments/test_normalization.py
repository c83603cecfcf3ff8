"""Norms behind layers that have none."""

from typing import Any

import pytest
import torch
from torch import nn

from bench import families
from bench.train.treatments.normalization import normalization
from bench.train.treatments.surgery import norms
from tests.bench.train.treatments import nets


def _normalized(model: nn.Module, x: torch.Tensor, kind: str = "batch") -> Any:
    prepare = normalization(kind=kind).prepare
    assert prepare is not None
    return prepare(model, x)


@pytest.mark.parametrize(("kind", "norm"), [("batch", nn.BatchNorm1d), ("layer", nn.GroupNorm)])
def test_every_layer_but_the_last_gets_a_norm(kind: str, norm: type[nn.Module]) -> None:
    """Directly behind it, before the activation."""
    model = _normalized(nets.flat(4).eval(), nets.batch(), kind)
    assert isinstance(model, nn.Sequential)
    assert [type(m[1]) for m in model if isinstance(m, nn.Sequential)] == [norm] * 3
    assert isinstance(model[-1], nn.Linear)
    assert not any(m.training for m in model.modules())


def test_the_output_of_a_normed_layer_has_unit_variance() -> None:
    """For each channel over the batch, in training."""
    x = nets.batch(256, nets.WIDTH)
    model = _normalized(nets.flat(8, nn.Tanh), x)
    out = model[:13](x)
    assert torch.allclose(out.mean(0), torch.zeros(6), atol=1e-5)
    assert torch.allclose(out.std(0, correction=0), torch.ones(6), atol=1e-2)


@pytest.mark.parametrize(
    ("family", "depth", "shape"),
    [
        ("mlp", 8, (1, 40)),
        ("resnet:norm=none", 8, (1, 40)),
        ("resnet:norm=none,residual=false,input_shape=1x8x8", 8, (1, 8, 8)),
        ("vgg:input_shape=3x32x32,width=1", 11, (3, 32, 32)),
        ("densenet:norm=none,growth=2", 10, (3, 32, 32)),
    ],
)
def test_families_without_norms(family: str, depth: int, shape: tuple[int, ...]) -> None:
    """All weight layers but the head get one, and the network trains."""
    model, x = families.find(family).build(depth), torch.randn(4, *shape)
    layers = [m for m in model.modules() if isinstance(m, nn.Linear | nn.Conv1d | nn.Conv2d)]
    _normalized(model, x)
    assert len(norms(model)) == len(layers) - 1
    model(x).sum().backward()


def test_tokens_get_layer_norms() -> None:
    """A batch norm would normalise the tokens; the patches' convolution can have one."""
    text = "vit:norm=none,width=8,heads=2,patch=4,input_shape=3x8x8,classes=3"
    model = _normalized(families.find(text).build(2), torch.randn(4, 3, 8, 8))
    kinds = [type(norm) for norm in norms(model)]
    assert kinds == [nn.BatchNorm2d] + [nn.LayerNorm] * 8


@pytest.mark.parametrize(
    "family", ["mlp:norm=batch", "resnet", "densenet:growth=2", "preact_resnet"]
)
def test_a_network_with_norms_everywhere_is_refused(family: str) -> None:
    """Also where the norms come before the weights."""
    found = families.find(family)
    with pytest.raises(ValueError, match="norms everywhere"):
        _normalized(found.build((found.depths or (8,))[2]), found.example_input(2))


def test_the_norm_of_a_transformer_counts() -> None:
    """The pre-norm block has one before each branch."""
    text = "vit:width=8,heads=2,patch=4,input_shape=3x8x8,classes=3"
    with pytest.raises(ValueError, match="norms everywhere"):
        _normalized(families.find(text).build(2), torch.randn(4, 3, 8, 8))


def test_attention_of_pytorch_is_left_alone() -> None:
    """It reads its layer's weight past the layer."""

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.attention = nn.MultiheadAttention(6, 2, batch_first=True)
            self.one = nn.Linear(6, 6)
            self.two = nn.Linear(6, 3)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            mixed, _ = self.attention(x, x, x)
            out: torch.Tensor = self.two(self.one(mixed).mean(1))
            return out

    model = _normalized(Net(), torch.randn(4, 5, 6))
    assert [type(norm) for norm in norms(model)] == [nn.LayerNorm]


def test_a_network_that_reads_weights_itself_is_refused() -> None:
    """The error says why the surgery does not work."""
    with pytest.raises(ValueError, match="in another way than by calling them") as caught:
        _normalized(nets.PastModules(), nets.batch())
    assert "\n" not in str(caught.value)


def test_norms_are_where_the_weights_are() -> None:
    """In their dtype too."""
    model = _normalized(nets.flat(3).double(), nets.batch().double())
    assert {p.dtype for p in model.parameters()} == {torch.float64}
