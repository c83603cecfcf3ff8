"""The evidence on one network, sorted by what it may be looked at for: one list a picture.

`limits` weighs the same rows; here they are only told apart.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .data_limit import LearningCurve, learning_curve
from .tables import Row
from .trials import FIT, HELD_OUT, Trials, score

RESIDUAL = "residual connections"
"""The remedy whose networks are the residual twins."""


@dataclass(frozen=True)
class LayerGradient:
    """At initialisation: rms of the loss's gradient with respect to a layer's output.

    Attributes:
        place: of the layer, from 1.
        rms: null where it is not finite.
    """

    depth: int
    place: int
    layer: str
    rms: float | None


@dataclass(frozen=True)
class Scored:
    """One training of one of several networks that are compared, which `network` names: its
    accuracies as fractions, on training data and on data held out."""

    network: str
    depth: int
    seed: int
    fit: float | None
    held_out: float | None


@dataclass(frozen=True)
class SlicePoint:
    """The training loss at a distance along one direction from the weights that were found."""

    depth: int
    distance: float
    loss: float


@dataclass(frozen=True)
class RatePoint:
    """One training at a learning rate. A training that diverged has the accuracy of guessing."""

    optimizer: str
    depth: int
    learning_rate: float
    fit: float
    diverged: bool


@dataclass(frozen=True)
class SizePoint:
    """The error on data held out after training on so many samples."""

    depth: int
    n_train: int
    seed: int
    error: float


@dataclass(frozen=True)
class Evidence:
    """What is known of one network, any of which may be empty.

    Attributes:
        fitted: by depth, the curve of error against data, where it could be fitted.
    """

    family: str
    task: str
    depth: int
    gradients: tuple[LayerGradient, ...]
    shortcuts: tuple[Scored, ...]
    slices: tuple[SlicePoint, ...]
    rates: tuple[RatePoint, ...]
    sizes: tuple[SizePoint, ...]
    fitted: Mapping[int, LearningCurve]


def evidence(rows: Sequence[Row]) -> Evidence:
    """Of one subject: the rows of one family, task and asked depth."""
    trials = Trials(tuple(row for row in rows if row["kind"] == "trial"))
    probes = [row for row in rows if row["kind"] == "probe"]
    depths = sorted({int(row["depth"]) for row in trials.rows if row["role"] == "data"})
    curves = {depth: learning_curve(trials.sized(depth)) for depth in depths}
    return Evidence(
        family=str(rows[0]["family"]),
        task=str(rows[0]["task"]),
        depth=int(rows[0]["asked_depth"]),
        gradients=_gradients(probes),
        shortcuts=_shortcuts(trials),
        slices=_slices(probes),
        rates=tuple(point for row in trials.rows if (point := _rate(row)) is not None),
        sizes=tuple(point for depth in depths for point in _sizes(trials, depth)),
        fitted={depth: curve for depth, curve in curves.items() if curve is not None},
    )


def _gradients(probes: Sequence[Row]) -> tuple[LayerGradient, ...]:
    """Those along a training name their step before the layer, with a comma."""
    rows = [row for row in probes if row["quantity"] == "gradient_rms" and row["at"]]
    by_depth: dict[int, dict[str, float | None]] = {}
    for row in rows:
        if ", " not in row["at"]:
            by_depth.setdefault(int(row["depth"]), {})[str(row["at"])] = row["value"]
    return tuple(
        LayerGradient(depth, place, layer, rms)
        for depth, layers in by_depth.items()
        for place, (layer, rms) in enumerate(layers.items(), 1)
    )


def _shortcuts(trials: Trials) -> tuple[Scored, ...]:
    """The network as asked at each depth, and with shortcuts, if these were trained."""
    twins = [row for row in trials.rows if row["remedy"] == RESIDUAL]
    plain = [row for row in trials.rows if row["role"] in ("asked", "shallower")]
    named = [("as asked", row) for row in plain] + [(RESIDUAL, row) for row in twins]
    return tuple(_scored(name, row) for name, row in named) if twins else ()


def _scored(network: str, row: Row) -> Scored:
    return Scored(network, int(row["depth"]), row["seed"], score(row, FIT), score(row, HELD_OUT))


def _slices(probes: Sequence[Row]) -> tuple[SlicePoint, ...]:
    known = [row for row in probes if row["quantity"] == "slice_loss" and row["value"] is not None]
    return tuple(
        SlicePoint(int(row["depth"]), float(row["at"]), row["value"])
        for row in known
        if re.fullmatch(r"[-+.\deE]+", row["at"] or "")
    )


def _rate(row: Row) -> RatePoint | None:
    """Trainings of the seed that chooses, of which no more is changed than the optimizer and its
    learning rate."""
    alone = row["role"] in ("asked", "shallower", "window")
    optimizer = re.search(r"optimizer=(\w+)", row["change"] or "")
    fit, rate = score(row, FIT), row["learning_rate"]
    if row["seed"] or not (alone or optimizer) or fit is None or not rate:
        return None
    name = optimizer[1] if optimizer else "as asked"
    return RatePoint(name, int(row["depth"]), rate, fit, row["status"] == "diverged")


def _sizes(trials: Trials, depth: int) -> list[SizePoint]:
    return [
        SizePoint(depth, n, seed, 1 - held_out)
        for n, by_seed in trials.sized(depth).items()
        for seed, row in by_seed.items()
        if (held_out := score(row, HELD_OUT)) is not None
    ]
