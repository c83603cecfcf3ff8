"""Runs: trained in children, kept at once, taken when kept. The children here are fakes."""

import dataclasses
import json
import sqlite3
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from bench.families import Family
from bench.isolate import Outcome
from bench.points import Training
from bench.records import RunRecord, plain
from bench.train import child
from bench.train.recorder import CODE_FILES, Recorder
from bench.train.runs import Runs, workers
from bench.train.store import Store, StoreError
from bench.train.ways import Choice
from tests.bench.sessions import ROOT, wait_for
from tests.bench.train.small import family, task, training

# For another thread to get there; never waited for in full.
PATIENCE = 30.0


class FakeChildren:
    """Answers for a child: by default with a record, else as it is told for a seed. Of several
    trainings it says that they are faster one by one, unless it is told what becomes of a stack."""

    def __init__(self) -> None:
        self.trained: list[Training] = []
        self.functions: list[Callable[..., Any]] = []
        self.together: list[tuple[Training, ...]] = []
        self.stack: Callable[[tuple[Training, ...]], Outcome] | None = None
        self.timeouts: list[float] = []
        self.outcomes: dict[int, Outcome] = {}
        self.began = threading.Event()
        self.gate: threading.Event | None = None

    def call(
        self,
        function: Callable[..., Any],
        asked: Training | tuple[Training, ...],
        *args: Any,
        timeout: float,
    ) -> Outcome:
        assert isinstance(args[0], bytes)  # the task, for the child to read
        self.timeouts.append(timeout)
        if isinstance(asked, tuple):
            self.together.append(asked)
            return self.stack(asked) if self.stack else Outcome("ok", Choice("alone 1 ms"))
        self.trained.append(asked)
        self.functions.append(function)
        self.began.set()
        if self.gate:
            self.gate.wait()
        return self.outcomes.get(asked.seed, Outcome("ok", fake_record(asked)))


def fake_record(asked: Training, **changes: Any) -> RunRecord:
    record = RunRecord(**asked.settings(), knobs={}, status="ok", train_accuracy=asked.seed / 10)
    return dataclasses.replace(record, **changes)


def stacked(asked: tuple[Training, ...]) -> Outcome:
    """A stack that was trained."""
    size = len(asked)
    records = tuple(fake_record(each, way="stacked", stack=size) for each in asked)
    return Outcome("ok", Choice("in a stack 0.5 ms", records))


@pytest.fixture
def children() -> FakeChildren:
    return FakeChildren()


class Sessions:
    """Opens runs, one session after the other, on one store."""

    def __init__(self, path: Path, children: FakeChildren) -> None:
        self.path, self.children, self.open = path, children, list[Runs]()

    def __call__(
        self,
        *,
        resume: bool = False,
        families: Mapping[str, Family] | None = None,
        machine: str = "here",
        code: str = "small",
        timeout: float = 60.0,
        fast: bool = True,
    ) -> Runs:
        recorder = Recorder(
            families or {"mlp": family(), "resnet": family("resnet")},
            {"small": task(code=code)},
            Store(self.path, document=dict, resume=resume),
            self.children,  # type: ignore[arg-type]
            circumstances={"cpu": machine},
            timeout=timeout,
            fast=fast,
        )
        runs = Runs(recorder, workers=1)
        self.open.append(runs)
        return runs


@pytest.fixture
def session(
    tmp_path: Path, children: FakeChildren, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Sessions]:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    sessions = Sessions(tmp_path / "store.sqlite", children)
    yield sessions
    for runs in sessions.open:
        runs.close()


def seeds(*numbers: int, **changes: Any) -> list[Training]:
    return [training(seed=seed, **changes) for seed in numbers]


def test_records_come_in_the_order_asked(session: Sessions, children: FakeChildren) -> None:
    """Each training is run once, however often it is started or waited for."""
    runs = session()
    runs.start(seeds(0, 1, 2))
    assert [record.seed for record in runs.wait(seeds(2, 0))] == [2, 0]
    assert [record.seed for record in runs.wait(seeds(0, 3))] == [0, 3]
    assert [record.seed for record in runs.finished()] == [0, 1, 2, 3]
    assert [asked.seed for asked in children.trained] == [0, 1, 2, 3]


