"""Checks of the values that a treatment's knobs are given; each error is one line."""

import math
from collections.abc import Collection


def check_number(knob: str, value: object, *, low: float = 0.0, high: float = math.inf) -> float:
    """`value`, if it is a finite number from `low` to `high`.

    Raises:
        ValueError: it is not.
    """
    wrong = isinstance(value, bool) or not isinstance(value, int | float)
    if wrong or not math.isfinite(value) or not low <= value <= high:  # type: ignore[arg-type, operator]
        upper = "" if high == math.inf else f" and at most {high:g}"
        raise ValueError(f"{knob} must be a number of at least {low:g}{upper}; got {value!r}")
    return float(value)  # type: ignore[arg-type]


def check_choice(knob: str, value: object, choices: Collection[str]) -> str:
    """`value`, if it is one of `choices`.

    Raises:
        ValueError: it is not.
    """
    if not isinstance(value, str) or value not in choices:
        raise ValueError(f"{knob} must be one of {', '.join(choices)}; got {value!r}")
    return value
