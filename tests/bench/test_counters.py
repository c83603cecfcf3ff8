"""Other counters used as they are meant, and each known reason for which one of them is wrong.

A reason that no longer holds, since that counter was mended, fails here: then `docs/counting.md`
is out of date.
"""

import copy
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bench import counters, mobilenet_v2
from bench.counters import COUNTERS, FVCORE, OURS, Counter
from bench.measure import cross_check

BY_NAME = {counter.name: counter for counter in COUNTERS}

ROWS, LENGTH, WIDTH, HEADS = 2, 6, 8, 2


def installed(name: str) -> Counter:
    counter = BY_NAME[name]
    pytest.importorskip(counter.package, reason=f"{counter.package} is missing")
    return counter


@pytest.fixture(params=BY_NAME)
def counter(request: pytest.FixtureRequest) -> Counter:
    return installed(request.param)


def forward(counter: Counter, network: nn.Module, x: Tensor) -> int:
    network = copy.deepcopy(network).eval().to(counter.device)
    return counter.forward(network, x.to(counter.device))


def image_network() -> nn.Module:
    """A stem, a depthwise convolution and a head, without any bias."""
    return nn.Sequential(
        nn.Conv2d(3, 16, 3, bias=False),
        nn.BatchNorm2d(16, affine=False),
        nn.ReLU(),
        nn.Conv2d(16, 16, 3, groups=16, bias=False),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(16, 5, bias=False),
    )


STEM = 6 * 6 * 16 * 3 * 9
DEPTHWISE = 4 * 4 * 16 * 9
IMAGE_MACS = STEM + DEPTHWISE + 16 * 5


def image() -> Tensor:
    return torch.zeros(1, 3, 8, 8)


# --- what all agree on -------------------------------------------------------------------------


def test_all_agree_on_products_and_convolutions(counter: Counter) -> None:
    """Converted to MACs and without what they add, all give the closed form, groups included."""
    assert forward(counter, image_network(), image()) == IMAGE_MACS


def test_parameters(counter: Counter) -> None:
    """Those that give a number give the right one."""
    if counter.parameters is None:
        assert counter.package == "torch"
        return
    network = image_network().to("meta").eval()
    expected = 16 * 3 * 9 + 16 * 9 + 16 * 5
    assert counter.parameters(network, image().to("meta")) == expected


@pytest.mark.parametrize("name", ["fvcore", "ptflops_pytorch_cpu"])
def test_own_total_holds_more_than_products(name: str) -> None:
    """Norms, activations, pooling."""
    counter = installed(name)
    assert counter.printed is not None
    assert counter.printed(image_network().eval(), image()) > IMAGE_MACS


def test_the_cross_check_takes_fvcore_as_it_is_taken_here() -> None:
    """What is left out here, norms and pooling, is what is left out there."""
    network = image_network().eval()
    assert cross_check.fvcore_macs(network, image()) == FVCORE.forward(network, image())


def test_ours_forward_counts_no_backward_and_leaves_the_network_as_it_was() -> None:
    """What is trained and what is not is as before, also after an error."""
    network = image_network()
    network[0].requires_grad_(False)
    before = [p.requires_grad for p in network.parameters()]
    assert forward(OURS, network, image()) == IMAGE_MACS
    OURS.forward(network, image())
    with pytest.raises(RuntimeError):
        OURS.forward(network, torch.zeros(1, 4, 8, 8))
    assert [p.requires_grad for p in network.parameters()] == before


def test_a_frozen_network_has_no_step() -> None:
    """Nothing to train: an error in words, not a zero."""
    assert OURS.step is not None
    with pytest.raises(ValueError, match="nothing to train"):
        OURS.step(image_network().requires_grad_(False), image())


def test_ptflops_failing_is_an_error() -> None:
    """It prints the exception and returns nothing; here its words are passed on."""
    with pytest.raises(RuntimeError, match=r"ptflops counted nothing.*channels"):
        installed("ptflops_aten_cpu").forward(image_network(), torch.zeros(1, 4, 8, 8))


def test_a_missing_package_has_no_version() -> None:
    """None, as for everything unknown."""
    missing = Counter(name="x", package="no-such-package", device="cpu", forward=OURS.forward)
    assert missing.version is None
    assert FVCORE.version is not None


# --- why some are wrong ------------------------------------------------------------------------


class Attention(nn.Module):
    """Linear, then scaled-dot-product attention of each row's tokens on themselves."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(WIDTH, WIDTH, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        heads = self.linear(x).unflatten(-1, (HEADS, -1)).transpose(1, 2)
        return F.scaled_dot_product_attention(heads, heads, heads)


LINEAR = ROWS * LENGTH * WIDTH**2
PRODUCTS = 2 * ROWS * LENGTH**2 * WIDTH


def tokens() -> Tensor:
    return torch.zeros(ROWS, LENGTH, WIDTH)


@pytest.mark.parametrize("name", ["howdeep", "ptflops_aten_meta", "torch_meta"])
def test_attention_is_seen_on_the_meta_device(name: str) -> None:
    """There it is made of its two products."""
    assert forward(installed(name), Attention(), tokens()) == LINEAR + PRODUCTS


@pytest.mark.parametrize("name", ["fvcore", "ptflops_aten_cpu", "torch_cpu"])
def test_attention_on_a_cpu_is_counted_as_nothing(name: str) -> None:
    """Its fused kernel is in none of their tables: both products are missing."""
    assert forward(installed(name), Attention(), tokens()) == LINEAR


def test_torchinfo_takes_a_sequence_for_one_token() -> None:
    """Of a linear layer's input it sees the batch and the features."""
    network = nn.Linear(WIDTH, WIDTH, bias=False)
    assert forward(installed("torchinfo_cpu"), network, tokens()) == LINEAR // LENGTH


