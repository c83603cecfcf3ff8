"""The perceptron, and how gradients pass through it when it is built."""

import pytest
import torch
from torch import Tensor, nn

from models import mlp
from tests.models.counts import count_flops, count_parameters


@pytest.mark.parametrize("depth", mlp.depths)
def test_closed_forms(depth: int) -> None:
    """Depth 1 is logistic regression; each hidden layer from the second on adds 10,100."""
    weights = 400 if depth == 1 else 5_000 + 10_000 * (depth - 2)
    biases = 10 if depth == 1 else 110 + 100 * (depth - 2)
    assert count_parameters(mlp, depth) == weights + biases
    forward, both, first = count_flops(mlp, depth)
    assert forward == 2 * weights
    assert both == 3 * forward - first


def test_input_is_flattened() -> None:
    """Only the number of input values matters, not their arrangement."""
    shapes = [(12,), (3, 4), (3, 2, 2)]
    torch.manual_seed(0)
    network = mlp.build(3, input_shape=shapes[0])
    outputs = [network(mlp.example_input(2, input_shape=shape)) for shape in shapes]
    assert torch.equal(outputs[0], outputs[1])
    assert torch.equal(outputs[0], outputs[2])


def test_identity_starts_at_the_second_hidden_layer() -> None:
    """The first hidden layer changes the width and has no shortcut."""
    network = mlp.build(4, residual=True)
    shortcuts = [block.shortcut is not None for block in network.get_submodule("blocks")]
    assert shortcuts == [False, True, True]


def mean_square_ratio(depth: int, init: str, *, seed: int, init_scale: float = 1.0) -> float:
    """mean((dL/dh_1)^2) / mean((dL/dh_{depth-1})^2), h_l the l-th hidden layer's output."""
    torch.manual_seed(seed)
    network = mlp.build(
        depth, input_shape=(256,), width=256, classes=256, init=init, init_scale=init_scale
    )
    for name, parameter in network.named_parameters():
        if name.endswith("bias"):
            nn.init.zeros_(parameter)
    hidden: list[Tensor] = []
    blocks = list(network.get_submodule("blocks").children())
    for block in (blocks[0], blocks[-1]):
        block.register_forward_hook(lambda _, __, out: hidden.append(out))
    logits = network(mlp.example_input(64, input_shape=(256,)))
    first, last = torch.autograd.grad(logits, hidden, torch.randn_like(logits))
    return (first.square().mean() / last.square().mean()).item()


@pytest.mark.parametrize(
    ("depth", "init", "expected"),
    [
        (10, "he", 1.0),
        (30, "he", 1.0),
        (30, "xavier", 2.0**-14),
        (10, "default", 6.0**-4),
    ],
)
def test_gradient_ratio_of_relu(depth: int, init: str, expected: float) -> None:
    """rms(dL/dh) of the first over the last hidden layer follows its closed form in width.

    With ReLU the mean square changes by fan_in Var(w) / 2 a layer: 1 for He (2 / fan_in), 1/2 for
    Xavier, 1/6 for PyTorch's default. One network scatters around it, so seeds are averaged.
    """
    seeds = 10
    mean_square = sum(mean_square_ratio(depth, init, seed=s) for s in range(seeds)) / seeds
    assert mean_square**0.5 == pytest.approx(expected, rel=0.3)


def test_init_scale_sets_the_gradient_ratio() -> None:
    """Xavier scaled by sqrt 2 is He in a net of equal widths: the ratio is 1 again."""
    seeds = 10
    ratios = [mean_square_ratio(30, "xavier", seed=s, init_scale=2**0.5) for s in range(seeds)]
    assert (sum(ratios) / seeds) ** 0.5 == pytest.approx(1, rel=0.3)
