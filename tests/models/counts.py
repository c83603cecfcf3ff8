"""Exact sizes of a family's network, counted on the meta device: nothing is allocated or run."""

import inspect
from collections.abc import Mapping
from types import ModuleType
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode


def example_of(family: ModuleType, batch_size: int, knobs: Mapping[str, Any]) -> torch.Tensor:
    """The family's example for a network with these knobs, of which it gets those that it names."""
    names = inspect.signature(family.example_input).parameters
    x: torch.Tensor = family.example_input(
        batch_size, **{k: v for k, v in knobs.items() if k in names}
    )
    return x


def count_parameters(family: ModuleType, depth: int, **knobs: Any) -> int:
    """Trainable parameters."""
    with torch.device("meta"):
        return sum(p.numel() for p in family.build(depth, **knobs).parameters())


def count_forward_flops(
    family: ModuleType, depth: int, *, batch_size: int = 1, **knobs: Any
) -> int:
    """FLOPs of forward alone: counting backward takes longer."""
    with torch.device("meta"):
        network = family.build(depth, **knobs)
        x = example_of(family, batch_size, knobs)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(x)
    return int(counter.get_total_flops())


def count_flops(
    family: ModuleType, depth: int, *, batch_size: int = 1, **knobs: Any
) -> tuple[int, int, int]:
    """FLOPs of forward, of forward + backward, and of the first weight layer's forward.

    The input needs no gradient.
    """
    with torch.device("meta"):
        network = family.build(depth, **knobs)
        x = example_of(family, batch_size, knobs)
    first = next(m for m in network.modules() if hasattr(m, "weight"))
    inputs_of_first: list[torch.Tensor] = []
    handle = first.register_forward_pre_hook(lambda _, args: inputs_of_first.append(args[0]))
    with FlopCounterMode(display=False) as forward:
        loss = network(x).sum()
    handle.remove()
    with FlopCounterMode(display=False) as backward:
        loss.backward()
    with FlopCounterMode(display=False) as first_layer, torch.no_grad():
        first(inputs_of_first[0])
    total = forward.get_total_flops()
    return total, total + backward.get_total_flops(), first_layer.get_total_flops()
