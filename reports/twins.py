"""What residual connections change: a plain net against its residual twin.

Twins are told by the knobs that their runs were built with, defaults included, and never by their
names: only a family's signature knows whether `mlp` has residual connections.
"""

import re
from collections.abc import Sequence

from .verdict import Verdict
from .words import p_value, percent


def twin_pairs(verdicts: Sequence[Verdict]) -> list[tuple[Verdict, Verdict]]:
    """(plain, residual) for each plain net with a residual twin on the same task, both judged."""
    judged = [verdict for verdict in verdicts if verdict.best_depth is not None]
    plain = [each for each in judged if each.knobs.get("residual") is False]
    return [(each, other) for each in plain for other in judged if _is_twin(each, other)]


def _is_twin(plain: Verdict, other: Verdict) -> bool:
    return (
        _target(plain.family) == _target(other.family)
        and plain.task == other.task
        and other.knobs.get("residual") is True
        and {**plain.knobs, "residual": True} == other.knobs
    )


def _target(family: str) -> str:
    """A family spec without its knobs: `net.py:build` of `net.py:build:width=64`."""
    return re.split(r":\w+=", family, maxsplit=1)[0]


def twin_sentences(verdicts: Sequence[Verdict]) -> tuple[str, ...]:
    """One sentence for each plain net whose residual twin is there too."""
    return tuple(_sentence(plain, residual) for plain, residual in twin_pairs(verdicts))


def _sentence(plain: Verdict, residual: Verdict) -> str:
    subject = f"On {plain.task} the plain net" if plain.task else "The plain net"
    numbers = f"{plain.family}: {_course(plain)}; {residual.family}: {_course(residual)}"
    return f"{subject} {_contrast(plain, residual)} ({numbers})."


def _contrast(plain: Verdict, residual: Verdict) -> str:
    declines = plain.shape == "declining", residual.shape == "declining"
    if declines[0] and residual.shape == "undetermined":
        return "declines with depth; its residual twin shows no decline beyond its noise"
    if declines == (True, True):
        return "declines with depth, and so does its residual twin"
    if declines == (True, False):
        return "declines with depth while its residual twin does not"
    if "undetermined" in (plain.shape, residual.shape):
        return "and its residual twin cannot be contrasted: the noise hides the shape of one"
    if declines == (False, True):
        return "does not decline with depth while its residual twin does"
    return "does not decline with depth, nor does its residual twin"


def _course(verdict: Verdict) -> str:
    """From the best depth to the deepest one."""
    deepest = [row for row in verdict.rows if row.accuracy is not None][-1]
    if verdict.best_depth is None or deepest.depth == verdict.best_depth:
        return f"{percent(verdict, deepest.accuracy)} at {deepest.depth}, its best and deepest"
    best = verdict.row(verdict.best_depth)
    return (
        f"{percent(verdict, best.accuracy)} at {best.depth}, "
        f"{percent(verdict, deepest.accuracy)} at {deepest.depth} ({p_value(deepest)})"
    )
