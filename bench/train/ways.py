"""Chooses how trainings of one depth are run: as a stack, or each by itself.

Which is faster depends on network, batch and machine: a stack spreads the overhead of operations
over its networks, but its tensors fill the caches and its convolutions are grouped ones. So both
take a few steps, one after the other, whose results are thrown away; on a GPU a stack that is
replayed from a CUDA graph does, too. What a stack cannot do, or does otherwise than its networks
alone, is then found as well, and trained plainly.
"""

import itertools
import math
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from statistics import median

import numpy as np
import torch
from torch import Tensor, nn

from ..families import Family
from ..measure import cuda_graph, machine
from ..measure.state import random_state
from ..points import Training
from ..records import RunRecord
from ..specs import one_line
from . import stack, trainer
from .evaluation import autocast, logits
from .stack import Stack
from .tasks import Split, Task

# Steps of the trial, after one that is not timed: one for so many of a training, and not many.
STEPS_A_TURN, MOST_TURNS = 50, 5

# Steps of a replayed stack before those that are only replayed: the last of them is captured.
_UNTIMED_OF_REPLAY = cuda_graph.WARM_UPS + 1

# The largest difference that rounding makes within a few steps, as a part of the largest value.
AGREEMENT = {"fp32": 1e-2, "bf16": 0.1}

# On a CPU a network of a larger stack takes hardly less time, and the stack fills the caches.
LARGEST_STACK = {"cpu": 8, "cuda": 64}


@dataclass(frozen=True)
class Choice:
    """What the trial found: the runs if the stack was faster, and was trained; else why not.

    Without a reason there was no trial.
    """

    reason: str | None = None
    records: tuple[RunRecord, ...] = ()


def parts(trainings: Sequence[Training], *, workers: int) -> list[tuple[Training, ...]]:
    """The trainings in parts that may be stacked, in their order.

    Those that differ only in seed and learning rate stand together. They are divided, as evenly as
    can be, where a stack would be too large, and where too few groups are left to keep the workers
    busy.
    """
    groups: dict[Training, list[Training]] = {}
    for training in trainings:
        same = _alike(training) if stack.can_be_stacked(training) else training
        groups.setdefault(same, []).append(training)
    left = range(len(groups), 0, -1)
    return [
        part
        for group, number in zip(groups.values(), left, strict=True)
        for part in _divided(group, at_least=math.ceil(workers / number))
    ]


def _alike(training: Training) -> Training:
    return replace(training, seed=0, learning_rate=0.0, tuned_from=())


