"""What has no noise in a stored cell: how it ended, its counts, and its peak memory."""

from collections.abc import Iterator

from .finding import (
    EQUIVALENT,
    IMPROVED,
    INCOMPARABLE,
    INCONCLUSIVE,
    MISSING,
    NEW,
    REGRESSED,
    Finding,
    beyond,
)
from .margins import Margins
from .stored_cells import OK, Matched
from .stored_findings import cell_finding

COUNTS = ("flops", "macs", "parameters", "activation_bytes")
"""Columns that hold for any machine, as long as the same was computed on the same device."""

PEAK = "peak_bytes"

ENDED = {"oom": REGRESSED, "diverged": REGRESSED, "error": REGRESSED,
         "timeout": MISSING, "skipped": MISSING}  # fmt: skip
"""What a cell's end says that ended well in the base. What does not fit or breaks is worse; what
was not waited for or not asked for is not known to be, and is no pass either."""


def status_finding(pair: Matched, *, alike: bool) -> Finding | None:
    """How the cell ended; null where it ended well on both sides.

    Args:
        alike: whether both were measured on such a machine, where a cell must end as well again.
    """
    base, new = pair.base.status, pair.new.status
    if base == new == OK:
        return None
    verdict = _status_verdict(base, new)
    if not alike and verdict in (REGRESSED, IMPROVED):
        verdict = INCOMPARABLE
    reason = f"{base} -> {new}" if base != new else f"{base} on both sides"
    why = pair.base.reason if new == OK else pair.new.reason
    words = f"{reason}: {why}" if why else reason
    return cell_finding(pair.base, "status", verdict, base=base, new=new, reason=words)


def _status_verdict(base: str, new: str) -> str:
    if base == new:
        return EQUIVALENT
    if base == OK:
        return ENDED.get(new, REGRESSED)
    if new == OK:
        return IMPROVED if ENDED.get(base) == REGRESSED else NEW
    return INCONCLUSIVE


def count_findings(pair: Matched) -> Iterator[Finding]:
    """The counts that are not the same; none where one side does not know a count."""
    for name in COUNTS:
        base, new = pair.base.row.get(name), pair.new.row.get(name)
        if base is not None and new is not None and base != new:
            yield cell_finding(
                pair.base,
                name,
                REGRESSED if new > base else IMPROVED,
                base=int(base),
                new=int(new),
                change=new / base - 1 if base else None,
                margin=0.0,
                reason="a count has no noise",
            )


def equal_counts(pair: Matched) -> int:
    """How many counts both sides know and agree in."""
    rows = pair.base.row, pair.new.row
    return sum(rows[0].get(n) is not None and rows[0].get(n) == rows[1].get(n) for n in COUNTS)


def peak_finding(pair: Matched, margins: Margins) -> Finding | None:
    """Peak memory against its margin, without statistics: one process a side; null where a side
    does not know it."""
    base, new = pair.base.row.get(PEAK), pair.new.row.get(PEAK)
    if not base or not new:
        return None
    margin = margins.of(PEAK, pair.base.family)
    sources = [each.row.get("peak_source") for each in (pair.base, pair.new)]
    if sources[0] != sources[1]:
        verdict, reason = INCOMPARABLE, f"measured by {sources[0]}, then by {sources[1]}"
    else:
        verdict = beyond(new / base - 1, margin)
        reason = f"measured by {sources[0]}" if sources[0] else ""
    return cell_finding(
        pair.base, PEAK, verdict, base=int(base), new=int(new), change=new / base - 1,
        margin=margin, reason=reason,
    )  # fmt: skip
