"""Statistics that cannot be those of a benchmark."""

import re
from typing import Any

import pytest

from reports.soundness import flaw

from .benchmark_files import stats


def test_what_pytest_benchmark_writes_is_sound() -> None:
    """Of any version, with equal values too."""
    assert flaw(stats(1e-3)) is None
    assert flaw(dict.fromkeys(("min", "q1", "median", "q3", "max", "mean"), 0.001)) is None
    assert flaw({"median": 1e-3, "stddev": 0, "iqr": 0.0}) is None


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"median": None}, "median is null"),
        ({"median": "UNSERIALIZABLE[nan]"}, "median is null or no finite number"),
        ({"median": float("inf")}, "no finite number"),
        ({"min": 2e-3}, r"its min \(0.002 s\) is above its median \(0.001 s\)"),
        ({"median": 0.0}, "its median is 0 s: a time must be above 0"),
        ({"median": 1e300, "max": 1e300}, r"its median is 1e\+300 s: a time is 1e-15 to"),
        ({"min": -1e-4}, "its min is -0.0001 s"),
        ({"max": 0.5e-3}, "its median .* is above its max"),
        ({"q1": 1.5e-3}, "its q1 .* is above its median"),
        ({"mean": 5e-3}, "its mean .* is above its max"),
        ({"stddev": -1e-6}, "a spread cannot be negative"),
        ({"rounds": 0}, "it has 0 rounds"),
        ({"data": [1e-3, -1e-3]}, "a round of it took no time or less"),
    ],
)
def test_what_cannot_be_is_named(change: dict[str, Any], expected: str) -> None:
    """The value and what is wrong with it."""
    found = flaw(stats(1e-3) | change)
    assert found is not None
    assert re.search(expected, found), found


def test_no_statistics_at_all_are_a_flaw() -> None:
    """As of a benchmark that was converted without them."""
    assert flaw({}) == "it has no statistics"