# --- together ----------------------------------------------------------------------------------


def test_seeds_that_were_stacked_are_kept_one_by_one(
    session: Sessions, children: FakeChildren
) -> None:
    """One child trains them, with the time of as many runs; each is a record of its own, taken
    when a resumed session asks for it alone."""
    children.stack = stacked
    records = session(timeout=60).wait(seeds(0, 1, 2))
    assert [(r.seed, r.way, r.stack) for r in records] == [(s, "stacked", 3) for s in range(3)]
    assert (children.together, children.trained) == ([tuple(seeds(0, 1, 2))], [])
    assert children.timeouts == [180.0]
    assert session(resume=True).wait(seeds(1)) == records[1:2]
    assert len(children.together) == 1


def test_seeds_that_are_faster_alone_are_trained_alone(
    session: Sessions, children: FakeChildren
) -> None:
    """Each in a child and with a timeout of its own; the record has what the trial found."""
    records = session(timeout=60).wait(seeds(0, 1))
    assert [(r.way, r.stack, r.way_reason) for r in records] == [("plain", 1, "alone 1 ms")] * 2
    assert children.trained == seeds(0, 1)
    assert children.timeouts == [120.0, 60.0, 60.0]


def test_seeds_are_trained_in_the_layout_that_was_chosen(
    session: Sessions, children: FakeChildren
) -> None:
    """Each in a child of its own; one that nothing was tried for, as it would be alone."""
    found = Choice("alone 1 ms, with channels last 0.5 ms", way="channels_last")
    children.stack = lambda _: Outcome("ok", found)
    records = session().wait(seeds(0, 1))
    assert children.functions == [child.alone_channels_last] * 2
    assert [record.way_reason for record in records] == [found.reason] * 2
    session().wait(seeds(2))
    assert children.functions[2:] == [child.alone_fused]


@pytest.mark.parametrize("are_stacked", [False, True])
def test_a_seed_by_itself_is_trained_as_was_found_best_for_others_of_its_depth(
    session: Sessions, children: FakeChildren, are_stacked: bool
) -> None:
    """In the faster way of one network; nothing of it holds for another depth."""

    def found(asked: tuple[Training, ...]) -> Outcome:
        records = stacked(asked).value.records if are_stacked else ()
        return Outcome("ok", Choice("tried", records, way="channels_last"))

    children.stack = found
    runs = session()
    runs.wait(seeds(0, 1))
    (alike,), (other,) = runs.wait(seeds(2)), runs.wait([training(depth=9)])
    assert children.functions[-2:] == [child.alone_channels_last, child.alone_fused]
    assert (alike.way_reason, other.way_reason) == ("tried", None)
    assert len(children.together) == 1


@pytest.mark.parametrize("status", ["oom", "error"])
def test_seeds_whose_stack_fails_are_trained_alone(
    session: Sessions, children: FakeChildren, status: str
) -> None:
    """A stack needs the memory of all its networks; what only it lacks, none of them does."""
    children.stack = lambda _: Outcome(status, reason="too large")
    records = session().wait(seeds(0, 1))
    assert [record.status for record in records] == ["ok", "ok"]
    assert all("too large" in (record.way_reason or "") for record in records)


def test_runs_whose_time_is_evidence_are_never_stacked(
    session: Sessions, children: FakeChildren
) -> None:
    """A stack's time is that of no network by itself."""
    children.stack = stacked
    records = session(fast=False).wait(seeds(0, 1))
    assert [(record.way, record.way_reason) for record in records] == [("plain", None)] * 2
    assert children.together == []


def test_a_stack_that_is_out_of_time_is_not_tried_again(
    session: Sessions, children: FakeChildren
) -> None:
    """It had the time of all its runs."""
    children.stack = lambda _: Outcome("timeout", reason="not finished after 120 s")
    assert [record.status for record in session().wait(seeds(0, 1))] == ["timeout"] * 2
    assert children.trained == []


