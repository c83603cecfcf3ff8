"""Shortcuts: the identity around blocks that lack it, and residual branches scaled with depth.

Without norms, each `x + f(x)` whose branch is as large as its input doubles the variance: 2^L after
L blocks. Branches times 1/sqrt(L) keep it below e (De & Smith 2020, arXiv:2002.10444); branches
times 1/L, whose factors sum to 1 at every depth, keep it near 1 (Hanin & Rolnick 2018,
arXiv:1803.01719, who ask for a finite sum).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from ...measure.repeated_blocks import repeated_blocks
from .knobs import check_choice, check_number
from .residual import Residual, has_branch, has_place, has_shortcut, same_output, scaled, zeroed
from .surgery import Call, called, calls, check_called, norms, replaced, weight_layers
from .treatment import Treatment

RULES: Mapping[str, Callable[[int], float]] = {"sqrt": lambda n: n**-0.5, "linear": lambda n: 1 / n}
"""From the number of branches L to the factor of each: 1/sqrt(L) and 1/L."""


def shortcut(*, scale: float | str = 1.0) -> Treatment:
    """Adds the identity around every block that keeps the shape of its input and has no shortcut
    (He et al. 2015, arXiv:1512.03385, equation 1).

    A block with an empty place for it (`residual.has_place`) gets it there, so that a built-in
    family's plain twin becomes its residual network. In other networks it goes around the repeated
    blocks; in one that repeats none, around each weight layer but the last, before the activation
    (a residual of one layer, in which the paper saw no advantage: section 3.2).

    - scale: of each branch: a number, or sqrt or linear by `RULES` for the branches added.
    """
    if isinstance(scale, str):
        if scale not in RULES:
            raise ValueError(f"scale must be a number, sqrt or linear; got {scale!r}")
    else:
        check_number("scale", scale)
    return Treatment(prepare=partial(_add_shortcuts, scale=scale))


def _add_shortcuts(model: nn.Module, batch: Tensor, *, scale: float | str) -> nn.Module:
    places = _plain(model, batch, filter(has_place, model.modules()))
    blocks = places or _plain(model, batch, repeated_blocks(model) or _hidden(model, batch))
    if not blocks:
        raise ValueError(
            "expected blocks without a shortcut that keep the shape of their input; found none: "
            "the network has shortcuts already, or every block changes the shape"
        )
    factor = RULES[scale](len(blocks)) if isinstance(scale, str) else scale
    if places:
        return _filled(model, batch, places, factor)
    new = {block: Residual(scaled(block, factor)) for block in blocks}
    return replaced(model, batch, new, remedy="shortcuts")


def _filled(model: nn.Module, batch: Tensor, places: Sequence[Any], factor: float) -> nn.Module:
    for block in places:
        block.body = scaled(block.body, factor)
        block.shortcut = nn.Identity().train(block.training)
    check_called(model, batch, [block.shortcut for block in places], remedy="shortcuts")
    return model


def _hidden(model: nn.Module, batch: Tensor) -> list[nn.Module]:
    """The weight layers that are called, but for the last."""
    return called(model, batch, weight_layers(model))[:-1]


def _plain(model: nn.Module, batch: Tensor, blocks: Iterable[nn.Module]) -> list[nn.Module]:
    """Those that keep the shape of their input in every call and have no shortcut."""
    found = _calls_by_module(model, batch, blocks)
    keep_shape = {block: all(call.keeps_shape for call in of) for block, of in found.items()}
    return [b for b, of in found.items() if keep_shape[b] and not has_shortcut(of[0])]


def _calls_by_module(
    model: nn.Module, batch: Tensor, modules: Iterable[nn.Module]
) -> dict[nn.Module, list[Call]]:
    found: dict[nn.Module, list[Call]] = {}
    for call in calls(model, batch, modules):
        found.setdefault(call.module, []).append(call)
    return found


def branch_scale(*, rule: str = "sqrt") -> Treatment:
    """Multiplies all L residual branches by 1/sqrt(L) (`sqrt`) or 1/L (`linear`).

    A block with parts `body` and `shortcut` has its body scaled. In other networks those repeated
    blocks count that have a shortcut without parameters, and the last norm or weight layer of each
    is scaled, if the whole branch passes through it. That scales the branch if nothing or only a
    ReLU-like function follows the layer before the addition. Blocks whose shortcut has parameters
    are not seen there and stay.
    """
    check_choice("rule", rule, RULES)
    return Treatment(prepare=partial(_scale_branches, rule=rule))


def _scale_branches(model: nn.Module, batch: Tensor, *, rule: str) -> nn.Module:
    blocks: list[Any] = [block for block in model.modules() if has_branch(block)]
    for block in blocks:
        block.body = scaled(block.body, RULES[rule](len(blocks)))
    if blocks:
        check_called(model, batch, [block.body for block in blocks], remedy="scaled branches")
        return model
    ends = _branch_ends(model, batch)
    new = {end: scaled(end, RULES[rule](len(ends))) for end in ends}
    return replaced(model, batch, new, remedy="scaled branches")


def _branch_ends(model: nn.Module, batch: Tensor) -> list[nn.Module]:
    """The layer in which the branch of each repeated residual block ends."""
    found = _calls_by_module(model, batch, repeated_blocks(model))
    residual = [of[0] for of in found.values() if of[0].keeps_shape and has_shortcut(of[0])]
    if not residual:
        raise ValueError(
            "expected residual blocks to scale; found none: "
            "blocks are known by their parts body and shortcut, or by a shortcut without parameters"
        )
    layers = called(model, batch, [*weight_layers(model), *norms(model)])
    ends = [_branch_end(call, layers) for call in residual]
    if None in ends:
        raise ValueError(
            f"expected the branch of each block to end in one layer; {ends.count(None)} of "
            f"{len(ends)} do not: give them parts named body and shortcut"
        )
    return [end for end in ends if end is not None]


@torch.no_grad()
def _branch_end(call: Call, layers: list[nn.Module]) -> nn.Module | None:
    """The last of `layers` in the block, if zeroing it does what zeroing all parameters does."""
    names = {module: name for name, module in call.module.named_modules()}
    inside = [layer for layer in layers if layer in names]
    if not inside:
        return None
    without_end = zeroed(call.module, only=names[inside[-1]])
    same = same_output(without_end, zeroed(call.module), call)
    return inside[-1] if same else None
