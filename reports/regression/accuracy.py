"""Does depth pay less than it did? Validation accuracies of two studies, depth by depth.

Runs are compared where both sides trained alike. A depth has regressed if it is significantly worse
and worse by more than the margin; it is equivalent if the data show that it is not worse by the
margin (non-inferior). How well a difference is known: `accuracy_change`.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from ..estimates import ALPHA
from ..machines import Machine
from ..paired import holm
from ..sweep import Sweep, sweeps
from .accuracy_change import BEST, Difference, Named, differences_of
from .depth_moved import depth_findings
from .finding import (
    ACCURACY,
    EQUIVALENT,
    IMPROVED,
    INCOMPARABLE,
    INCONCLUSIVE,
    MISSING,
    NEW,
    REGRESSED,
    Answer,
    Finding,
)
from .margins import Margins
from .trained_alike import differing_training


def compare_accuracies(base: Machine, new: Machine, margins: Margins) -> Answer:
    """The accuracies of two studies; nothing where neither has runs."""
    first, second = (
        {(each.family, each.task): each for each in sweeps(machine.tables)}
        for machine in (base, new)
    )
    findings = [
        finding
        for key in dict.fromkeys((*first, *second))
        for finding in _of_task(first.get(key), second.get(key), margins)
    ]
    return Answer(
        base=base.name,
        new=new.name,
        findings=tuple(findings),
        cannot_tell=tuple(_unknown_losses(findings)),
        notes=tuple(
            f"{each.family}, new side: {note}"
            for key, each in second.items()
            for note in each.notes
            if key in first and note not in first[key].notes
        ),
    )


def _unknown_losses(findings: Sequence[Finding]) -> Iterator[str]:
    """Accuracies that are worse by more than the margin, where nothing is known of the noise."""
    for each in findings:
        if each.change is None or each.margin is None or each.p_value is not None:
            continue
        if each.change < -each.margin:
            yield f"{each.place} lost {-100 * each.change:.1f} points: {each.reason}"


def _of_task(base: Sweep | None, new: Sweep | None, margins: Margins) -> Iterator[Finding]:
    if base is None or new is None:
        sweep, verdict = (base, MISSING) if base else (new, NEW)
        assert sweep is not None
        where = "in the new study" if base else "in the base"
        yield _finding(sweep, sweep.metric, verdict, reason=f"no runs of this task {where}")
        return
    if differing := differing_training(base, new):
        yield _finding(base, base.metric, INCOMPARABLE, reason="; ".join(differing))
        return
    yield from _unshared_depths(base, new)
    differences = differences_of(base, new)
    yield from _judged(base, differences, margins.of("accuracy", base.family))
    yield from depth_findings(base, new)


def _finding(sweep: Sweep, metric: str, verdict: str, **more: Any) -> Finding:
    return Finding(
        lane=ACCURACY, verdict=verdict, metric=metric, family=sweep.family, task=sweep.task, **more
    )


def _unshared_depths(base: Sweep, new: Sweep) -> Iterator[Finding]:
    """Depths that only one side has an accuracy of."""
    ours, theirs = ({each.depth for each in side.estimates} for side in (base, new))
    for depth in sorted(ours - theirs):
        failed = new.failed.get(depth)
        worse = failed is not None and "diverged" in failed
        reason = f"no accuracy in the new study: {failed}" if failed else "not in the new study"
        verdict = REGRESSED if worse else MISSING
        yield _finding(base, base.metric, verdict, depth=depth, reason=reason)
    for depth in sorted(theirs - ours):
        failed = base.failed.get(depth)
        reason = f"no accuracy in the base: {failed}" if failed else "not in the base"
        yield _finding(base, base.metric, NEW, depth=depth, reason=reason)


def _judged(sweep: Sweep, differences: Named, margin: float) -> Iterator[Finding]:
    """With error control over all depths and the best of one family and task."""
    worse = holm({k: each.worse_p for k, each in differences.items() if each.worse_p is not None})
    better = holm(
        {k: each.better_p for k, each in differences.items() if each.better_p is not None}
    )
    for name, each in differences.items():
        best = name == BEST
        down = each.value < 0
        yield _finding(
            sweep,
            BEST if best else sweep.metric,
            _verdict(each, worse.get(name, 1.0), better.get(name, 1.0), margin),
            depth=None if best else int(name),
            base=each.base,
            new=each.new,
            change=each.value,
            low=each.low,
            high=each.high,
            margin=margin,
            p_value=(worse if down else better).get(name),
            reason=each.words,
        )


def _verdict(each: Difference, worse: float, better: float, margin: float) -> str:
    if worse < ALPHA and each.value < -margin:
        return REGRESSED
    if better < ALPHA and each.value > margin:
        return IMPROVED
    if each.repeated or (each.low is not None and each.low > -margin):
        return EQUIVALENT
    return INCONCLUSIVE
