"""The counter on every built-in family, by identities that no formula of an operator knows of."""

from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from bench import families
from bench.measure.operations import count
from bench.records import Operations

EVERY_FAMILY = pytest.mark.parametrize("name", families.BUILT_IN)


def smallest(name: str) -> int:
    """The least depth that the family names."""
    depths = families.find(name).depths
    assert depths is not None
    return depths[0]


def build(spec: str, depth: int, *, batch_size: int = 1) -> tuple[nn.Module, Tensor]:
    family = families.find(spec)
    with torch.device("meta"):
        return family.build(depth), family.example_input(batch_size)


def counted(spec: str, depth: int, *, batch_size: int = 1) -> Operations:
    return count(*build(spec, depth, batch_size=batch_size))


def first_layer_flops(network: nn.Module, x: Tensor) -> int:
    """FLOPs forward of the layer that sees the input; an embedding has none."""
    first = next(m for m in network.modules() if hasattr(m, "weight"))
    seen: list[Tensor] = []
    handle = first.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    network(x)
    handle.remove()
    return count(first, seen[0]).forward_flops


@EVERY_FAMILY
def test_forward_and_backward_is_three_forwards_less_the_first_layer(name: str) -> None:
    """Every product has two of its size in the backward, but the first layer's input needs no
    gradient; a language model, which begins with an embedding, is three forwards exactly."""
    network, x = build(name, smallest(name), batch_size=2)
    operations = count(network, x)
    first = first_layer_flops(network, x)
    assert (first == 0) is (name == "gpt")
    assert operations.flops("step") == 3 * operations.forward_flops - first
    assert operations.uncounted_ops == ()
    assert operations.device == "meta"


@EVERY_FAMILY
def test_flop_counter_of_pytorch_agrees_on_the_meta_device(name: str) -> None:
    """Where convolutions have no groups PyTorch's formulas are right, forward and backward."""
    network, x = build(name, smallest(name))
    with FlopCounterMode(display=False) as forward:
        output = network(x)
    with FlopCounterMode(display=False) as backward:
        output.mean().backward()
    operations = count(network, x)
    assert operations.forward_flops == forward.get_total_flops()
    assert operations.backward_flops == backward.get_total_flops()


class Growth(NamedTuple):
    """Depths `depth`, `depth + step`, … differ in the number of equal blocks; where each block
    sees the outputs of all before it, costs are a polynomial of degree 2 in their number."""

    spec: str
    depth: int
    step: int
    degree: int = 1


@pytest.mark.parametrize(
    "growth",
    [
        Growth("mlp", 4, 1),
        Growth("resnet", 4, 2),
        Growth("cifar_resnet", 8, 6),
        Growth("resnet_imagenet", 18, 2),
        Growth("resnet_imagenet", 50, 3),
        Growth("preact_resnet", 11, 9),
        Growth("wide_resnet", 10, 6),
        Growth("densenet", 16, 6, degree=2),
        Growth("vit", 1, 1),
        Growth("gpt:size=medium", 1, 1),
    ],
    ids=lambda growth: f"{growth.spec}-{growth.depth}",
)
def test_equal_blocks_cost_the_same(growth: Growth) -> None:
    """Differences of that degree are constant, forward and backward."""
    depths = [growth.depth + i * growth.step for i in range(growth.degree + 3)]
    counts = [counted(growth.spec, depth) for depth in depths]
    for pass_ in ("forward", "backward"):
        flops = torch.tensor([operations.flops(pass_) for operations in counts])
        difference = flops.diff(n=growth.degree)
        assert (difference > 0).all()
        assert (difference == difference[0]).all()


@EVERY_FAMILY
def test_each_row_of_the_batch_costs_the_same(name: str) -> None:
    """Five samples are five times one."""
    one, five = (counted(name, smallest(name), batch_size=n) for n in (1, 5))
    for pass_ in ("forward", "backward"):
        flops = one.flops(pass_)
        assert flops is not None
        assert five.flops(pass_) == 5 * flops


# --- attention where the kernels of a CPU would hide it ----------------------------------------


@pytest.mark.parametrize(
    "spec", ["vit:size=Ti,input_shape=3x32x32,patch=8", "gpt:vocabulary=50,context=12,width=48"]
)
def test_a_network_on_a_cpu_is_counted_as_on_the_meta_device(spec: str) -> None:
    """Attention included, whose CPU kernel has no formula."""
    family = families.find(spec)
    network, x = family.build(2), family.example_input(3)
    assert not x.is_meta
    assert count(network, x) == counted(spec, 2, batch_size=3)


WIDTH, HEADS, HIDDEN, LAYERS = 32, 4, 48, 3
BATCH, LENGTH = 2, 12
LAYER_FLOPS = 2 * BATCH * LENGTH * (4 * WIDTH**2 + 2 * LENGTH * WIDTH + 2 * WIDTH * HIDDEN)


def encoder() -> nn.TransformerEncoder:
    layer = nn.TransformerEncoderLayer(WIDTH, HEADS, HIDDEN, batch_first=True)
    return nn.TransformerEncoder(layer, LAYERS)


def test_encoder_counted_without_gradients_hides_nothing() -> None:
    """In eval mode and under `no_grad`, where PyTorch's own count is too small, every layer is
    counted: four projections, two products of attention, two linear layers."""
    network, x = encoder().eval(), torch.zeros(BATCH, LENGTH, WIDTH)
    with torch.no_grad():
        with FlopCounterMode(display=False) as counter:
            network(x)
        operations = count(network, x)
        assert not torch.is_grad_enabled()
    assert counter.get_total_flops() < LAYERS * LAYER_FLOPS
    assert operations.forward_flops == LAYERS * LAYER_FLOPS
    assert operations.flops("step") == 3 * LAYERS * LAYER_FLOPS - 2 * BATCH * LENGTH * 3 * WIDTH**2


# --- convolutions with groups ------------------------------------------------------------------

CHANNELS, SIDE = 12, 9


class Separate(nn.Module):
    """A convolution with groups written as that many convolutions without."""

    def __init__(self, groups: int, make: Callable[..., nn.Module]) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, CHANNELS, 1)
        width = CHANNELS // groups
        self.parts = nn.ModuleList(make(width, width) for _ in range(groups))

    def forward(self, x: Tensor) -> Tensor:
        pieces = self.stem(x).chunk(len(self.parts), dim=1)
        return torch.cat([part(piece) for part, piece in zip(self.parts, pieces, strict=True)], 1)


@pytest.mark.parametrize("groups", [1, 3, CHANNELS])
@pytest.mark.parametrize("kind", [nn.Conv2d, nn.ConvTranspose2d])
@pytest.mark.parametrize("options", [{}, {"stride": 2}, {"dilation": 2, "padding": 1}])
def test_groups_cost_what_separate_convolutions_cost(
    options: dict[str, int], kind: type[nn.Module], groups: int
) -> None:
    """So PyTorch's formulas, which are right without groups, tell what is right with them."""

    def make(*channels: int, **more: Any) -> nn.Module:
        return kind(*channels, 3, **options, **more)

    x = torch.empty(2, 3, SIDE, SIDE, device="meta")
    with torch.device("meta"):
        together = nn.Sequential(nn.Conv2d(3, CHANNELS, 1), make(CHANNELS, CHANNELS, groups=groups))
        separate = Separate(groups, make)
    with FlopCounterMode(display=False) as counter:
        separate(x).mean().backward()
    assert count(together, x).flops("step") == counter.get_total_flops()
