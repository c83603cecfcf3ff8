"""Where in its depth a network spends: parameters, FLOPs, saved bytes and time of each part.

A part is a repeated block, or what lies before, between or after the blocks. One pass runs through
the whole network, and what a meter gained is booked to the part that ran: so the columns add up to
the whole, also where two parts share a tensor. In the backward a part begins when the gradient of
its output is there. What runs outside of all parts (the loss, functions between modules) is booked
to `OUTSIDE`.
"""

import copy
import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from . import memory, operations
from .machine import synchronizer
from .passes import Loss, call, scalar_loss
from .repeated_blocks import repeated_blocks
from .state import left_as_found, random_state

OUTSIDE = "(outside of all parts)"

# Timed passes, of which the median counts, after one to warm up.
PASSES = 7


# They only hold modules, which others call.
_NEVER_CALLED = (nn.ModuleList, nn.ModuleDict)

FlopsByPart = tuple[dict[str, float], dict[str, float]]


@dataclass(frozen=True, kw_only=True)
class Part:
    """One part at its position in depth. Seconds are None where nothing was timed.

    Attributes:
        name: the module's name in the network.
        parameters: a parameter that two parts share counts in the first.
        saved_bytes: what its forward was the first to save for the backward.
    """

    name: str
    parameters: int
    forward_flops: int
    backward_flops: int
    saved_bytes: int
    forward_seconds: float | None = None
    backward_seconds: float | None = None


def parts(model: nn.Module) -> dict[str, nn.Module]:
    """The parts by their names, in the order in which the network holds them."""
    return dict(_parts(model, "", set(repeated_blocks(model))))


def _parts(
    model: nn.Module, prefix: str, blocks: set[nn.Module]
) -> Iterator[tuple[str, nn.Module]]:
    for name, child in model.named_children():
        holds_blocks = not blocks.isdisjoint(child.modules())
        if child not in blocks and (holds_blocks or isinstance(child, _NEVER_CALLED)):
            yield from _parts(child, f"{prefix}{name}.", blocks)
        else:
            yield prefix + name, child


def cost_by_part(model: nn.Module, inputs: Any, *, flops: FlopsByPart) -> tuple[Part, ...]:
    """FLOPs and saved bytes of each part; nothing is timed. Parts that never run are left out.

    Saved bytes are those of `model` where it lies (real or fake tensors), in its present mode.

    Args:
        flops: what `flops_by_part` found for the same network.
    """
    forward_flops, backward_flops = flops
    saved = _saved_bytes(model, inputs)
    parameters = _parameters(model)
    ran = [name for name in (*parts(model), OUTSIDE) if name in forward_flops]
    return tuple(
        Part(
            name=name,
            parameters=parameters.get(name, 0),
            forward_flops=int(forward_flops.get(name, 0)),
            backward_flops=int(backward_flops.get(name, 0)),
            saved_bytes=int(saved.get(name, 0)),
        )
        for name in ran
    )


def seconds_by_part(
    model: nn.Module,
    inputs: Any,
    *,
    device: str,
    passes: int = PASSES,
    loss: Loss = scalar_loss,
) -> dict[str, tuple[float, float]]:
    """Median seconds of each part forward and backward, in train mode; the device is waited for at
    every boundary, so that the sum is more than the network takes in one go."""
    wait = synchronizer(device)

    def now() -> float:
        wait()
        return time.perf_counter()

    rounds = []
    with left_as_found(model), torch.enable_grad():
        model.train()
        for _ in range(passes + 1):
            with _booked(model, now) as (forward, backward):
                output = call(model, inputs)
                forward.end()
                backward.begin(OUTSIDE)
                loss(output, inputs).backward()
            model.zero_grad(set_to_none=True)
            rounds.append((forward.spent, backward.spent))
    del rounds[0]
    names = {name for forward, backward in rounds for name in (*forward, *backward)}
    return {name: (_median(rounds, 0, name), _median(rounds, 1, name)) for name in names}


