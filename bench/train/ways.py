"""Chooses how trainings of one depth are run: as a stack, or each by itself, in which layout.

Which is faster depends on network, batch and machine: a stack spreads the overhead of operations
over its networks, but its tensors fill the caches and its convolutions are grouped ones. So each
way takes a few steps, one after the other, whose results are thrown away. What a network does not
bear, or does otherwise than by itself, is then found as well.
"""

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from ..families import Family
from ..measure.state import random_state
from ..points import Training
from ..records import RunRecord
from ..specs import one_line
from . import stack
from .tasks import Task
from .trial import Trial

# On a CPU a network of a larger stack takes hardly less time, and the stack fills the caches.
LARGEST_STACK = {"cpu": 8, "cuda": 64}

# Those in which a network is trained by itself.
_ALONE = {"plain", "channels_last"}


@dataclass(frozen=True)
class Choice:
    """What the trial found.

    Attributes:
        reason: what it found of each way; null without a trial.
        records: the runs, if a stack was fastest, and was trained.
        way: how a network is to be trained by itself: `plain` or `channels_last`.
    """

    reason: str | None = None
    records: tuple[RunRecord, ...] = ()
    way: str = "plain"


def parts(trainings: Sequence[Training], *, workers: int) -> list[tuple[Training, ...]]:
    """The trainings in parts that may be stacked, in their order.

    Those that differ only in seed and learning rate stand together. They are divided, as evenly as
    can be, where a stack would be too large, and where too few groups are left to keep the workers
    busy.
    """
    groups: dict[Training, list[Training]] = {}
    for training in trainings:
        same = alike(training) if stack.can_be_stacked(training) else training
        groups.setdefault(same, []).append(training)
    left = range(len(groups), 0, -1)
    return [
        part
        for group, number in zip(groups.values(), left, strict=True)
        for part in _divided(group, at_least=math.ceil(workers / number))
    ]


def alike(training: Training) -> Training:
    """The same for all that a trial of one of them speaks for."""
    return replace(training, seed=0, learning_rate=0.0, tuned_from=())


def _divided(group: Sequence[Training], *, at_least: int) -> list[tuple[Training, ...]]:
    largest = LARGEST_STACK[group[0].device.partition(":")[0]]
    number = min(len(group), max(at_least, math.ceil(len(group) / largest)))
    edges = [len(group) * i // number for i in range(number + 1)]
    return [tuple(group[a:b]) for a, b in itertools.pairwise(edges)]


def train(family: Family, task: Task, trainings: Sequence[Training]) -> Choice:
    """The stack's runs if it is the faster way, else why it is not: nothing is trained then."""
    with random_state(seed=trainings[0].seed, device=trainings[0].device):
        seconds, reason = _tried(family, task, trainings)
    way = min(seconds, key=seconds.__getitem__)
    alone = min(filter(_ALONE.__contains__, seconds), key=seconds.__getitem__)
    if way == alone:
        return Choice(reason, way=way)
    records = stack.train(family, task, trainings, replayed=way == "replayed")
    return Choice(reason, tuple(replace(record, way_reason=reason) for record in records), alone)


def _tried(
    family: Family, task: Task, trainings: Sequence[Training]
) -> tuple[dict[str, float], str]:
    """Seconds a step of each way that may be taken, and what was found of all in words."""
    try:
        trial = Trial(family, task, trainings)
        seconds = {"plain": trial.plain_seconds()}
    except Exception as error:  # whatever a network does
        return {"plain": 0.0}, f"cannot be tried: {one_line(error)}"
    found = [f"alone {_milliseconds(seconds['plain'])} a step"]
    for way in _OTHER_WAYS:
        if way.applies(trial):
            try:
                seconds[way.name] = way.seconds(trial)
            except Exception as error:  # what cannot be batched, say
                found.append(f"cannot be {way.done}: {one_line(error)}")
            else:
                words = way.words.format(len(trainings))
                found.append(f"{words} {_milliseconds(seconds[way.name])}")
    return seconds, ", ".join(found)


def _milliseconds(seconds: float) -> str:
    return f"{1e3 * seconds:.3g} ms"


@dataclass(frozen=True)
class _Way:
    """One that is tried beside the plain one.

    Attributes:
        words: with the number of networks left open.
        done: what could not be, where it fails.
        applies: whether it is worth a trial.
        seconds: of a step of one network; raises where it does not do as the plain way does.
    """

    name: str
    words: str
    done: str
    applies: Callable[[Trial], bool]
    seconds: Callable[[Trial], float]


_OTHER_WAYS = (
    _Way(
        "channels_last",
        "with channels last",
        "given channels last",
        lambda trial: trial.may_have_channels_last,
        Trial.channels_last_seconds,
    ),
    _Way("stacked", "in a stack of {}", "stacked", lambda _: True, Trial.stacked_seconds),
    _Way(
        "replayed",
        "replayed from a CUDA graph",
        "replayed",
        lambda trial: trial.may_be_replayed,
        Trial.replayed_seconds,
    ),
)
