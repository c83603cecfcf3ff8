"""The receptive fields of known networks, and the layer from which on depth adds no context."""

from collections.abc import Callable, Iterable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bench import families
from bench.measure.receptive_field import LayerField, ReceptiveFields, receptive_fields


def fields(model: nn.Module, *shape: int) -> ReceptiveFields:
    found = receptive_fields(model, torch.randn(2, *shape))
    assert found is not None
    return found


def last(model: nn.Module, *shape: int) -> LayerField:
    return fields(model, *shape).layers[-1]


def threes(number: int) -> nn.Sequential:
    return nn.Sequential(*(nn.Conv2d(1, 1, 3, padding=1) for _ in range(number)))


class Functional(nn.Module):
    """A forward that is a function of one convolution."""

    def __init__(self, function: Callable[[Tensor, nn.Module], Tensor], conv: nn.Module) -> None:
        super().__init__()
        self.conv = conv
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x, self.conv)


@pytest.mark.parametrize("number", [1, 2, 5, 20])
def test_a_stack_of_3_wide_convolutions_sees_2n_plus_1(number: int) -> None:
    """Padding, channels and the size of the image do not matter."""
    layers = fields(threes(number), 1, 8, 8).layers
    assert [layer.after for layer in layers] == [(2 * n + 3,) * 2 for n in range(number)]
    assert [layer.before for layer in layers] == [(2 * n + 1,) * 2 for n in range(number)]
    assert {layer.jump for layer in layers} == {(1, 1)}


def test_a_stride_doubles_the_jump_of_what_follows() -> None:
    """A pool as well as a convolution; dilation spreads a kernel."""
    model = nn.Sequential(
        nn.Conv1d(1, 1, 3, stride=2), nn.MaxPool1d(2), nn.Conv1d(1, 1, 3, dilation=2)
    )
    found = fields(model, 1, 40)
    assert [layer.after for layer in found.layers] == [(3,), (5,), (21,)]
    assert [layer.jump for layer in found.layers] == [(2,), (4,), (4,)]
    assert [layer.kind for layer in found.layers] == ["convolution", "pool", "convolution"]
    assert found.input_size == (40,)


def test_dimensions_are_apart() -> None:
    """Kernels, strides and dilations that differ between height and width."""
    conv = nn.Conv2d(1, 1, (3, 5), stride=(1, 2), dilation=(2, 1))
    found = last(nn.Sequential(conv, nn.AvgPool2d((1, 2))), 1, 20, 20)
    assert (found.after, found.jump) == ((5, 7), (1, 4))


@pytest.mark.parametrize("pool", [nn.AvgPool3d(2), nn.MaxPool3d(2)])
def test_volumes(pool: nn.Module) -> None:
    """Three dimensions are as two."""
    assert last(nn.Sequential(nn.Conv3d(1, 1, 3), pool), 1, 6, 6, 6).after == (4, 4, 4)


ALEXNET = [(11, 4), (3, 2), (5, 1), (3, 2), (3, 1), (3, 1), (3, 1), (3, 2)]
MOBILENET = [(3, 2), *((3, s) for s in (1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1))]


@pytest.mark.parametrize(("windows", "published"), [(ALEXNET, 195), (MOBILENET, 315)])
def test_published_stacks(windows: Iterable[tuple[int, int]], published: int) -> None:
    """AlexNet and MobileNet: Araujo et al. 2019, Distill, table 1."""
    model = nn.Sequential(*(nn.Conv1d(1, 1, k, stride=s, padding=k) for k, s in windows))
    assert last(model, 1, 32).after == (published,)


@pytest.mark.parametrize(
    ("spec", "depth", "published"),
    [
        ("resnet_imagenet:width=4,input_shape=3x64x64", 18, 435),
        ("vgg:width=4,input_shape=3x32x32", 16, 212),
    ],
)
def test_published_networks(spec: str, depth: int, published: int) -> None:
    """The last layer of ResNet-18 and VGG-16 as a whole network."""
    model = families.find(spec).build(depth)
    assert last(model, *(int(n) for n in spec.rsplit("=")[-1].split("x"))).after == (published,) * 2


