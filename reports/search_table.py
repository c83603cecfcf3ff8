"""What a search may train, and what it knows so far."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from .best_depth import Standing, best_estimate, stand
from .estimates import Estimate, Observations, estimate_depths

FEWEST_SEEDS = 2
"""Of a depth: with fewer, nothing is known of its spread."""

EARLY = 0.02
"""The p value with which a depth is dropped before it has all its seeds: with looks at two, three
and four seeds and the final test at five, the best one is dropped in 6.7% of cases at most instead
of 5% (normal theory)."""


@dataclass(frozen=True, kw_only=True)
class Space:
    """What may be trained.

    Attributes:
        depths: shallowest first.
        flops: of one training, by depth.
        trials: trainings that choose the learning rate of a depth, before its first seed.
        untrainable: depths that theory predicts not to train.
        seeds: the most of a depth.
        margin: accuracy (a fraction) that a doubling of depth must bring to be worth it.
        most_flops: of the whole search; null without a limit.
    """

    depths: tuple[int, ...]
    flops: Mapping[int, float]
    trials: int = 0
    untrainable: frozenset[int] = frozenset()
    seeds: int = 5
    margin: float = 0.01
    most_flops: float | None = None

    def cost(self, seeds: Mapping[int, int]) -> float:
        """Training FLOPs of so many seeds a depth; of a run that is lost, those of a whole one."""
        return sum((n + self.trials) * self.flops[depth] for depth, n in seeds.items())

    @property
    def fewest(self) -> int:
        """Seeds that a depth begins with."""
        return min(FEWEST_SEEDS, self.seeds)

    def worth(self, shallow: int, deep: int) -> float:
        """Accuracy that depth `deep` must bring over `shallow`: the margin, a doubling."""
        return self.margin * math.log2(deep / shallow)

    @property
    def climbed(self) -> tuple[int, ...]:
        """The shallowest depth, and always the deepest that is at most twice as deep; where there
        is none, the next. The last is the deepest of all."""
        chosen = list(self.depths[:1])
        while deeper := [depth for depth in self.depths if depth > chosen[-1]]:
            near = [depth for depth in deeper if depth <= 2 * chosen[-1]]
            chosen.append(near[-1] if near else deeper[0])
        return tuple(chosen)


@dataclass(frozen=True)
class Tried:
    """The runs of one depth that have ended.

    Attributes:
        accuracies: on the split that depths are chosen by, as fractions.
        lost: runs without one: they diverged or failed.
    """

    depth: int
    accuracies: tuple[float, ...]
    n_examples: int | None = None
    lost: int = 0

    @property
    def runs(self) -> int:
        """That have ended, either way."""
        return len(self.accuracies) + self.lost


class Table:
    """The table so far, and what follows from it.

    Args:
        tried: the depths with runs that have ended, in any order.
    """

    def __init__(self, space: Space, tried: Iterable[Tried] = ()) -> None:
        self.space = space
        self.tried: Mapping[int, Tried] = {each.depth: each for each in tried}
        known = [each for each in self.tried.values() if each.accuracies]
        self.estimates = {
            each.depth: each
            for each in estimate_depths(
                [Observations(t.depth, tuple(sorted(t.accuracies)), t.n_examples) for t in known]
            )
        }

    @cached_property
    def standing(self) -> Standing:
        """The depths against each other; the climb does without."""
        return stand(list(self.estimates.values()))

    def runs(self, depth: int) -> int:
        """That have ended at that depth."""
        return self.tried[depth].runs if depth in self.tried else 0

    @property
    def best(self) -> Estimate | None:
        """The depth with the best mean."""
        return best_estimate(list(self.estimates.values()))

    def is_full(self, depth: int) -> bool:
        """Whether it has all its seeds."""
        return self.runs(depth) >= self.space.seeds

    def is_out(self, depth: int) -> bool:
        """Whether the data refute that it is the best, with all seeds or early."""
        found = self.standing.candidates.get(depth)
        if found is None:
            return not (depth in self.tried and self.tried[depth].accuracies)
        best = self.standing.best
        if best is not None and self.is_full(depth) and self.is_full(best):
            return not found.is_member
        return found.lead > 0 and found.p_value < EARLY

    @property
    def sufficient(self) -> int | None:
        """The shallowest tried depth that is not out."""
        return next((d for d in sorted(self.estimates) if not self.is_out(d)), None)

    @property
    def started(self) -> tuple[int, ...]:
        """The depths of the climb so far."""
        return tuple(depth for depth in self.space.climbed if self.runs(depth))

    @property
    def following(self) -> int | None:
        """The next depth of the climb."""
        return next(iter(self.space.climbed[len(self.started) :]), None)

    @property
    def rival(self) -> Estimate | None:
        """The best of what is shallower than the climb's last depth."""
        last = self.started[-1] if self.started else 0
        return best_estimate([each for d, each in self.estimates.items() if d < last])