def test_resuming_stacks_only_what_is_missing(session: Sessions, children: FakeChildren) -> None:
    """The kept seeds of a group come from the store."""
    session().wait(seeds(1))
    children.stack = stacked
    records = session(resume=True).wait(seeds(0, 1, 2))
    assert children.together == [(training(seed=0), training(seed=2))]
    assert [(record.seed, record.stack) for record in records] == [(0, 2), (1, 1), (2, 2)]


def test_a_stack_leaves_out_what_another_process_trains(
    session: Sessions, children: FakeChildren
) -> None:
    """Its networks are all claimed, and the others are waited for."""
    children.gate = threading.Event()
    first = session(resume=True)
    first.start(seeds(1))
    assert children.began.wait(PATIENCE)
    children.stack = stacked
    second = session(resume=True)
    second.start(seeds(0, 1, 2))
    wait_for(lambda: second._futures[seeds(1)[0]].done())
    assert children.together == [tuple(seeds(0, 2))]
    children.gate.set()
    assert [record.stack for record in second.wait(seeds(0, 1, 2))] == [2, 1, 2]
    assert children.trained == seeds(1)


def test_a_stack_that_cannot_be_kept_is_rows(
    session: Sessions, children: FakeChildren, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One for each of its networks, as those that failed."""

    def full(*_: object, **__: object) -> None:
        raise StoreError("cannot use the store s.sqlite: database or disk is full")

    monkeypatch.setattr(Store, "keep", full)
    children.stack = stacked
    records = session().wait(seeds(0, 1))
    assert [record.status for record in records] == ["error"] * 2
    assert all("disk is full" in (record.reason or "") for record in records)


@pytest.mark.parametrize("status", ["oom", "timeout", "error"])
def test_a_training_that_fails_is_a_row(
    session: Sessions, children: FakeChildren, status: str
) -> None:
    """With its status, the reason, its settings and knobs; the next goes on."""
    children.outcomes[0] = Outcome(status, reason="because")
    failed, fine = session().wait(seeds(0, 1))
    assert (failed.status, failed.reason, failed.test_accuracy) == (status, "because", None)
    assert {name: getattr(failed, name) for name in training().settings()} == training().settings()
    assert failed.knobs == family().all_knobs
    assert fine.status == "ok"


def test_resuming_trains_only_what_is_missing(session: Sessions, children: FakeChildren) -> None:
    """Runs that ended come from the store as they were; those that failed are tried again."""
    children.outcomes[1] = Outcome("error", reason="a disk was full")
    children.outcomes[2] = Outcome("oom", reason="too large")
    before = session().wait(seeds(0, 1, 2))
    children.trained.clear()
    after = session(resume=True).wait(seeds(0, 1, 2, 3))
    assert [asked.seed for asked in children.trained] == [1, 2, 3]
    assert plain(after[0]) == plain(before[0])


def test_a_kept_run_is_the_record_it_was(session: Sessions, children: FakeChildren) -> None:
    """Through JSON and back: shapes are tuples again, and the curve is."""
    value = RunRecord(
        **training().settings(), knobs=family().knobs, status="diverged", loss_curve=(2.3, None)
    )
    children.outcomes[0] = Outcome("ok", value)
    assert session().wait(seeds(0)) == [value]
    assert session(resume=True).wait(seeds(0)) == [value]


@pytest.mark.parametrize(
    "change", [{"machine": "there"}, {"code": "other"}], ids=["machine", "task"]
)
def test_a_run_of_other_circumstances_is_not_taken(
    session: Sessions, children: FakeChildren, change: dict[str, str]
) -> None:
    """Another machine has other times, other data other accuracies."""
    session().wait(seeds(0))
    session(resume=True, **change).wait(seeds(0))  # type: ignore[arg-type]
    assert len(children.trained) == 2


@pytest.mark.parametrize(
    "change",
    [
        {"depth": 4},
        {"seed": 1},
        {"epochs": 6},
        {"optimizer": "sgd"},
        {"learning_rate": 0.02},
        {"weight_decay": 0.0},
        {"batch_size": 4},
        {"dtype": "bf16"},
        {"threads": 2},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_run_of_other_settings_is_not_taken(
    session: Sessions, children: FakeChildren, change: dict[str, Any]
) -> None:
    """Whatever was chosen is part of what is kept."""
    session().wait([training()])
    session(resume=True).wait([training(**change)])
    assert len(children.trained) == 2


def test_a_family_whose_source_changed_is_trained_again(
    session: Sessions, children: FakeChildren
) -> None:
    """The same name is not the same network."""
    session().wait(seeds(0))
    changed = {"mlp": dataclasses.replace(family(), code="another digest")}
    session(resume=True, families=changed).wait(seeds(0))
    assert len(children.trained) == 2


def test_our_code_is_part_of_what_is_kept(
    session: Sessions, children: FakeChildren, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another version of the trainer trains again."""
    session().wait(seeds(0))
    monkeypatch.setattr("bench.train.recorder._CODE", "another digest")
    session(resume=True).wait(seeds(0))
    assert len(children.trained) == 2


def test_every_module_that_trains_is_in_the_digest() -> None:
    """Whatever of ours the trainer imports; where runs are kept or executed changes none."""
    code = (
        "import sys, bench.train.child;"
        "print(*(m.__file__ for n, m in sys.modules.items() if n.startswith('bench.')), sep='\\n')"
    )
    call = [sys.executable, "-c", code]
    done = subprocess.run(call, cwd=ROOT, capture_output=True, text=True, check=True)
    imported = {Path(line) for line in done.stdout.split()}
    packages = {path for path in imported if path.name == "__init__.py"}
    assert ROOT / "bench" / "train" / "trainer.py" in imported
    assert imported - packages <= set(CODE_FILES)


def test_the_version_of_an_optimizers_package_is_part_of_what_is_kept(
    session: Sessions, children: FakeChildren, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of lion's, which is not PyTorch's; another optimizer does not depend on it."""
    session().wait([training(optimizer="lion"), training()])
    monkeypatch.setattr("bench.sources._version", lambda _: "99.0")
    session(resume=True).wait([training(optimizer="lion"), training()])
    assert [asked.optimizer for asked in children.trained] == ["lion", "adamw", "lion"]


def test_what_determined_a_run_is_kept_beside_it(session: Sessions) -> None:
    """For people to read: settings, knobs, digests and circumstances."""
    session(machine="there").wait(seeds(3))
    with closing(sqlite3.connect(session.path)) as connection:
        ((text,),) = connection.execute("SELECT basis FROM origins").fetchall()
    basis = json.loads(text)
    assert basis["training"]["seed"] == 3
    assert basis["knobs"] == plain(family().all_knobs)
    assert (basis["family_code"], basis["task_code"]) == (family().code, "small")
    assert basis["cpu"] == "there"


def test_a_run_that_cannot_be_kept_is_a_row(
    session: Sessions, children: FakeChildren, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As one that failed, with what the store says; the next is kept, and resuming trains the
    lost one again."""
    runs = session()
    with monkeypatch.context() as context:

        def full(*_: object, **__: object) -> None:
            raise StoreError("cannot use the store s.sqlite: database or disk is full")

        context.setattr(Store, "keep", full)
        (lost,) = runs.wait(seeds(0))
    runs.wait(seeds(1))
    assert lost.status == "error"
    assert "not kept" in (lost.reason or "")
    assert "disk is full" in (lost.reason or "")
    (again, _) = session(resume=True).wait(seeds(0, 1))
    assert again.status == "ok"
    assert [asked.seed for asked in children.trained] == [0, 1, 0]


def test_what_another_process_trains_is_left_to_it(
    session: Sessions, children: FakeChildren
) -> None:
    """What nobody has begun comes first; what the other has kept by then is taken."""
    children.gate = threading.Event()
    first = session(resume=True)
    first.start(seeds(0))
    assert children.began.wait(PATIENCE)
    second = session(resume=True)
    second.start(seeds(0, 1))
    wait_for(lambda: second._futures[seeds(0)[0]].done())
    assert second.finished() == []
    children.gate.set()
    assert [record.seed for record in second.wait(seeds(0, 1))] == [0, 1]
    assert [record.seed for record in first.wait(seeds(0))] == [0]
    assert sorted(asked.seed for asked in children.trained) == [0, 1]


def test_what_failed_elsewhere_is_tried_here(session: Sessions, children: FakeChildren) -> None:
    """Once the other gives its claim back without a result that holds."""
    children.gate = threading.Event()
    children.outcomes[0] = Outcome("error", reason="its disk was full")
    first = session(resume=True)
    first.start(seeds(0))
    assert children.began.wait(PATIENCE)
    second = session(resume=True)
    second.start(seeds(0))
    wait_for(lambda: second._futures[seeds(0)[0]].done())
    children.gate.set()
    assert first.wait(seeds(0))[0].status == "error"
    children.outcomes.clear()
    assert second.wait(seeds(0))[0].status == "ok"
    assert len(children.trained) == 2


def test_a_new_study_waits_for_nobody(session: Sessions, children: FakeChildren) -> None:
    """It measures anew, whatever another process is training."""
    children.gate = threading.Event()
    first = session(resume=True)
    first.start(seeds(0))
    assert children.began.wait(PATIENCE)
    second = session()
    second.start(seeds(0))
    wait_for(lambda: len(children.trained) == 2)
    children.gate.set()
    assert second.wait(seeds(0))[0].status == "ok"


def test_a_timeout_is_tried_again(session: Sessions, children: FakeChildren) -> None:
    """It said only that the limit was too short, on that machine at that time."""
    children.outcomes[0] = Outcome("timeout", reason="not finished after 60 s")
    session(timeout=60).wait(seeds(0))
    session(timeout=600, resume=True).wait(seeds(0))
    assert len(children.trained) == 2


def test_a_family_that_cannot_take_the_task_is_skipped(
    session: Sessions, children: FakeChildren
) -> None:
    """Both shapes are named, no process is started, and nothing is kept."""
    asked = training(family="cifar_resnet", depth=8)
    found = {"cifar_resnet": family("cifar_resnet")}
    (record,) = session(families=found).wait([asked])
    assert record.status == "skipped"
    assert "(3, 32, 32)" in (record.reason or "")
    assert "(1, 6)" in (record.reason or "")
    assert children.trained == []


def test_a_family_whose_input_fails_is_a_row(session: Sessions) -> None:
    """`example_input` is the user's code too: an error of one line, and the session goes on."""
    found = {"mlp": dataclasses.replace(family(), knobs={"input_shape": "nonsense"})}
    runs = session(families=found)
    (record,) = runs.wait(seeds(0))
    assert record.status == "error"
    assert record.reason
    assert runs.finished() == [record]


def test_closing_forgets_what_is_queued(session: Sessions, children: FakeChildren) -> None:
    """What runs is waited for and kept; what waits is not begun."""
    children.gate = threading.Event()
    runs = session()
    runs.start(seeds(0, 1, 2))
    queued = [runs._futures[asked] for asked in seeds(1, 2)]
    assert children.began.wait(PATIENCE)
    closing = threading.Thread(target=runs.close)
    closing.start()
    wait_for(lambda: all(future.cancelled() for future in queued))  # the first still runs
    children.gate.set()
    closing.join()
    assert [asked.seed for asked in children.trained] == [0]
    assert [record.seed for record in runs.finished()] == [0]


@pytest.mark.parametrize(
    ("device", "threads", "expected"),
    [
        *(("cpu", 1, 8), ("cpu", 3, 2), ("cpu", 8, 1), ("cpu", 64, 1)),
        *(("cuda", 1, 1), ("cuda:1", 1, 1)),
    ],
)
def test_trainings_at_once_fill_the_cores(
    monkeypatch: pytest.MonkeyPatch, device: str, threads: int, expected: int
) -> None:
    """One a GPU."""
    monkeypatch.setattr("bench.measure.machine.cores", lambda: 8)
    assert workers(device, threads) == expected
