"""Trains networks, each in a child process, as many at once as there are cores to give.

Whatever finishes is kept in the store at once, from the thread that waited for it. What another
process is training just now a resumed session leaves to it, and takes once it is kept.
"""

import copy
import io
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import torch

from .. import families, sources, specs
from ..families import Family
from ..isolate import Executor, Outcome
from ..measure import machine
from ..records import RunRecord, Training, key, plain
from . import trainer
from .optimizers import package_versions
from .store import Store, StoreError
from .tasks import Task

# Our own code that a training depends on: a change here makes kept runs old.
_ROOM = Path(__file__).parent.parent
CODE_FILES = (
    *(_ROOM / name for name in ("families.py", "records.py", "sources.py", "specs.py")),
    *(_ROOM / "measure").glob("*.py"),
    *(_ROOM / "train" / f"{name}.py" for name in ("optimizers", "runs", "tasks", "trainer")),
    *(_ROOM / "train" / "treatments").glob("*.py"),
)
_CODE = sources.digest(*CODE_FILES)

# Between two looks at a training that another process has claimed.
_LOOK_SECONDS = 0.2


class Runs:
    """Trains networks, or takes the runs from the store.

    Args:
        families: by the name that stands in `Training.family`, bound to the tasks' inputs.
        tasks: by the name that stands in `Training.task`; like the families, there before the
            training that names it is started.
        circumstances: what a run depends on beside network, task and our code, part of its key: the
            machine (its time does).
        workers: trainings at once.
        timeout: seconds after which a run is given up.
        kind: under which the store keeps them.
    """

    def __init__(
        self,
        families: Mapping[str, Family],
        tasks: Mapping[str, Task],
        store: Store,
        children: Executor,
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
        self._futures: dict[Training, Future[RunRecord | None]] = {}

    def of_kind(self, kind: str) -> "Runs":
        """Runs that the store keeps as another kind, on the same workers."""
        others = copy.copy(self)
        others._kind, others._futures = kind, {}
        return others

    def start(self, trainings: Iterable[Training]) -> None:
        """Take what is kept of `trainings` and queue the rest, in this order."""
        for training in trainings:
            if training not in self._futures:
                self._futures[training] = self._executor.submit(self._record, training)

    def wait(self, trainings: Iterable[Training]) -> list[RunRecord]:
        """The records of `trainings`; those not started yet are started."""
        wanted = list(trainings)
        self.start(wanted)
        return [self._settled(training) for training in wanted]

    def _settled(self, training: Training) -> RunRecord:
        """Its record. What another process is training is asked for again, behind all that nobody
        has begun, until it is kept or that process has ended."""
        while (record := self._futures[training].result()) is None:
            time.sleep(_LOOK_SECONDS)
            self._futures[training] = self._executor.submit(self._record, training)
        return record

    def finished(self) -> list[RunRecord]:
        """The records so far, in the order in which the trainings were started."""
        done = (f for f in self._futures.values() if f.done() and not f.cancelled())
        return [record for future in done if (record := future.result())]

    def close(self) -> None:
        """Forget what is queued and wait for what runs; the children must have been ended."""
        self._executor.shutdown(wait=True, cancel_futures=True)

    def _record(self, training: Training) -> RunRecord | None:
        """The record, kept; None while it is another process's to train."""
        try:
            return self._kept_or_trained(training)
        except StoreError as error:
            reason = f"not kept, --resume trains it again: {error}"
            return self._failed(training, Outcome("error", reason=reason))

    def _kept_or_trained(self, training: Training) -> RunRecord | None:
        basis = self._basis(training)
        identity = key(basis)
        with self._store.claim(identity) as ours:
            kept = self._store.kept(identity)
            if kept:
                return RunRecord.from_row(kept)
            if not ours and self._store.resumed:
                return None
            record = self._train(training)
            if record.status != "skipped":
                self._store.keep(self._kind, identity, plain(record), basis=basis)
            return record

    def _train(self, training: Training) -> RunRecord:
        outcome = self._misfit(training) or self._in_child(training)
        if outcome.status == "ok":
            record: RunRecord = outcome.value
            return record
        return self._failed(training, outcome)

    def _failed(self, training: Training, outcome: Outcome) -> RunRecord:
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

    def _basis(self, training: Training) -> dict[str, Any]:
        """Everything that determines the run."""
        family = self._families[training.family]
        return {
            "kind": self._kind,
            "training": training,
            "knobs": family.all_knobs,
            "family_code": family.code,
            "task_code": self._tasks[training.task].code,
            "howdeep_code": _CODE,
            "packages": package_versions(training.optimizer),
            **self._circumstances,
        }


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
