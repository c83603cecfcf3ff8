"""Small studies made from a few planted numbers, as a JSON document, a file or a store."""

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

DEPTHS = (2, 4, 8, 16, 32)
SETTING = {"batch_size": 128, "dtype": "fp32", "device": "cpu"}
ENVIRONMENT = {
    "cpu_model": "Example CPU 2.4GHz",
    "cores": 2,
    "threads": 1,
    "memory_bytes": 8 * 2**30,
    "torch": "2.13.0+cpu",
    "python": "3.11.2",
    "platform": "Linux-6.1",
    "git_commit": None,
    "gpu": None,
}
# The factor of a pass in FLOPs and time.
PASSES = {"forward": 1, "backward": 2, "step": 3}
# Deviations of three seeds that add up to nothing: a planted mean is met exactly.
SEED_SHIFTS = (-0.002, 0.0, 0.002)


# Twenty rounds, as shares of their median.
ROUNDS = tuple(1 + 0.003 * (place - 9.5) for place in range(20))


def cost_benchmark(family: str, depth: int, pass_: str, **changes: Any) -> dict[str, Any]:
    """A measured cell: everything is proportional to the depth."""
    factor = PASSES[pass_]
    seconds = 1e-4 * depth * factor
    params = {"family": family, "depth": depth, "pass": pass_, **SETTING}
    return {
        "name": f"bench_cost[{family}-{depth}-{pass_}]",
        "params": params,
        "stats": {
            "median": seconds, "q1": 0.99 * seconds, "q3": 1.02 * seconds, "iqr": 0.03 * seconds,
            "mean": 1.01 * seconds, "stddev": 0.02 * seconds, "rounds": 20,
            "data": [share * seconds for share in ROUNDS],
        },
        "extra_info": {
            "status": "ok", "parameters": 1000 * depth + 500, "flops": 2_000_000 * depth * factor,
            "macs": 1_000_000 * depth * factor, "uncounted_ops": [], "activation_bytes": 99 * depth,
            "peak_bytes": 1_000_000 * depth + 9_000_000, "peak_source": "VmHWM",
            "samples_per_second": 128 / seconds, "mfu": None, "energy_joules": None,
            "warnings": [], "threads": 1,
        }
        | changes,
    }  # fmt: skip


def knobs(family: str) -> dict[str, Any]:
    """All that a family is built with: a ResNet is residual by default, an MLP is plain."""
    target, _, asked = family.partition(":")
    residual = target == "resnet"
    if "residual=" in asked:
        residual = "residual=true" in asked
    return {"input_shape": [1, 40], "classes": 10, "width": 24, "residual": residual}


def run(
    family: str, depth: int, seed: int, accuracy: float | None, **changes: Any
) -> dict[str, Any]:
    """A training with a planted validation accuracy."""
    return {
        "family": family, "depth": depth, "knobs": knobs(family), "task": "mnist1d", "seed": seed,
        "optimizer": "adamw", "learning_rate": 0.003, "weight_decay": 0.01, "epochs": 10, **SETTING,
        "status": "ok", "reason": None,
        "train_accuracy": None if accuracy is None else min(accuracy + 0.01, 1.0),
        "validation_accuracy": accuracy,
        "test_accuracy": accuracy, "train_loss": 0.1, "validation_loss": 0.2, "test_loss": 0.2,
        "n_train": 4000, "n_validation": 4000, "n_test": 8000, "train_seconds": 0.5 * depth,
        "train_flops": 1e9 * depth, "parameters": 1000 * depth + 500, "loss_curve": [1.0, 0.1],
    } | changes  # fmt: skip


def runs(family: str, means: Mapping[int, float], **changes: Any) -> list[dict[str, Any]]:
    """Three seeds a depth around each planted mean."""
    return [
        run(family, depth, seed, mean + shift, **changes)
        for depth, mean in means.items()
        for seed, shift in enumerate(SEED_SHIFTS)
    ]


def costs(family: str, depths: Iterable[int] = DEPTHS, **changes: Any) -> list[dict[str, Any]]:
    """Every pass of every depth."""
    return [cost_benchmark(family, depth, pass_, **changes) for depth in depths for pass_ in PASSES]


def document(
    benchmarks: Sequence[Mapping[str, Any]] = (),
    runs: Sequence[Mapping[str, Any]] = (),
    cells: Sequence[Mapping[str, Any]] = (),
    **changes: Any,
) -> dict[str, Any]:
    """A study as `pytest bench --benchmark-json` writes it; changes: to its object `howdeep`."""
    return {
        "machine_info": {"python_version": "3.11.2"},
        "commit_info": {},
        "benchmarks": list(benchmarks),
        "version": "5.3.1",
        "howdeep": {
            "schema": 1,
            "environment": {"before": ENVIRONMENT, "after": ENVIRONMENT},
            "reference_kernels": [],
            "cells": list(cells),
            "runs": list(runs),
            "limits": [],
        }
        | changes,
    }


