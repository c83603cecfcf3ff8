"""One session of `pytest bench`: what was asked, what is kept, what was measured."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch

from . import cost, specs
from .families import Family
from .grid import Grid
from .isolate import Children, Outcome, is_out_of_memory
from .measure import kernels, latency, machine
from .measure.conditions import Conditions
from .options import Options
from .records import Cell, CellRecord, Facts, RunRecord, key, plain
from .train import tasks
from .train.runs import Runs, workers
from .train.store import Store

SCHEMA = 1

_ROOM = Path(__file__).parent
_COST_CODE = specs.digest(*(_ROOM / "measure").glob("*.py"), _ROOM / "cost.py")


class Study:
    """Measures the cells of a grid one after the other, or takes them from the store.

    Attributes:
        runs: its trainings.
        timing: the fixture's settings that a latency depends on, part of a cell's key.
    """

    def __init__(self, grid: Grid, options: Options, timing: Mapping[str, Any]) -> None:
        self._options = options
        self._timing = dict(timing)
        self._threads_before = torch.get_num_threads()
        torch.set_num_threads(options.threads)
        self._task = tasks.load(options.task)
        self._families = {f.name: self._bound(f) for f in grid.families}
        self._machine = machine.identity(options.device)
        self._store = Store(options.store, document=_start(options), resume=options.resume)
        self._start = self._store.document
        self._children = Children(preload=("bench.cost", "bench.train.runs", "fvcore.nn"))
        self._records: dict[Cell, CellRecord] = {}
        self._too_large: dict[tuple[str, int], CellRecord] = {}
        self.runs = Runs(
            self._families,
            self._task,
            self._store,
            self._children,
            machine_identity=self._machine,
            workers=workers(options.device, options.threads),
            timeout=options.run_timeout,
        )

    def _bound(self, family: Family) -> Family:
        return family.for_task(input_shape=self._task.input_shape, classes=self._task.classes)

    def measure(self, cell: Cell, benchmark: Any, clock: latency.Clock) -> CellRecord:
        """Measure `cell` through the fixture, or replay what is kept of it. Every status but
        `ok` comes with a reason."""
        identity = self._key(cell)
        kept = self._store.kept(identity)
        if kept:
            record = CellRecord.from_row(kept)
            _replay_kept(record, benchmark, clock)
        else:
            record = self._measure(cell, benchmark, clock)
            self._keep(identity, record)
        if record.status in ("oom", "timeout"):
            self._too_large.setdefault((cell.family, cell.batch_size), record)
        self._records[cell] = record
        benchmark.extra_info.update(plain(record.extra_info))
        return record

    def _measure(self, cell: Cell, benchmark: Any, clock: latency.Clock) -> CellRecord:
        shallower = self._too_large.get((cell.family, cell.batch_size))
        if shallower is not None:
            reason = f"{shallower.status} at depth {shallower.cell.depth}: {shallower.reason}"
            return CellRecord(cell=cell, status="skipped", reason=reason)
        outcome = self._tried(cell)
        if outcome.status != "ok":
            return CellRecord(cell=cell, status=outcome.status, reason=outcome.reason)
        family, optimizer = self._families[cell.family], self._options.optimizer
        try:
            conditions = cost.time(family, optimizer, cell, benchmark, clock)
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            return CellRecord(cell=cell, status="oom", reason=" ".join(str(error).split()))
        return self._timed(cell, outcome.value, conditions, benchmark.stats)

    def _tried(self, cell: Cell) -> Outcome:
        task = self._task
        arguments = (cell.family, task.input_shape, task.classes, self._options.optimizer, cell)
        return self._children.call(cost.inspect, *arguments, timeout=self._options.cell_timeout)

    def _timed(self, cell: Cell, facts: Facts, conditions: Conditions, stats: Any) -> CellRecord:
        """`stats` are the fixture's, None under `--benchmark-disable`."""
        median = stats.stats.median if stats else None
        info = {
            "status": "ok",
            **vars(facts),
            "macs": facts.macs,
            "threads": cell.threads,
            "samples_per_second": cell.batch_size / median if median else None,
            "mfu": _mfu(facts.flops, median, conditions.reference_seconds, cell.device),
            "reference_seconds": conditions.reference_seconds,
            "energy_joules": None,
            "warnings": [
                *facts.warnings,
                *conditions.warnings(usual_seconds=self._usual_seconds),
            ],
        }
        samples = tuple(stats.stats.data) if stats else ()
        iterations = stats["iterations"] if stats else 1
        return CellRecord(
            cell=cell, status="ok", extra_info=info, samples=samples, iterations=iterations
        )

    @property
    def _usual_seconds(self) -> float:
        """The reference matrix product's at the start of the study."""
        rows = self._start["reference_kernels"]
        return float(next(row["seconds"] for row in rows if row["kernel"] == "matmul"))

    def _keep(self, identity: str, record: CellRecord) -> None:
        if record.samples or record.status != "ok":
            self._store.keep("cell", identity, record.row())

    def _key(self, cell: Cell) -> str:
        family = self._families[cell.family]
        source = [family.knobs, family.code, self._options.optimizer, _COST_CODE]
        return key("cell", cell, source, self._machine, self._timing)

    def document(self, cells: Iterable[Cell]) -> dict[str, Any]:
        """The `howdeep` object of the study's JSON, with every one of `cells` asked for."""
        after = machine.environment(threads=self._options.threads)
        return {
            "schema": SCHEMA,
            "environment": {**self._start["environment"], "after": after},
            "reference_kernels": self._start["reference_kernels"],
            "cells": [self._row(cell) for cell in cells],
            "runs": plain(self.runs.finished()),
            "limits": [],
        }

    def _row(self, cell: Cell) -> dict[str, Any]:
        missing = CellRecord(cell=cell, status="skipped", reason="the session ended before it")
        record = self._records.get(cell, missing)
        status = {"status": record.status, "reason": record.reason}
        return {**cell.params(), "threads": cell.threads, **status}

    def close(self) -> None:
        """End what still runs, and leave the process as it was found."""
        self._children.close()
        self.runs.close()
        torch.set_num_threads(self._threads_before)


def _start(options: Options) -> dict[str, Any]:
    return {
        "environment": {"before": machine.environment(threads=options.threads)},
        "reference_kernels": kernels.reference_kernels(options.device, options.dtype),
    }


def _mfu(
    flops: int | None, seconds: float | None, reference_seconds: float | None, device: str
) -> float | None:
    """Share of the FLOP/s that a large matrix product reached just then on the same device."""
    if not flops or not seconds or not reference_seconds:
        return None
    return (flops / seconds) / (kernels.matmul_flops(device) / reference_seconds)


def replay_runs(runs: Iterable[RunRecord], benchmark: Any, clock: latency.Clock) -> None:
    """Give the training times to the fixture: a round is a seed."""
    seconds = [run.train_seconds for run in runs if run.status == "ok" and run.train_seconds]
    if seconds:
        _replay(seconds, 1, benchmark, clock)


def _replay_kept(record: CellRecord, benchmark: Any, clock: latency.Clock) -> None:
    if record.status == "ok":
        _replay(record.samples, record.iterations, benchmark, clock)


def _replay(
    samples: Iterable[float], iterations: int, benchmark: Any, clock: latency.Clock
) -> None:
    """Let the fixture read recorded durations instead of the time; nothing is run."""
    durations = [sample * iterations for sample in samples]
    clock.replay(durations)
    benchmark.pedantic(_nothing, rounds=len(durations), iterations=iterations)


def _nothing() -> None:
    """Takes the place of what was measured before."""
