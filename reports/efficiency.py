"""How well each depth uses the machine, and what holds it up: one table a family and setting.

The shares are those of the roofline model: the time that a step's arithmetic, its memory traffic or
its launches alone would take at the machine's measured peaks, over the time it took.
"""

from dataclasses import dataclass, fields

from .costs import Setting, of_setting
from .tables import Row, Tables, grouped, records


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
    names = ("family", *(field.name for field in fields(Setting)))
    return tuple(
        EfficiencyTable(family or "", of_setting(rows[0]), _depths(rows))
        for (family, *_), rows in grouped(steps, names)
    )


def _depths(rows: list[Row]) -> tuple[DepthEfficiency, ...]:
    """The last one of cells that were measured more than once."""
    names = [field.name for field in fields(DepthEfficiency)]
    last = {row["depth"]: DepthEfficiency(**{name: row[name] for name in names}) for row in rows}
    return tuple(last[depth] for depth in sorted(last))
