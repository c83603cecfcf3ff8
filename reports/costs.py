"""What each depth costs, one table per family and setting.

A setting is all that a latency or a memory figure depends on besides family and depth: batch size,
dtype, device, threads, variants (compiled, checkpointed …), what widths were solved for, and
machine. Figures of two settings never share a table.
"""

import statistics
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from .cost_bounds import Bounds, of_latency
from .tables import Row, Tables, grouped, records


@dataclass(frozen=True)
class Setting:
    """Where and how costs were measured; null where the file does not say.

    Attributes:
        match: the cost for which widths were solved, that of `match_reference_depth`; null where
            the family has its own.
    """

    batch_size: int | None
    dtype: str | None
    device: str | None
    threads: int | None
    variants: str | None
    match: str | None
    match_reference_depth: int | None
    machine: str | None


@dataclass(frozen=True)
class DepthCost:
    """The costs of one depth; null is unknown.

    Attributes:
        latency_seconds: median of a forward pass of the batch.
        iqr_seconds: its interquartile range.
        flops: forward, of one sample.
        step_flops: of a step of the batch.
        peak_bytes: of a step.
        energy_joules: of a forward pass of the batch.
        train_seconds, train_flops: of one run, as means; only where there were runs.
        bounds: by the names of the above, of those whose noise is known.
    """

    depth: int
    parameters: float | None = None
    flops: float | None = None
    latency_seconds: float | None = None
    iqr_seconds: float | None = None
    step_flops: float | None = None
    peak_bytes: float | None = None
    energy_joules: float | None = None
    train_seconds: float | None = None
    train_flops: float | None = None
    bounds: Mapping[str, Bounds] = field(default_factory=dict)


@dataclass(frozen=True)
class CostTable:
    """The costs of one family in one setting, shallowest first."""

    family: str
    setting: Setting
    depths: tuple[DepthCost, ...]


def cost_tables(tables: Tables) -> tuple[CostTable, ...]:
    """One table per family and setting, in the order of their names."""
    cells = [row for row in records(tables.cells) if row["status"] == "ok"]
    return tuple(
        CostTable(family, setting, _depths(rows, setting))
        for family, setting, rows in by_setting(cells)
    )


def by_setting(cells: list[Row]) -> Iterator[tuple[str, Setting, list[Row]]]:
    """The cells of each family and setting, in the order of their names."""
    names = ("family", *(each.name for each in fields(Setting)))
    for (family, *_), rows in grouped(cells, names):
        yield family or "", _setting(rows[0]), rows


def _setting(row: Row) -> Setting:
    def count(name: str) -> int | None:
        return None if row[name] is None else int(row[name])

    return Setting(
        count("batch_size"),
        row["dtype"],
        row["device"],
        count("threads"),
        row["variants"],
        row["match"],
        count("match_reference_depth"),
        row["machine"],
    )


def _depths(rows: list[Row], setting: Setting) -> tuple[DepthCost, ...]:
    costs = [_depth_cost(depth, same, setting) for (depth,), same in grouped(rows, ("depth",))]
    return tuple(sorted(costs, key=lambda cost: cost.depth))


def _depth_cost(depth: int, rows: list[Row], setting: Setting) -> DepthCost:
    forward = [row for row in rows if row["pass"] == "forward"]
    step = [row for row in rows if row["pass"] == "step"]
    flops = median_of(forward, "flops")
    latency = of_latency(
        [
            (row["latency_seconds"], row["samples"] or ())
            for row in forward
            if row["latency_seconds"] is not None
        ]
    )
    return DepthCost(
        depth=depth,
        parameters=median_of(rows, "parameters"),
        flops=None if flops is None else flops / (setting.batch_size or 1),
        latency_seconds=median_of(forward, "latency_seconds"),
        iqr_seconds=median_of(forward, "iqr_seconds"),
        step_flops=median_of(step, "flops"),
        peak_bytes=median_of(step, "peak_bytes"),
        energy_joules=median_of(forward, "energy_joules"),
        bounds={"latency_seconds": latency} if latency else {},
    )


def median_of(rows: list[Row], name: str) -> float | None:
    """One number where a cell was measured more than once in the same setting."""
    values = [row[name] for row in rows if row[name] is not None]
    return statistics.median(values) if values else None


def best_match(
    candidates: Sequence[CostTable],
    depths: Collection[int],
    protocol: Mapping[str, Any],
    parameters: Mapping[int, float | None],
) -> CostTable | None:
    """The table that says most about these trainings, of those that are of their networks.

    Same machine and device first (a latency of another machine answers another question), then the
    table that knows the latency of most depths, then the same dtype and batch size.

    Args:
        parameters: of the networks that were trained, by depth.
    """
    same = [table for table in candidates if _is_of(table, protocol, parameters)]
    return min(same, key=_mismatch(depths, protocol), default=None)


def _is_of(
    table: CostTable, protocol: Mapping[str, Any], parameters: Mapping[int, float | None]
) -> bool:
    """Are these the costs of networks of the widths that were trained? They are where the widths
    were chosen alike; else sizes tell."""
    if _matched_otherwise(table.setting, protocol):
        sizes = [(cost.parameters, parameters.get(cost.depth)) for cost in table.depths]
        known = [(a, b) for a, b in sizes if a is not None and b is not None]
        return bool(known) and all(a == b for a, b in known)
    return True


def _matched_otherwise(setting: Setting, protocol: Mapping[str, Any]) -> bool:
    names = ("match", "match_reference_depth")
    return any(getattr(setting, name) != protocol.get(name) for name in names)


def _mismatch(
    depths: Collection[int], protocol: Mapping[str, Any]
) -> Callable[[CostTable], tuple[Any, ...]]:
    def rank(table: CostTable) -> tuple[Any, ...]:
        known = [cost.depth for cost in table.depths if cost.latency_seconds is not None]
        setting = table.setting
        return (
            _matched_otherwise(setting, protocol),
            setting.machine != protocol.get("machine"),
            setting.device != protocol.get("device"),
            -len(set(known) & set(depths)),
            setting.dtype != protocol.get("dtype"),
            setting.batch_size != protocol.get("batch_size"),
            repr(setting),
        )

    return rank
