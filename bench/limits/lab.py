"""Where the experiment's trainings and probes run: children, the store, families and tasks."""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from .. import cost, families
from ..families import Family
from ..isolate import Outcome
from ..options import Options
from ..points import Cell, Training
from ..train import tasks
from ..train.child import packed
from ..train.places import Place
from ..train.recorder import Recorder
from ..train.runs import Runs
from ..train.store import Store
from ..train.tasks import Task
from .evidence import Planned, Probe, Trial

Item = TypeVar("Item")


class Lab:
    """Runs what is planned, as much at once as there is room for.

    Args:
        tell: called with each finished trial.
    """

    def __init__(
        self,
        options: Options,
        store: Store,
        place: Place,
        *,
        tell: Callable[[Trial], None],
    ) -> None:
        self._options = options
        self._executor = place.executor
        self._tell = tell
        self._families: dict[str, Family] = {}
        self._tasks: dict[str, Task] = {}
        self._packed: dict[str, bytes] = {}
        self._workers = place.workers
        recorder = Recorder(
            self._families,
            self._tasks,
            store,
            place.executor,
            circumstances={"machine": place.machine},
            timeout=options.run_timeout,
            kind="trial",
            fast=False,  # its times are evidence, and a remedy's are compared with others
        )
        self._runs = Runs(recorder, workers=self._workers)

    def task(self, name: str) -> Task:
        """The task of that spec, made once."""
        if name not in self._tasks:
            self._tasks[name] = tasks.load(name)
        return self._tasks[name]

    def family(self, name: str, task: Task) -> Family:
        """The family of that spec, bound to the task's inputs."""
        if name not in self._families:
            found = families.find(name)
            self._families[name] = found.for_task(
                input_shape=task.input_shape, classes=task.classes
            )
        return self._families[name]

    def begin(self, planned: Iterable[Planned]) -> None:
        """Queue what is planned, the deepest first."""
        trainings = [each.training for each in planned]
        for training in trainings:
            self.family(training.family, self.task(training.task))
        self._runs.start(sorted(trainings, key=lambda training: -training.depth))

    def train(self, planned: Iterable[Planned]) -> list[Trial]:
        """The trials of what is planned, in its order."""
        wanted = list(planned)
        self.begin(wanted)
        return [self._trial(each) for each in wanted]

    def _trial(self, planned: Planned) -> Trial:
        (run,) = self._runs.wait([planned.training])
        trial = Trial(planned, run)
        self._tell(trial)
        return trial

    def probe(
        self, function: Callable[..., Any], trainings: Sequence[tuple[Training, tuple[Any, ...]]]
    ) -> list[Outcome]:
        """`function(training, its packed task, *more)` for each, in children of their own."""

        def run(training: Training, more: tuple[Any, ...]) -> Outcome:
            data = self._data(training.task)
            timeout = self._options.run_timeout
            return self._executor.call(function, training, data, *more, timeout=timeout)

        return self._at_once(lambda item: run(*item), trainings)

    def weigh(self, trainings: Sequence[Training]) -> list[Outcome]:
        """The facts of one training step of each."""

        def run(training: Training) -> Outcome:
            task = self.task(training.task)
            cell = Cell(
                family=training.family, depth=training.depth, pass_="step",
                batch_size=min(training.batch_size, len(task.train)), dtype=training.dtype,
                device=training.device, threads=training.threads,
            )  # fmt: skip
            arguments = (cell, task.input_shape, task.classes, training.optimizer)
            return self._executor.call(cost.weigh, *arguments, timeout=self._options.cell_timeout)

        return self._at_once(run, trainings)

    def _at_once(self, call: Callable[[Item], Outcome], items: Iterable[Item]) -> list[Outcome]:
        """After an interrupt the children are ended, and not waited for."""
        with ThreadPoolExecutor(self._workers) as executor:
            try:
                return list(executor.map(call, items))
            except BaseException:
                self._executor.close()
                raise

    def _data(self, task: str) -> bytes:
        if task not in self._packed:
            self._packed[task] = packed(self.task(task))
        return self._packed[task]

    def close(self) -> None:
        """End what still runs."""
        self._executor.close()
        self._runs.close()


def brought(outcome: Outcome, *, limit: str, depth: int) -> list[Probe]:
    """The rows of a child, or the one that says why there are none."""
    rows: list[Probe] = outcome.value if outcome.status == "ok" else []
    return rows if outcome.status == "ok" else [failure(outcome, limit=limit, depth=depth)]


def failure(outcome: Outcome, *, limit: str, depth: int) -> Probe:
    """The row of a child that brought nothing."""
    note = f"{outcome.status}: {outcome.reason}"
    return Probe(limit=limit, quantity="failed", depth=depth, value=None, note=note)
