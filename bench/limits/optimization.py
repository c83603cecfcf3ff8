"""Limit: the network could fit the data, but this optimizer at this learning rate does not.

Beside other optimizers, learning rates and warm-ups: the window of learning rates where training
works, the curvature at the weights that were found, how far the gradients of minibatches agree,
and slices of the loss around them.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn

from ..measure.curvature import spectral_density, top_eigenvalues
from ..measure.flatness import flatness
from ..measure.gradient_agreement import gradient_agreement
from ..measure.loss_slice import Objective, slice_1d, slice_2d
from ..train.optimizers import OPTIMIZERS
from ..train.tuning import FACTORS
from .evidence import Probe
from .remedy import Change, Remedy, Situation

NAME = "optimization"

# Factors of the learning rate whose trainings make the window.
WINDOW = tuple(factor for factor in FACTORS if factor != 1)
# … and further ones where the best of these is at an end.
BEYOND = {0.1: 0.01, 10.0: 100.0}

# Lanczos steps and probes of the spectral density; each step costs some three gradients. With
# fewer steps the share of negative curvature is wrong by more than its probes tell.
DENSITY_STEPS, DENSITY_PROBES = 80, 1

# Learning rates at which each optimizer is commonly tuned.
RATES = {
    "adamw": (3e-3, 1e-3),
    "adam": (3e-3, 1e-3),
    "rmsprop": (1e-3, 3e-4),
    "momentum": (0.1, 0.01),
    "sgd": (0.5, 0.05),
    "lion": (1e-3, 3e-4),
}
WARM_UPS = (0.6,)


def landscape(
    model: nn.Module, batches: Sequence[tuple[Tensor, Tensor]], *, depth: int
) -> list[Probe]:
    """Curvature, agreement of gradients and slices at the present weights.

    Args:
        batches: of (inputs, labels); the curvature is that of the first.
    """

    def objective(batch: tuple[Tensor, Tensor]) -> Objective:
        return lambda network: F.cross_entropy(network(batch[0]), batch[1])

    first, size = objective(batches[0]), len(batches[0][1])
    alike = [batch for batch in batches if len(batch[1]) == size]
    return [
        *_curvature(model, first, depth),
        *_agreement(model, [objective(batch) for batch in alike], size, depth),
        *_slices(model, first, depth),
    ]


def _curvature(model: nn.Module, objective: Objective, depth: int) -> Iterator[Probe]:
    spectrum = top_eigenvalues(model, objective, count=2, smallest=1)
    ends = {"largest": spectrum.largest, "smallest": spectrum.smallest}
    for end, values in ends.items():
        for rank, found in enumerate(values, 1):
            words = None if found.converged else "not converged"
            at = f"{end} {rank}"
            yield _probe("hessian_eigenvalue", found.value, depth, at=at, note=words)
            yield _probe("hessian_eigenvalue_residual", found.residual, depth, at=at, note=words)
    density = spectral_density(model, objective, steps=DENSITY_STEPS, probes=DENSITY_PROBES)
    share, error = density.negative_share, density.negative_share_error
    yield _probe("negative_curvature_share", share, depth, **_interval(share, error))
    yield _probe(
        "hessian_trace", density.trace, depth, **_interval(density.trace, density.trace_error)
    )
    flat = flatness(model, objective)
    rise = flat.mean_increase
    yield _probe(
        "flatness_loss_increase",
        rise,
        depth,
        at=f"radius {flat.radius:g}",
        **_interval(rise, flat.error),
    )


def _interval(value: float | None, error: float | None) -> dict[str, float]:
    """Two standard errors each way."""
    if value is None or error is None:
        return {}
    return {"low": value - 2 * error, "high": value + 2 * error}


def _agreement(
    model: nn.Module, objectives: Sequence[Objective], batch_size: int, depth: int
) -> Iterator[Probe]:
    found = gradient_agreement(model, objectives, batch_size=batch_size)
    words = f"{found.pairs} pairs of minibatches"
    yield _probe("minibatch_gradient_cosine", found.mean_cosine, depth, at=words)
    yield _probe("gradient_noise_scale", found.noise_scale, depth, at=words)


def _slices(model: nn.Module, objective: Objective, depth: int) -> Iterator[Probe]:
    line = slice_1d(model, objective)
    for x, loss in zip(line.coordinates, line.losses, strict=True):
        yield _probe("slice_loss", loss, depth, at=f"{x:.3g}")
    plane = slice_2d(model, objective)
    for x, losses in zip(plane.coordinates, plane.losses, strict=True):
        for y, loss in zip(plane.coordinates, losses, strict=True):
            yield _probe("slice_2d_loss", loss, depth, at=f"{x:.3g}, {y:.3g}")


def _probe(quantity: str, value: float | None, depth: int, **more: Any) -> Probe:
    return Probe(limit=NAME, quantity=quantity, depth=depth, value=value, **more)


# --- remedies ---------------------------------------------------------------------------------


def _optimizers(situation: Situation) -> tuple[Change, ...]:
    present = situation.training.optimizer
    return tuple(
        Change(settings={"optimizer": name, "learning_rate": rate})
        for name, rates in RATES.items()
        if name != present and {name, present} != {"adam", "adamw"} and name in OPTIMIZERS
        for rate in rates
    )


def _warm_up(_situation: Situation) -> tuple[Change, ...]:
    return tuple(Change(treatments=(f"warmup:share={share}",)) for share in WARM_UPS)


def _branch_scale(situation: Situation) -> tuple[Change, ...]:
    if situation.knobs.get("residual") is False:
        return ()
    return tuple(Change(treatments=(f"branch_scale:rule={rule}",)) for rule in ("sqrt", "linear"))


REMEDIES = (
    Remedy(name="another optimizer", limit=NAME, changes=_optimizers),
    Remedy(name="longer warm-up", limit=NAME, changes=_warm_up),
    Remedy(name="scaled residual branches", limit=NAME, changes=_branch_scale),
)
TUNED = "tuned learning rate"
