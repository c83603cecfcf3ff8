"""One row of a study file or of the store, checked and in the columns of the tables.

The study and the store hold the same rows in two places; this is the one place that knows their
fields. Numbers that others may have replaced by text (`"UNSERIALIZABLE[…]"`) become null; what the
analysis stands on (depth, batch size, accuracies) is refused instead.
"""

import math
from collections.abc import Mapping
from typing import Any

from .errors import InputError
from .tables import (
    CELL_KEY,
    LARGEST_WHOLE,
    MEASURES,
    RUN_NUMBERS,
    RUN_OBJECTS,
    RUN_TEXTS,
    SPLITS,
    STATISTICS,
    Row,
    unknown_as_none,
)


def cell_row(
    params: Mapping[str, Any],
    *,
    where: str,
    stats: Mapping[str, Any],
    extra: Mapping[str, Any],
    status: str,
    reason: str | None = None,
    threads: Any = None,
    samples: Any = None,
) -> Row:
    """One cell as a row of `Tables.cells`.

    Args:
        params: `family, depth, pass, batch_size, dtype, device`, and `variants` and `match` if
            there are any.
        where: the file and the row, for errors.
        stats: seconds an iteration under pytest-benchmark's names; empty if it was not timed.
        extra: `extra_info`.
        samples: seconds an iteration, one a round.
    """
    row: Row = {name: number_or_none(extra.get(name)) for name in MEASURES}
    row |= {ours: number_or_none(stats.get(theirs)) for theirs, ours in STATISTICS.items()}
    row |= {name: text_or_none(params.get(name)) for name in CELL_KEY}
    row |= {
        "depth": whole(params.get("depth"), f"{where}: depth"),
        "batch_size": _optional_whole(params.get("batch_size"), f"{where}: batch_size"),
        "threads": number_or_none(extra.get("threads") if threads is None else threads),
        "match_reference_depth": number_or_none(extra.get("match_reference_depth")),
        "peak_source": text_or_none(extra.get("peak_source")),
        "bound": text_or_none(extra.get("bound")),
        "uncounted_ops": _texts(extra.get("uncounted_ops")),
        "warnings": _texts(extra.get("warnings")),
        "samples": _numbers(samples),
        "status": status,
        "reason": text_or_none(reason),
    }
    return row


def run_row(given: Mapping[str, Any], *, where: str) -> Row:
    """One training as a row of `Tables.runs`, its accuracies checked to be fractions."""
    row: Row = {name: given.get(name) for name in RUN_OBJECTS}
    row |= {name: number_or_none(given.get(name)) for name in RUN_NUMBERS}
    row |= {name: fraction(given.get(name), f"{where}: {name}") for name in SPLITS}
    row["depth"] = whole(given.get("depth"), f"{where}: depth")
    row |= {name: text_or_none(given.get(name)) for name in RUN_TEXTS}
    row["status"] = row["status"] or "ok"
    row["family"] = row["family"] or "unnamed"
    row["knobs"] = mapping(given.get("knobs"))
    row["tuned_from"] = _numbers(given.get("tuned_from")) or None
    row["warnings"] = _texts(given.get("warnings"))
    for name in SPLITS.values():
        if row[name] is not None and row[name] <= 0:
            raise InputError(f"{where}: {name} must be a positive count; got {row[name]:g}")
    return row


# Of a trial, what the analysis counts with.
_TRIAL_NUMBERS = (
    "train_loss", "train_seconds", "train_flops", "learning_rate", "n_train", "n_validation",
    "n_test", "seed", "chance",
)  # fmt: skip
_TRIAL_TEXTS = ("role", "limit", "remedy", "change", "reason")


def limit_row(given: Mapping[str, Any], *, where: str) -> Row:
    """One row of evidence on a limit, checked: a trial or a probe."""
    kind = given.get("kind")
    if kind not in ("trial", "probe"):
        raise InputError(f"{where}: kind must be trial or probe; got {kind!r}")
    row = dict(given)
    for name in ("depth", "asked_depth"):
        row[name] = whole(given.get(name), f"{where}: {name}")
    row |= {name: str(given.get(name) or "unnamed") for name in ("family", "task")}
    return row | (_trial(given, where) if kind == "trial" else _probe(given))


def _trial(given: Mapping[str, Any], where: str) -> Row:
    row: Row = {name: number_or_none(given.get(name)) for name in _TRIAL_NUMBERS}
    row |= {name: text_or_none(given.get(name)) for name in _TRIAL_TEXTS}
    row |= {name: fraction(given.get(name), f"{where}: {name}") for name in SPLITS}
    row["seed"] = int(row["seed"] or 0)
    row["classes"] = whole(given.get("classes"), f"{where}: classes")
    row["status"] = text_or_none(given.get("status")) or "error"
    return row


def _probe(given: Mapping[str, Any]) -> Row:
    row: Row = {name: number_or_none(given.get(name)) for name in ("value", "low", "high", "seed")}
    row |= {name: text_or_none(given.get(name)) for name in ("at", "note")}
    row |= {name: str(given.get(name)) for name in ("limit", "quantity")}
    return row


def whole(value: Any, where: str) -> int:
    """A positive whole number, or an error that says where one was expected."""
    number = None if isinstance(value, bool | str) else number_or_none(value)
    if number is None or not 0 < number <= LARGEST_WHOLE or number != int(number):
        raise InputError(f"{where} must be a positive whole number; got {value!r}")
    return int(number)


def _optional_whole(value: Any, where: str) -> int | None:
    return None if value is None else whole(value, where)


def fraction(value: Any, where: str) -> float | None:
    """An accuracy from 0 to 1, null if unknown, an error if it is neither."""
    value = unknown_as_none(value)
    if value is None:
        return None
    number = number_or_none(value)
    if number is None or not 0 <= number <= 1:
        raise InputError(f"{where} must be a fraction from 0 to 1, or null; got {value!r}")
    return number


def number_or_none(value: Any) -> float | None:
    """The value as a finite number, else null."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value) if math.isfinite(value) else None
    except OverflowError:  # a whole number of JSON may have any number of digits
        return None


def text_or_none(value: Any) -> str | None:
    """The value as text, null if it is null."""
    return None if value is None else str(value)


def mapping(value: Any) -> Mapping[str, Any]:
    """The value if it is an object, else an empty one: a field that others left null or strange."""
    return value if isinstance(value, Mapping) else {}


def _numbers(value: Any) -> tuple[float, ...]:
    """The finite numbers of a list; none of anything else."""
    found = map(number_or_none, value if isinstance(value, list) else [])
    return tuple(each for each in found if each is not None)


def _texts(value: Any) -> tuple[str, ...]:
    return tuple(map(str, value)) if isinstance(value, list) else ()