class Tied(nn.Module):
    """A language model without a body: its head is its embedding."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(11, WIDTH)
        self.head = nn.Linear(WIDTH, 11, bias=False)
        self.head.weight = self.embedding.weight

    def forward(self, ids: Tensor) -> Tensor:
        logits: Tensor = self.head(self.embedding(ids))
        return logits


@pytest.mark.parametrize(("name", "times"), [("howdeep", 1), ("fvcore", 1), ("torchinfo_cpu", 2)])
def test_torchinfo_counts_a_tied_weight_twice(name: str, times: int) -> None:
    """It adds up modules; the others go by parameters."""
    parameters = installed(name).parameters
    assert parameters is not None
    ids = torch.zeros(1, 4, dtype=torch.int64)
    assert parameters(Tied(), ids) == times * 11 * WIDTH


def test_torchinfo_takes_norms_and_biases_for_multiply_adds() -> None:
    """Each of their parameters is one, whatever the size of the map."""
    network = nn.Sequential(nn.Conv2d(3, 4, 1, bias=False), nn.BatchNorm2d(4))
    assert forward(installed("torchinfo_cpu"), network, image()) == 8 * 8 * 12 + 2 * 4


@pytest.mark.parametrize("name", ["ptflops_aten_cpu", "ptflops_aten_meta", "ptflops_pytorch_cpu"])
def test_ptflops_takes_biases_for_multiply_adds(name: str) -> None:
    """One for each element of the output."""
    assert forward(installed(name), nn.Linear(WIDTH, 3), torch.zeros(ROWS, WIDTH)) == (
        ROWS * (WIDTH + 1) * 3
    )


class Functional(nn.Module):
    """A product without a module of its own, as the head of a language model may be."""

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, torch.zeros(3, WIDTH, device=x.device))


@pytest.mark.parametrize(
    ("name", "macs"),
    [("howdeep", ROWS * WIDTH * 3), ("fvcore", ROWS * WIDTH * 3), ("ptflops_pytorch_cpu", 0)],
)
def test_ptflops_by_modules_misses_functions(name: str, macs: int) -> None:
    """A linear function counts nothing, also in its own total."""
    counter = installed(name)
    network = nn.Sequential(nn.Flatten(), Functional(), nn.Linear(3, 1, bias=False))
    x = torch.zeros(ROWS, WIDTH)
    assert forward(counter, network, x) == macs + ROWS * 3
    if counter.printed is not None and not macs:
        assert counter.printed(network, x) == ROWS * 3


def step(counter: Counter, build: Callable[[], nn.Module], x: Tensor) -> int:
    assert counter.step is not None
    return counter.step(build().eval().to(counter.device), x.to(counter.device))


def test_ours_counts_the_backward_of_a_depthwise_convolution() -> None:
    """Two products of the forward's size; one for the first layer."""
    assert step(OURS, image_network, image()) == 2 * (3 * IMAGE_MACS - STEM)


@pytest.mark.parametrize("name", ["torch_cpu", "torch_meta"])
def test_pytorch_counts_the_backward_of_a_depthwise_convolution_as_a_full_one(name: str) -> None:
    """One of its two products as often as there are channels: more than ours by that."""
    extra = step(installed(name), image_network, image()) - step(OURS, image_network, image())
    assert extra == 2 * (16 - 1) * DEPTHWISE


def test_only_ours_is_right_about_the_depthwise_network() -> None:
    """Forward and backward of MobileNetV2, by those that can count it on the meta device."""
    layers = list(mobilenet_v2.layers())
    truth = 2 * (3 * sum(layer.macs for layer in layers) - layers[0].macs)
    x = torch.zeros(1, *mobilenet_v2.INPUT_SHAPE)
    assert step(OURS, mobilenet_v2.build, x) == truth
    assert step(installed("torch_meta"), mobilenet_v2.build, x) > 6 * truth


def test_no_count_changes_the_next(counter: Counter) -> None:
    """Each counts a copy of its own: what it may leave outside the network changes no count."""
    network = image_network()
    assert forward(counter, network, image()) == forward(counter, network, image())


def test_counters_are_named_once() -> None:
    """Names are what rows and benchmarks are known by; ours is first."""
    assert len(BY_NAME) == len(COUNTERS)
    assert COUNTERS[0] is OURS
    assert counters.FVCORE in COUNTERS
