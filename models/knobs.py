"""Checks of depth and knobs: a ValueError says what was expected and what was found."""

import math

from .blocks import ACTIVATIONS, NORMS
from .weights import INITS


def is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def check_depth(family: str, depth: int, *, rule: str, smallest: int, step: int = 1) -> None:
    """Depths are `smallest`, `smallest + step`, …; `rule` says so in words."""
    if not is_count(depth) or depth < smallest or (depth - smallest) % step:
        examples = ", ".join(str(smallest + i * step) for i in range(3))
        raise ValueError(f"depth must be {rule} for {family} ({examples}, …); got {depth!r}")


def check_knobs(
    family: str,
    *,
    classes: int,
    width: int,
    activation: str,
    norm: str,
    init: str,
    init_scale: float | None,
    residual: bool,
    dropout: float,
) -> None:
    """The knobs that every family has."""
    for knob, name, known in (
        ("activation", activation, ACTIVATIONS),
        ("norm", norm, NORMS),
        ("init", init, INITS),
    ):
        if not isinstance(name, str) or name not in known:
            raise ValueError(f"unknown {knob} {name!r} for {family}; known: {', '.join(known)}")

    scale_is_fine = init_scale is None or (
        isinstance(init_scale, int | float) and 0 < init_scale < math.inf
    )
    for knob, value, expected, is_fine in (
        ("classes", classes, "an integer of at least 1", is_count(classes)),
        ("width", width, "an integer of at least 1", is_count(width)),
        ("init_scale", init_scale, "a finite number above 0", scale_is_fine),
        ("residual", residual, "true or false", isinstance(residual, bool)),
        (
            "dropout",
            dropout,
            "a number in [0, 1)",
            isinstance(dropout, int | float) and 0 <= dropout < 1,
        ),
    ):
        if not is_fine:
            raise ValueError(f"{knob} must be {expected} for {family}; got {value!r}")
