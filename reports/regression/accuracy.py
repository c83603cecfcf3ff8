"""Does depth pay less than it did? Validation accuracies of two studies, depth by depth.

Runs are compared where both sides trained alike. A depth has regressed if it is significantly worse
and worse by more than the margin; it is equivalent if the data show that it is not worse by the
margin (non-inferior). Seeds that both sides have are paired, as one seed draws the same weights and
the same batches; a single seed is known as well as the examples it was evaluated on say.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..estimates import ALPHA, Estimate, compare, inside, upper_bound
from ..machines import Machine
from ..paired import holm, paired
from ..sweep import Sweep, sweeps
from ..trained import Trained
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

BEST = "best_accuracy"


@dataclass(frozen=True)
class Difference:
    """New less base, as fractions; null: nothing is known of the noise.

    Attributes:
        low, high: 95% bounds, each one-sided.
        worse_p, better_p: one-sided, against no difference.
        repeated: every seed ended with the accuracy that it had.
    """

    base: float
    new: float
    value: float
    low: float | None = None
    high: float | None = None
    worse_p: float | None = None
    better_p: float | None = None
    words: str = ""
    repeated: bool = False


Named = Mapping[str, Difference]
"""By depth as text, and `BEST`."""


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
        notes=tuple(
            f"{each.family}, new side: {note}"
            for key, each in second.items()
            for note in each.notes
            if key in first and note not in first[key].notes
        ),
    )


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
    differences = _differences(base, new)
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


def _differences(base: Sweep, new: Sweep) -> Named:
    """Of each depth that both have, and of the best of each side."""
    theirs = {each.depth: each for each in new.estimates}
    both = [(each, theirs[each.depth]) for each in base.estimates if each.depth in theirs]
    if not both:
        return {}
    by_seed = _paired_differences(base, new, both)
    found = {
        str(one.depth): by_seed.get(str(one.depth)) or _unpaired(one, other) for one, other in both
    }
    return {**found, BEST: _best_difference(both, found)}


def _paired_differences(
    base: Sweep, new: Sweep, both: Sequence[tuple[Estimate, Estimate]]
) -> dict[str, Difference]:
    """Of the depths whose seeds are the same, evaluated on as many examples. The variance of a
    difference is never below that of two evaluations."""
    differences, floors = {}, {}
    for one, other in both:
        ours, theirs = _by_seed(base.trained, one.depth), _by_seed(new.trained, one.depth)
        n = one.n_examples
        if ours.keys() == theirs.keys() and len(ours) > 1 and n and n == other.n_examples:
            name = str(one.depth)
            differences[name] = [theirs[seed] - ours[seed] for seed in sorted(ours)]
            shares = [inside(each.mean, n) for each in (one, other)]
            floors[name] = sum(share * (1 - share) / n for share in shares)
    means = {str(one.depth): (one.mean, other.mean) for one, other in both}
    return {
        name: Difference(
            *means[name], each.mean, each.low, each.high, each.p_below(0.0), each.p_value,
            _paired_words(differences[name]), repeated=not any(differences[name]),
        )
        for name, each in paired(differences, floors).items()
    }  # fmt: skip


def _by_seed(runs: Sequence[Trained], depth: int) -> dict[int, float]:
    return {
        each.seed: each.accuracy for each in runs if each.depth == depth and each.seed is not None
    }


def _paired_words(differences: Sequence[float]) -> str:
    if not any(differences):
        return f"{len(differences)} seeds with the same accuracies as before"
    return f"{len(differences)} seeds, paired"


def _unpaired(base: Estimate, new: Estimate) -> Difference:
    """Welch's; of single runs the test of two proportions."""
    value = new.mean - base.mean
    if base.raw is None or new.raw is None:
        return Difference(base.mean, new.mean, value, words="one seed, and no number of examples")
    found = compare(base.raw, new.raw)
    half = found.p_value / 2
    worse = half if value < 0 else 1 - half
    return Difference(
        base.mean, new.mean, value, -upper_bound(new.raw, base.raw),
        upper_bound(base.raw, new.raw), worse, 1 - worse, _unpaired_words(base, new),
    )  # fmt: skip


def _unpaired_words(base: Estimate, new: Estimate) -> str:
    if base.n_seeds == new.n_seeds == 1:
        return "one seed: how trainings differ is not known, only how evaluations do"
    return f"{base.n_seeds} and {new.n_seeds} seeds, not the same"


def _best_difference(both: Sequence[tuple[Estimate, Estimate]], found: Named) -> Difference:
    """Of the depths that are the best of their side, of those that both have; where that is one
    depth, as that depth's."""
    one, other = (
        max(side, key=lambda each: (each.mean, -each.depth)) for side in zip(*both, strict=True)
    )
    return found[str(one.depth)] if one.depth == other.depth else _unpaired(one, other)


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
