"""Finds the blocks of any network: what it repeats in depth."""

from collections import Counter
from collections.abc import Iterator

from torch import nn

_CONTAINERS = (nn.Sequential, nn.ModuleList, nn.ModuleDict)


def repeated_blocks(model: nn.Module) -> list[nn.Module]:
    """Of the outermost containers in which two or more children are alike and hold layers
    themselves, all children that do; each once."""
    return list(dict.fromkeys(_blocks(model)))


def _blocks(model: nn.Module) -> Iterator[nn.Module]:
    if isinstance(model, _CONTAINERS) and _repeats(model):
        yield from filter(_holds_layers, model.children())
        return
    for child in model.children():
        yield from _blocks(child)


def _repeats(container: nn.Module) -> bool:
    kinds = Counter(_kind(child) for child in container.children() if _holds_layers(child))
    return any(n > 1 for n in kinds.values())


def _holds_layers(module: nn.Module) -> bool:
    return any(True for _ in module.children()) or not type(module).__module__.startswith("torch.")


def _kind(module: nn.Module) -> tuple[object, ...]:
    """Modules of one class are alike; containers, if what they hold is alike."""
    if not isinstance(module, _CONTAINERS):
        return (type(module),)
    return (type(module), *map(_kind, module.children()))
