"""What to train next to find the sufficient depth, or why to stop.

A search climbs: depths up to twice as deep as the one before, with few seeds each, until another
doubling is shown to bring less than the margin (`payoff`). Then seeds are added where they may
decide whether a shallower depth is as good as the best, and the depths between are tried around the
answer. Each training is a whole one: none is compared at another part of its schedule than the
rest, so that what starts slowly is at no disadvantage, and no neighbour of the best is dropped
half-way.

Everything is decided anew from the table so far, so a search that was stopped goes on where it was,
and one that is asked for more seeds does not train again what it has.

Errors: a doubling that is worth the margin is shown to be worth less in about 5% of cases at most,
over all looks together. A search can also give up where all seeds show nothing, which it says: it
is then not complete. A depth is dropped early, with fewer seeds than the rest, only where it is out
at `EARLY`, so that the final test nearly keeps its level (Haybittle 1971, Peto et al. 1976). That
two depths are not told apart is no error, so what ends that attempt needs no correction.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from scipy.stats import norm

from .estimates import ALPHA
from .looks import chance
from .payoff import payoff
from .points import asked_points
from .search_table import Table

LEAST_HOPE = 0.1
"""The chance to tell two depths apart that is worth more seeds."""

LEAST_LEAD = float(norm.isf(ALPHA))
"""Standard errors: with a smaller lead no depth is out, however many seeds there are."""


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
    few = [depth for depth in table.started if table.runs(depth) < table.space.fewest]
    if few:
        yield _to_fewest(table, few[0])
    elif table.following is not None:
        yield from _onward(table, table.following)


def _onward(table: Table, deeper: int) -> Iterator[Step]:
    """Whether to go on to `deeper`."""
    rival = table.rival
    if rival is None:
        yield _to_fewest(table, deeper)
        return
    last = table.estimates.get(table.started[-1])
    if last is None:  # it does not train at all
        return
    gain = last.mean - rival.mean
    if gain >= table.space.worth(rival.depth, last.depth):
        yield _to_fewest(table, deeper)
        return
    over = payoff(table)
    if (over and over.is_too_small) or (gain <= 0 and deeper in table.space.untrainable):
        return
    reference = over.reference if over else rival.depth
    open_ = [depth for depth in (last.depth, reference) if not table.is_full(depth)]
    if open_:
        words = f"whether depth {last.depth} pays over {reference}"
        yield Step({depth: table.runs(depth) + 1 for depth in open_}, words)
    elif gain > 0 or rival.depth >= table.started[-2]:
        yield _to_fewest(table, deeper)


def _decide(table: Table) -> Iterator[Step]:
    """Seeds for the shallowest depth that may be as good as the best, and for the best, as long as
    there is hope to tell them apart."""
    best, first = table.standing.best, table.sufficient
    if best is None or first is None or first == best:
        return
    short = [depth for depth in (first, best) if not table.is_full(depth)]
    if short and _hope(table, first, best) >= LEAST_HOPE:
        yield Step(
            {depth: table.runs(depth) + 1 for depth in short},
            f"whether depth {first} is as good as {best}",
        )


def _hope(table: Table, first: int, best: int) -> float:
    """The chance that `first` is out once both have all their seeds; 1 where that is not known."""
    pair = [table.estimates[depth] for depth in (first, best)]
    known = [each.tested for each in pair if each.tested is not None]
    if len(known) < len(pair):
        return 1.0
    now = sum(each.variance_of_mean for each in known)
    then = sum(
        moments.variance_of_mean * min(1.0, table.runs(each.depth) / table.space.seeds)
        for each, moments in zip(pair, known, strict=True)
    )
    lead = (known[1].mean - known[0].mean) / math.sqrt(now)
    return chance(lead, LEAST_LEAD, now / then)


def _refine(table: Table) -> Iterator[Step]:
    """The untried depths between those of the climb that are next to the answer: the shallower of
    the sufficient depth, and both of the best."""
    best, first = table.standing.best, table.sufficient
    depths = table.space.depths
    if best is None or first is None:
        return
    at, of_best = depths.index(first), depths.index(best)
    near = [*depths[max(0, at - 1) : at], *depths[max(0, of_best - 1) : of_best + 2]]
    untried = (d for d in dict.fromkeys(near) if table.runs(d) < table.space.fewest)
    for depth in untried:
        if depth not in table.space.climbed:  # those are the climb's to decide
            yield _to_fewest(table, depth)


def _to_fewest(table: Table, depth: int) -> Step:
    return Step({depth: table.space.fewest}, f"depth {depth}")


def _ended(table: Table) -> Stop:
    """Why nothing more is to be trained."""
    if table.best is None:
        return Stop("no training has an accuracy", complete=False)
    deepest, rival = table.started[-1], table.rival
    if table.following is None:
        return Stop(f"depth {deepest}, the deepest allowed, was reached")
    last = table.estimates.get(deepest)
    if last is None or rival is None:
        return Stop(f"no training at depth {deepest} has an accuracy")
    over = payoff(table)
    if over and over.is_too_small:
        least = f"{asked_points(table.space.margin)} a doubling"
        return Stop(f"depth {deepest} is shown to bring less than {least} over {over.reference}")
    if last.mean <= rival.mean and table.following in table.space.untrainable:
        words = f"depth {deepest} is no better than {rival.depth}, and deeper should not train"
        return Stop(words)
    words = f"neither of the last two doublings, up to depth {deepest}, is seen to pay"
    return Stop(words, complete=False)
