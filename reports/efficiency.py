"""How well each depth uses the machine, and what holds it up: one table a family and setting.

The shares are those of the roofline model: the time that a step's arithmetic, its memory traffic or
its launches alone would take at the machine's measured peaks, over the time it took.
"""

from dataclasses import dataclass, fields

from .costs import Setting, by_setting, median_of
from .tables import Row, Tables, grouped, records

_NO_NUMBERS = ("depth", "bound")


@dataclass(frozen=True)
class DepthEfficiency:
    """A training step of one depth; null is unknown.

    Attributes:
        mfu: model FLOP/s over those of a large matrix product on the same device.
        mfu_published: over the peak that the vendor publishes.
        bound: compute, memory or launches: what alone would take longest.
        launch_seconds_per_layer: overhead of launches, on a GPU.
        energy_joules: of the whole batch.
    """

    depth: int
    mfu: float | None
    mfu_published: float | None
    bound: str | None
    flops_per_byte: float | None
    compute_share: float | None
    memory_share: float | None
    launch_share: float | None
    launch_seconds_per_layer: float | None
    energy_joules: float | None


@dataclass(frozen=True)
class EfficiencyTable:
    """The steps of one family in one setting, shallowest first."""

    family: str
    setting: Setting
    depths: tuple[DepthEfficiency, ...]


def efficiency_tables(tables: Tables) -> tuple[EfficiencyTable, ...]:
    """One table per family and setting in which anything is known of a step's efficiency."""
    steps = [
        row
        for row in records(tables.cells)
        if row["status"] == "ok" and row["pass"] == "step" and row["mfu"] is not None
    ]
    return tuple(
        EfficiencyTable(family, setting, _depths(rows))
        for family, setting, rows in by_setting(steps)
    )


def _depths(rows: list[Row]) -> tuple[DepthEfficiency, ...]:
    """Medians of cells that were measured more than once, as in the table of costs."""
    numbers = [field.name for field in fields(DepthEfficiency) if field.name not in _NO_NUMBERS]
    return tuple(
        DepthEfficiency(
            depth=depth,
            bound=same[-1]["bound"],
            **{name: median_of(same, name) for name in numbers},
        )
        for (depth,), same in sorted(grouped(rows, ("depth",)), key=lambda group: group[0])
    )