def _divided(group: Sequence[Training], *, at_least: int) -> list[tuple[Training, ...]]:
    largest = LARGEST_STACK[group[0].device.partition(":")[0]]
    number = min(len(group), max(at_least, math.ceil(len(group) / largest)))
    edges = [len(group) * i // number for i in range(number + 1)]
    return [tuple(group[a:b]) for a, b in itertools.pairwise(edges)]


def train(family: Family, task: Task, trainings: Sequence[Training]) -> Choice:
    """The stack's runs if it is the faster way, else why it is not: nothing is trained then."""
    with random_state(seed=trainings[0].seed, device=trainings[0].device):
        way, reason = _tried(family, task, trainings)
    if way == "plain":
        return Choice(reason)
    records = stack.train(family, task, trainings, replayed=way == "replayed")
    return Choice(reason, tuple(replace(record, way_reason=reason) for record in records))


def _tried(family: Family, task: Task, trainings: Sequence[Training]) -> tuple[str, str]:
    """The fastest way, and what was found of all of them."""
    try:
        trial = _Trial(family, task, trainings)
        seconds = {"plain": trial.plain_seconds(), "stacked": trial.stacked_seconds()}
        trial.check()
    except Exception as error:  # whatever a network does that cannot be batched
        return "plain", f"cannot be stacked: {one_line(error)}"
    together = f"in a stack of {len(trainings)} {_milliseconds(seconds['stacked'])}"
    reason = f"alone {_milliseconds(seconds['plain'])} a step, {together}"
    if _may_be_replayed(trainings[0]) and trial.is_long_enough_to_replay:
        try:
            seconds["replayed"] = trial.replayed_seconds()
        except Exception as error:  # whatever a graph cannot hold
            reason += f"; it cannot be replayed: {one_line(error)}"
        else:
            reason += f", replayed from a CUDA graph {_milliseconds(seconds['replayed'])}"
    return min(seconds, key=seconds.__getitem__), reason


def _milliseconds(seconds: float) -> str:
    return f"{1e3 * seconds:.3g} ms"


def _may_be_replayed(training: Training) -> bool:
    return training.device.startswith("cuda")


class _Trial:
    """The first network by itself, and all of them as a stack."""

    def __init__(self, family: Family, task: Task, trainings: Sequence[Training]) -> None:
        training = self._training = trainings[0]
        self._family, self._trainings = family, trainings
        torch.set_num_threads(training.threads)
        data = trainer.on_device(training.device, task).train
        size = min(training.batch_size, len(data))
        self._steps = steps = training.steps_on(len(data))
        turns = min(MOST_TURNS, 1 + steps // STEPS_A_TURN)
        orders = stack.generators(trainings)
        epochs = (stack.batches(data, size, orders) for _ in range(1 + turns))
        self._batches = list(itertools.islice(itertools.chain.from_iterable(epochs), 1 + turns))
        (alone,) = stack.networks(family, trainings[:1])
        self._learner = trainer.Learner(alone.train(), training, (), steps=steps, fused=True)
        self._stack = Stack(stack.networks(family, trainings), trainings, steps=steps)
        # What else the machine does must not decide; several threads' times tell nothing.
        is_alone = training.device == "cpu" and training.threads == 1
        self._clock = time.process_time if is_alone else time.perf_counter

    def plain_seconds(self) -> float:
        """Of a step of one network by itself."""
        before = _drawn_by_torch(self._training.device), _drawn_by_others()
        steps = [Split(each.inputs[0], each.labels[0]) for each in self._batches]
        self._alone, seconds = self._timed(self._learner.update, steps)
        drawn, others = _drawn_by_torch(self._training.device), _drawn_by_others()
        if others != before[1]:
            raise ValueError("it draws from NumPy's or Python's generator, once for all networks")
        self._draws = drawn != before[0]
        return seconds

    def stacked_seconds(self) -> float:
        """Of a step of one network in the stack."""
        self._together, seconds = self._timed(self._stack.update, self._batches)
        return seconds / len(self._stack.networks)

    @property
    def is_long_enough_to_replay(self) -> bool:
        """Whether there is a step to time after the one that is captured."""
        return len(self._batches) > _UNTIMED_OF_REPLAY

    def replayed_seconds(self) -> float:
        """Of a step of one network in the stack, replayed from a CUDA graph.

        Raises:
            ValueError: the replay does not do as the stack does.
        """
        networks = stack.networks(self._family, self._trainings)
        tools = cuda_graph.capturing(self._training.device)
        replayed = Stack(networks, self._trainings, steps=self._steps, tools=tools)
        losses, seconds = self._timed(replayed.update, self._batches, untimed=_UNTIMED_OF_REPLAY)
        if not self._draws:
            self._check_alike(torch.stack(self._together), torch.stack(losses))
        return seconds / len(networks)

    def _timed(
        self, update: Callable[[Split], Tensor], steps: Sequence[Split], *, untimed: int = 1
    ) -> tuple[list[Tensor], float]:
        """The losses, and the median time of the steps after the first `untimed`."""
        wait = machine.synchronizer(self._training.device)
        losses, moments = [], []
        for batch in steps:
            losses.append(update(batch))
            wait()
            moments.append(self._clock())
        return losses, median(b - a for a, b in itertools.pairwise(moments[untimed - 1 :]))

    def check(self) -> None:
        """Raise `ValueError` where the stack does not do as its networks do alone."""
        self._check_attributes()
        if not self._draws:
            together = torch.stack([losses[0] for losses in self._together])
            self._check_alike(torch.stack(self._alone), together)
        inputs, networks = self._batches[0].inputs, self._stack.networks
        for network in networks:
            network.eval()
        with torch.no_grad(), autocast(self._training):
            together = self._stack.logits(inputs)
            for network, own, batched in zip(networks, inputs, together, strict=True):
                self._check_alike(logits(network, own), batched)

    def _check_attributes(self) -> None:
        """The first network is run for all: what it counts outside its tensors, the others miss."""
        first, *others = map(_attributes, self._stack.networks)
        for other in others:
            changed = next((name for name in first if first[name] != other.get(name)), None)
            if changed is not None:
                raise ValueError(f"{changed.lstrip('.')} is not the same for all networks")

    def _check_alike(self, alone: Tensor, together: Tensor) -> None:
        difference, scale = (alone - together).abs().max(), alone.abs().max()
        if not difference <= AGREEMENT[self._training.dtype] * scale:  # also if it is NaN
            worst = int((alone - together).abs().argmax())
            values = (each.flatten()[worst].item() for each in (together, alone))
            found = "{:.4g} for {:.4g}".format(*values)
            raise ValueError(f"it computes something else so: {found}")


def _attributes(network: nn.Module) -> dict[str, object]:
    """Numbers and words that its modules keep, and the sizes of their lists."""
    found: dict[str, object] = {}
    for path, module in network.named_modules():
        for name in vars(module).keys() - vars(nn.Module()).keys():
            value = vars(module)[name]
            if isinstance(value, int | float | str | None):
                found[f"{path}.{name}"] = value
            elif isinstance(value, list | dict):
                found[f"{path}.{name}"] = len(value)
    return found


def _drawn_by_torch(device: str) -> bytes:
    states = [torch.get_rng_state()]
    if device.startswith("cuda"):
        states.append(torch.cuda.get_rng_state(device))
    return b"".join(state.numpy().tobytes() for state in states)


def _drawn_by_others() -> tuple[object, ...]:
    _, keys, position, *_ = np.random.get_state()
    return np.asarray(keys).tobytes(), position, random.getstate()
