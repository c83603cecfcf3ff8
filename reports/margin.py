"""The least accuracy that a user cares for, as `--margin 0.5pp` gives it."""

import re

from .errors import InputError

MARGIN = 0.01
"""A fraction of accuracy: what is taken where nobody says otherwise."""

_POINTS = re.compile(r"\s*([0-9]+(?:\.[0-9]*)?|\.[0-9]+)\s*(?:pp|%|points?)?\s*")


def parse_margin(text: str) -> float:
    """The margin as a fraction, of percentage points: `0.5pp`, `0.5%`, `0.5`.

    Raises:
        InputError: something else, or not within 0 to 100 points.
    """
    match = _POINTS.fullmatch(text)
    points = float(match[1]) if match else -1.0
    if not 0 <= points <= 100:
        raise InputError(
            f"--margin takes 0 to 100 percentage points of accuracy, such as 0.5pp; got {text!r}"
        )
    return points / 100
