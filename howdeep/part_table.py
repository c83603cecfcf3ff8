"""The table of `howdeep plan --per-layer`: what each part costs, by its position in depth."""

from itertools import groupby
from typing import Any

from bench.measure.layers import PASSES

from .plan_table import flops_text, size_text, table

_Part = dict[str, Any]


def text(cell: dict[str, Any]) -> str:
    """A row a part of the cell; neighbours that cost the same share a row, and their shares are of
    all of them together."""
    parts = cell["parts"]
    timed = any(part["forward_seconds"] is not None for part in parts)
    header = ["part", "parameters", "FLOPs\nforward", "FLOPs\nbackward", "of all\nFLOPs"]
    header += ["saved for\nbackward", "of all\nsaved"]
    header += ["forward\nms", "backward\nms"] if timed else []
    whole = {"flops": sum(map(_flops, parts)), "saved": sum(part["saved_bytes"] for part in parts)}
    rows = [_row(list(equal), whole, timed=timed) for _, equal in groupby(parts, key=_costs)]
    place = f"{cell['family']}, depth {cell['depth']}, batch {cell['batch_size']}"
    title = f"{place}: what each part costs as written, by its position in depth"
    if timed:
        title += f"\nms: median of {PASSES} passes on one CPU thread, waited for after each part"
    return f"{title}\n\n{table(rows, header)}"


def _row(group: list[_Part], whole: dict[str, int], *, timed: bool) -> list[str]:
    part, count = group[0], len(group)
    return [
        part["name"] if count == 1 else f"{part['name']} … {group[-1]['name']}, each",
        f"{part['parameters']:,}",
        flops_text(part["forward_flops"]),
        flops_text(part["backward_flops"]),
        _share(count * _flops(part), whole["flops"]),
        size_text(part["saved_bytes"]),
        _share(count * part["saved_bytes"], whole["saved"]),
        *([_milliseconds(part["forward_seconds"])] if timed else []),
        *([_milliseconds(part["backward_seconds"])] if timed else []),
    ]


def _costs(part: _Part) -> tuple[Any, ...]:
    """Parts that were timed are never equal."""
    return tuple(value for name, value in part.items() if name != "name")


def _flops(part: _Part) -> int:
    return int(part["forward_flops"] + part["backward_flops"])


def _share(part: float, whole: float) -> str:
    return f"{part / whole:.1%}" if whole else "?"


def _milliseconds(seconds: float | None) -> str:
    return "" if seconds is None else f"{1e3 * seconds:.3g}"
