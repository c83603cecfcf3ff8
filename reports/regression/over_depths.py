"""How a change of an exact count goes with depth: `+1 operator a layer`."""

from collections.abc import Mapping
from fractions import Fraction
from itertools import pairwise


def pattern(changes: Mapping[int, int], unit: str) -> str:
    """One rule for all depths in words; empty where there is none.

    Args:
        changes: by depth, those that are 0 included.
        unit: of the counts, plural: `operators`.
    """
    (first, least), *rest = points = sorted(changes.items())
    if not rest or not any(changes.values()):
        return ""
    slopes = {Fraction(b - a, to - at) for (at, a), (to, b) in pairwise(points)}
    slope, constant = min(slopes), least - min(slopes) * first
    # Any two points lie on a line: of two depths only the plainest rules are believed.
    if len(slopes) > 1 or (len(points) == 2 and slope and constant):
        return ""
    if not slope:
        return f"{amount(least, unit)} at every depth"
    return _start(first, least, unit, constant) + _each_layer(slope, unit)


def _start(first: int, least: int, unit: str, constant: Fraction) -> str:
    """Nothing where the change is proportional to depth."""
    if not constant:
        return ""
    return f"{amount(least, unit) if least else 'none'} at depth {first}, then "


def _each_layer(slope: Fraction, unit: str) -> str:
    layers = "a layer" if slope.denominator == 1 else f"every {slope.denominator} layers"
    return f"{amount(slope.numerator, unit)} {layers}"


def amount(change: int, unit: str) -> str:
    """A change with its sign and unit: `+1 operator`, `-3,200 bytes`."""
    return f"{change:+,} {unit.removesuffix('s') if abs(change) == 1 else unit}"
