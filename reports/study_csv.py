"""A CSV table of depths and accuracies (or errors): for people who have their own numbers.

One row a seed, or one row a depth with `n_test`, the number of examples behind the accuracy.
Rows are numbered as a spreadsheet does it: the header is row 1.
"""

import csv
import io
import math
from collections.abc import Callable, Sequence
from pathlib import PurePath
from typing import Any

from .errors import InputError
from .tables import LARGEST_WHOLE, Row, Tables, cells_frame, runs_frame

METRICS = {
    f"{name}{suffix}": (name, unit)
    for name in ("accuracy", "error")
    for suffix, unit in (("", None), ("_percent", "percent"), ("_fraction", "fraction"))
}
TRAIN_METRICS = {"train_accuracy": "accuracy", "train_error": "error"}
PARAMETERS = {"params": "parameters", "parameters": "parameters"}
KNOWN = {
    *METRICS, *TRAIN_METRICS, *PARAMETERS,
    "depth", "family", "task", "seed", "n_test", "flops", "latency_seconds",
}  # fmt: skip
UNITS = {"percent": 100.0, "fraction": 1.0}
UNKNOWN = frozenset({"", "-", "na", "n/a", "nan", "null", "none"})
DELIMITERS = ",;\t"


def read_csv(source: str, text: str, unit: str | None = None) -> Tables:
    """The tables of a CSV text.

    Args:
        source: the file's name, for rows and errors.
        unit: `percent`, `fraction`, or None to guess.
    """
    header, lines = _lines(source, text)
    metric = _metric_column(source, header)
    values = [
        (number, line, _number(source, number, metric, line[metric])) for number, line in lines
    ]
    unit, notes = _unit(source, metric, unit, [value for _, _, value in values])
    runs = [_run(source, number, line, metric, unit) for number, line, _ in values]
    ignored = sorted(set(header) - KNOWN)
    if ignored:
        notes = (*notes, f"{source}: not used: column {', '.join(ignored)}.")
    return Tables(
        cells=cells_frame(_cells(source, lines, runs)), runs=runs_frame(runs), notes=notes
    )


def _lines(source: str, text: str) -> tuple[list[str], list[tuple[int, dict[str, str]]]]:
    first = text.lstrip().partition("\n")[0]
    delimiter = max(DELIMITERS, key=first.count)
    try:
        # Strict: a quote that is never closed would swallow the rows below it.
        lines = io.StringIO(text, newline="")
        table = list(csv.reader(lines, delimiter=delimiter, strict=True))
    except csv.Error as error:
        raise InputError(f"{source}: is not a CSV table ({error})") from None
    numbered = [(i, [entry.strip() for entry in row]) for i, row in enumerate(table, start=1)]
    filled = [(number, row) for number, row in numbered if any(row)]
    header = [name.lower() for name in filled[0][1]]
    _check_header(source, header)
    for number, row in filled[1:]:
        if len(row) != len(header):
            raise InputError(
                f"{source}: row {number} has {len(row)} values, the header has {len(header)}"
            )
    if len(filled) == 1:
        raise InputError(f"{source}: the table has a header and no rows")
    return header, [(number, dict(zip(header, row, strict=True))) for number, row in filled[1:]]


def _check_header(source: str, header: Sequence[str]) -> None:
    doubled = sorted({name for name in header if header.count(name) > 1})
    if doubled:
        raise InputError(f"{source}: column {', '.join(doubled)} appears more than once")
    if "depth" not in header:
        raise InputError(
            f"{source}: a column `depth` was expected; found {', '.join(header)[:200]}"
        )


def _metric_column(source: str, header: Sequence[str]) -> str:
    given = [name for name in header if name in METRICS]
    if len(given) != 1:
        found = " and ".join(given) or "neither"
        raise InputError(
            f"{source}: one column of accuracies or errors was expected "
            f"({', '.join(METRICS)}); found {found}"
        )
    return given[0]


