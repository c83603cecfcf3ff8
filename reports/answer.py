"""The answer at the top of the page: of each network the best and the sufficient depth, how
accuracy goes on with depth, and what stops it."""

from collections.abc import Sequence
from dataclasses import dataclass

from .labels import shortened
from .limits_block import WORDS
from .limits_verdict import LimitsVerdict
from .verdict import Verdict
from .words import percent


@dataclass(frozen=True)
class Answer:
    """One network on one task, in words."""

    family: str
    task: str
    best: str
    best_accuracy: str
    sufficient: str
    sufficient_accuracy: str
    metric: str
    course: str
    limit: str


def answer(verdict: Verdict, limits: Sequence[LimitsVerdict]) -> Answer:
    """Of a verdict; limits: all that were measured."""
    best, sufficient = verdict.best_depth, verdict.sufficient_depth
    return Answer(
        family=shortened(verdict.family),
        task=shortened(verdict.task or ""),
        best="none" if best is None else str(best),
        best_accuracy=_accuracy(verdict, best),
        sufficient="cannot be told" if sufficient is None else str(sufficient),
        sufficient_accuracy=_accuracy(verdict, sufficient),
        metric=verdict.metric.replace("_", " "),
        course=course(verdict),
        limit=limit(verdict, limits),
    )


def _accuracy(verdict: Verdict, depth: int | None) -> str:
    return "" if depth is None else percent(verdict, verdict.row(depth).accuracy)


def course(verdict: Verdict) -> str:
    """How accuracy goes on with depth, in a sentence."""
    if verdict.best_depth is None:
        return "No run gave an accuracy."
    if verdict.shape == "declining" and verdict.declines_from is not None:
        return f"Significantly worse from depth {verdict.declines_from} on."
    if verdict.shape == "declining":
        return "Some depth beyond the best is significantly worse, the deepest is not."
    if verdict.shape == "rising":
        return "Still rising: the deepest depth is best, and deeper was not tried."
    if verdict.shape == "plateau":
        return "A plateau: past the sufficient depth nothing gains significantly."
    return "Undetermined: the noise hides how accuracy goes with depth."


def limit(verdict: Verdict, limits: Sequence[LimitsVerdict]) -> str:
    """What stops the network from going deeper, in a sentence; of the deepest depth asked about."""
    ours = [each for each in limits if (each.family, each.task) == (verdict.family, verdict.task)]
    if not ours:
        return "What stops it was not measured."
    deepest = max(ours, key=lambda each: each.depth)
    if deepest.name == "undetermined":
        return f"What stops depth {deepest.depth} is undetermined."
    if deepest.name == "none":
        return (
            f"Nothing stops it at depth {deepest.depth}: deeper still pays ({deepest.confidence})."
        )
    words = WORDS[deepest.name]
    return f"At depth {deepest.depth} it is stopped by {words} ({deepest.confidence} evidence)."
