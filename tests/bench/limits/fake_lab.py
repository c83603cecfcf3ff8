"""A lab whose trainings are answered from planted accuracies; nothing is trained."""

from collections.abc import Callable, Iterable, Sequence
from types import ModuleType, SimpleNamespace
from typing import Any, cast

import torch
from torch import nn

from bench.families import Family
from bench.isolate import Outcome
from bench.limits.evidence import Planned, Trial
from bench.limits.experiment import Experiment
from bench.limits.lab import Lab
from bench.points import Training
from bench.records import Facts, RunRecord
from bench.train.tasks import Task
from tests.bench.train.small import split, training

RATE = 0.01

Answer = Callable[[Training], float | str | dict[str, Any]]
"""From a training to its accuracy, to the status it ends with, or to fields of its record."""


def everything_alike(_training: Training) -> float:
    """Whatever is trained, it comes to 70%."""
    return 0.7


def family(*, knobs: dict[str, Any] | None = None, depths: Sequence[int] | None = None) -> Family:
    """A family without knobs, or with some; it has the depths that are named, or all."""

    def build(depth: int) -> nn.Module:
        if depths is not None and depth not in depths:
            raise ValueError(f"depth must be one of {depths}; got {depth}")
        return nn.Linear(6, 2)

    module = SimpleNamespace(example_input=lambda n: torch.zeros(n, 1, 6))
    found = Family("net.py:build", {}, "code", cast(ModuleType, module), build)
    return _Knobbed(found, knobs) if knobs else found


class _Knobbed(Family):
    """Says that it has knobs."""

    def __init__(self, like: Family, knobs: dict[str, Any]) -> None:
        super().__init__(like.name, knobs, like.code, like._module, like._build)

    def build(self, depth: int) -> nn.Module:
        return self._build(depth)


class FakeLab:
    """Stands in for `Lab`; keeps what it is asked for, in order.

    Attributes:
        batches: what was asked to be trained together.
        probed: the functions that looked into networks, with the depths.
        dies: the functions whose children die.
    """

    def __init__(
        self, answer: Answer, *, of: Family, dies: Sequence[Callable[..., Any]] = ()
    ) -> None:
        self._answer = answer
        self._family = of
        self._dies = dies
        self.batches: list[list[Planned]] = []
        self.begun: list[Training] = []
        self.probed: list[tuple[str, list[int]]] = []
        self.more: list[Any] = []

    def task(self, name: str) -> Task:
        """A task of 160 training samples, from which parts can be taken."""
        return Task(name, split(160, 0), split(20, 1), split(20, 2), 2, "code")

    def family(self, _name: str, _task: Task) -> Family:
        return self._family

    def begin(self, planned: Iterable[Planned]) -> None:
        self.begun += [each.training for each in planned]

    def train(self, planned: Iterable[Planned]) -> list[Trial]:
        wanted = list(planned)
        self.batches.append(wanted)
        return [self._trial(each) for each in wanted]

    def _trial(self, planned: Planned) -> Trial:
        return Trial(planned, self._record(planned.training))

    def _record(self, asked: Training) -> RunRecord:
        found = self._answer(asked)
        about = {**asked.settings(), "knobs": {}, "n_train": 160, "train_seconds": 1.0}
        if isinstance(found, str):
            return RunRecord(**about, status=found, reason="planted")
        if isinstance(found, float):
            found = {"train_accuracy": found, "validation_accuracy": found - 0.1}
        return RunRecord(**{**about, "status": "ok", "train_loss": 0.3, **found})

    def probe(
        self, function: Callable[..., Any], trainings: Sequence[tuple[Training, tuple[Any, ...]]]
    ) -> list[Outcome]:
        self.probed.append((function.__name__, [asked.depth for asked, _ in trainings]))
        self.more += [more for _, more in trainings]
        if function in self._dies:
            return [Outcome("error", reason="ended by signal 11 (SIGSEGV)") for _ in trainings]
        return [Outcome("ok", []) for _ in trainings]

    def weigh(self, trainings: Sequence[Training]) -> list[Outcome]:
        self.probed.append(("weigh", [asked.depth for asked in trainings]))
        facts = Facts(
            parameters=14, flops=6, uncounted_ops=(), activation_bytes=1, peak_bytes=None,
            peak_source=None, warnings=(),
        )  # fmt: skip
        return [Outcome("ok", facts) for _ in trainings]

    @property
    def asked(self) -> list[Planned]:
        """All that was asked to be trained."""
        return [each for batch in self.batches for each in batch]

    def of(self, role: str) -> list[Planned]:
        """What was asked for in one role."""
        return [each for each in self.asked if each.role == role]


def experiment(
    answer: Answer = everything_alike,
    *,
    depth: int = 16,
    seeds: int = 2,
    quick: bool = False,
    of: Family | None = None,
    dies: Sequence[Callable[..., Any]] = (),
    **settings: Any,
) -> tuple[FakeLab, list[dict[str, Any]]]:
    """The lab after the experiment, and the rows."""
    lab = FakeLab(answer, of=of or family(), dies=dies)
    asked = training(
        family="net.py:build", task="task.py:load", depth=depth, learning_rate=RATE, **settings
    )
    return lab, Experiment(asked, cast(Lab, lab), seeds=seeds, quick=quick).rows()
