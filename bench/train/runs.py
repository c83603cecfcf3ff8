"""Where trainings execute: each in a child process, as many at once as there are cores to give.

Whatever finishes is kept in the store at once, from the thread that waited for it.
"""

import io
from collections.abc import Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import torch

from .. import families, specs
from ..families import Family
from ..isolate import Children, Outcome
from ..measure import machine
from ..records import RunRecord, Training, key, plain
from . import trainer
from .store import Store
from .tasks import Task


class Runs:
    """Trains networks, or takes the runs from the store.

    Args:
        families: by the name that stands in `Training.family`, bound to the tasks' inputs.
        tasks: by the name that stands in `Training.task`; like the families, there before the
            training that names it is started.
        circumstances: what a run depends on beside network and task, part of its key: the machine
            (its time does) and our code.
        workers: trainings at once.
        timeout: seconds after which a run is given up.
        kind: under which the store keeps them.
    """

    def __init__(
        self,
        families: Mapping[str, Family],
        tasks: Mapping[str, Task],
        store: Store,
        children: Children,
        *,
        circumstances: Mapping[str, Any],
        workers: int,
        timeout: float,
        kind: str = "run",
    ) -> None:
        self._families = families
        self._tasks = tasks
        self._store = store
        self._children = children
        self._circumstances = circumstances
        self._timeout = timeout
        self._kind = kind
        self._executor = ThreadPoolExecutor(workers)
        self._data: dict[str, bytes] = {}
        self._futures: dict[Training, Future[RunRecord]] = {}

    def start(self, trainings: Iterable[Training]) -> None:
        """Take what is kept of `trainings` and queue the rest, in this order."""
        for training in trainings:
            if training not in self._futures:
                self._futures[training] = self._executor.submit(self._record, training)

    def wait(self, trainings: Iterable[Training]) -> list[RunRecord]:
        """The records of `trainings`; those not started yet are started."""
        wanted = list(trainings)
        self.start(wanted)
        return [self._futures[training].result() for training in wanted]

    def finished(self) -> list[RunRecord]:
        """The records so far, in the order in which the trainings were started."""
        done = (f for f in self._futures.values() if f.done() and not f.cancelled())
        return [future.result() for future in done]

    def close(self) -> None:
        """Forget what is queued and wait for what runs; the children must have been ended."""
        self._executor.shutdown(wait=True, cancel_futures=True)

    def _record(self, training: Training) -> RunRecord:
        identity = self._key(training)
        kept = self._store.kept(identity)
        if kept:
            return RunRecord.from_row(kept)
        record = self._train(training)
        if record.status != "skipped":
            self._store.keep(self._kind, identity, plain(record))
        return record

    def _train(self, training: Training) -> RunRecord:
        outcome = self._misfit(training) or self._in_child(training)
        if outcome.status == "ok":
            record: RunRecord = outcome.value
            return record
        knobs = self._families[training.family].all_knobs
        return RunRecord(
            **training.settings(), knobs=knobs, status=outcome.status, reason=outcome.reason
        )

    def _in_child(self, training: Training) -> Outcome:
        name = training.task
        data = self._data.setdefault(name, self._data.get(name) or packed(self._tasks[name]))
        return self._children.call(_execute, training, data, timeout=self._timeout)

    def _misfit(self, training: Training) -> Outcome | None:
        """Why the family cannot take the task's inputs, or None."""
        try:
            example = self._families[training.family].example_input(1)
        except Exception as error:  # a user's function
            return Outcome("error", reason=f"example_input(1): {specs.one_line(error)}")
        shape = tuple(example.shape[1:]) if isinstance(example, torch.Tensor) else None
        wanted = self._tasks[training.task].input_shape
        if shape == wanted:
            return None
        found = "other than one tensor" if shape is None else f"of shape {shape}"
        reason = f"takes inputs {found}; those of {training.task} are {wanted}"
        return Outcome("skipped", reason=f"{training.family} {reason}")

    def _key(self, training: Training) -> str:
        family = self._families[training.family]
        source = [family.all_knobs, family.code, self._tasks[training.task].code]
        return key("run", training, source, self._circumstances)


def packed(task: Task) -> bytes:
    """The task as a child can be given it, without the shared memory of tensors."""
    packed = io.BytesIO()
    torch.save(task, packed)
    return packed.getvalue()


def unpacked(data: bytes) -> Task:
    """The inverse of `packed`, in a child."""
    task: Task = torch.load(io.BytesIO(data), weights_only=False)
    return task


def _execute(training: Training, data: bytes) -> RunRecord:
    """One run, in a child process."""
    task = unpacked(data)
    family = families.find(training.family)
    family = family.for_task(input_shape=task.input_shape, classes=task.classes)
    return trainer.train(family, task, training)


def workers(device: str, threads: int) -> int:
    """Trainings at once: as many as there are cores for on a CPU, one on a GPU."""
    return max(1, machine.cores() // threads) if device == "cpu" else 1