def _unit(
    source: str, column: str, asked: str | None, values: Sequence[float | None]
) -> tuple[str, tuple[str, ...]]:
    """The unit of the column, and a note where it was guessed."""
    named = METRICS[column][1]
    if asked and named and asked != named:
        raise InputError(f"{source}: column {column} is in {named}, yet --unit says {asked}")
    if asked or named:
        return asked or named or "", ()
    known = [value for value in values if value is not None and value != 0]
    above = [value for value in known if value > 1]
    if above and len(above) < len(known):
        raise InputError(
            f"{source}: column {column} seems to mix percent and fractions ({max(above):g} and "
            f"{min(known):g}): say --unit percent or --unit fraction"
        )
    unit = "percent" if above else "fraction"
    return unit, (f"{source}: column {column} was read as {unit} (--unit says otherwise).",)


def _run(source: str, number: int, line: dict[str, str], column: str, unit: str) -> Row:
    metric = METRICS[column][0]
    accuracy = _accuracy(source, number, line, column, metric, unit)
    train = [name for name in TRAIN_METRICS if name in line]
    return {
        "source": source,
        "metric": metric,
        "depth": _whole(source, number, "depth", line["depth"]),
        "family": line.get("family") or PurePath(source).stem,
        "task": line.get("task") or None,
        "seed": _number(source, number, "seed", line.get("seed", "")),
        "n_test": _count(source, number, "n_test", line.get("n_test", "")),
        "parameters": _first(source, number, line, PARAMETERS),
        "test_accuracy": accuracy,
        "train_accuracy": _accuracy(source, number, line, train[0], TRAIN_METRICS[train[0]], unit)
        if train
        else None,
        "status": "error" if accuracy is None else "ok",
        "reason": f"no {metric} in row {number}" if accuracy is None else None,
    }


def _cells(
    source: str, lines: Sequence[tuple[int, dict[str, str]]], runs: Sequence[Row]
) -> list[Row]:
    """What the table says of costs: forward passes of one sample, on an unknown machine."""
    cells = [
        {
            "source": source, "family": run["family"], "depth": run["depth"], "pass": "forward",
            "status": "ok", "parameters": run["parameters"], "warnings": (),
            "flops": _positive(source, number, "flops", line.get("flops", "")),
            "latency_seconds": _positive(
                source, number, "latency_seconds", line.get("latency_seconds", "")
            ),
        }
        for (number, line), run in zip(lines, runs, strict=True)
    ]  # fmt: skip
    costs = ("parameters", "flops", "latency_seconds")
    return [cell for cell in cells if any(cell[name] is not None for name in costs)]


def _accuracy(
    source: str, number: int, line: dict[str, str], column: str, metric: str, unit: str
) -> float | None:
    value = _number(source, number, column, line[column])
    if value is None:
        return None
    scale = UNITS[unit]
    if not 0 <= value <= scale:
        raise InputError(
            f"{source}: row {number}, column {column}: from 0 to {scale:g} ({unit}) was expected; "
            f"got {line[column]}"
        )
    return 1 - value / scale if metric == "error" else value / scale


def _number(source: str, number: int, column: str, text: str) -> float | None:
    if text.lower() in UNKNOWN:
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise InputError(
            f"{source}: row {number}, column {column}: a number was expected; got {text!r}"
        )
    return value


def _checked(
    test: Callable[[float], bool], expected: str
) -> Callable[[str, int, str, str], float | None]:
    def read(source: str, number: int, column: str, text: str) -> float | None:
        value = _number(source, number, column, text)
        if value is not None and not test(value):
            raise InputError(
                f"{source}: row {number}, column {column}: {expected} was expected; got {text}"
            )
        return value

    return read


_positive = _checked(lambda value: value > 0, "a number above 0")
_count = _checked(
    lambda value: 0 < value <= LARGEST_WHOLE and value == int(value), "a positive whole number"
)


def _whole(source: str, number: int, column: str, text: str) -> int:
    value = _count(source, number, column, text)
    if value is None:
        raise InputError(f"{source}: row {number}, column {column}: a number was expected")
    return int(value)


def _first(source: str, number: int, line: dict[str, str], columns: dict[str, Any]) -> float | None:
    given = [name for name in columns if line.get(name)]
    return _positive(source, number, given[0], line[given[0]]) if given else None
