"""Can these be the statistics of a benchmark? Files are edited, merged and converted by others.

What cannot be is left out by name: one benchmark with a median of zero seconds would win every
comparison.
"""

from collections.abc import Mapping
from typing import Any

from .rows import mapping, number_or_none

# pytest-benchmark's names.
TIMES = ("min", "q1", "median", "q3", "max", "mean")
# The first of each is never above the second.
ORDER = (
    ("min", "median"), ("median", "max"), ("min", "mean"), ("mean", "max"),
    ("q1", "median"), ("median", "q3"), ("min", "q1"), ("q3", "max"),
)  # fmt: skip
SPREADS = ("stddev", "iqr")

# Seconds; beyond these it is no time, and ratios of two would be no numbers.
LEAST, MOST = 1e-15, 1e15

# Quartiles are interpolated: they may miss an equal minimum by a rounding.
_ROUNDING = 1e-9


def flaw(stats: Mapping[str, Any]) -> str | None:
    """What is impossible about pytest-benchmark's statistics of one benchmark, in words; null where
    nothing is."""
    if not stats:
        return "it has no statistics"
    known = {name: number_or_none(stats.get(name)) for name in (*TIMES, *SPREADS)}
    if known["median"] is None:
        return "its median is null or no finite number"
    return _not_positive(known) or _out_of_order(known) or _bad_rounds(stats)


def without_flawed(
    document: Mapping[str, Any],
) -> tuple[dict[str, Any], tuple[tuple[str, str], ...]]:
    """The document with the statistics of flawed benchmarks emptied; their names and flaws.

    A benchmark that was never timed has no statistics on purpose and is no flaw of a study.
    """
    kept, flawed = [], []
    for benchmark in document.get("benchmarks") or []:
        found = flaw(mapping(benchmark.get("stats")))
        if found:
            flawed.append((str(benchmark.get("fullname") or benchmark.get("name")), found))
        kept.append({**benchmark, "stats": {}} if found else benchmark)
    return {**document, "benchmarks": kept}, tuple(flawed)


def _not_positive(known: Mapping[str, float | None]) -> str | None:
    for name in TIMES:
        value = known[name]
        if value is not None and value <= 0:
            return f"its {name} is {value:g} s: a time must be above 0"
        if value is not None and not LEAST <= value <= MOST:
            return f"its {name} is {value:g} s: a time is {LEAST:g} to {MOST:g} s"
    for name in SPREADS:
        value = known[name]
        if value is not None and value < 0:
            return f"its {name} is {value:g} s: a spread cannot be negative"
    return None


def _out_of_order(known: Mapping[str, float | None]) -> str | None:
    for low_name, high_name in ORDER:
        low, high = known[low_name], known[high_name]
        if low is not None and high is not None and low > high * (1 + _ROUNDING):
            return f"its {low_name} ({low:.4g} s) is above its {high_name} ({high:.4g} s)"
    return None


def _bad_rounds(stats: Mapping[str, Any]) -> str | None:
    rounds = number_or_none(stats.get("rounds"))
    if rounds is not None and rounds < 1:
        return f"it has {rounds:g} rounds"
    data = stats.get("data")
    numbers = [number_or_none(each) for each in data] if isinstance(data, list) else []
    if any(each is not None and each <= 0 for each in numbers):
        return "a round of it took no time or less"
    return None
