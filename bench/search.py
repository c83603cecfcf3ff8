"""What a search needs of a network: its depths, what each costs before it is trained, and runs."""

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import pairwise

import torch
import torch.nn.functional as F

from . import cost, families
from .depth_rule import at_most, smallest
from .families import Family
from .grid import trainings
from .isolate import Children, Outcome
from .limits import gradients
from .measure import latency, machine
from .measure.signals import signals
from .measure.state import random_state
from .options import Options
from .prediction import predict
from .records import Cell, RunRecord, Training
from .setting import Setting, settings
from .specs import InputError
from .train import places, tasks
from .train.child import packed, unpacked
from .train.recorder import Recorder
from .train.runs import Runs, workers
from .train.store import Store
from .train.tasks import Task
from .train.tuning import FACTORS, Tuning

# Deeper than that a search goes only where it is told to, or where the family names more.
MOST_DEPTH = 64

# A latency is the median of passes for so long, of this many at least.
_LATENCY_SECONDS, _FEWEST_PASSES = 0.3, 9

PRELOAD = ("bench.search", "bench.train.child")


@dataclass(frozen=True, kw_only=True)
class Survey:
    """What one depth costs before it is trained.

    Attributes:
        flops: forward, of one sample.
        train_flops: of one training.
        peak_bytes: predicted of a training step.
        latency_seconds: median of a forward pass of the batch; None where it was not asked for.
        trainable_depth: that mean-field theory predicts for the network (Schoenholz et al. 2017);
            None where there is no theory for it.
        nonfinite: the first layer that is not finite at initialisation.
    """

    depth: int
    parameters: int
    flops: float | None
    train_flops: float | None
    peak_bytes: float | None
    latency_seconds: float | None
    trainable_depth: float | None
    nonfinite: str | None


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

    def surveys(self, depths: Sequence[int], *, timed: bool) -> list[Survey]:
        """Of these depths, which are the ones that may be trained, in children; with latencies one
        after the other.

        Raises:
            InputError: the depths cannot be made alike as asked, or one cannot be surveyed.
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
        return [self._of(outcome, d) for outcome, d in zip(outcomes, depths, strict=True)]

    def _survey(self, depth: int, timed: bool) -> Outcome:
        (training,) = self._trainings(depth, 1)
        timeout = self._options.cell_timeout
        return self._children.call(survey, training, self._packed, timed, timeout=timeout)

    def _of(self, outcome: Outcome, depth: int) -> Survey:
        if outcome.status != "ok":
            raise InputError(f"{self.family.name} at depth {depth}: {outcome.reason}")
        found: Survey = outcome.value
        return found

    def train(self, seeds: Mapping[int, int]) -> list[RunRecord]:
        """The runs of these depths with the seeds from 0 to that number, kept ones included."""
        groups = [self._trainings(depth, count) for depth, count in seeds.items()]
        if self._tuning:
            return [record for group in groups for record in self._tuning.wait(group)]
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


def survey(training: Training, data: bytes, timed: bool) -> Survey:
    """One depth, in a child process."""
    torch.set_num_threads(training.threads)
    task = unpacked(data)
    family = families.find(training.family)
    family = family.for_task(input_shape=task.input_shape, classes=task.classes)
    family = family.at_width(training.match.width if training.match else None)
    batch_size = min(training.batch_size, len(task.train))
    step = _cell(training, "step", batch_size)
    predicted = predict(family, training.optimizer, step)
    trainable, nonfinite = _at_start(family, task, training)
    steps = training.steps_on(len(task.train))
    flops, forward = predicted.operations.flops("step"), predicted.operations.flops("forward")
    return Survey(
        depth=training.depth,
        parameters=predicted.parameters,
        flops=None if forward is None else forward / batch_size,
        train_flops=None if flops is None else float(flops * steps),
        peak_bytes=predicted.peak.peak_bytes,
        latency_seconds=_latency(family, replace(step, pass_="forward")) if timed else None,
        trainable_depth=trainable,
        nonfinite=nonfinite,
    )


def _cell(training: Training, pass_: str, batch_size: int) -> Cell:
    return Cell(
        family=training.family,
        depth=training.depth,
        pass_=pass_,
        batch_size=batch_size,
        dtype=training.dtype,
        device=training.device,
        threads=training.threads,
    )


def _latency(family: Family, cell: Cell) -> float:
    network = cost.prepare(family, "adamw", cell)
    clock = latency.Clock()
    iteration = latency.timed(network.pass_, clock, machine.synchronizer(cell.device))
    latency.warm_up(iteration, clock)
    samples: list[float] = []
    end = time.perf_counter() + _LATENCY_SECONDS
    while len(samples) < _FEWEST_PASSES or time.perf_counter() < end:
        start = clock()
        iteration()
        samples.append(clock() - start)
    return statistics.median(samples)


def _at_start(family: Family, task: Task, training: Training) -> tuple[float | None, str | None]:
    """The trainable depth, and the first layer that is not finite."""
    with random_state(seed=training.seed):
        model = family.build(training.depth)
    trainable = gradients.trainable_depth(model, family.all_knobs)
    rows = min(training.batch_size, len(task.train))
    inputs, labels = task.train.inputs[:rows], task.train.labels[:rows]
    found = signals(model, inputs, lambda logits: F.cross_entropy(logits.float(), labels))
    return trainable, found.first_nonfinite
