"""Limit: a deeper plain network trains worse than a shallower one, and only shortcuts help.

He et al. 2015 (arXiv:1512.03385, section 1). Beside the twins: the constructive check, that the
deep network could be as good as a trained shallow one, its further layers being the identity; and
the effective depth, the layers that a trained network cannot do without (Veit et al. 2016,
arXiv:1605.06431).
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from ..measure.hidden import hidden_layers, tensor_of, with_first
from ..measure.state import left_as_found
from .evidence import Probe
from .remedy import Change, Remedy, Situation

NAME = "degradation"

# A block without which the training accuracy drops by less does nothing that others do not.
NEEDLESS_POINTS = 1.0

Accuracy = Callable[[nn.Module], float]
"""From a network to its training accuracy in eval mode, a fraction."""


def effective_depth(
    model: nn.Module, sample: Tensor, accuracy: Accuracy, *, depth: int
) -> list[Probe]:
    """The accuracy with each block bypassed, and how many blocks are needed.

    A block can be bypassed where its output has the shape of its input. The network is left as
    found.
    """
    drops = {}
    with left_as_found(model):
        whole = accuracy(model)
        for name, block in _bypassable(model, sample).items():
            with _bypassed(block):
                drops[name] = whole - accuracy(model)
    needed = sum(100 * drop >= NEEDLESS_POINTS for drop in drops.values())
    rows = [_probe("bypass_drop", drop, depth, at=name) for name, drop in drops.items()]
    if drops:
        words = f"of {len(drops)} blocks that can be bypassed"
        rows.append(_probe("needed_blocks", float(needed), depth, at=words))
    return rows


def constructed(
    shallow: nn.Module, deep: nn.Module, sample: Tensor, accuracy: Accuracy, *, depth: int
) -> Probe:
    """The training accuracy of `deep` made of the trained `shallow` and identity layers.

    `deep` is overwritten. Its layers must have the names of those of `shallow`, and further ones
    must be able to be the identity on what they are given.
    """
    quantity = "constructed_train_accuracy"
    weights = shallow.state_dict()
    fits = {k: v for k, v in weights.items() if _same_shape(deep.state_dict().get(k), v)}
    if len(fits) < len(weights):
        note = "the deeper network does not hold the layers of the shallower one under their names"
        return _probe(quantity, None, depth, note=note)
    deep.load_state_dict(fits, strict=False)
    shallow_layers = dict(shallow.named_modules())
    for name, layer in hidden_layers(deep).items():
        if name not in shallow_layers:
            make_identity(layer)
    deep.eval()
    with left_as_found(shallow), torch.no_grad():
        shallow.eval()
        same = torch.allclose(shallow(sample), deep(sample), rtol=1e-3, atol=1e-4)
    if not same:
        note = "the further layers cannot be made the identity"
        return _probe(quantity, None, depth, note=note)
    return _probe(quantity, accuracy(deep), depth)


@torch.no_grad()
def make_identity(block: nn.Module) -> None:
    """A block with a shortcut adds nothing; one without passes on what is not negative."""
    residual = getattr(block, "shortcut", None) is not None
    for layer in block.modules():
        if isinstance(layer, nn.modules.batchnorm._BatchNorm):
            layer.reset_running_stats()
            if layer.weight is not None:
                layer.weight.fill_(0.0 if residual else (1 + layer.eps) ** 0.5)
        elif isinstance(layer, nn.Linear):
            nn.init.zeros_(layer.weight) if residual else nn.init.eye_(layer.weight)
        elif isinstance(layer, nn.Conv1d | nn.Conv2d):
            nn.init.zeros_(layer.weight) if residual else nn.init.dirac_(layer.weight)
        bias = getattr(layer, "bias", None)
        if isinstance(bias, Tensor):
            bias.zero_()


def _same_shape(ours: Tensor | None, theirs: Tensor) -> bool:
    return ours is not None and ours.shape == theirs.shape


def _bypassable(model: nn.Module, sample: Tensor) -> dict[str, nn.Module]:
    """Hidden layers whose one output has the shape of their one input."""
    names = {module: name for name, module in hidden_layers(model).items()}
    same: dict[str, nn.Module] = {}

    def see(module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        first, found = tensor_of(inputs), tensor_of(output)
        if first is not None and found is not None and first.shape == found.shape:
            same[names[module]] = module

    handles = [module.register_forward_hook(see) for module in names]
    try:
        with left_as_found(model), torch.no_grad():
            model.eval()
            model(sample)
    finally:
        for handle in handles:
            handle.remove()
    return same


@contextmanager
def _bypassed(block: nn.Module) -> Iterator[None]:
    """Inside, the block gives back its input, in the place of its output's first tensor."""

    def bypass(_module: nn.Module, inputs: Any, output: Any) -> Any:
        tensor = tensor_of(inputs)
        return output if tensor is None else with_first(output, tensor)

    handle = block.register_forward_hook(bypass)
    try:
        yield
    finally:
        handle.remove()


def _probe(quantity: str, value: float | None, depth: int, **more: Any) -> Probe:
    return Probe(limit=NAME, quantity=quantity, depth=depth, value=value, **more)


# --- remedies ---------------------------------------------------------------------------------


def _residual(situation: Situation) -> tuple[Change, ...]:
    if "residual" not in situation.knobs:
        return (Change(treatments=("shortcut",)),)
    return () if situation.knobs["residual"] else (Change(knobs={"residual": True}),)


def _dense(_situation: Situation) -> tuple[Change, ...]:
    return (Change(treatments=("dense",)),)


REMEDIES = (
    Remedy(name="residual connections", limit=NAME, changes=_residual, tuned=True, quick=True),
    Remedy(name="dense connections", limit=NAME, changes=_dense, tuned=True),
)