def test_a_shortcut_keeps_the_larger_path() -> None:
    """The sum sees what the body sees, and also a concatenation does."""

    def residual(x: Tensor, body: nn.Module) -> Tensor:
        return x + body(x)

    def dense(x: Tensor, body: nn.Module) -> Tensor:
        return torch.cat((x, body(x)), dim=1)

    for join, channels in ((residual, 1), (dense, 2)):
        model = nn.Sequential(Functional(join, threes(2)), nn.Conv2d(channels, 1, 3))
        assert last(model, 1, 8, 8).before == (5, 5)


def test_writing_into_a_view_reaches_the_whole_tensor() -> None:
    """As a dense block does that shares its memory."""

    def preallocated(x: Tensor, conv: nn.Module) -> Tensor:
        whole = torch.empty(len(x), 2, *x.shape[2:])
        whole[:, :1] = x
        whole[:, 1:] = conv(x)
        return whole

    model = nn.Sequential(Functional(preallocated, threes(1)), nn.Conv2d(2, 1, 3))
    assert last(model, 1, 8, 8).before == (3, 3)


def test_functional_calls_count_and_are_named_after_their_module() -> None:
    """A module that calls several numbers them."""

    def function(x: Tensor, conv: nn.Module) -> Tensor:
        return F.avg_pool2d(F.max_pool2d(conv(x), 2), 2)

    layers = fields(Functional(function, nn.Conv2d(1, 1, 3)), 1, 16, 16).layers
    assert [layer.name for layer in layers] == ["conv", "Functional", "Functional#2"]
    assert layers[-1].after == (6, 6)


def test_the_border_layer_is_the_first_whose_input_sees_more_than_the_network() -> None:
    """Of 9 positions: the fifth convolution sees 9 of them, the sixth 11."""
    found = fields(threes(8), 1, 9, 9)
    assert found.border_layer == "5"
    assert found.share_beyond == 3 / 8


def test_every_dimension_has_to_be_seen() -> None:
    """A long image still has context to add; pools are no part of the share."""
    found = fields(nn.Sequential(nn.MaxPool2d(1), threes(4)), 1, 3, 40)
    assert found.border_layer is None
    assert found.share_beyond == 0


@pytest.mark.parametrize(
    ("model", "shape"),
    [
        (nn.Linear(4, 2), (4,)),
        (nn.Sequential(nn.Conv2d(1, 4, 2, stride=2), nn.Flatten(2), nn.Linear(16, 2)), (1, 8, 8)),
        (nn.Sequential(threes(2), nn.ConvTranspose2d(1, 1, 2, stride=2)), (1, 8, 8)),
        (nn.Sequential(threes(2), nn.Upsample(scale_factor=2)), (1, 8, 8)),
    ],
    ids=["perceptron", "patches", "transposed", "upsampled"],
)
def test_networks_without_a_border(model: nn.Module, shape: tuple[int, ...]) -> None:
    """No overlapping convolution, or positions that are added again."""
    assert receptive_fields(model, torch.randn(2, *shape)) is None


def test_squeeze_and_excitation_keeps_the_receptive_field() -> None:
    """What sees all positions at once is left out."""

    def excite(x: Tensor, conv: nn.Module) -> Tensor:
        x = conv(x)
        return x * F.adaptive_avg_pool2d(x, 1).sigmoid()

    model = nn.Sequential(Functional(excite, nn.Conv2d(1, 1, 3)), nn.Conv2d(1, 1, 3))
    assert last(model, 1, 8, 8).after == (5, 5)


def test_a_failing_network_is_left_as_found() -> None:
    """Mode and hooks, although its forward raises."""
    model = nn.Sequential(nn.Conv1d(1, 1, 3), nn.Linear(7, 2)).train()
    with pytest.raises(RuntimeError):
        receptive_fields(model, torch.randn(2, 1, 8))
    assert model.training
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())
