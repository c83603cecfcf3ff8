"""What a search measured, as the tables of a study: a report on it reads like any other."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from bench.measure import machine
from bench.records import RunRecord, plain
from bench.survey import Survey
from reports.costs import DepthCost
from reports.rows import cell_row, run_row
from reports.study_json import study_tables
from reports.tables import Row, Tables


def known_cost(each: Survey) -> DepthCost:
    """What a depth costs, before it is trained."""
    return DepthCost(
        each.depth,
        parameters=each.parameters,
        flops=each.flops,
        latency_seconds=each.latency_seconds,
        peak_bytes=each.peak_bytes,
        train_flops=each.train_flops,
    )


def tables(runs: Sequence[RunRecord], surveys: Sequence[Survey]) -> Tables:
    """The runs, and what their depths cost."""
    if not runs:
        return study_tables("this search", environment={}, cells=[], runs=[])
    trained = {run.depth for run in runs}
    cells = [row for each in surveys if each.depth in trained for row in _cells(each, runs[0])]
    rows = [run_row(plain(asdict(run)), where="a run") for run in runs]
    environment = plain(machine.environment(threads=runs[0].threads))
    return study_tables("this search", environment=environment, cells=cells, runs=rows)


def _cells(each: Survey, run: RunRecord) -> Iterator[Row]:
    """The passes of a batch, as predicted; the forward is timed where that was asked for."""
    flops = None if each.flops is None else each.flops * each.batch_size
    yield _cell(
        each,
        run,
        "forward",
        {"flops": flops},
        stats={"median": each.latency_seconds},
        samples=each.latencies,
    )
    peak = {"peak_bytes": each.peak_bytes, "peak_source": "predicted"}
    yield _cell(each, run, "step", {"flops": each.step_flops, **peak})


def _cell(
    each: Survey,
    run: RunRecord,
    pass_: str,
    extra: Mapping[str, Any],
    *,
    stats: Mapping[str, Any] | None = None,
    samples: Sequence[float] = (),
) -> Row:
    params = {name: getattr(run, name) for name in ("family", "dtype", "device")}
    return cell_row(
        {**params, "depth": each.depth, "pass": pass_, "batch_size": each.batch_size},
        where="a survey",
        stats=stats or {},
        extra={"parameters": each.parameters, **extra},
        status="ok",
        threads=run.threads,
        samples=list(samples),
    )
