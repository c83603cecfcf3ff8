"""One session of `pytest bench`: what was asked, what is kept, what was measured."""

import dataclasses
import itertools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch

from . import cost, sources
from .cell_info import cell_info
from .families import Family
from .grid import Grid
from .isolate import Children, Outcome, OutOfTimeError, is_out_of_memory, time_limit
from .limits.evidence import Trial
from .limits.run import default_epochs, evidence
from .measure import kernels, machine
from .measure.latency import Clock
from .options import Options
from .points import Cell, Training
from .records import CellRecord, Facts, RunRecord, key, plain
from .replay import replay
from .specs import InputError, one_line
from .train import places, tasks
from .train.optimizers import package_versions
from .train.recorder import Recorder
from .train.runs import Runs
from .train.store import Store, StoreError
from .train.tuning import Tuning

SCHEMA = 1

# To time a cell takes about eight passes at least (one to warm up, two to calibrate, five rounds);
# in its trial two passes stayed under the time limit.
_TIMING_SHARE = 4

# What a cell depends on beside the network: a change here makes kept cells old.
_ROOM = Path(__file__).parent
_CODE = sources.digest(
    *(_ROOM / "measure").glob("*.py"),
    _ROOM / "cell_info.py",
    _ROOM / "cost.py",
    _ROOM / "families.py",
    _ROOM / "train" / "optimizers.py",
)


