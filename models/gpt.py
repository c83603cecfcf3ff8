"""The decoder of GPT-2, as published: a language model whose layers see no later token.

Radford et al. 2019, "Language models are unsupervised multitask learners", section 2.3 and table 2,
after Radford et al. 2018: learned positions, norm before each branch and after the last, and a head
without weights of its own, the token embedding transposed. Depth counts transformer blocks:
1 has one, 2 has two. All blocks are equal, so every cost is linear in depth. Published are small
with 12 blocks, medium with 24, large with 36 and xl with 48, each with 64 features a head.

Sizes with the default knobs: 39,385,344 + 7,087,872 depth parameters, and 39,523,713,024 +
8,858,370,048 depth multiply-adds (MACs) a sequence of 1024 tokens; the products of attention count
in full. Depth 12: 124,439,808 parameters and 291,648,307,200 FLOPs, twice the MACs.
"""

from torch import Tensor, nn
from torch.nn import functional as F

from .blocks import drop, sequential
from .inputs import token_ids
from .knobs import check_depth, checked_with
from .transformer import (
    ACTIVATIONS,
    EMBEDDING_DEVIATION,
    NORMS,
    Size,
    choose_size,
    final_norm,
    initialize,
    random_embedding,
    scale_projections,
    transformer_blocks,
)

depths: tuple[int, ...] = (2, 4, 6, 8, 12, 16, 24, 36, 48)

SIZES: dict[str, Size] = {
    "small": Size(width=768, heads=12),
    "medium": Size(width=1024, heads=16),
    "large": Size(width=1280, heads=20),
    "xl": Size(width=1600, heads=25),
}


@checked_with(size=SIZES, norm=NORMS, activation=ACTIVATIONS)
def build(
    depth: int,
    *,
    vocabulary: int = 50257,
    context: int = 1024,
    size: str = "small",
    width: int | None = None,
    heads: int | None = None,
    mlp_ratio: float = 4.0,
    activation: str = "gelu_tanh",
    norm: str = "layer",
    norm_position: str = "pre",
    init: str = "normal",
    init_scale: float | None = None,
    depth_scaled_init: bool = True,
    residual: bool = True,
    dropout: float = 0.0,
    stochastic_depth: float = 0.0,
    layer_scale: float | None = None,
) -> nn.Module:
    """A network of `depth` blocks: token ids (batch, tokens) to logits (batch, tokens, vocabulary).

    Its parts are `stem` (token and position embeddings), `blocks.0` … `blocks.{depth - 1}`, `norm`
    and `head`, which shares the embedding `stem.tokens`.

    - vocabulary: number of token ids, from 0.
    - context: most tokens of a sequence; a shorter one is as good.
    - size: small, medium, large or xl; it gives width and heads where they are not given.
    - width: features of a token.
    - heads: of each attention; they divide the width.
    - mlp_ratio: hidden units of a block's perceptron over its width.
    - activation: relu, leaky_relu, gelu, elu, selu, tanh, sigmoid or gelu_tanh.
    - norm: none, layer or rms.
    - norm_position: pre (in the branch, and once before the head) or post (after each addition).
    - init: default, he, xavier, orthogonal or normal, for the linear layers of the blocks; see
      `transformer.initialize`.
    - init_scale: multiplies the weights' standard deviation; for `normal` it is the deviation,
      0.02 where none is given.
    - depth_scaled_init: multiplies the weights of the last linear layer of each branch by
      1 / sqrt(2 depth), 2 depth being the number of branches.
    - residual: adds the shortcut around each branch.
    - dropout: probability of dropping an element after the embeddings and after every linear layer
      of a block but that of queries, keys and values.
    - stochastic_depth: probability of dropping each branch of the last block for a sample.
    - layer_scale: initial value of a learned factor for each feature of a branch.
    """
    check_depth("gpt", depth, rule="an integer of at least 1", smallest=1)
    chosen = choose_size("gpt", SIZES[size], width=width, heads=heads)
    stem = TokenEmbedding(vocabulary, context, chosen.width, dropout=dropout)
    network = sequential(
        stem=stem,
        blocks=transformer_blocks(
            "gpt",
            depth,
            size=chosen,
            mlp_ratio=mlp_ratio,
            causal=True,
            activation=activation,
            norm=norm,
            norm_position=norm_position,
            residual=residual,
            dropout=dropout,
            stochastic_depth=stochastic_depth,
            layer_scale=layer_scale,
        ),
        norm=final_norm(chosen.width, norm=norm, norm_position=norm_position),
        head=TiedHead(stem.tokens),
    )
    initialize(network, init=init, init_scale=init_scale)
    if depth_scaled_init:
        scale_projections(network, (2 * depth) ** -0.5)
    return network


class TokenEmbedding(nn.Module):
    """Embedding of each token plus that of its position.

    ids: (batch, tokens) integers below `vocabulary` to (batch, tokens, width).
    """

    def __init__(self, vocabulary: int, context: int, width: int, *, dropout: float) -> None:
        super().__init__()
        self.tokens = nn.Embedding(vocabulary, width)
        nn.init.normal_(self.tokens.weight, std=EMBEDDING_DEVIATION)
        self.positions = random_embedding(context, width)
        self.dropout = drop(dropout)

    def forward(self, ids: Tensor) -> Tensor:
        length, context = ids.shape[-1], len(self.positions)
        if length > context:
            raise ValueError(
                f"this gpt takes at most {context} tokens a sequence; got {length}: "
                f"shorten it or build with context={length}"
            )
        embedded: Tensor = self.tokens(ids) + self.positions[:length]
        if self.dropout is not None:
            embedded = self.dropout(embedded)
        return embedded


class TiedHead(nn.Module):
    """Logits by the embedding's own weight (Press & Wolf 2017, arXiv:1608.05859).

    x: (batch, tokens, width) to (batch, tokens, vocabulary). It holds the embedding rather than its
    weight: a copy, and a move to any device, then keeps one weight for both.
    """

    def __init__(self, tokens: nn.Embedding) -> None:
        super().__init__()
        self.tokens = tokens

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.tokens.weight)


def example_input(batch_size: int, *, context: int = 1024, vocabulary: int = 50257) -> Tensor:
    """Random token ids (batch_size, context) below `vocabulary`; see `inputs.token_ids`."""
    return token_ids(batch_size, context, vocabulary)


def loss(logits: Tensor, ids: Tensor) -> Tensor:
    """Mean cross-entropy of each next token, in nats.

    logits: (batch, tokens, vocabulary), ids: (batch, tokens). The logits of a large vocabulary are
    kept more than once for it, which at small depths is most of the memory of a training step.
    """
    return F.cross_entropy(logits[:, :-1].flatten(0, 1), ids[:, 1:].flatten())
