"""Studies of two machines whose times are known multiples of each other."""

import copy
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from reports.budget import parse_budgets
from reports.hardware import Comparison, compare
from reports.machine_specs import parse_specs
from reports.machines import read_machines
from reports.price import parse_prices

from . import studies

TIMES = ("min", "median", "q1", "q3", "iqr", "mean", "stddev")
# Of a depth, the factor by which its times are multiplied.
Factor = Callable[[int], float]


def study(
    factor: Factor = lambda _: 1.0,
    *,
    runs: bool = False,
    environment: Mapping[str, Any] | None = None,
    kernels: tuple[Mapping[str, Any], ...] = (),
    **extra: Any,
) -> dict[str, Any]:
    """A study of `mlp` and `resnet` whose times at a depth are `factor(depth)` times the planted.

    Args:
        runs: with trainings, whose times are multiplied, too.
        extra: of every cell's `extra_info`, as `threads=2`.
    """
    document = copy.deepcopy(studies.document(studies.costs("mlp") + studies.costs("resnet")))
    for benchmark in document["benchmarks"]:
        scale(benchmark, factor(benchmark["params"]["depth"]))
        benchmark["extra_info"] |= extra
    ours = document["howdeep"]
    ours["environment"] = {"before": {**studies.ENVIRONMENT, **(environment or {})}}
    ours["reference_kernels"] = list(kernels)
    if runs:
        trained = studies.runs("mlp", studies.MLP) + studies.runs("resnet", studies.RESIDUAL)
        ours["runs"] = [
            {**run, "train_seconds": factor(run["depth"]) * run["train_seconds"]} for run in trained
        ]
    return document


def scale(benchmark: dict[str, Any], factor: float) -> None:
    """Multiply a benchmark's times; `min` comes with it."""
    stats = benchmark["stats"]
    stats["data"] = [factor * each for each in stats["data"]]
    stats |= {name: factor * stats[name] for name in TIMES if name in stats}
    stats["min"] = min(stats["data"])


def kernels(flops: float, copied: float, launch: float) -> tuple[dict[str, Any], ...]:
    """Reference kernels of these FLOP/s, bytes/s and seconds."""
    place = {"device": "cpu", "dtype": "fp32"}
    return (
        {**place, "kernel": "matmul", "seconds": 1.0, "flops_per_second": flops},
        {**place, "kernel": "copy", "seconds": 1.0, "bytes_per_second": copied},
        {**place, "kernel": "launch", "seconds": launch, "queued_seconds": launch},
    )


def write(folder: Path, **documents: Any) -> list[str]:
    """Files of these names; what they are compared by on the command line."""
    for name, document in documents.items():
        (folder / f"{name}.json").write_text(json.dumps(document))
    return [str(folder / f"{name}.json") for name in documents]


def compared(
    folder: Path, *, base: str | None = None, budgets: tuple[str, ...] = (),
    prices: tuple[str, ...] = (), **documents: Any,
) -> Comparison:  # fmt: skip
    """The comparison of these documents, the first as the base."""
    specs, notes = parse_specs(write(folder, **documents))
    return compare(
        read_machines(specs),
        base=base,
        budgets=parse_budgets(list(budgets)),
        prices=parse_prices(list(prices), [spec.name for spec in specs]) if prices else (),
        notes=notes,
    )