def _median(
    rounds: list[tuple[dict[str, float], dict[str, float]]], which: int, name: str
) -> float:
    return statistics.median(spent[which].get(name, 0.0) for spent in rounds)


def flops_by_part(model: nn.Module, inputs: Any, *, loss: Loss = scalar_loss) -> FlopsByPart:
    """FLOPs of each part forward and backward, as `operations.count` counts them: on the meta
    device, or where the network lies if it needs values."""
    try:
        meta = operations.on_meta(model)
        return _flops_by_part(meta, operations.detached(inputs, "meta"), loss)
    except Exception:
        device = next((p.device for p in model.parameters()), torch.device("cpu"))
        if device.type == "meta":
            raise
    with random_state(device=str(device)):
        return _flops_by_part(copy.deepcopy(model), operations.detached(inputs, device), loss)


def _flops_by_part(model: nn.Module, inputs: Any, loss: Loss) -> FlopsByPart:
    model.eval()
    with (
        operations.fast_path_off(),
        torch.enable_grad(),
        operations.OperatorCounter() as counter,
        _booked(model, lambda: counter.flops) as (forward, backward),
    ):
        output = call(model, inputs)
        forward.end()
        if any(p.requires_grad for p in model.parameters()):
            backward.begin(OUTSIDE)
            counter.run_backward(lambda: loss(output, inputs))
    return forward.spent, backward.spent


def _saved_bytes(model: nn.Module, inputs: Any) -> dict[str, float]:
    saved = memory.Saved(model)
    with (
        left_as_found(model),
        torch.enable_grad(),
        saved.hooks(),
        _booked(model, lambda: saved.bytes) as (forward, _),
    ):
        call(model, inputs)
    return forward.spent


def _parameters(model: nn.Module) -> dict[str, int]:
    """Of each part; those that no part holds are booked outside."""
    counted: set[int] = set()
    numbers = {}
    for name, part in (*parts(model).items(), (OUTSIDE, model)):
        new = [p for p in part.parameters() if id(p) not in counted]
        counted.update(map(id, new))
        numbers[name] = sum(p.numel() for p in new)
    return numbers


class _Ledger:
    """Books what a meter gains to the part that runs."""

    def __init__(self, read: Callable[[], float]) -> None:
        self.spent: dict[str, float] = defaultdict(int)  # whole numbers stay whole
        self._read = read
        self._part: str | None = None
        self._before: float = 0

    def begin(self, part: str) -> None:
        self.end()
        self._part, self._before = part, self._read()

    def end(self) -> None:
        if self._part is not None:
            self.spent[self._part] += self._read() - self._before
            self._part = None


@contextmanager
def _booked(model: nn.Module, read: Callable[[], float]) -> Iterator[tuple[_Ledger, _Ledger]]:
    """Inside, the ledgers of forward and backward are kept by hooks on the parts."""
    forward, backward = _Ledger(read), _Ledger(read)
    handles = []
    for name, part in parts(model).items():
        handles.append(part.register_forward_pre_hook(_beginner(forward, name)))
        handles.append(part.register_forward_hook(_ender(forward, backward, name)))
    forward.begin(OUTSIDE)
    try:
        yield forward, backward
    finally:
        forward.end()
        backward.end()
        for handle in handles:
            handle.remove()


def _beginner(forward: _Ledger, name: str) -> Callable[..., None]:
    def begin(*_: Any) -> None:
        forward.begin(name)

    return begin


def _ender(forward: _Ledger, backward: _Ledger, name: str) -> Callable[..., None]:
    """The forward goes on outside; the backward begins with the output's gradient."""

    def end(_module: nn.Module, _inputs: Any, output: Any) -> None:
        forward.begin(OUTSIDE)
        for leaf in tree_leaves(output):
            if isinstance(leaf, Tensor) and leaf.requires_grad:
                leaf.register_hook(lambda _: backward.begin(name))

    return end
