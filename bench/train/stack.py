"""Trains networks of one depth together: each operation is one over all of them.

Parameters and buffers of the networks, which differ in their seeds or learning rates, are stacked
along a new first dimension, and `torch.vmap` runs the network over it. Each network has the weights
at the start and the order of batches that its seed gives it alone, and its own loss and learning
rate, so that it takes the course it would take alone, up to rounding; what it draws while it trains
(dropout) is drawn for all of them by one generator.

Left out: treatments, which see one network, and what scales a loss (fp16).
"""

import itertools
import math
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state

from ..families import Family
from ..measure import cuda_graph, machine
from ..measure.cuda_graph import Capturing
from ..measure.state import random_state
from ..points import Training, steps_per_epoch
from ..records import RunRecord
from . import trainer
from .evaluation import autocast, both_halves, evaluate, is_evaluated_after, logits
from .replay import Replayed
from .schedule import scheduled
from .tasks import Split, Task


def can_be_stacked(training: Training) -> bool:
    """Whether the settings allow it; whether the network does is found by trying."""
    return not training.treatments and training.dtype != "fp16"


def train(
    family: Family, task: Task, trainings: Sequence[Training], *, replayed: bool = False
) -> list[RunRecord]:
    """The runs of `trainings`, which differ in nothing but seed and learning rate, in their order.

    Their `train_seconds` are that of the stack divided by its size. A network whose loss is no
    longer finite is recorded as `diverged` in that epoch; the others are not disturbed.

    Args:
        replayed: passes are replayed from a CUDA graph.
    """
    first = trainings[0]
    torch.set_num_threads(first.threads)
    task = trainer.on_device(first.device, task)
    with random_state(seed=first.seed, device=first.device):
        fits = _fit(networks(family, trainings), task, trainings, replayed=replayed)
        records = [
            trainer.concluded(family, task, training, fit)
            for training, fit in zip(trainings, fits, strict=True)
        ]
    way = "replayed" if replayed else "stacked"
    return [replace(record, way=way, stack=len(trainings)) for record in records]


def networks(family: Family, trainings: Sequence[Training]) -> list[nn.Module]:
    """Each network at its start, as its seed draws it, in training mode."""
    built = []
    for training in trainings:
        with random_state(seed=training.seed, device=training.device):
            built.append(trainer.network(family, training).train())
    return built


class Stack:
    """Networks that train together.

    Args:
        tools: with them passes are captured as a CUDA graph, and replayed.

    Attributes:
        networks: their tensors are views of the stacked ones, so that each is as trained so far.
    """

    def __init__(
        self,
        networks: Sequence[nn.Module],
        trainings: Sequence[Training],
        *,
        steps: int,
        tools: Capturing | None = None,
    ) -> None:
        self.networks = list(networks)
        self._named = [dict(network.named_parameters()) for network in self.networks]
        self._training = trainings[0]
        parameters, self._buffers = stack_module_state(self.networks)
        self._parameters = {name: _laid_out(values) for name, values in parameters.items()}
        self._share()
        self._has_rates = len({training.learning_rate for training in trainings}) > 1
        trained = self._by_rate(trainings)
        self._optimizer, self._schedule = scheduled(
            trained, self._training, steps=steps, fused=True
        )
        self._losses = Replayed(self._pass, self._forget, tools) if tools else self._launched

    def _by_rate(self, trainings: Sequence[Training]) -> dict[float, list[Tensor]]:
        """What is trained: the stacked weights, as every optimizer here changes a weight by its own
        gradients alone; with several learning rates those of each network."""
        if not self._has_rates:
            return {self._training.learning_rate: _trained(self._parameters.values())}
        rates: dict[float, list[Tensor]] = {}
        for named, training in zip(self._named, trainings, strict=True):
            rates.setdefault(training.learning_rate, []).extend(_trained(named.values()))
        return rates

    def _share(self) -> None:
        for i, (network, named) in enumerate(zip(self.networks, self._named, strict=True)):
            for name, parameter in named.items():
                parameter.data = self._parameters[name].detach()[i]
            for name, buffer in network.named_buffers():
                buffer.data = self._buffers[name][i]

    def _share_gradients(self) -> None:
        for name, stacked in self._parameters.items():
            if stacked.grad is not None:
                for named, gradient in zip(self._named, stacked.grad.unbind(), strict=True):
                    named[name].grad = gradient

    def update(self, batches: Split) -> Tensor:
        """One step of every network; the mean loss of each one's batch before it: (networks,).

        Args:
            batches: inputs (networks, batch, …) and labels (networks, batch).
        """
        losses = self._losses(batches)
        self._optimizer.step()
        self._schedule.step()
        return losses

    def _launched(self, batches: Split) -> Tensor:
        self._forget()
        return self._pass(batches)

    def _forget(self) -> None:
        for stacked in self._parameters.values():
            stacked.grad = None

    def _pass(self, batches: Split) -> Tensor:
        """Forward and backward: the losses (networks,), and gradients where they were None."""
        with autocast(self._training):
            outputs = self.logits(batches.inputs).flatten(0, 1)
            each = F.cross_entropy(outputs, batches.labels.flatten(), reduction="none")
        losses: Tensor = each.unflatten(0, batches.labels.shape).mean(1)
        losses.sum().backward()  # a network's gradients are those of its own loss
        if self._has_rates:
            self._share_gradients()
        return losses.detach()

    def logits(self, inputs: Tensor) -> Tensor:
        """inputs: (networks, batch, …) -> (networks, batch, classes)."""
        outputs = torch.vmap(self._logits_of_one, randomness="different")
        result: Tensor = outputs(self._parameters, self._buffers, inputs)
        return result

    def _logits_of_one(
        self, parameters: dict[str, Tensor], buffers: dict[str, Tensor], inputs: Tensor
    ) -> Tensor:
        state = {**parameters, **buffers}

        def network(x: Tensor) -> Tensor:
            output: Tensor = functional_call(self.networks[0], state, (x,))
            return output

        output = logits(network, inputs)
        # `functional_call` says in `state` what the network put in a tensor's place.
        replaced = [name for name, values in buffers.items() if state[name] is not values]
        if replaced:
            raise TypeError(f"the network puts another tensor in the place of {replaced[0]}")
        return output


