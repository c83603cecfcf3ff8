"""Findings of the stored lane: what all of one cell share, and cells that one side has alone."""

from typing import Any

from .finding import MISSING, NEW, STORED, Finding
from .stored_cells import Matched, StoredCell


def cell_finding(cell: StoredCell, metric: str, verdict: str, **more: Any) -> Finding:
    """On one cell; more: further fields."""
    return Finding(
        lane=STORED, verdict=verdict, metric=metric, family=cell.family, depth=cell.depth,
        pass_=cell.pass_, **more,
    )  # fmt: skip


def time_finding(pair: Matched, verdict: str, **more: Any) -> Finding:
    """On the time of a cell, with that of both sides."""
    base, new = seconds_of(pair.base), seconds_of(pair.new)
    return cell_finding(pair.base, "time", verdict, base=base, new=new, **more)


def missing_finding(cell: StoredCell) -> Finding:
    """A cell that only the base has."""
    words = "not in the new file" if cell.is_ok else f"not in the new file ({cell.status} in base)"
    return cell_finding(cell, "time", MISSING, base=seconds_of(cell), reason=words)


def new_finding(cell: StoredCell) -> Finding:
    """A cell that only the new side has."""
    return cell_finding(cell, "time", NEW, new=seconds_of(cell), reason="not in the base")


def seconds_of(cell: StoredCell) -> float | None:
    """The median time; null where there is none."""
    return cell.median.seconds if cell.median else None
