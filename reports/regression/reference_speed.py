"""How much slower the machine itself became from one study to the other, by its reference kernels.

Each study timed a large matrix product, a large copy and a launch, per device and dtype. They are
three short measurements at one moment of a session: they tell a machine of half the clock from one
that is as it was, and not 3% from 5%.
"""

import math
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from ..rows import number_or_none
from ..tables import Row

KERNEL_OF_BOUND = {"compute": "matmul", "memory": "copy", "launches": "launch"}
"""What binds a cell, by the roofline of its measurement, and the kernel that is bound alike."""

Place = tuple[Any, Any]
"""Device and dtype."""


def kernel_seconds(rows: Sequence[Row]) -> dict[Place, dict[str, float]]:
    """Seconds a FLOP, a byte and a launch, by device and dtype."""
    found: dict[Place, dict[str, float]] = {}
    for row in rows:
        seconds = _seconds(row)
        if seconds:
            place = (row.get("device"), row.get("dtype"))
            found.setdefault(place, {})[str(row.get("kernel"))] = seconds
    return found


def _seconds(row: Row) -> float | None:
    """Per unit of work: the sizes of the kernels differ from device to device."""
    rate = number_or_none(row.get("flops_per_second", row.get("bytes_per_second")))
    if rate is not None:
        return 1 / rate if rate > 0 else None
    return number_or_none(row.get("queued_seconds", row.get("seconds")))


def moved(
    base: Mapping[str, float], new: Mapping[str, float], bound: str | None = None
) -> float | None:
    """Logarithm of new over base: of the kernel that is bound as the cell is, or where that is not
    asked for or unknown the geometric mean of those that both have; null without any."""
    logs = {
        name: math.log(new[name] / base[name])
        for name in KERNEL_OF_BOUND.values()
        if base.get(name, 0) > 0 and new.get(name, 0) > 0
    }
    one = logs.get(KERNEL_OF_BOUND.get(bound or "", ""))
    if one is not None:
        return one
    return statistics.fmean(logs.values()) if logs else None
