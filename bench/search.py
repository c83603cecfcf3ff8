"""What a search needs of a network: its depths, what each costs before it is trained, and runs."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import pairwise

from . import families
from .depth_rule import at_most, smallest
from .families import Family
from .grid import trainings
from .isolate import Children, Outcome
from .options import Options
from .points import Training
from .records import RunRecord
from .setting import Setting, settings
from .specs import InputError
from .survey import Survey, survey
from .train import places, tasks
from .train.child import packed
from .train.recorder import Recorder
from .train.runs import Runs, workers
from .train.store import Store
from .train.tuning import FACTORS, Tuning

# Deeper than that a search goes only where it is told to, or where the family names more.
MOST_DEPTH = 64

PRELOAD = ("bench.survey", "bench.train.child")


class Network:
    """One family on one task, with depth left open. It is surveyed here, and trained here or on a
    cluster.

    Raises:
        InputError: no such family or task, or it has none of the depths asked for.
    """

    def __init__(self, options: Options, store: Store) -> None:
        self._task = tasks.load(options.task)
        self._options = replace(options, task=self._task.name)
        self._found = families.find(options.families[0])
        self._settings: dict[int, Setting] = {}
        self.family = self._found.for_task(
            input_shape=self._task.input_shape, classes=self._task.classes
        )
        self._children = Children(preload=PRELOAD)
        self._place = places.find(options, self._children)
        self._packed = packed(self._task)
        recorder = Recorder(
            {self.family.name: self.family},
            {self._task.name: self._task},
            store,
            self._place.executor,
            circumstances={"machine": self._place.machine},
            timeout=options.run_timeout,
        )
        self._runs = Runs(recorder, workers=self._place.workers)
        self._tuning = Tuning(self._runs) if options.tune else None

    def surveys(self, depths: Sequence[int], *, timed: bool) -> tuple[list[Survey], dict[int, str]]:
        """Of these depths, which are the ones that may be trained, in children; with latencies one
        after the other. Beside them, by depth, why one cannot be surveyed.

        Raises:
            InputError: the depths cannot be made alike as asked, or none can be surveyed.
        """
        chosen = settings(self._found, depths, self._options, self._task)
        self._settings = dict(chosen)
        here = workers(self._options.device, self._options.threads)
        with ThreadPoolExecutor(1 if timed else here) as executor:
            try:
                outcomes = list(executor.map(lambda d: self._survey(d, timed), depths))
            except BaseException:
                self._children.close()
                raise
        failed = {
            depth: f"{outcome.status}: {outcome.reason}"
            for depth, outcome in zip(depths, outcomes, strict=True)
            if outcome.status != "ok"
        }
        if len(failed) == len(depths):
            raise InputError(self._nothing_surveyed(failed))
        return [outcome.value for outcome in outcomes if outcome.status == "ok"], failed

    def _survey(self, depth: int, timed: bool) -> Outcome:
        (training,) = self._trainings(depth, 1)
        timeout = self._options.cell_timeout
        return self._children.call(survey, training, self._packed, timed, timeout=timeout)

    def _nothing_surveyed(self, failed: Mapping[int, str]) -> str:
        depth, why = next(iter(failed.items()))
        if len(failed) == 1:
            return f"{self.family.name} at depth {depth} cannot be surveyed: {why}"
        return f"{self.family.name} can be surveyed at no depth; at {depth}: {why}"

    def train(self, seeds: Mapping[int, int]) -> list[RunRecord]:
        """The runs of these depths with the seeds from 0 to that number, kept ones included."""
        groups = [self._trainings(depth, count) for depth, count in seeds.items()]
        if self._tuning:
            return self._tuning.wait_together(groups)
        return self._runs.wait(training for group in groups for training in group)

    def _trainings(self, depth: int, seeds: int) -> tuple[Training, ...]:
        options = replace(self._options, seeds=seeds)
        return tuple(trainings(self.family, depth, self._settings[depth], options))

    @property
    def trials(self) -> int:
        """Trainings that choose the learning rate of a depth, before its first seed."""
        return len(FACTORS) if self._tuning else 0

    @property
    def at_once(self) -> int:
        """Trainings that run side by side."""
        return self._place.workers

    def close(self) -> None:
        """End what still runs."""
        self._place.executor.close()
        self._children.close()
        self._runs.close()


def ladder(family: Family, *, most: int | None, between: bool) -> tuple[int, ...]:
    """The depths of a search, the shallowest first: those that the family names, else its
    shallowest and the doublings of it; each family's depths are taken that are nearest below.

    Args:
        most: the deepest; None for the deepest that the family names, or 64. Above those that the
            family names it goes on by doubling.
        between: also one half-way between a depth and its double, where there is none yet.

    Raises:
        InputError: the family has no depth up to `most`.
    """
    named = sorted(family.depths or (smallest(family),))
    limit = most or (named[-1] if family.depths else MOST_DEPTH)
    if named[0] > limit:
        raise InputError(f"the shallowest depth of {family.name} is {named[0]}, above {limit}")
    deepest = at_most(family)
    chosen = [depth for depth in named if depth <= limit]
    while (following := _doubled(chosen[-1], deepest, limit)) is not None:
        chosen.append(following)
    if not between:
        return tuple(chosen)
    halves = {deepest(3 * low // 2) for low, high in pairwise(chosen) if high >= 2 * low}
    return tuple(sorted({*chosen, *halves}))


def _doubled(depth: int, deepest: Callable[[int], int], limit: int) -> int | None:
    """The deepest depth up to twice as deep, else the next; None above the limit."""
    doubled = deepest(2 * depth)
    if doubled == depth:
        beyond = range(2 * depth + 1, limit + 1)
        return next((each for each in beyond if deepest(each) == each), None)
    return doubled if doubled <= limit else None
