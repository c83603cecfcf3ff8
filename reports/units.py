"""The unit in which a column of costs is drawn: one for all of its values."""

from collections.abc import Iterable
from dataclasses import dataclass

SECONDS = ((1e-6, "µs"), (1e-3, "ms"), (1.0, "s"), (3600.0, "h"))
JOULES = ((1e-6, "µJ"), (1e-3, "mJ"), (1.0, "J"), (1e3, "kJ"))
BYTES = ((1.0, "B"), (1e3, "kB"), (1e6, "MB"), (1e9, "GB"), (1e12, "TB"))
FLOPS = (
    (1.0, "FLOPs"), (1e3, "kFLOPs"), (1e6, "MFLOPs"), (1e9, "GFLOPs"), (1e12, "TFLOPs"),
    (1e15, "PFLOPs"), (1e18, "EFLOPs"),
)  # fmt: skip


@dataclass(frozen=True)
class Unit:
    """A value over `factor` is in the unit of that name."""

    factor: float
    name: str

    def of(self, value: float | None) -> float | None:
        """The value in this unit."""
        return None if value is None else value / self.factor


def unit_of(column: str, values: Iterable[float | None]) -> Unit:
    """The largest unit in which the middle of these values is 0.1 or more; the column's name tells
    what it is a quantity of."""
    known = sorted(value for value in values if value)
    middle = known[len(known) // 2] if known else 0.0
    fitting = [Unit(*each) for each in _units(column) if each[0] <= 10 * middle]
    return fitting[-1] if fitting else Unit(*_units(column)[0])


def _units(column: str) -> tuple[tuple[float, str], ...]:
    if column.endswith("seconds"):
        return SECONDS
    if column.endswith("joules"):
        return JOULES
    return BYTES if column.endswith("bytes") else FLOPS
