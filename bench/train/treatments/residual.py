"""Residual blocks: how one is made of any module, and how one is told from a plain block.

A block that holds its parts as `body` and `shortcut`, and adds the two, is known by these names:
so do the built-in families, with None for no shortcut. Of other blocks only a forward pass can
tell (`has_shortcut`), and only a shortcut without parameters is found.
"""

import copy
from typing import Any

import torch
from torch import Tensor, nn

from .surgery import Call


class Scaled(nn.Module):
    """A branch times a fixed factor; what it takes is what the branch takes."""

    def __init__(self, branch: nn.Module, factor: float) -> None:
        super().__init__()
        self.branch = branch
        self.factor = factor

    def forward(self, *arguments: Any, **keywords: Any) -> Tensor:
        out: Tensor = self.branch(*arguments, **keywords)
        return self.factor * out

    def extra_repr(self) -> str:
        return f"factor={self.factor:g}"


class Residual(nn.Module):
    """`x + body(x)`, whatever the body; x: any shape that the body keeps."""

    def __init__(self, body: nn.Module) -> None:
        super().__init__()
        self.body = body
        self.shortcut = nn.Identity()

    def forward(self, x: Tensor, *arguments: Any, **keywords: Any) -> Tensor:
        branch: Tensor = self.body(x, *arguments, **keywords)
        identity: Tensor = self.shortcut(x)
        return branch + identity


def scaled(branch: nn.Module, factor: float) -> nn.Module:
    """The branch itself if the factor is 1; in the branch's mode otherwise."""
    if factor == 1:
        return branch
    wrapped = Scaled(branch, factor)
    wrapped.training = branch.training
    return wrapped


def has_branch(block: nn.Module) -> bool:
    """Whether the block names what it adds: a module `body` and a module `shortcut`."""
    parts = (getattr(block, "body", None), getattr(block, "shortcut", None))
    return all(isinstance(part, nn.Module) for part in parts)


def has_place(block: nn.Module) -> bool:
    """Whether the block has a place for a shortcut that is empty: `shortcut` is None."""
    body = getattr(block, "body", None)
    return isinstance(body, nn.Module) and getattr(block, "shortcut", body) is None


def has_shortcut(call: Call) -> bool:
    """Whether the block's output depends on its input past all parameters.

    A copy of the block with all parameters zero, the scales of norms too, gets two random inputs:
    a plain block returns the same for both. A block without parameters counts as a shortcut.
    """
    block = zeroed(call.module)
    return not _equal(_run(block, call, seed=0), _run(block, call, seed=1))


def same_output(one: nn.Module, other: nn.Module, call: Call) -> bool:
    """Whether two modules return the same for a random input of the shape in `call`."""
    return _equal(_run(one, call, seed=0), _run(other, call, seed=0))


@torch.no_grad()
def zeroed(block: nn.Module, *, only: str = "") -> nn.Module:
    """A copy in eval mode with the parameters of its submodule `only`, or all, at zero."""
    twin = copy.deepcopy(block).eval()
    for parameter in twin.get_submodule(only).parameters():
        parameter.zero_()
    return twin


@torch.no_grad()
def _run(block: nn.Module, call: Call, *, seed: int) -> Tensor:
    x, *others = call.arguments
    generator = torch.Generator().manual_seed(seed)
    out: Tensor = block(torch.randn(x.shape, generator=generator).to(x), *others, **call.keywords)
    return out


def _equal(one: Tensor, other: Tensor) -> bool:
    return torch.allclose(one, other, equal_nan=True)
