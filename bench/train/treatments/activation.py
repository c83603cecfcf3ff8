"""Activation: every activation module is replaced, and the weights drawn as suits the new one.

The two belong together: the variance that an activation passes on decides what variance the
weights need (He et al. 2015, arXiv:1502.01852, section 2.2), so an activation beside the other's
weights would be judged by the mismatch. Activations that are called as functions are not seen.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import NamedTuple

from torch import Tensor, nn

from .initialization import DRAWS, draw
from .knobs import check_choice
from .surgery import activations, called, replaced
from .treatment import Treatment


class Choice(NamedTuple):
    """An activation and the scheme of the weights before it."""

    build: Callable[[], nn.Module]
    scheme: str


CHOICES: Mapping[str, Choice] = {
    "relu": Choice(nn.ReLU, "he"),
    "leaky_relu": Choice(nn.LeakyReLU, "he"),
    "elu": Choice(nn.ELU, "he"),
    "gelu": Choice(nn.GELU, "he"),
    "silu": Choice(nn.SiLU, "he"),
    "selu": Choice(nn.SELU, "lecun"),  # Klambauer et al. 2017, arXiv:1706.02515
    "tanh": Choice(nn.Tanh, "xavier"),
    "sigmoid": Choice(nn.Sigmoid, "xavier"),
}


def activation(*, to: str = "relu") -> Treatment:
    """Puts the activation `to` in the place of every other, with weights that fit.

    He for those like ReLU, LeCun for selu, Xavier for tanh and sigmoid; see `initialization`.
    """
    check_choice("to", to, CHOICES)
    return Treatment(prepare=partial(_activate, to=to))


def _activate(model: nn.Module, batch: Tensor, *, to: str) -> nn.Module:
    build, scheme = CHOICES[to]
    found = called(model, batch, activations(model))
    if not found:
        raise ValueError(
            "no activation module was found to replace: "
            "use modules such as nn.ReLU() where the network calls functions"
        )
    new = {old: build() for old in found if type(old) is not type(build())}
    if not new:
        raise ValueError(f"every activation is {to} already; choose another one with to=…")
    model = replaced(model, batch, new, remedy=f"activation {to}")
    draw(model, DRAWS[scheme])
    return model
