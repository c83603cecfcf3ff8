"""A training's record: taken from the store, or trained in a child process and kept at once.

Seeds and learning rates of one depth go to a child together, where they are faster so. What another
process is training just now is left to it.
"""

import copy
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from .. import sources, specs
from ..families import Family
from ..isolate import Executor, Outcome
from ..points import Training
from ..records import RunRecord, key, plain
from . import child, ways
from .optimizers import package_versions
from .store import Store, StoreError
from .tasks import Task
from .ways import Choice

# Our own code that a training depends on: a change here makes kept runs old.
_ROOM = Path(__file__).parent.parent
CODE_FILES = (
    *(
        _ROOM / name
        for name in ("families.py", "points.py", "records.py", "sources.py", "specs.py")
    ),
    *(_ROOM / "measure").glob("*.py"),
    *(
        _ROOM / "train" / f"{name}.py"
        for name in (
            "child",
            "evaluation",
            "layout",
            "optimizers",
            "replay",
            "schedule",
            "stack",
            "tasks",
            "trainer",
            "trial",
            "ways",
        )
    ),
    *(_ROOM / "train" / "treatments").glob("*.py"),
)
_CODE = sources.digest(*CODE_FILES)


class Recorder:
    """Trains networks in children and keeps their records; safe to use from several threads.

    Args:
        families: by the name that stands in `Training.family`, bound to the tasks' inputs.
        tasks: by the name that stands in `Training.task`; like the families, there before the
            training that names it is started.
        circumstances: what a run depends on beside network, task and our code, part of its key: the
            machine (its time does).
        timeout: seconds after which a run is given up; a stack has as many times that as runs.
        kind: under which the store keeps them.
        fast: trains stacks, and with fused optimizers. Without it a training's time is that of the
            network by itself, to be compared with others of a network by itself.
    """

    def __init__(
        self,
        families: Mapping[str, Family],
        tasks: Mapping[str, Task],
        store: Store,
        children: Executor,
        *,
        circumstances: Mapping[str, Any],
        timeout: float,
        kind: str = "run",
        fast: bool = True,
    ) -> None:
        self._families = families
        self._tasks = tasks
        self._store = store
        self._children = children
        self._circumstances = circumstances
        self._timeout = timeout
        self._kind = kind
        self._fast = fast
        self._data: dict[str, bytes] = {}
        # What trials have found: a training that is left by itself has none of its own.
        self._found: dict[Training, Choice] = {}

    def of_kind(self, kind: str) -> "Recorder":
        """One that keeps records as another kind."""
        other = copy.copy(self)
        other._kind = kind
        return other

    def parts(self, trainings: Sequence[Training], *, workers: int) -> list[tuple[Training, ...]]:
        """What a child may train together, in the order of the first of each part."""
        if not self._fast:
            return [(training,) for training in trainings]
        return ways.parts(trainings, workers=workers)

    def stacked(self, part: Sequence[Training]) -> tuple[dict[Training, RunRecord], Choice]:
        """The kept records of those that a child trained together, and what it found of all ways,
        or found before of others of their depth.

        What is kept already, and what is another process's, is none of them.
        """
        known = self._found.get(ways.alike(part[0]), Choice())
        if len(part) < 2 or self._misfit(part[0]):
            return {}, known
        with ExitStack() as claims:
            try:
                missing = [each for each in part if self._is_missing(each, claims)]
            except StoreError:  # which each of them will say
                return {}, Choice()
            choice = self._choice(missing) if len(missing) > 1 else known
            trained = dict(zip(missing, choice.records, strict=False))
            records = {training: self._keep(training, each) for training, each in trained.items()}
        return records, choice

    def _is_missing(self, training: Training, claims: ExitStack) -> bool:
        """Whether it is ours to train, and claimed from now on."""
        identity = key(self._basis(training))
        ours = claims.enter_context(self._store.claim(identity))
        return (ours or not self._store.resumed) and not self._store.kept(identity)

    def _choice(self, missing: Sequence[Training]) -> Choice:
        """What a child chose for them, and the runs if that was a stack."""
        timeout = self._timeout * len(missing)
        outcome = self._in_child(child.together, tuple(missing), missing[0].task, timeout=timeout)
        if outcome.status == "timeout":
            return Choice(records=tuple(self._failed(each, outcome) for each in missing))
        if outcome.status != "ok":
            return Choice(f"the stack of {len(missing)} failed: {outcome.reason}")
        choice: Choice = outcome.value
        self._found[ways.alike(missing[0])] = replace(choice, records=())
        return choice

    def record(self, training: Training, choice: Choice) -> RunRecord | None:
        """The record of one that was kept, or is trained by itself in the way that was chosen; None
        while it is another process's to train."""
        identity = key(self._basis(training))
        try:
            with self._store.claim(identity) as ours:
                kept = self._store.kept(identity)
                if kept:
                    return RunRecord.from_row(kept)
                if not ours and self._store.resumed:
                    return None
                record = replace(self._train(training, choice.way), way_reason=choice.reason)
                return self._keep(training, record)
        except StoreError as error:
            return self._not_kept(training, error)

    def _keep(self, training: Training, record: RunRecord) -> RunRecord:
        """The record, or one that says why it could not be kept."""
        basis = self._basis(training)
        try:
            if record.status != "skipped":
                self._store.keep(self._kind, key(basis), plain(record), basis=basis)
        except StoreError as error:
            return self._not_kept(training, error)
        return record

    def _not_kept(self, training: Training, error: StoreError) -> RunRecord:
        reason = f"not kept, --resume trains it again: {error}"
        return self._failed(training, Outcome("error", reason=reason))

    def _train(self, training: Training, way: str) -> RunRecord:
        train = child.alone_fused if self._fast else child.alone
        if way == "channels_last":
            train = child.alone_channels_last
        outcome = self._misfit(training) or self._in_child(
            train, training, training.task, timeout=self._timeout
        )
        if outcome.status == "ok":
            record: RunRecord = outcome.value
            return record
        return self._failed(training, outcome)

    def _failed(self, training: Training, outcome: Outcome) -> RunRecord:
        knobs = self._families[training.family].all_knobs
        return RunRecord(
            **training.settings(), knobs=knobs, status=outcome.status, reason=outcome.reason
        )

    def _in_child(
        self, function: Callable[..., Any], asked: Any, task: str, *, timeout: float
    ) -> Outcome:
        data = self._data.setdefault(task, self._data.get(task) or child.packed(self._tasks[task]))
        return self._children.call(function, asked, data, timeout=timeout)

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