def write(path: Path, study: Mapping[str, Any]) -> Path:
    """The document as a file."""
    path.write_text(json.dumps(study))
    return path


MLP = {2: 0.57, 4: 0.63, 8: 0.64, 16: 0.58, 32: 0.45}
RESIDUAL = {2: 0.90, 4: 0.955, 8: 0.975, 16: 0.982, 32: 0.983}
PLAIN = {2: 0.89, 4: 0.95, 8: 0.972, 16: 0.91, 32: 0.641}


def default_study() -> dict[str, Any]:
    """An MLP, a ResNet and its plain twin, with one diverged run and one cell out of memory."""
    plain = "resnet:residual=false"
    trained = runs("mlp", MLP) + runs("resnet", RESIDUAL) + runs(plain, PLAIN)
    trained[-1] |= {
        "status": "diverged", "reason": "loss is NaN in epoch 3",
        "train_accuracy": None, "validation_accuracy": None, "test_accuracy": None,
    }  # fmt: skip
    measured = costs("mlp") + costs("resnet") + costs(plain)
    measured[0]["extra_info"]["warnings"] = ["the machine was busy (load 3.1): measure again"]
    measured[1]["extra_info"]["warnings"] = ["the machine was busy (load 2.9): measure again"]
    refused = {
        "family": "resnet", "depth": 64, "pass": "step", **SETTING, "threads": 1, "status": "oom",
        "reason": "the child was killed at 7.9 GiB",
    }  # fmt: skip
    asked = [
        {**benchmark["params"], "threads": 1, "status": "ok", "reason": None}
        for benchmark in measured
    ]
    return document(measured, trained, [*asked, refused])


def write_store(path: Path, study: Mapping[str, Any], *, close: bool = True) -> sqlite3.Connection:
    """The document's rows as the store keeps them; close=False: as its writer still holds it."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA user_version=1")
    connection.execute("CREATE TABLE studies(id INTEGER PRIMARY KEY, started TEXT, document TEXT)")
    connection.execute(
        "CREATE TABLE records(study INTEGER, kind TEXT, key TEXT, row TEXT,"
        " PRIMARY KEY (study, key))"
    )
    ours = study["howdeep"]
    started = json.dumps({"environment": {"before": ours["environment"]["before"]}})
    connection.execute("INSERT INTO studies VALUES (1, '2026-01-01T00:00:00', '{}')")
    connection.execute("INSERT INTO studies VALUES (2, '2026-01-02T00:00:00', ?)", (started,))
    for index, benchmark in enumerate(study["benchmarks"]):
        row = {
            "params": benchmark["params"], "threads": 1, "status": "ok", "reason": None,
            "extra_info": benchmark["extra_info"], "samples": benchmark["stats"]["data"],
            "iterations": 1, "stats": benchmark["stats"],
        }  # fmt: skip
        add_record(connection, "cell", f"cell {index}", row)
    for index, row in enumerate(ours["runs"]):
        add_record(connection, "run", f"run {index}", row)
    if close:
        connection.close()
    return connection


def add_record(connection: sqlite3.Connection, kind: str, key: str, row: Mapping[str, Any]) -> None:
    """One more finished cell or run of the newest study."""
    connection.execute("INSERT INTO records VALUES (2, ?, ?, ?)", (kind, key, json.dumps(row)))


LARGE_DEPTHS = (2, 3, 4, 6, 8, 12, 16, 20, 24, 32, 40, 48, 56, 64)


def large_study() -> dict[str, Any]:
    """2,016 cells of twelve families at fourteen depths and four batch sizes, and 504 runs."""
    measured, trained = [], []
    for place in range(12):
        family = f"resnet:width={8 * (place + 1)}"
        for batch_size in (1, 8, 32, 128):
            cells = costs(family, LARGE_DEPTHS)
            for cell in cells:
                cell["params"]["batch_size"] = batch_size
                cell["extra_info"] |= {
                    "energy_joules": 1e-3 * cell["params"]["depth"], "compute_share": 0.2,
                    "memory_share": 0.3, "flops_per_byte": 4.0 + cell["params"]["depth"],
                    "bound": "memory",
                }  # fmt: skip
            measured += cells
        means = {depth: 0.98 - 0.3 / depth - 0.001 * place for depth in LARGE_DEPTHS}
        losses = [2.3 * 0.9**epoch for epoch in range(40)]
        trained += runs(family, means, loss_curve=losses)
    return document(measured, trained)
