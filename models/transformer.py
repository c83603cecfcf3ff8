"""The transformer block that `vit` and `gpt` stack, and the remedies for depth inside it.

A block is two residual branches, attention and perceptron. Equal blocks are all that depth adds,
so every cost is linear in it. What a knob switches off is absent, as in `blocks`. Attention's
weights themselves are never dropped: dropout acts on what linear layers return (Dosovitskiy et al.
2020, appendix B.1), so that the fused kernels of attention stay usable.

Sizes of one block of width w on T tokens, with perceptrons 4 w wide: 12 w^2 + 13 w parameters and
12 T w^2 + 2 T^2 w multiply-adds (MACs). The second term is the products of attention, counted in
full also where they are causal.
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from . import blocks, weights
from .blocks import Block, drop, sequential

EMBEDDING_DEVIATION = 0.02
"""Deviation of embeddings, and of weights where init is `normal` and has no scale (Radford et al.
2018, "Improving language understanding by generative pre-training", section 4.1; Touvron et al.
2020, arXiv:2012.12877)."""

ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    **blocks.ACTIVATIONS,
    "gelu_tanh": partial(nn.GELU, approximate="tanh"),
}


def _no_norm(_width: int) -> None:
    """No normalisation."""


NORMS: dict[str, Callable[[int], nn.Module | None]] = {
    "none": _no_norm,
    "layer": nn.LayerNorm,
    "rms": nn.RMSNorm,
}
"""Norms of each token by itself, (batch, tokens, width): Ba et al. 2016, arXiv:1607.06450, and
Zhang & Sennrich 2019, arXiv:1910.07467."""


class Size(NamedTuple):
    """Width of the tokens, and the heads of attention among which it is divided."""

    width: int
    heads: int


def choose_size(family: str, size: Size, *, width: int | None, heads: int | None) -> Size:
    """The published size with what is given put in its place."""
    width = size.width if width is None else width
    heads = size.heads if heads is None else heads
    if width % heads:
        raise ValueError(
            f"width must be a multiple of heads for {family}; got width {width} and {heads} heads: "
            "set width or heads"
        )
    return Size(width, heads)


class SelfAttention(nn.Module):
    """Attention of several heads among the tokens of a sample (Vaswani et al. 2017, section 3.2).

    x: (batch, tokens, width) to the same shape. With `causal`, no token sees a later one.
    """

    def __init__(self, width: int, heads: int, *, causal: bool) -> None:
        super().__init__()
        self.heads = heads
        self.causal = causal
        self.qkv = nn.Linear(width, 3 * width)
        self.projection = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        split = self.qkv(x).unflatten(-1, (3, self.heads, -1))
        query, key, value = split.permute(2, 0, 3, 1, 4)  # each (batch, heads, tokens, features)
        mixed = F.scaled_dot_product_attention(query, key, value, is_causal=self.causal)
        out: Tensor = self.projection(mixed.transpose(1, 2).flatten(2))
        return out


def perceptron(width: int, hidden_width: int, *, activation: str, dropout: float) -> nn.Sequential:
    """linear - activation - dropout - linear on each token, back to its width."""
    return sequential(
        linear=nn.Linear(width, hidden_width),
        activation=ACTIVATIONS[activation](),
        dropout=drop(dropout),
        projection=nn.Linear(hidden_width, width),
    )


class LayerScale(nn.Module):
    """A learned factor for each feature, the same at first (Touvron et al. 2021, arXiv:2103.17239).

    x: (batch, tokens, width) to the same shape.
    """

    def __init__(self, width: int, initial_value: float) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.full((width,), float(initial_value)))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.scale


class StochasticDepth(nn.Module):
    """In training, makes a branch 0 for some samples (Huang et al. 2016, arXiv:1603.09382).

    What is kept is divided by the probability of keeping it, so that the expectation is x and
    evaluation has nothing to do. The draws come from PyTorch's global generator.

    x: (batch, …) to the same shape.
    """

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return x
        kept = torch.rand(len(x), *[1] * (x.dim() - 1), device=x.device) >= self.rate
        return x * (kept.to(x.dtype) / (1 - self.rate))


def residual_branch(
    layer: nn.Module,
    width: int,
    *,
    norm: str,
    norm_position: str,
    residual: bool,
    dropout: float,
    stochastic_depth: float,
    layer_scale: float | None,
) -> nn.Sequential:
    """`x + f(norm(x))` for `pre`, `norm(x + f(x))` for `post` (Xiong et al. 2020, figure 1).

    f is layer - dropout - layer scale - stochastic depth; without `residual`, x is not added.
    """
    before, after = (norm, "none") if norm_position == "pre" else ("none", norm)
    body = sequential(
        norm=NORMS[before](width),
        layer=layer,
        dropout=drop(dropout),
        layer_scale=None if layer_scale is None else LayerScale(width, layer_scale),
        stochastic_depth=StochasticDepth(stochastic_depth) if stochastic_depth > 0 else None,
    )
    return sequential(
        branch=Block(body, shortcut=nn.Identity() if residual else None),
        norm=NORMS[after](width),
    )


def transformer_blocks(
    family: str,
    depth: int,
    *,
    size: Size,
    mlp_ratio: float,
    causal: bool,
    activation: str,
    norm: str,
    norm_position: str,
    residual: bool,
    dropout: float,
    stochastic_depth: float,
    layer_scale: float | None,
) -> nn.Sequential:
    """`depth` equal blocks `0` … `{depth - 1}`, each an `attention` and an `mlp` branch.

    x: (batch, tokens, width) to the same shape. The rate of stochastic depth, that of dropping
    each branch, grows linearly from 0 in the first block to `stochastic_depth` in the last.
    """
    if stochastic_depth > 0 and not residual:
        raise ValueError(
            f"stochastic_depth must be 0 without shortcuts for {family}, where a dropped block "
            f"passes nothing on; got {stochastic_depth!r}: set residual=true or stochastic_depth=0"
        )
    width, heads = size
    hidden_width = max(1, round(mlp_ratio * width))

    def block(rate: float) -> nn.Sequential:
        branch = partial(
            residual_branch,
            width=width,
            norm=norm,
            norm_position=norm_position,
            residual=residual,
            dropout=dropout,
            stochastic_depth=rate,
            layer_scale=layer_scale,
        )
        return sequential(
            attention=branch(SelfAttention(width, heads, causal=causal)),
            mlp=branch(perceptron(width, hidden_width, activation=activation, dropout=dropout)),
        )

    return nn.Sequential(*(block(stochastic_depth * i / max(1, depth - 1)) for i in range(depth)))


def final_norm(width: int, *, norm: str, norm_position: str) -> nn.Module | None:
    """The norm before the head, which blocks that end in a norm do not need."""
    return NORMS[norm](width) if norm_position == "pre" else None


def initialize(network: nn.Module, *, init: str, init_scale: float | None) -> None:
    """`weights.initialize`, where no scale means `EMBEDDING_DEVIATION` for `normal`.

    Embeddings are drawn when they are built, with that deviation under every scheme.
    """
    if init_scale is None and init == "normal":
        init_scale = EMBEDDING_DEVIATION
    weights.initialize(network, init=init, init_scale=init_scale)


@torch.no_grad()
def scale_projections(network: nn.Module, factor: float) -> None:
    """Multiplies the weights of the last linear layer of every branch, in place."""
    for name, layer in network.named_modules():
        if isinstance(layer, nn.Linear) and name.endswith(".projection"):
            layer.weight.mul_(factor)


def random_embedding(*shape: int) -> nn.Parameter:
    """A learned (*shape) embedding, drawn with `EMBEDDING_DEVIATION`."""
    return nn.Parameter(torch.empty(shape).normal_(std=EMBEDDING_DEVIATION))
