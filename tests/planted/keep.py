"""Keeps measured evidence of the planted cases for the tests of the verdict:

`python -m tests.planted.keep results/planted` after `tox -e planted`.
"""

import gzip
import json
import sys
from pathlib import Path
from typing import Any

from tests.planted.cases import CASES

KEPT = Path(__file__).parents[1] / "reports" / "planted"

# Of a trial, what a verdict needs.
_TRIAL = (
    "kind", "family", "task", "asked_depth", "depth", "role", "limit", "remedy", "change", "seed",
    "status", "reason", "classes", "learning_rate", "n_train", "n_validation", "n_test",
    "train_accuracy", "train_loss", "validation_accuracy", "test_accuracy", "train_seconds",
    "train_flops",
)  # fmt: skip
# Of the probes, those that symptoms are read from.
_PROBES = (
    "log_gradient_change", "trainable_depth", "last_cosine", "dead_share", "nonfinite_layers",
    "nonfinite_step", "early_stopping_gain",
)  # fmt: skip


def kept(name: str) -> list[dict[str, Any]]:
    """The evidence rows that were kept of a case."""
    rows: list[dict[str, Any]] = json.loads(gzip.decompress(_path(name).read_bytes()))
    return rows


def is_kept(name: str) -> bool:
    """Whether evidence of a case was kept."""
    return _path(name).exists()


def keep(name: str, rows: list[dict[str, Any]]) -> None:
    """Keep what a verdict needs of the evidence rows of a case."""
    slim = [
        {key: row.get(key) for key in _TRIAL} if row["kind"] == "trial" else row
        for row in rows
        if row["kind"] == "trial" or row["quantity"] in _PROBES
    ]
    _path(name).parent.mkdir(exist_ok=True)
    _path(name).write_bytes(gzip.compress(json.dumps(slim).encode(), mtime=0))


def _path(name: str) -> Path:
    return KEPT / f"{name}.json.gz"


def main(folder: Path) -> None:
    """Keep every case that was measured into `folder`."""
    for case in CASES:
        measured = folder / f"{case.name}.json"
        if measured.exists():
            keep(case.name, json.loads(measured.read_text()))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
