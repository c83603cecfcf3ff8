"""A few steps in each of the ways to train some networks: how long one takes, and whether it does
the same. What was computed is thrown away.
"""

import itertools
import random
import time
from collections.abc import Callable, Sequence
from statistics import median

import numpy as np
import torch
from torch import Tensor, nn

from ..families import Family
from ..measure import cuda_graph, machine
from ..points import Training
from . import stack, trainer
from .evaluation import autocast, logits
from .layout import channels_last, has_convolutions
from .stack import Stack
from .tasks import Split, Task

# Steps of the trial, after one that is not timed: one for so many of a training, and not many.
STEPS_A_TURN, MOST_TURNS = 50, 5

# Steps of a replayed stack before those that are only replayed: the last of them is captured.
_UNTIMED_OF_REPLAY = cuda_graph.WARM_UPS + 1

# The largest difference that rounding makes within a few steps, as a part of the largest value.
AGREEMENT = {"fp32": 1e-2, "bf16": 0.1}


class Trial:
    """The first network by itself, and all of them as a stack.

    A way that raises, or does not do as the plain one does, is none to be taken.
    """

    def __init__(self, family: Family, task: Task, trainings: Sequence[Training]) -> None:
        training = self._training = trainings[0]
        self._family, self._trainings = family, trainings
        self._together: list[Tensor] = []
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
        self._alone, seconds = self._timed(self._learner.update, self._own_batches())
        self._draws = _drawn_by_torch(self._training.device) != before[0]
        self._draws_elsewhere = _drawn_by_others() != before[1]
        return seconds

    def _own_batches(self) -> list[Split]:
        """Those of the first network."""
        return [Split(each.inputs[0], each.labels[0]) for each in self._batches]

    @property
    def may_have_channels_last(self) -> bool:
        """Whether it is known to pay for some: convolutions on a CPU."""
        on_cpu = self._training.device == "cpu" and self._training.dtype == "fp32"
        return on_cpu and has_convolutions(self._stack.networks[0])

    def channels_last_seconds(self) -> float:
        """Of a step of one network by itself, with its channels last in memory.

        Raises:
            ValueError: it does not do as the network does otherwise.
        """
        (network,) = stack.networks(self._family, self._trainings[:1])
        learner = trainer.Learner(network, self._training, (), steps=self._steps, fused=True)
        with channels_last(network):
            losses, seconds = self._timed(learner.update, self._own_batches())
        self._check_losses(self._alone, losses)
        return seconds

    def stacked_seconds(self) -> float:
        """Of a step of one network in the stack.

        Raises:
            ValueError: the stack does not do as its networks do alone.
        """
        if self._draws_elsewhere:
            raise ValueError("it draws from NumPy's or Python's generator, once for all networks")
        together, seconds = self._timed(self._stack.update, self._batches)
        self._check_attributes()
        self._check_losses(self._alone, [losses[0] for losses in together])
        self._check_logits()
        self._together = together
        return seconds / len(self._stack.networks)

    @property
    def may_be_replayed(self) -> bool:
        """Whether there are graphs, and a step to time after the one that is captured."""
        return _has_graphs(self._training) and len(self._batches) > _UNTIMED_OF_REPLAY

    def replayed_seconds(self) -> float:
        """Of a step of one network in the stack, replayed from a CUDA graph.

        Raises:
            ValueError: the replay does not do as the stack does, or that was none.
        """
        if not self._together:
            raise ValueError("there is no stack")
        networks = stack.networks(self._family, self._trainings)
        tools = cuda_graph.capturing(self._training.device)
        replayed = Stack(networks, self._trainings, steps=self._steps, tools=tools)
        losses, seconds = self._timed(replayed.update, self._batches, untimed=_UNTIMED_OF_REPLAY)
        self._check_losses(self._together, losses)
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

    def _check_losses(self, expected: Sequence[Tensor], found: Sequence[Tensor]) -> None:
        if not self._draws:
            self._check_alike(torch.stack(list(expected)), torch.stack(list(found)))

    def _check_logits(self) -> None:
        """In eval mode, after the trial's steps."""
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


def _has_graphs(training: Training) -> bool:
    return training.device.startswith("cuda")


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
