"""Finds the layers of any network and puts others in their place.

Only what the network calls as a module can be replaced: functions such as `F.relu` are not seen.
PyTorch's `MultiheadAttention` and `TransformerEncoderLayer` read the weights of what they hold
past its `forward`, so nothing inside them is replaced.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ...measure.state import left_as_found
from ...specs import one_line

WEIGHT_LAYERS = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)
WeightLayer = nn.Linear | nn.Conv1d | nn.Conv2d | nn.Conv3d

# Those that act on each element by itself.
ACTIVATIONS = (
    nn.CELU,
    nn.ELU,
    nn.GELU,
    nn.Hardshrink,
    nn.Hardsigmoid,
    nn.Hardswish,
    nn.Hardtanh,  # ReLU6 is one
    nn.LeakyReLU,
    nn.LogSigmoid,
    nn.Mish,
    nn.PReLU,
    nn.ReLU,
    nn.RReLU,
    nn.SELU,
    nn.SiLU,
    nn.Sigmoid,
    nn.Softplus,
    nn.Softshrink,
    nn.Softsign,
    nn.Tanh,
    nn.Tanhshrink,
)

_SEALED = (nn.MultiheadAttention, nn.TransformerEncoderLayer)


@dataclass(frozen=True, eq=False)
class Call:
    """One call of a module: its positional and keyword arguments and what it returned."""

    module: nn.Module
    arguments: tuple[Any, ...]
    keywords: Mapping[str, Any]
    output: Any

    @property
    def keeps_shape(self) -> bool:
        """Whether the output could be added to the first argument."""
        ends = (*self.arguments[:1], self.output)
        tensors = len(ends) == 2 and all(isinstance(end, Tensor) for end in ends)
        return tensors and ends[0].shape == ends[1].shape and ends[0].is_floating_point()


def weight_layers(model: nn.Module, *, sealed: Collection[type] = _SEALED) -> list[WeightLayer]:
    """Linear layers and convolutions in the order in which the network holds them, each once;
    those inside modules of a `sealed` class are left out."""
    return [layer for layer in _outside(model, sealed) if isinstance(layer, WEIGHT_LAYERS)]


def activations(model: nn.Module) -> list[nn.Module]:
    """The activation modules, each once."""
    return [layer for layer in _outside(model, _SEALED) if isinstance(layer, ACTIVATIONS)]


def norms(model: nn.Module) -> list[nn.Module]:
    """The modules whose class is called a norm, a user's own too."""
    return [layer for layer in model.modules() if "norm" in type(layer).__name__.lower()]


def _outside(model: nn.Module, sealed: Collection[type]) -> list[nn.Module]:
    holders = [module for module in model.modules() if isinstance(module, tuple(sealed))]
    inside = {module for holder in holders for module in holder.modules()}
    return [module for module in model.modules() if module not in inside]


def calls(model: nn.Module, batch: Tensor, modules: Iterable[nn.Module]) -> list[Call]:
    """The calls of `modules` in the order in which they end, in one forward pass in train mode;
    the network is left as it was found."""
    seen: list[Call] = []

    def see(
        module: nn.Module, arguments: tuple[Any, ...], keywords: dict[str, Any], output: Any
    ) -> None:
        seen.append(Call(module, arguments, keywords, output))

    handles = [m.register_forward_hook(see, with_kwargs=True) for m in dict.fromkeys(modules)]
    try:
        with left_as_found(model), torch.no_grad():
            model.train()
            model(batch)
    finally:
        for handle in handles:
            handle.remove()
    return seen


def called(model: nn.Module, batch: Tensor, modules: Iterable[nn.Module]) -> list[nn.Module]:
    """Those of `modules` that the network calls, each once."""
    return list(dict.fromkeys(call.module for call in calls(model, batch, modules)))


def replaced(
    model: nn.Module, batch: Tensor, new: Mapping[nn.Module, nn.Module], *, remedy: str
) -> nn.Module:
    """`model` with the values of `new` in every place of their keys, in the keys' mode.

    Raises:
        ValueError: the network no longer runs, or does not call what was put in.
    """
    for parent in list(model.modules()):
        for name, child in list(parent._modules.items()):
            if child is not None and child in new:
                setattr(parent, name, new[child])
    for old, put in new.items():
        kept = set(old.modules())
        for module in put.modules():
            module.training = module.training if module in kept else old.training
    model = new.get(model, model)
    check_called(model, batch, new.values(), remedy=remedy)
    return model


def check_called(
    model: nn.Module, batch: Tensor, modules: Collection[nn.Module], *, remedy: str
) -> None:
    """Raise `ValueError` unless the network runs and calls all of `modules`."""
    try:
        ran = called(model, batch, modules)
    except Exception as error:  # whatever a user's network raises
        raise ValueError(
            f"the network does not run with {remedy} put in ({one_line(error)}): "
            "it uses its layers in another way than by calling them"
        ) from error
    if len(ran) < len(set(modules)):
        raise ValueError(
            f"expected the network to call all {len(set(modules))} modules put in for {remedy}; "
            f"it called {len(ran)}: it reaches its layers past its submodules"
        )
