"""The new side's values in the formats of benchmark dashboards, which keep their history by them.

Dashboards match by name and know no change of unit: names are places and metrics, units are fixed.
Only what is a finite number is written. Both formats are given the interval of the change, put
about the new value: it holds the noise of both sides.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..errors import InputError
from ..labels import shortened, visible
from .finding import EXACT, Answer, Finding
from .quantities import finite, is_accuracy, sides_and_change

LONGEST_NAME = 1_024
"""Characters of a benchmark's name at Bencher."""

LONGEST_MEASURE = 64
"""Characters of a measure's name at Bencher."""


def export(name: str, answer: Answer) -> str:
    """The file's content in one of `FORMATS`."""
    return json.dumps(FORMATS[name](_exported(answer)), indent=2, allow_nan=False) + "\n"


def check_format(name: str) -> None:
    """Raises:
    InputError: no such format.
    """
    if name not in FORMATS:
        raise InputError(f"--export takes {' or '.join(FORMATS)}, as FORMAT=FILE; got {name!r}")


def smaller_is_better(findings: Sequence[Finding]) -> list[dict[str, Any]]:
    """`customSmallerIsBetter` of github-action-benchmark: accuracies become errors, and what is
    neither better nor worse, as the best depth, is left out. It refuses an empty list."""
    return [_entry(each) for each in findings if not each.metric.endswith("_depth")]


def _entry(finding: Finding) -> dict[str, Any]:
    value, low, high = _bounds(finding)
    unit, factor = _unit(finding.metric)
    if is_accuracy(finding.metric):
        value, low, high = 1 - value, _less(high), _less(low)
    name = visible(f"{finding.place}/{finding.metric.replace('accuracy', 'error')}")
    entry: dict[str, Any] = {"name": name, "unit": unit, "value": _times(value, factor)}
    if low is not None and high is not None:
        entry["range"] = f"{_times(low, factor)} to {_times(high, factor)}"
    entry["extra"] = f"{finding.lane}, {finding.verdict}: {sides_and_change(finding)}"
    return entry


def _less(value: float | None) -> float | None:
    return None if value is None else 1 - value


def _times(value: float, factor: int) -> float:
    """Without the digits that are the rounding's; counts stay integers."""
    return value * factor if isinstance(value, int) else float(f"{value * factor:.12g}")


def _unit(metric: str) -> tuple[str, int]:
    """The unit's name, and how many of it one of ours is."""
    if metric == "time" or metric.endswith("seconds"):
        return "ms", 1_000
    if is_accuracy(metric):
        return "%", 100
    if metric.endswith("bytes"):
        return "bytes", 1
    return ("FLOPs" if "flops" in metric else "count"), 1


def bencher(findings: Sequence[Finding]) -> dict[str, dict[str, dict[str, float]]]:
    """Bencher Metric Format: by benchmark, by measure; time is its `latency`, in nanoseconds."""
    found: dict[str, dict[str, dict[str, float]]] = {}
    for each in findings:
        measures = found.setdefault(shortened(each.place, LONGEST_NAME), {})
        latency = each.metric == "time"
        measure = "latency" if latency else shortened(each.metric, LONGEST_MEASURE)
        measures[measure] = _metric(each, 10**9 if latency else 1)
    return found


def _metric(finding: Finding, factor: int) -> dict[str, float]:
    bounds = zip(("value", "lower_value", "upper_value"), _bounds(finding), strict=True)
    return {name: _times(bound, factor) for name, bound in bounds if bound is not None}


def _exported(answer: Answer) -> list[Finding]:
    """Those with a number on the new side; of one place and metric the first."""
    numbers = (each for each in answer.findings if finite(each.new) is not None)
    found: dict[tuple[str, str], Finding] = {}
    for each in numbers:
        found.setdefault((each.place, each.metric), each)
    return list(found.values())


def _bounds(finding: Finding) -> tuple[float, float | None, float | None]:
    """The new value, and the interval of the change about it."""
    value = finite(finding.new) or 0
    if finding.lane == EXACT:
        return value, None, None
    return value, _end(finding, value, finding.low), _end(finding, value, finding.high)


def _end(finding: Finding, value: float, end: float | None) -> float | None:
    change, end = finite(finding.change), finite(end)
    if change is None or end is None or change <= -1:
        return None
    if is_accuracy(finding.metric):
        return value + end - change
    return value * (1 + end) / (1 + change)


FORMATS: Mapping[str, Callable[[Sequence[Finding]], Any]] = {
    "github-action-benchmark": smaller_is_better,
    "bencher": bencher,
}
