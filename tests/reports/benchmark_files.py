"""Small files in the shapes that pytest-benchmark 2.5, 3.x, 4.x and 5.x wrote.

2.5 has neither parameters nor `extra_info`, `ops`, `total` or `data`, and early files of it lack
`ld15iqr`. With 3.0 `warmup` may be a number; 3.1 has `param`, `params`, `extra_info`, `ops` and the
CPU under `brand`; 4.x all that cpuinfo says (`brand_raw`) and `total`; 5.x `precision` and
`confidence`.
"""

from collections.abc import Mapping
from typing import Any

Stats = dict[str, Any]

SECONDS = {"tests/test_sort.py::test_sort[10]": 2e-6, "tests/test_sort.py::test_sort[1000]": 3e-4}
ROUNDS = tuple(1 + 0.01 * (place - 5) for place in range(11))
INFO = {
    "node": "box", "processor": "x86_64", "machine": "x86_64", "python_version": "3.8.1",
    "python_implementation": "CPython", "python_compiler": "GCC 9", "system": "Linux",
    "release": "5.4",
}  # fmt: skip


def stats(median: float) -> Stats:
    """Of eleven rounds within 5% of the median, without the fields that came later."""
    data = [share * median for share in ROUNDS]
    return {
        "min": data[0], "max": data[-1], "mean": median, "stddev": 0.0332 * median, "rounds": 11,
        "median": median, "iqr": 0.06 * median, "q1": 0.97 * median, "q3": 1.03 * median,
        "iqr_outliers": 0, "stddev_outliers": 4, "outliers": "4;0", "iterations": 1,
    }  # fmt: skip


def _benchmark(fullname: str, options: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "group": None,
        "name": fullname.rpartition("::")[2],
        "fullname": fullname,
        "options": {
            "timer": "perf_counter", "disable_gc": False, "max_time": 1.0, "min_rounds": 5,
            "min_time": 5e-06, **options,
        },
        **more,
    }  # fmt: skip


def _file(version: str, benchmarks: list[dict[str, Any]], info: Mapping[str, Any]) -> Stats:
    return {
        "machine_info": {**INFO, **info},
        "commit_info": {"id": "b87b9aae", "dirty": False},
        "benchmarks": benchmarks,
        "datetime": "2020-01-10T12:00:00",
        "version": version,
    }


def version_2_5(factor: float = 1.0) -> Stats:
    """As 2.5.0 wrote it under Python 2.7."""
    rows = [
        _benchmark(name, {"warmup": False}, stats=stats(factor * seconds))
        for name, seconds in SECONDS.items()
    ]
    return _file("2.5.0", rows, {"python_version": "2.7.3"})


def version_3(factor: float = 1.0) -> Stats:
    """As 3.1 wrote it with a warm-up."""
    rows = [
        _benchmark(
            name, {"warmup": 100000}, param=name[:-1].rpartition("[")[2],
            params={"n": int(name[:-1].rpartition("[")[2])}, extra_info={},
            stats={**stats(factor * seconds), "ld15iqr": 0.9 * factor * seconds,
                   "hd15iqr": 1.1 * factor * seconds, "ops": 1 / (factor * seconds)},
        )
        for name, seconds in SECONDS.items()
    ]  # fmt: skip
    return _file("3.1.1", rows, {"cpu": {"vendor_id": "GenuineIntel", "brand": "Old CPU"}})


def version_4(factor: float = 1.0) -> Stats:
    """As 4.0 wrote it with `--benchmark-save-data`."""
    document = version_3(factor)
    for row in document["benchmarks"]:
        median = row["stats"]["median"]
        row["stats"] |= {"total": 11 * median, "data": [share * median for share in ROUNDS]}
        row["options"]["warmup"] = False
    cpu = {"brand_raw": "New CPU", "count": 8, "hz_advertised": [2600000000, 0],
           "hz_actual": [2599998000, 0]}  # fmt: skip
    return document | {"version": "4.0.0", "machine_info": {**INFO, "cpu": cpu}}


def version_5(factor: float = 1.0) -> Stats:
    """As 5.1 writes it."""
    document = version_4(factor)
    for row in document["benchmarks"]:
        row["options"] |= {"precision": None, "confidence": None}
    return document | {"version": "5.1.0"}


VERSIONS = {"2.5": version_2_5, "3": version_3, "4": version_4, "5": version_5}
