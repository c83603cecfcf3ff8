"""The vision transformer of Dosovitskiy et al. 2020, as published.

"An image is worth 16x16 words", arXiv:2010.11929, section 3.1 and table 1: the image's patches are
the tokens, before them a learned class token from which the linear head reads. Depth counts
transformer blocks: 1 has one, 2 has two. All blocks are equal, so every cost is linear in depth.
Sizes Ti and S are those of Touvron et al. 2020, arXiv:2012.12877, table 1. Published are Ti, S and
B with 12 blocks, L with 24, H with 32 (and patches of 14).

Sizes with the default knobs: 1,513,192 + 7,087,872 depth parameters and 116,373,504 +
1,453,954,560 depth multiply-adds (MACs) an image. Depth 12: 86,567,656 and 17,563,828,224; with
`size="Ti"` 5,717,416 and 1,253,683,200.
"""

import torch
from torch import Tensor, nn

from .blocks import drop, sequential
from .inputs import check_input_shape, standard_normal
from .knobs import check_depth, checked_with
from .transformer import (
    ACTIVATIONS,
    NORMS,
    Size,
    choose_size,
    final_norm,
    initialize,
    random_embedding,
    transformer_blocks,
)

depths: tuple[int, ...] = (2, 4, 6, 8, 12, 16, 24, 32)

SIZES: dict[str, Size] = {
    "Ti": Size(width=192, heads=3),
    "S": Size(width=384, heads=6),
    "B": Size(width=768, heads=12),
    "L": Size(width=1024, heads=16),
    "H": Size(width=1280, heads=16),
}


@checked_with(size=SIZES, norm=NORMS, activation=ACTIVATIONS)
def build(
    depth: int,
    *,
    input_shape: tuple[int, ...] = (3, 224, 224),
    classes: int = 1000,
    size: str = "B",
    width: int | None = None,
    heads: int | None = None,
    mlp_ratio: float = 4.0,
    patch: int = 16,
    activation: str = "gelu",
    norm: str = "layer",
    norm_position: str = "pre",
    init: str = "normal",
    init_scale: float | None = None,
    residual: bool = True,
    dropout: float = 0.0,
    stochastic_depth: float = 0.0,
    layer_scale: float | None = None,
) -> nn.Module:
    """A network of `depth` transformer blocks: (batch, *input_shape) to logits (batch, classes).

    Its parts are `stem` (patches, class token, positions), `blocks.0` … `blocks.{depth - 1}`,
    `pool` (the class token), `norm` and `head` (linear).

    - input_shape: (channels, height, width) of an image; `patch` divides height and width.
    - size: Ti, S, B, L or H; it gives width and heads where they are not given.
    - width: features of a token.
    - heads: of each attention; they divide the width.
    - mlp_ratio: hidden units of a block's perceptron over its width.
    - patch: height and width of a patch.
    - activation: relu, leaky_relu, gelu, elu, selu, tanh, sigmoid or gelu_tanh.
    - norm: none, layer or rms.
    - norm_position: pre (in the branch, and once before the head) or post (after each addition).
    - init: default, he, xavier, orthogonal or normal; see `transformer.initialize`.
    - init_scale: multiplies the weights' standard deviation; for `normal` it is the deviation,
      0.02 where none is given.
    - residual: adds the shortcut around each branch.
    - dropout: probability of dropping an element after the embeddings and after every linear layer
      of a block but that of queries, keys and values.
    - stochastic_depth: probability of dropping each branch of the last block for a sample.
    - layer_scale: initial value of a learned factor for each feature of a branch.
    """
    check_depth("vit", depth, rule="an integer of at least 1", smallest=1)
    _check_input_shape(input_shape)
    _check_patch(input_shape, patch)
    chosen = choose_size("vit", SIZES[size], width=width, heads=heads)
    network = sequential(
        stem=PatchEmbedding(input_shape, patch, chosen.width, dropout=dropout),
        blocks=transformer_blocks(
            "vit",
            depth,
            size=chosen,
            mlp_ratio=mlp_ratio,
            causal=False,
            activation=activation,
            norm=norm,
            norm_position=norm_position,
            residual=residual,
            dropout=dropout,
            stochastic_depth=stochastic_depth,
            layer_scale=layer_scale,
        ),
        pool=ClassToken(),
        norm=final_norm(chosen.width, norm=norm, norm_position=norm_position),
        head=nn.Linear(chosen.width, classes),
    )
    initialize(network, init=init, init_scale=init_scale)
    return network


class PatchEmbedding(nn.Module):
    """Class token and linear embedding of the patches, plus positions (equation 1).

    x: (batch, channels, height, width) to (batch, 1 + patches, width of a token).
    """

    def __init__(
        self, input_shape: tuple[int, ...], patch: int, width: int, *, dropout: float
    ) -> None:
        super().__init__()
        self.input_shape = tuple(input_shape)
        channels, rows, columns = input_shape
        self.patches = nn.Conv2d(channels, width, patch, patch)
        self.class_token = random_embedding(width)
        self.positions = random_embedding(1 + (rows // patch) * (columns // patch), width)
        self.dropout = drop(dropout)

    def forward(self, x: Tensor) -> Tensor:
        if x.shape[1:] != self.input_shape:
            raise ValueError(
                f"this vit takes batches of {self.input_shape}; got {tuple(x.shape)}: "
                "build it with that input_shape"
            )
        patches = self.patches(x).flatten(2).transpose(1, 2)
        first = self.class_token.expand(len(x), 1, -1)
        tokens: Tensor = torch.cat([first, patches], dim=1) + self.positions
        if self.dropout is not None:
            tokens = self.dropout(tokens)
        return tokens


class ClassToken(nn.Module):
    """The first token: (batch, tokens, width) to (batch, width)."""

    def forward(self, x: Tensor) -> Tensor:
        return x[:, 0]


def example_input(batch_size: int, *, input_shape: tuple[int, ...] = (3, 224, 224)) -> Tensor:
    """Standard-normal images (batch_size, *input_shape); see `inputs.standard_normal`."""
    _check_input_shape(input_shape)
    return standard_normal(batch_size, input_shape)


def _check_input_shape(input_shape: tuple[int, ...]) -> None:
    check_input_shape("vit", input_shape, ranks=(3,), takes="images (channels, height, width)")


def _check_patch(input_shape: tuple[int, ...], patch: int) -> None:
    if any(size % patch for size in input_shape[1:]):
        raise ValueError(
            f"height and width must be multiples of patch for vit; got input_shape {input_shape} "
            f"and patch {patch}: set patch or input_shape"
        )
