"""The hidden layers of any network, and what flows through them.

The path of depth is what a network repeats: its blocks; where it repeats none, its weight layers
but for the last. A layer that is called several times has an entry for each call (`layer`,
`layer#2`, …); of a layer that returns several tensors the first of floating point counts, and one
that returns none is left out.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn
from torch.utils._pytree import tree_leaves, tree_map

from .repeated_blocks import repeated_blocks

# With fewer, a trend over depth cannot be told from its ends.
FEWEST_BLOCKS = 2


def hidden_layers(model: nn.Module) -> dict[str, nn.Module]:
    """The layers on the path of depth by name, in the order in which the network holds them."""
    blocks = set(repeated_blocks(model))
    if len(blocks) >= FEWEST_BLOCKS:
        return {name: module for name, module in model.named_modules() if module in blocks}
    weighted = weight_layers(model)
    return dict(list(weighted.items())[:-1])


def weight_layers(model: nn.Module) -> dict[str, nn.Module]:
    """Modules that hold a weight of two or more dimensions themselves: linear layers,
    convolutions, embeddings."""
    return {
        name: module
        for name, module in model.named_modules()
        if any(p.ndim >= 2 for p in module.parameters(recurse=False))
    }


def tensor_of(output: Any) -> Tensor | None:
    """The first floating-point tensor of a layer's output."""
    leaves = (leaf for leaf in tree_leaves(output) if isinstance(leaf, Tensor))
    return next((leaf for leaf in leaves if leaf.is_floating_point()), None)


def with_first(output: Any, tensor: Tensor) -> Any:
    """`output` with another tensor in the place of its first one of floating point."""
    first = tensor_of(output)
    return tree_map(lambda x: tensor if x is first else x, output)


@contextmanager
def watched(
    model: nn.Module, layers: dict[str, nn.Module], see: Callable[[str, Tensor], None]
) -> Iterator[None]:
    """Inside, each forward of `model` calls `see(name of the call, output)` for every output of
    every layer; the hooks are gone afterwards, also after an error.

    An output that is a view and has a gradient is copied: what comes next may work on it in place,
    which cuts a view, and no other tensor, off from what was seen of it.
    """
    calls: Counter[str] = Counter()

    def begin(*_: Any) -> None:
        calls.clear()

    def hook(name: str) -> Callable[..., Any]:
        def after(_module: nn.Module, _inputs: Any, output: Any) -> Any:
            tensor = tensor_of(output)
            if tensor is None:
                return output
            if tensor.requires_grad and tensor._is_view():
                tensor = tensor.clone()
                output = with_first(output, tensor)
            calls[name] += 1
            see(name if calls[name] == 1 else f"{name}#{calls[name]}", tensor)
            return output

        return after

    handles = [layer.register_forward_hook(hook(name)) for name, layer in layers.items()]
    handles.append(model.register_forward_pre_hook(begin))
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
