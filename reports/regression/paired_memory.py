"""Peak memory of two revisions, of one process each; the base is measured twice.

An allocator's peak hardly has noise. Where the base differs from itself by more than the margin, a
difference of the head says nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from .finding import EQUIVALENT, INCONCLUSIVE, MISSING, NEW, PAIRED, Finding, beyond
from .margins import Margins
from .trio import Cell

METRIC = "peak_bytes"


@dataclass(frozen=True)
class Peaks:
    """Bytes by cell; a cell may be missing where it failed."""

    base: Mapping[Cell, int]
    again: Mapping[Cell, int]
    head: Mapping[Cell, int]


def memory_findings(peaks: Peaks, margins: Margins) -> tuple[Finding, ...]:
    """One for each cell that either side has."""
    cells = sorted(peaks.base.keys() | peaks.again.keys() | peaks.head.keys())
    return tuple(_finding(cell, peaks, margins.of(METRIC, cell.family)) for cell in cells)


def _finding(cell: Cell, peaks: Peaks, margin: float) -> Finding:
    base, head = peaks.base.get(cell, peaks.again.get(cell)), peaks.head.get(cell)
    change = None if base is None or head is None else head / base - 1
    verdict, reason = _verdict(change, base, peaks.again.get(cell), margin)
    return Finding(
        lane=PAIRED,
        verdict=verdict,
        metric=METRIC,
        family=cell.family,
        depth=cell.depth,
        pass_=cell.pass_,
        base=base,
        new=head,
        change=change,
        margin=margin,
        reason=reason,
    )


def _verdict(
    change: float | None, base: int | None, again: int | None, margin: float
) -> tuple[str, str]:
    if change is None:
        return (NEW, "") if base is None else (MISSING, "not measured on the head")
    verdict = beyond(change, margin)
    if verdict != EQUIVALENT and base and again and beyond(again / base - 1, margin) != EQUIVALENT:
        return INCONCLUSIVE, "two processes of the base differ by more than the margin, too"
    return verdict, ""
