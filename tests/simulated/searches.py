"""Searches over trainings that are all known, against the sweep of the same depths and seeds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from reports.best_depth import stand
from reports.estimates import Observations, estimate_depths
from reports.search import Step, next_step
from reports.search_table import Space, Table, Tried

SEEDS = 5


@dataclass(frozen=True)
class Race:
    """A search beside its sweep.

    Attributes:
        share: of the sweep's training FLOPs.
        held: whether the search's confidence set holds the truly best depth; None where that is
            not known.
    """

    swept: int | None
    searched: int | None
    share: float
    held: bool | None = None

    @property
    def same(self) -> bool:
        """Whether both name the same sufficient depth."""
        return self.swept == self.searched


def race(
    accuracies: Mapping[int, Sequence[float]],
    examples: int,
    flops: Mapping[int, float],
    *,
    best: int | None = None,
    untrainable: frozenset[int] = frozenset(),
) -> Race:
    """A search that is given these trainings as it asks for them.

    Args:
        accuracies: by depth, one a seed; the search begins with the first.
        best: the truly best depth.
    """
    depths = tuple(sorted(accuracies))
    seeds = len(accuracies[depths[0]])
    space = Space(depths=depths, flops=flops, seeds=seeds, untrainable=untrainable)
    taken: dict[int, int] = {}

    def tried() -> list[Tried]:
        return [Tried(d, tuple(accuracies[d][:n]), examples) for d, n in sorted(taken.items())]

    while isinstance(step := next_step(Table(space, tried())), Step):
        taken |= step.seeds
    found = members({d: accuracies[d][:n] for d, n in taken.items()}, examples)
    spent = sum(n * flops[d] for d, n in taken.items())
    return Race(
        swept=members(accuracies, examples)[0],
        searched=found[0],
        share=spent / (seeds * sum(flops.values())),
        held=None if best is None else best in found,
    )


def members(accuracies: Mapping[int, Sequence[float]], examples: int) -> tuple[int, ...]:
    """The confidence set, the shallowest depth first."""
    observed = [Observations(d, tuple(sorted(a)), examples) for d, a in accuracies.items()]
    return stand(estimate_depths(observed)).members
