"""Small networks of the kinds that users write, for tests of surgery."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

WIDTH = 6


def batch(*shape: int) -> Tensor:
    """A standard-normal batch; (8, 6) by default."""
    return torch.randn(shape or (8, WIDTH), generator=torch.Generator().manual_seed(0))


def flat(
    depth: int = 4, activation: Callable[[], nn.Module] = nn.ReLU, *, width: int = WIDTH
) -> nn.Sequential:
    """A perceptron as one flat list of layers, which repeats no blocks; the head has 3 outputs."""
    hidden = [layer for _ in range(depth - 1) for layer in (nn.Linear(width, width), activation())]
    return nn.Sequential(*hidden, nn.Linear(width, 3))


class Functional(nn.Module):
    """A perceptron whose activations are functions."""

    def __init__(self) -> None:
        super().__init__()
        self.one = nn.Linear(WIDTH, WIDTH)
        self.two = nn.Linear(WIDTH, 3)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.two(F.relu(self.one(x)))
        return out


class Basic(nn.Module):
    """A residual block as users write it: conv - norm - relu - conv - norm, added, relu."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv1d(channels, channels, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm1d(channels)
        self.conv2 = nn.Conv1d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm1d(channels)

    def forward(self, x: Tensor) -> Tensor:
        out = F.relu(self.bn1(self.conv1(x)))
        return F.relu(x + self.bn2(self.conv2(out)))


def residual(blocks: int = 4) -> nn.Sequential:
    """A residual network of `Basic` blocks on signals (batch, 6, length)."""
    stack = nn.Sequential(*(Basic(WIDTH) for _ in range(blocks)))
    return nn.Sequential(stack, nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(WIDTH, 3))


class PastModules(nn.Module):
    """Reads the weight of its layer instead of calling it."""

    def __init__(self) -> None:
        super().__init__()
        self.one = nn.Linear(WIDTH, WIDTH)
        self.act = nn.ReLU()
        self.two = nn.Linear(WIDTH, WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.two(self.act(self.one(x)))
        return out + self.one.weight.sum()
