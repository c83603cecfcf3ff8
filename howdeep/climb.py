"""The loop of a search: asks `reports.search` what is next and has `bench` train it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bench import search as network_search
from bench.measure import machine
from bench.options import Options
from bench.records import RunRecord
from bench.search import Network
from bench.specs import InputError
from bench.survey import Survey
from bench.train.store import Store
from reports.block import Block
from reports.budget import Budget, fits_all
from reports.findings import Findings, find
from reports.search import Step, Stop, next_step
from reports.search_table import Space, Table, Tried
from reports.search_words import belief, block, intent, outcome

from .search_tables import known_cost, tables

# Costs that are known before a depth is trained.
KNOWN_BEFORE = ("latency", "flops", "train_flops", "memory")


@dataclass(frozen=True, kw_only=True)
class Bounds:
    """What the answer and the search may cost.

    Attributes:
        margin: accuracy (a fraction) that a doubling of depth must bring.
        most_seconds, most_flops: of the whole search.
    """

    budgets: tuple[Budget, ...] = ()
    margin: float = 0.01
    most_depth: int | None = None
    most_seconds: float | None = None
    most_flops: float | None = None


@dataclass(frozen=True)
class NothingFits:
    """No depth fits the budgets; `nearest` is the one that needs least of the first, and how much
    of it."""

    budget: Budget
    nearest: tuple[int, float] | None


@dataclass(frozen=True)
class Found:
    """What a search found.

    Attributes:
        stop: why it ended.
        runs: trainings that the answer rests on.
        train_flops: of these and of the trials that chose learning rates; `sweep_flops` of all
            depths that fit with all seeds.
        counted: whether these are FLOPs; else, where they cannot be counted, they are depths.
        seeds: the most of a depth.
        left_out: depths that were not tried, and why.
    """

    findings: Findings
    stop: Stop
    runs: int
    train_flops: float
    sweep_flops: float
    counted: bool
    seeds: int
    left_out: Mapping[int, str]

    def block(self) -> Block:
        """How the answer was found."""
        share = self.train_flops / self.sweep_flops
        return block(
            self.stop, runs=self.runs, share=share, most_seeds=self.seeds, left_out=self.left_out
        )

    def as_dict(self) -> dict[str, Any]:
        """The JSON object that `howdeep search --json` prints: the report's, and the search."""
        told = {
            "stopped": self.stop.why,
            "complete": self.stop.complete,
            "runs": self.runs,
            "train_flops": self.train_flops if self.counted else None,
            "sweep_train_flops": self.sweep_flops if self.counted else None,
            "left_out": {str(depth): why for depth, why in self.left_out.items()},
        }
        return {**self.findings.as_dict(), "search": told}


def climb(
    options: Options, bounds: Bounds, *, refine: bool, tell: Callable[[str], None]
) -> Found | NothingFits:
    """The answer for the first family of `options`.

    Args:
        refine: also try depths between those that the family names.
        tell: called with what is believed and done, a line each.

    Raises:
        InputError: of options, family, task or depths.
    """
    network = Network(options, _store(options))
    try:
        depths = _depths(network, options, bounds, refine)
        timed = any(budget.name == "latency" for budget in bounds.budgets)
        surveys, failed = network.surveys(depths, timed=timed)
        left_out = _left_out(surveys, failed, bounds.budgets)
        kept = [each for each in surveys if each.depth not in left_out]
        if not kept:
            return _nothing_fits(surveys, left_out, bounds.budgets)
        for depth, why in left_out.items():
            tell(f"depth {depth} is left out: {why}")
        space = _space(kept, network, options, bounds)
        return _Climb(network, kept, space, bounds, tell).found(left_out)
    finally:
        network.close()


def _store(options: Options) -> Store:
    def document() -> dict[str, Any]:
        return {"environment": {"before": machine.environment(threads=options.threads)}}

    return Store(options.store, document=document, resume=True)


def _depths(network: Network, options: Options, bounds: Bounds, refine: bool) -> tuple[int, ...]:
    if options.depths is None:
        return network_search.ladder(network.family, most=bounds.most_depth, between=refine)
    chosen = [d for d in options.depths if bounds.most_depth is None or d <= bounds.most_depth]
    if not chosen:
        raise InputError(f"no depth of --depths is at most {bounds.most_depth} (--max-depth)")
    for depth in chosen:
        network.family.check_depth(depth)
    return tuple(sorted(set(chosen)))


def _left_out(
    surveys: Sequence[Survey], failed: Mapping[int, str], budgets: Sequence[Budget]
) -> dict[int, str]:
    """Depths that are not tried, shallowest first, and why."""
    reasons = {depth: f"it cannot be surveyed ({why})" for depth, why in failed.items()}
    for each in surveys:
        over = [budget for budget in budgets if not fits_all([budget], known_cost(each))]
        if over:
            reasons[each.depth] = f"it does not fit {over[0]}"
        elif each.nonfinite:
            reasons[each.depth] = f"{each.nonfinite} is not finite at initialisation"
    return dict(sorted(reasons.items()))


