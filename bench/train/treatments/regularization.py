"""Regularisation: L1 penalty, dropout and clipping of gradients.

L2 is not here: it is the weight decay of a training.
"""

from functools import partial

import torch
from torch import Tensor, nn

from .knobs import check_number
from .residual import has_branch
from .surgery import activations, called, replaced
from .treatment import Treatment

_DROPOUTS = (
    nn.Dropout,
    nn.Dropout1d,
    nn.Dropout2d,
    nn.Dropout3d,
    nn.AlphaDropout,
    nn.FeatureAlphaDropout,
)


def l1(*, strength: float = 1e-5) -> Treatment:
    """Adds `strength` times the sum of the weights' absolute values to the loss (Tibshirani 1996).

    Weights are parameters of two or more dimensions: biases and the scales of norms are left out.
    A parameter that two layers share counts once.
    """
    strength = check_number("strength", strength)
    return Treatment(penalty=partial(_sum_of_magnitudes, strength=strength))


def _sum_of_magnitudes(model: nn.Module, *, strength: float) -> Tensor:
    weights = [p for p in model.parameters() if p.ndim >= 2 and p.requires_grad]
    if not weights:
        raise ValueError("expected weights of two or more dimensions for l1; found none")
    return strength * torch.stack([weight.abs().sum() for weight in weights]).sum()


def dropout(*, p: float = 0.1) -> Treatment:
    """Drops single elements with probability `p` (Srivastava et al. 2014).

    A network with dropout layers gets `p` in all of them. In any other, a dropout layer comes
    behind every activation module, but for one that follows the addition of a shortcut
    (`residual.has_branch`): there it would drop from the shortcut itself, which harms (He et al.
    2016, arXiv:1603.05027, section 3.1). Attention's own dropout, a number, is left alone.
    """
    return Treatment(prepare=partial(_drop, p=check_number("p", p, high=1.0)))


def _drop(model: nn.Module, batch: Tensor, *, p: float) -> nn.Module:
    layers = [layer for layer in model.modules() if isinstance(layer, _DROPOUTS)]
    if not layers:
        return _insert_dropout(model, batch, p)
    for layer in layers:
        layer.p = p
    return model


def _insert_dropout(model: nn.Module, batch: Tensor, p: float) -> nn.Module:
    after_addition = {
        child for block in model.modules() if has_branch(block) for child in block.children()
    }
    inside = [a for a in called(model, batch, activations(model)) if a not in after_addition]
    if not inside:
        raise ValueError(
            "no dropout layer and no activation module was found to put dropout behind: "
            "use modules such as nn.ReLU() where the network calls functions"
        )
    new = {activation: nn.Sequential(activation, nn.Dropout(p)) for activation in inside}
    return replaced(model, batch, new, remedy="dropout")


def clipping(*, norm: float = 1.0) -> Treatment:
    """Scales all gradients together so that their norm is at most `norm` (Pascanu et al. 2013,
    arXiv:1211.5063, algorithm 1)."""
    return Treatment(after_backward=partial(_clip, norm=check_number("norm", norm)))


def _clip(parameters: list[nn.Parameter], *, norm: float) -> None:
    nn.utils.clip_grad_norm_(parameters, norm)