def _trained(parameters: Iterable[Tensor]) -> list[Tensor]:
    return [parameter for parameter in parameters if parameter.requires_grad]


def _laid_out(values: Tensor) -> Tensor:
    """Matrices (networks, out, in) in the memory order (networks, in, out), in which `vmap` of a
    linear layer returns their gradients: they need no copy."""
    if values.ndim != 3:
        return values
    turned = values.detach().transpose(1, 2).contiguous().transpose(1, 2)
    return turned.requires_grad_(values.requires_grad)


def batches(data: Split, size: int, generators: Sequence[torch.Generator]) -> Iterator[Split]:
    """An epoch of each network's own batches: inputs (networks, size, …), labels (networks, size).

    The order is that of the network alone; an incomplete last batch is left out.
    """
    orders = torch.stack([torch.randperm(len(data), generator=each) for each in generators])
    orders = orders.to(data.labels.device)
    for rows in orders.split(size, dim=1)[: len(data) // size]:
        yield Split(data.inputs[rows], data.labels[rows])


def generators(trainings: Sequence[Training]) -> list[torch.Generator]:
    """Of the order of batches, each from its seed."""
    return [torch.Generator().manual_seed(training.seed) for training in trainings]


class _Course:
    """How the training of one network of a stack goes, until it diverges."""

    def __init__(self, network: nn.Module) -> None:
        self.network = network
        self.losses: list[float] = []
        self.curves: tuple[list[float], list[float]] = ([], [])

    @property
    def goes_on(self) -> bool:
        return all(map(math.isfinite, self.losses))

    def evaluate(self, halves: Sequence[Split], training: Training) -> None:
        for half, values in zip(halves, self.curves, strict=False):
            values.append(evaluate(self.network, half, training)[0])
        self.network.train()

    def fit(self, *, seconds: float, steps: int) -> trainer.Fit:
        curves = tuple(self.curves[0]), tuple(self.curves[1])
        return trainer.Fit(self.network, seconds, steps, tuple(self.losses), curves)


def _fit(
    networks: Sequence[nn.Module], task: Task, trainings: Sequence[Training], *, replayed: bool
) -> list[trainer.Fit]:
    training, data = trainings[0], task.train
    batch_size = min(training.batch_size, len(data))
    per_epoch = steps_per_epoch(len(data), batch_size)
    steps = training.steps_on(len(data))
    epochs = math.ceil(steps / per_epoch)
    tools = cuda_graph.capturing(training.device) if replayed else None
    stack, orders = Stack(networks, trainings, steps=steps, tools=tools), generators(trainings)
    courses = [_Course(network) for network in networks]
    halves = both_halves(task.validation) if training.curves and task.validation else ()
    wait = machine.synchronizer(training.device)
    seconds = 0.0
    for epoch in range(epochs):
        start = time.perf_counter()
        order = itertools.islice(batches(data, batch_size, orders), steps - epoch * per_epoch)
        losses = torch.stack([stack.update(batch) for batch in order]).mean(0).tolist()
        wait()
        seconds += time.perf_counter() - start
        for course, loss in zip(courses, losses, strict=True):
            if course.goes_on:
                course.losses.append(loss)
                if is_evaluated_after(epoch + 1, epochs):
                    course.evaluate(halves, training)
        if not any(course.goes_on for course in courses):
            break
    return [
        course.fit(seconds=seconds / len(courses), steps=min(steps, len(course.losses) * per_epoch))
        for course in courses
    ]
