"""Two small families whose block can be made slower on purpose: the head is this file with other
values of `WAIT` and `KERNEL`."""

import time

import torch
from torch import Tensor, nn

# The share by which the block of `linear` takes longer than it does.
WAIT = 0.0
# Whether it launches one kernel more.
KERNEL = False
# Whether it keeps one tensor more for the backward.
SAVED = False


class Linear(nn.Module):
    """Linear map and ReLU, (batch, width) to the same."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.linear = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        start = time.perf_counter()
        x = torch.relu(self.linear(x))
        if KERNEL:
            x = x + 1e-3
        if SAVED:
            x = x * torch.sigmoid(x.detach())
        if WAIT:
            end = start + (1 + WAIT) * (time.perf_counter() - start)
            while time.perf_counter() < end:
                pass
        return x


class Convolution(nn.Module):
    """Residual convolution over positions, (batch, channels, positions) to the same."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.convolution = nn.Conv1d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return x + torch.relu(self.convolution(x))


def linear(depth: int, width: int = 256) -> nn.Module:
    """`depth` linear blocks."""
    return nn.Sequential(*[Linear(width) for _ in range(depth)])


def convolution(depth: int, channels: int = 32) -> nn.Module:
    """`depth` convolutional blocks."""
    blocks = [Convolution(channels) for _ in range(depth)]
    return nn.Sequential(nn.Unflatten(1, (channels, -1)), *blocks)


def example_input(batch_size: int) -> Tensor:
    """(batch, 256)."""
    return torch.randn(batch_size, 256, generator=torch.Generator().manual_seed(0))
