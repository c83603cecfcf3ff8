"""The tidy tables that every analysis starts from: one row a cell, one row a run.

Whatever was read (a study, the store, a foreign pytest-benchmark file, a CSV table) ends as the
same two tables with the same columns, so that an analysis never asks where its numbers came from.
A column is always present; what is unknown is null, never 0.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import pandas as pd

Row = dict[str, Any]

# Above it a float no longer holds every whole number, and a table of 64 bits soon none.
LARGEST_WHOLE = 2**53

CELL_KEY = ("family", "depth", "pass", "batch_size", "dtype", "device", "variants", "match")
# The columns of pytest-benchmark's statistics, in seconds an iteration.
STATISTICS = {
    "median": "latency_seconds",
    "q1": "q1_seconds",
    "q3": "q3_seconds",
    "iqr": "iqr_seconds",
    "mean": "mean_seconds",
    "stddev": "stddev_seconds",
    "rounds": "rounds",
}
# Numbers of a cell's `extra_info`.
MEASURES = (
    "parameters", "flops", "macs", "hardware_flops", "activation_bytes", "peak_bytes",
    "samples_per_second", "mfu", "mfu_published", "flops_per_byte", "compute_share",
    "memory_share", "launch_share", "launch_seconds", "launch_seconds_per_layer", "energy_joules",
)  # fmt: skip
CELL_OBJECTS = (
    "source", "machine", "family", "pass", "dtype", "device", "variants", "match", "status",
    "reason", "peak_source", "bound", "uncounted_ops", "warnings", "samples",
)  # fmt: skip
CELL_NUMBERS = (
    "batch_size", "threads", "match_reference_depth", *STATISTICS.values(), *MEASURES,
)  # fmt: skip

# An accuracy and the number of examples behind it.
SPLITS = {
    "validation_accuracy": "n_validation",
    "test_accuracy": "n_test",
    "train_accuracy": "n_train",
}
RUN_TEXTS = (
    "family", "task", "metric", "optimizer", "train_for", "match", "dtype", "device", "status",
    "reason",
)  # fmt: skip
RUN_OBJECTS = (
    "source", "machine", "knobs", "loss_curve", "tuned_from", "warnings", *RUN_TEXTS,
)  # fmt: skip
RUN_NUMBERS = (
    "seed", "learning_rate", "weight_decay", "batch_size", "epochs", "steps", "stack", "width",
    "match_reference_depth", *SPLITS, *SPLITS.values(), "train_loss", "validation_loss",
    "test_loss", "train_seconds", "train_flops", "parameters",
)  # fmt: skip


@dataclass(frozen=True)
class Tables:
    """What was read.

    Attributes:
        cells: one row a measured or refused point; `flops` and `macs` are of the row's pass for its
            whole batch, times are seconds an iteration, `latency_seconds` the median of `samples`;
            `match` is the cost for which the width was solved, that of `match_reference_depth`.
        runs: one row a training; accuracies are fractions; `metric` is how a CSV named its column;
            `train_for` is what was chosen instead of epochs, `match` the cost for which the `width`
            was solved, `tuned_from` the learning rates that were tried, `stack` the number of
            networks that were trained together.
        limits: evidence rows on what stops a network, one row a trial or a probe.
        environments: the machine of each file, as the file gives it.
        notes: what the reader assumed or left out, in words.
    """

    cells: pd.DataFrame
    runs: pd.DataFrame
    limits: tuple[Row, ...] = ()
    environments: tuple[Mapping[str, Any], ...] = ()
    notes: tuple[str, ...] = ()


def cells_frame(rows: Iterable[Row]) -> pd.DataFrame:
    """Rows of cells as a table with every column."""
    return _frame(rows, CELL_OBJECTS, CELL_NUMBERS)


def runs_frame(rows: Iterable[Row]) -> pd.DataFrame:
    """Rows of runs as a table with every column."""
    return _frame(rows, RUN_OBJECTS, RUN_NUMBERS)


def _frame(rows: Iterable[Row], objects: Sequence[str], numbers: Sequence[str]) -> pd.DataFrame:
    rows = list(rows)
    dtypes = (
        {"depth": "int64"} | dict.fromkeys(objects, "object") | dict.fromkeys(numbers, "float64")
    )
    return pd.DataFrame(
        {
            name: pd.Series([row.get(name) for row in rows], dtype=dtype)
            for name, dtype in dtypes.items()
        }
    )


def concatenate(parts: Sequence[Tables]) -> Tables:
    """The tables of several files as one, in the order of the files."""
    return Tables(
        cells=pd.concat([part.cells for part in parts], ignore_index=True),
        runs=pd.concat([part.runs for part in parts], ignore_index=True),
        limits=tuple(row for part in parts for row in part.limits),
        environments=tuple(environment for part in parts for environment in part.environments),
        notes=tuple(dict.fromkeys(note for part in parts for note in part.notes)),
    )


def records(table: pd.DataFrame) -> list[Row]:
    """The rows of a table as dictionaries, null as None (a float column says NaN)."""
    return [
        {str(name): unknown_as_none(value) for name, value in row.items()}
        for row in table.to_dict(orient="records")
    ]


def grouped(rows: Iterable[Row], names: Sequence[str]) -> list[tuple[tuple[Any, ...], list[Row]]]:
    """The rows that agree in all of `names`, with what they agree in."""

    def text(row: Row) -> tuple[str, ...]:
        return tuple(repr(row[name]) for name in names)

    groups = (list(group) for _, group in groupby(sorted(rows, key=text), key=text))
    return [(tuple(group[0][name] for name in names), group) for group in groups]


def unknown_as_none(value: Any) -> Any:
    """The value, or None for NaN and infinity: unknown is never a number."""
    return None if isinstance(value, float) and not math.isfinite(value) else value
