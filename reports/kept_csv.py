"""Runs of a store as a CSV table that `study_csv` reads.

Its one accuracy is the one that a depth is chosen by: on the validation split, else on the test
split; `split` says which, and `n_test` is the number of examples behind it.
"""

import csv
import io
from collections.abc import Sequence
from typing import Any

from .kept import Kept

# Those that the reader uses stand first.
USED = ("family", "task", "depth", "seed", "accuracy_fraction", "n_test", "train_accuracy",
        "parameters")  # fmt: skip
SETTINGS = (
    "epochs", "train_for", "match", "match_reference_depth", "width", "optimizer",
    "learning_rate", "tuned_from", "weight_decay", "batch_size", "dtype", "device", "threads",
    "treatments",
)  # fmt: skip
_OTHERS = (
    "status", "reason", "validation_accuracy", "test_accuracy", "train_loss", "validation_loss",
    "test_loss", "steps", "match_ratio", "train_seconds", "train_flops",
    "way", "stack", "way_reason",
)  # fmt: skip
COLUMNS = (*USED, "split", *SETTINGS, *_OTHERS, "kept_at", "study", "key")


def kept_csv(records: Sequence[Kept]) -> str:
    """One line a run, unknown left empty."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(_line(record) for record in records)
    return text.getvalue()


def _line(record: Kept) -> dict[str, Any]:
    split = "test" if record.get("validation_accuracy") is None else "validation"
    line = {name: record.get(name) for name in COLUMNS}
    return line | {
        "accuracy_fraction": record.get(f"{split}_accuracy"),
        "n_test": record.get(f"n_{split}"),
        "split": split if record.get(f"{split}_accuracy") is not None else None,
        "tuned_from": "; ".join(f"{rate:g}" for rate in record.get("tuned_from") or ()),
        "treatments": "; ".join(record.get("treatments") or ()),
        "kept_at": record.kept_at,
        "study": record.study,
        "key": record.key,
    }


def mixed(records: Sequence[Kept]) -> list[str]:
    """The settings in which runs of one family, task and depth differ: in a table they would be
    taken for seeds of one."""
    found: dict[tuple[Any, ...], set[tuple[str, str]]] = {}
    for record in records:
        place = tuple(record.get(name) for name in ("family", "task", "depth"))
        chosen = {(name, str(record.get(name) or None)) for name in SETTINGS}
        found.setdefault(place, set()).update(chosen)
    return [
        name
        for name in SETTINGS
        if any(sum(each == name for each, _ in values) > 1 for values in found.values())
    ]
