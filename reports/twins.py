"""What residual connections change: `X:residual=false` is the plain twin of `X`."""

from __future__ import annotations

from collections.abc import Sequence

from reports.verdict import Verdict
from reports.words import p_value, percent

Spec = tuple[str, tuple[tuple[str, str], ...]]


def parse_spec(family: str) -> Spec:
    """A family spec as its target and its knobs in the order of their names."""
    target, colon, knobs = family.rpartition(":")
    if not colon or "=" not in knobs:
        return family, ()
    pairs = (knob.partition("=") for knob in knobs.split(","))
    return target, tuple(sorted((name.strip(), value.strip()) for name, _, value in pairs))


def twin_pairs(verdicts: Sequence[Verdict]) -> list[tuple[Verdict, Verdict]]:
    """(plain, residual) for each plain net with a residual twin on the same task, both judged."""
    judged = [verdict for verdict in verdicts if verdict.best_depth is not None]
    residual = {_twin_key(each): each for each in judged if not _is_plain(each)}
    plain = [each for each in judged if _is_plain(each)]
    return [(each, residual[_twin_key(each)]) for each in plain if _twin_key(each) in residual]


def _is_plain(verdict: Verdict) -> bool:
    return dict(parse_spec(verdict.family)[1]).get("residual", "").lower() == "false"


def _twin_key(verdict: Verdict) -> tuple[Spec, str | None]:
    target, knobs = parse_spec(verdict.family)
    return (target, tuple(knob for knob in knobs if knob[0] != "residual")), verdict.task


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
