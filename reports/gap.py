"""The gap between training accuracy and that on other data, at each depth."""

from dataclasses import dataclass

from .verdict import Verdict


@dataclass(frozen=True)
class Gap:
    """Of one depth, in percentage points: training accuracy less that of the verdict's metric.

    Attributes:
        mean: over the seeds.
        by_seed: those of which both are known.
    """

    depth: int
    mean: float
    by_seed: tuple[float, ...]


def gaps(verdict: Verdict) -> tuple[Gap, ...]:
    """One a depth of which both accuracies are known; none where both are the same data."""
    return tuple(
        Gap(row.depth, 100 * (row.train.mean - row.accuracy.mean), _by_seed(verdict, row.depth))
        for row in verdict.rows
        if row.train is not None and row.accuracy is not None
    )


def _by_seed(verdict: Verdict, depth: int) -> tuple[float, ...]:
    runs = [run for run in verdict.trained if run.depth == depth]
    return tuple(100 * (run.train - run.accuracy) for run in runs if run.train is not None)
