"""Did the depth that pays move? A depth is one of a confidence set, so it moves by luck, too."""

from collections.abc import Iterator

from ..best_depth import Standing, stand
from ..sweep import Sweep
from .finding import ACCURACY, EQUIVALENT, INCOMPARABLE, INCONCLUSIVE, REGRESSED, Finding

BEST_DEPTH, SUFFICIENT_DEPTH = "best_depth", "sufficient_depth"


def depth_findings(base: Sweep, new: Sweep) -> Iterator[Finding]:
    """The best and the sufficient depth of a family on a task; nothing of a single depth."""
    ours, theirs = (tuple(each.depth for each in side.estimates) for side in (base, new))
    if len(ours) < 2 or not theirs:
        return
    first, second = (stand(side.estimates, declines=False) for side in (base, new))
    for metric, one, other in (
        (BEST_DEPTH, first.best, second.best),
        (SUFFICIENT_DEPTH, first.sufficient, second.sufficient),
    ):
        if one is None or other is None:
            continue
        if ours != theirs:
            verdict, reason = INCOMPARABLE, "other depths have an accuracy than in the base"
        else:
            verdict, reason = _moved(one, other, first, second)
        yield Finding(
            lane=ACCURACY, verdict=verdict, metric=metric, family=base.family, task=base.task,
            base=one, new=other, change=other / one - 1, reason=reason,
        )  # fmt: skip


def _moved(one: int, other: int, base: Standing, new: Standing) -> tuple[str, str]:
    """Regressed only where no depth may be the best of both sides, and the new ones are deeper.
    A shallower one alone is no improvement: whether it pays as much is said by the accuracies."""
    if one == other:
        return EQUIVALENT, ""
    words = f"{one} -> {other}"
    if one in new.members:
        return INCONCLUSIVE, f"{words}, but {one} is still in the confidence set"
    if set(base.members) & set(new.members):
        return INCONCLUSIVE, f"{words}, but the confidence sets share depths"
    if min(new.members) > max(base.members):
        return REGRESSED, f"{words}: what was the best depth no longer is, deeper ones are"
    return INCONCLUSIVE, f"{words}: the confidence sets share no depth"