def _nothing_fits(
    surveys: Sequence[Survey], left_out: Mapping[int, str], budgets: Sequence[Budget]
) -> NothingFits:
    for each in surveys:
        if fits_all(budgets, known_cost(each)):
            raise InputError(f"no depth can be trained; depth {each.depth}: {left_out[each.depth]}")
    unfit = [b for b in budgets if not any(fits_all([b], known_cost(each)) for each in surveys)]
    budget = (unfit or list(budgets))[0]
    needs = [(each.depth, budget.need(known_cost(each))) for each in surveys]
    known = [(depth, need) for depth, need in needs if need is not None]
    return NothingFits(budget, min(known, key=lambda each: each[1], default=None))


def _counted(surveys: Sequence[Survey]) -> bool:
    return all(each.train_flops for each in surveys)


def _space(surveys: Sequence[Survey], network: Network, options: Options, bounds: Bounds) -> Space:
    counted = _counted(surveys)
    if not counted and bounds.most_flops is not None:
        raise InputError("--max-train-flops: the FLOPs of this network cannot be counted")
    return Space(
        depths=tuple(each.depth for each in surveys),
        # Without a count of FLOPs a depth costs what it is deep.
        flops={
            each.depth: each.train_flops if counted and each.train_flops else float(each.depth)
            for each in surveys
        },
        trials=network.trials,
        untrainable=frozenset(
            each.depth
            for each in surveys
            if each.trainable_depth is not None and each.depth > each.trainable_depth
        ),
        seeds=options.seeds,
        margin=bounds.margin,
        most_flops=bounds.most_flops,
    )


@dataclass
class _Climb:
    """The trainings of one search, step after step.

    Attributes:
        surveys: of the depths that may be trained.
        records: by depth, as they were trained.
        started: on the monotonic clock, in seconds.
    """

    network: Network
    surveys: Sequence[Survey]
    space: Space
    bounds: Bounds
    tell: Callable[[str], None]
    records: dict[int, list[RunRecord]] = field(default_factory=dict)
    started: float = field(default_factory=time.monotonic)

    def found(self, left_out: Mapping[int, str]) -> Found:
        """Step after step until there is none."""
        while isinstance(step := self._next(), Step):
            self._train(step.seeds)
        runs = [record for depth in sorted(self.records) for record in self.records[depth]]
        return Found(
            findings=find(
                tables(runs, self.surveys), self.bounds.budgets, margin=self.space.margin
            ),
            stop=step,
            runs=len(runs),
            train_flops=self.space.cost({depth: len(each) for depth, each in self.records.items()}),
            sweep_flops=self.space.cost(dict.fromkeys(self.space.depths, self.space.seeds)),
            counted=_counted(self.surveys),
            seeds=self.space.seeds,
            left_out=left_out,
        )

    def _train(self, seeds: Mapping[int, int]) -> None:
        for record in self.network.train(seeds):
            known = self.records.setdefault(record.depth, [])
            if record.seed not in {each.seed for each in known}:
                known.append(record)
        for depth in seeds:
            self.tell(outcome(_tried(depth, self.records[depth])))

    def _next(self) -> Step | Stop:
        table = Table(self.space, [_tried(d, self.records[d]) for d in self.records])
        found = next_step(table)
        if isinstance(found, Step) and self._is_late(found):
            found = Stop("the next step would take longer than the time allowed", complete=False)
        if table.tried:
            self.tell(f"  {belief(table)}; {intent(found, table)}")
        return found

    def _is_late(self, step: Step) -> bool:
        """Whether it would end after the time allowed, at the speed of the runs so far."""
        limit = self.bounds.most_seconds
        if limit is None:
            return False
        runs = [run for each in self.records.values() for run in each if run.train_seconds]
        flops = sum(self.space.flops[run.depth] for run in runs)
        seconds = sum(run.train_seconds or 0.0 for run in runs)
        taken = {depth: len(self.records.get(depth, ())) for depth in step.seeds}
        begun = {depth: n for depth, n in taken.items() if n}
        work = self.space.cost(step.seeds) - self.space.cost(begun)
        more = sum(step.seeds.values()) - sum(taken.values())
        trials = self.space.trials * (len(taken) - len(begun))
        lanes = min(self.network.at_once, more + trials)
        ahead = work * seconds / flops / lanes if flops else 0.0
        return time.monotonic() - self.started + ahead > limit


def _tried(depth: int, records: Sequence[RunRecord]) -> Tried:
    scores = [_score(each) for each in records]
    known = tuple(score for score in scores if score is not None)
    counts = {each.n_validation or each.n_test for each in records if each.n_test}
    return Tried(depth, known, min(filter(None, counts), default=None), len(records) - len(known))


def _score(record: RunRecord) -> float | None:
    """By which depths are chosen: of the validation split; of the test split without one."""
    if record.status != "ok":
        return None
    if record.validation_accuracy is not None:
        return record.validation_accuracy
    return record.test_accuracy
