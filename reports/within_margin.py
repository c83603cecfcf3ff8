"""Depths that are shown to do as well as the best, within what the user cares for."""

from collections.abc import Sequence

from .estimates import Estimate, Moments, upper_bound


def within_margin(estimates: Sequence[Estimate], margin: float) -> tuple[int, ...]:
    """The depths of which it is shown, each with 95% confidence, that no other is better by
    `margin` (a fraction of accuracy) or more.

    Not to be told from the best is no such proof: with few seeds nothing can be told. All of a
    depth's comparisons must succeed, so that none needs a correction (intersection-union test,
    Berger 1982).
    """
    known = {each.depth: each.raw for each in estimates if each.raw is not None}
    if len(known) < len(estimates):
        return ()
    return tuple(depth for depth in known if _is_within(depth, known, margin))


def _is_within(depth: int, known: dict[int, Moments], margin: float) -> bool:
    others = (each for other, each in known.items() if other != depth)
    return all(upper_bound(known[depth], each) < margin for each in others)