class Study:
    """Measures the cells and trainings of a grid, or takes them from the store.

    Args:
        grid: what was asked for.
        timing: the fixture's settings that a latency depends on, part of a cell's key.
    """

    def __init__(self, grid: Grid, options: Options, timing: Mapping[str, Any]) -> None:
        self._grid = grid
        self._options = options
        self._timing = dict(timing)
        self._threads_before = torch.get_num_threads()
        torch.set_num_threads(options.threads)
        self._task = grid.task or tasks.load(options.task)
        self._families = {f.name: self._bound(f) for f in grid.families}
        self._check_device()
        self._children = Children(preload=("bench.cost", "bench.train.child", "fvcore.nn"))
        self._place = places.find(options, self._children)
        self._store = Store(options.store, document=self._start, resume=options.resume)
        self._started = self._store.document
        self._records: dict[Cell, CellRecord] = {}
        self._limits: list[dict[str, Any]] = []
        self._too_large: dict[tuple[str, int], CellRecord] = {}
        recorder = Recorder(
            self._families,
            {self._task.name: self._task},
            self._store,
            self._place.executor,
            circumstances={"machine": self._place.machine},
            timeout=options.run_timeout,
            fast=not options.reproducible,
        )
        self._runs = Runs(recorder, workers=self._place.workers)
        self._tuning = Tuning(self._runs, grid.trainings) if options.tune else None

    def _bound(self, family: Family) -> Family:
        return family.for_task(input_shape=self._task.input_shape, classes=self._task.classes)

    def _check_device(self) -> None:
        """Trainings may execute elsewhere; what is timed is timed here."""
        missing = machine.device_error(self._options.device, self._options.dtype)
        if missing and self._grid.cells:
            raise InputError(f"{missing}; only trainings go to --cluster: add -m accuracy")
        self._here = missing is None

    def _start(self) -> dict[str, Any]:
        options = self._options
        return {
            "environment": {"before": machine.environment(threads=options.threads)},
            "reference_kernels": self._reference_kernels(),
        }

    def _reference_kernels(self) -> list[dict[str, Any]]:
        if not self._here:
            return []
        return kernels.reference_kernels(self._options.device, self._options.dtype)

    def measure(self, cell: Cell, benchmark: Any, clock: Clock) -> CellRecord:
        """Measure `cell` through the fixture, or replay what is kept of it. Every status but
        `ok` comes with a reason."""
        try:
            record = self._kept_or_measured(cell, benchmark, clock)
        except StoreError as error:
            benchmark.has_error = True  # what is not kept is no result
            record = CellRecord(cell=cell, status="error", reason=str(error))
        if record.status in ("oom", "timeout"):
            self._too_large.setdefault((cell.family, cell.batch_size), record)
        self._records[cell] = record
        benchmark.extra_info.update(plain(record.extra_info))
        return record

    def _kept_or_measured(self, cell: Cell, benchmark: Any, clock: Clock) -> CellRecord:
        basis = self._basis(cell)
        kept = self._store.kept(key(basis))
        if kept:
            record = CellRecord.from_row(kept)
            replay(record.samples, record.iterations, benchmark, clock)
            return record
        record = self._measure(cell, benchmark, clock)
        if record.samples or record.status != "ok":  # what was not timed is not finished
            self._store.keep("cell", key(basis), record.row(), basis=basis)
        return record

    def _measure(self, cell: Cell, benchmark: Any, clock: Clock) -> CellRecord:
        shallower = self._too_large.get((cell.family, cell.batch_size))
        if shallower is not None and cell.match is None:  # else it was wider, too
            reason = f"{shallower.status} at depth {shallower.cell.depth}: {shallower.reason}"
            return CellRecord(cell=cell, status="skipped", reason=reason)
        outcome = self._tried(cell)
        if outcome.status != "ok":
            return CellRecord(cell=cell, status=outcome.status, reason=outcome.reason)
        family, optimizer = self._families[cell.family], self._options.optimizer
        try:
            with time_limit(_TIMING_SHARE * self._options.cell_timeout):
                timing = cost.time_cell(family, optimizer, cell, benchmark, clock)
        except OutOfTimeError as error:
            benchmark.has_error = True  # half its rounds are no result
            return CellRecord(cell=cell, status="timeout", reason=f"while it was timed: {error}")
        except Exception as error:  # whatever a user's network raises
            status = "oom" if is_out_of_memory(error) else "error"
            return CellRecord(cell=cell, status=status, reason=one_line(error))
        return self._timed(cell, outcome.value, timing, benchmark.stats)

    def _tried(self, cell: Cell) -> Outcome:
        arguments = (cell, self._task.input_shape, self._task.classes, self._options.optimizer)
        return self._children.call(cost.weigh, *arguments, timeout=self._options.cell_timeout)

    def _timed(self, cell: Cell, facts: Facts, timing: cost.Timing, timed: Any) -> CellRecord:
        """`timed` is what the fixture found, None under `--benchmark-disable`."""
        info = cell_info(
            cell,
            facts,
            timing,
            median_seconds=timed.stats.median if timed else None,
            reference_kernels=self._started["reference_kernels"],
            usual_seconds=self._usual_seconds,
        )
        return CellRecord(
            cell=cell,
            status="ok",
            extra_info=info,
            samples=tuple(timed.stats.data) if timed else (),
            iterations=timed["iterations"] if timed else 1,
            stats=timed.stats.as_dict() if timed else None,
        )

    @property
    def _usual_seconds(self) -> float:
        """The reference matrix product's at the start of the study."""
        rows = self._started["reference_kernels"]
        return float(next(row["seconds"] for row in rows if row["kernel"] == "matmul"))

    def _basis(self, cell: Cell) -> dict[str, Any]:
        """Everything that determines the measurement."""
        family, optimizer = self._families[cell.family], self._options.optimizer
        return {
            "kind": "cell",
            "cell": cell,
            "knobs": family.all_knobs,
            "family_code": family.code,
            "optimizer": optimizer,
            "packages": package_versions(optimizer),
            "howdeep_code": _CODE,
            "machine": machine.identity(cell.device),
            "timing": self._timing,
        }

    def train(self, trainings: tuple[Training, ...]) -> list[RunRecord]:
        """The runs of `trainings`, waited for. With the first, those of the whole grid start, or
        as many as are tuned at a time."""
        if self._tuning:
            return self._tuning.wait(trainings)
        self._runs.start(itertools.chain.from_iterable(self._grid.trainings))
        return self._runs.wait(trainings)

    def attribute(self, network: Training, tell: Callable[[Trial], None]) -> list[dict[str, Any]]:
        """The evidence rows on what stops a network, see `limits.experiment`; trained for longer
        than the rest of the study where that takes too few steps, unless the epochs were given."""
        if self._options.epochs is None:
            epochs = default_epochs(len(self._task.train), network.batch_size)
            network = dataclasses.replace(network, epochs=epochs)
        rows = evidence(
            network,
            self._options,
            self._store,
            seeds=self._options.seeds,
            quick=self._options.quick,
            tell=tell,
        )
        self._limits += rows
        self._store.keep("limits", key("limits", network), {"status": "ok", "rows": rows})
        return rows

    def document(self) -> dict[str, Any]:
        """The `howdeep` object of the study's JSON, with every cell asked for."""
        after = machine.environment(threads=self._options.threads)
        return {
            "schema": SCHEMA,
            "environment": {**self._started["environment"], "after": after},
            "reference_kernels": self._started["reference_kernels"],
            "cells": [self._row(cell) for cell in self._grid.cells],
            "runs": plain(self._runs.finished()),
            **({"tuning": plain(self._tuning.finished())} if self._tuning else {}),
            "limits": plain(self._limits),
        }

    def _row(self, cell: Cell) -> dict[str, Any]:
        missing = CellRecord(cell=cell, status="skipped", reason="the session ended before it")
        record = self._records.get(cell, missing)
        status = {"status": record.status, "reason": record.reason}
        match = cell.match.row() if cell.match else {}
        return {**cell.params(), **match, "threads": cell.threads, **status}

    def close(self) -> None:
        """End what still runs, and leave the process as it was found."""
        self._place.executor.close()
        self._children.close()
        self._runs.close()
        torch.set_num_threads(self._threads_before)
