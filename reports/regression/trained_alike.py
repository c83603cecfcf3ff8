"""Were the runs of two studies trained alike? Only then do accuracies say what the code did."""

from collections.abc import Iterator, Mapping
from typing import Any

from ..sweep import Sweep
from .quantities import setting_words

PROTOCOL = (
    "metric", "batch_size", "epochs", "train_for", "match", "match_reference_depth", "tuned_from",
    "dtype",
)  # fmt: skip
"""Of a sweep's protocol; device and machine may differ: they move an accuracy by rounding alone."""

SETTINGS = ("optimizer", "learning_rate", "weight_decay", "n_train", "width")
"""Of a sweep's settings; the chosen rate may differ where each depth's was tuned."""

TUNED = ("optimizer", "learning_rate", "weight_decay")


def differing_training(base: Sweep, new: Sweep) -> tuple[str, ...]:
    """What was not the same, in words; nothing where all was."""
    return tuple(_differing(base, new))


def _differing(base: Sweep, new: Sweep) -> Iterator[str]:
    for name in PROTOCOL:
        yield from _unlike(name, base.protocol.get(name), new.protocol.get(name))
    knobs = {**base.knobs, **new.knobs}
    for name in knobs:
        yield from _unlike(name, base.knobs.get(name), new.knobs.get(name))
    ours, theirs = ({each.name: each.by_depth for each in side.held} for side in (base, new))
    tuned = base.protocol.get("tuned_from") is not None
    for name in SETTINGS:
        if name not in knobs and not (tuned and name in TUNED):
            yield from _unlike_by_depth(name, ours.get(name), theirs.get(name))


def _unlike(name: str, base: Any, new: Any) -> Iterator[str]:
    if base != new:
        yield f"{name}: {setting_words(base)} -> {setting_words(new)}"


def _unlike_by_depth(
    name: str,
    base: Mapping[int, tuple[Any, ...]] | None,
    new: Mapping[int, tuple[Any, ...]] | None,
) -> Iterator[str]:
    """At the depths that both have; what only one side says, is not known to differ."""
    if base is None or new is None:
        return
    for depth in base.keys() & new.keys():
        if base[depth] != new[depth]:
            yield f"{name} at depth {depth}: {_listed(base[depth])} -> {_listed(new[depth])}"


def _listed(values: tuple[Any, ...]) -> str:
    return " or ".join(map(setting_words, values))
