"""What to train next to find the sufficient depth, or why to stop.

A search climbs: depths up to twice as deep as the one before, with few seeds each, until another
doubling is shown to bring less than the margin. Then seeds are added where they decide whether a
shallower depth may be as good as the best, and the depths between are tried around the answer. Each
training is a whole one: none is compared at another part of its schedule than the rest, so that
what starts slowly is at no disadvantage, and no neighbour of the best is dropped half-way.

Everything is decided anew from the table so far, so a search that was stopped goes on where it was,
and one that is asked for more seeds does not train again what it has.

Errors: a doubling that is worth the margin is shown to be worth less in at most 5% of searches,
over all looks together (Bonferroni). A search can also give up where all seeds show nothing, which
it says: it is then not complete. A depth is dropped early, with fewer seeds than the rest, only
where it is out at `EARLY`, so that the final test keeps its level (Haybittle 1971, Peto 1976).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from .best_depth import Standing, best_estimate, stand
from .estimates import ALPHA, Estimate, Observations, estimate_depths, upper_bound
from .points import asked_points

FEWEST_SEEDS = 2
"""Of a depth: with fewer, nothing is known of its spread."""

EARLY = 0.01
"""The p value with which a depth is dropped before it has all its seeds."""


@dataclass(frozen=True, kw_only=True)
class Space:
    """What may be trained.

    Attributes:
        depths: shallowest first.
        flops: of one training, by depth.
        trials: trainings that choose the learning rate of a depth, before its first seed.
        untrainable: depths that theory predicts not to train.
        seeds: the most of a depth.
        margin: accuracy (a fraction) that a doubling must bring to be worth it.
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


@dataclass(frozen=True)
class Step:
    """How many seeds these depths should have in all, and why."""

    seeds: Mapping[int, int]
    why: str


@dataclass(frozen=True)
class Stop:
    """Nothing more is to be trained.

    Attributes:
        complete: the question is answered; else something ran out.
    """

    why: str
    complete: bool = True


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


def next_step(table: Table) -> Step | Stop:
    """The next trainings of a search, or why there are none; `table` holds all that the last step
    asked for."""
    space = table.space
    found = next(_steps(table), None)
    if found is None:
        return _ended(table)
    ahead = space.cost({**{d: t.runs for d, t in table.tried.items()}, **found.seeds})
    if space.most_flops is not None and ahead > space.most_flops:
        return Stop(f"the next step ({found.why}) would need more than the training allowed", False)
    return found


def _steps(table: Table) -> Iterator[Step]:
    """What is still open, the first thing first."""
    yield from _climb(table)
    yield from _decide(table)
    yield from _refine(table)


def _climb(table: Table) -> Iterator[Step]:
    """The next depth of the climb, or seeds for what decides whether there is one."""
    started = [depth for depth in table.space.climbed if table.runs(depth)]
    few = [depth for depth in started if table.runs(depth) < _fewest(table)]
    deeper = _following(table, started)
    if few:
        yield _to_fewest(table, few[0])
    elif deeper is not None:
        yield from _onward(table, started, deeper)


def _onward(table: Table, started: Sequence[int], deeper: int) -> Iterator[Step]:
    """Whether to go on to `deeper` after the depths `started`."""
    last = table.estimates.get(started[-1]) if started else None
    rival = _rival(table, started[-1]) if started else None
    if rival is None:
        yield _to_fewest(table, deeper)
        return
    if last is None:  # it does not train at all
        return
    gain = last.mean - rival.mean
    if gain >= table.space.margin:
        yield _to_fewest(table, deeper)
        return
    if _is_last(table, rival, last) or (gain <= 0 and deeper in table.space.untrainable):
        return
    open_ = [depth for depth in (last.depth, rival.depth) if not table.is_full(depth)]
    if open_:
        words = f"whether depth {last.depth} pays over {rival.depth}"
        yield Step({depth: table.runs(depth) + 1 for depth in open_}, words)
    elif gain > 0 or rival.depth >= started[-2]:
        yield _to_fewest(table, deeper)


def _is_last(table: Table, rival: Estimate, last: Estimate) -> bool:
    """Whether `last` is shown to bring less than the margin over `rival`.

    One-sided, 95% over all looks: with the fewest seeds, with one more, … with all.
    """
    if rival.raw is None or last.raw is None:
        return False
    looks = max(1, table.space.seeds - _fewest(table) + 1)
    return upper_bound(rival.raw, last.raw, 1 - ALPHA / looks) < table.space.margin


def _decide(table: Table) -> Iterator[Step]:
    """Seeds for the shallowest depth that may be as good as the best, and for the best."""
    best, first = table.standing.best, table.sufficient
    if best is None or first is None or first == best:
        return
    short = [depth for depth in (first, best) if not table.is_full(depth)]
    if short:
        yield Step(
            {depth: table.runs(depth) + 1 for depth in short},
            f"whether depth {first} is as good as {best}",
        )


def _refine(table: Table) -> Iterator[Step]:
    """The untried depths between those of the climb that are next to the answer: the shallower of
    the sufficient depth, and both of the best."""
    best, first = table.standing.best, table.sufficient
    depths = table.space.depths
    if best is None or first is None:
        return
    at, of_best = depths.index(first), depths.index(best)
    near = [*depths[max(0, at - 1) : at], *depths[max(0, of_best - 1) : of_best + 2]]
    untried = (d for d in dict.fromkeys(near) if table.runs(d) < _fewest(table))
    for depth in untried:
        if depth not in table.space.climbed:  # those are the climb's to decide
            yield _to_fewest(table, depth)


def _to_fewest(table: Table, depth: int) -> Step:
    return Step({depth: _fewest(table)}, f"depth {depth}")


def _fewest(table: Table) -> int:
    return min(FEWEST_SEEDS, table.space.seeds)


def _ended(table: Table) -> Stop:
    """Why nothing more is to be trained."""
    climbed = [depth for depth in table.space.climbed if table.runs(depth)]
    if table.best is None:
        return Stop("no training has an accuracy", complete=False)
    if len(climbed) == len(table.space.climbed):
        return Stop(f"depth {climbed[-1]}, the deepest allowed, was reached")
    last, rival = table.estimates.get(climbed[-1]), _rival(table, climbed[-1])
    if last is None or rival is None:
        return Stop(f"no training at depth {climbed[-1]} has an accuracy")
    if _is_last(table, rival, last):
        least = asked_points(table.space.margin)
        return Stop(f"depth {last.depth} is shown to bring less than {least} over {rival.depth}")
    if last.mean <= rival.mean and _following(table, climbed) in table.space.untrainable:
        words = f"depth {last.depth} is no better than {rival.depth}, and deeper should not train"
        return Stop(words)
    words = f"neither of the last two doublings, up to depth {last.depth}, is seen to pay"
    return Stop(words, complete=False)


def _rival(table: Table, depth: int) -> Estimate | None:
    """The best of the shallower depths."""
    shallower = [each for d, each in table.estimates.items() if d < depth]
    return best_estimate(shallower)


def _following(table: Table, started: Sequence[int]) -> int | None:
    """The next depth of the climb."""
    return next(iter(table.space.climbed[len(started) :]), None)
