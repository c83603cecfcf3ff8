"""Two studies that were measured at two times: what got worse from one to the other.

Counts are compared exactly, on any machine. Times and memory are compared only where the machine
and its builds are the same, or divided by the reference kernels of both on demand. One file is one
process a side, so only changes beyond what sessions and processes differ by are found: `session`
says how. A revision against another is told better by measuring both in turns.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from ..machine_names import names_words
from ..machines import Machine
from .environments import Match, match_environments
from .finding import INCOMPARABLE, Answer, Finding
from .margins import Margins
from .reference_speed import kernel_seconds
from .session import PROCESS_SPREAD, SESSION_SPREAD
from .stored_cells import MACHINE_FACTS, Cells, Matched, match_cells
from .stored_counts import PEAK, count_findings, equal_counts, peak_finding, status_finding
from .stored_findings import missing_finding, new_finding, time_finding
from .stored_times import Times, compared_times


def compare_stored(base: Machine, new: Machine, margins: Margins, *, normalise: bool) -> Answer:
    """The costs of two studies or other pytest-benchmark files."""
    match, cells = match_environments(base, new), match_cells(base, new)
    alike = match.alike or normalise
    usable = [pair for pair in cells.pairs if not _obstacle(pair, match, normalise)]
    times = compared_times(
        [pair for pair in usable if pair.base.median and pair.new.median],
        (kernel_seconds(base.kernels), kernel_seconds(new.kernels)),
        margins,
        normalise=normalise,
    )
    return Answer(
        base=base.name,
        new=new.name,
        findings=(
            *_noiseless(cells.pairs, match, margins),
            *times.findings,
            *_untold(cells.pairs, match, normalise),
            *map(missing_finding, cells.missing),
            *map(new_finding, cells.new),
        ),
        cannot_tell=tuple(_cannot_tell(base, new, match, cells, alike=alike)),
        notes=(*_notes(base, new, match, cells, normalise=normalise), *times.notes),
        details={"stored": _details(match, times, normalise)} if cells.pairs else {},
    )


def _noiseless(pairs: Sequence[Matched], match: Match, margins: Margins) -> Iterator[Finding]:
    """What needs no statistics; dividing by a kernel's time tells nothing about memory."""
    for pair in pairs:
        if not set(pair.differing) - {"threads"}:
            yield from count_findings(pair)
        same_place = match.alike and not pair.differing
        if status := status_finding(pair, alike=same_place):
            yield status
        elif same_place and (peak := peak_finding(pair, margins)):
            yield peak


def _obstacle(pair: Matched, match: Match, normalise: bool) -> str:
    """Why the times of a cell must not be compared; nothing where they may."""
    in_the_way = set(pair.differing) - (set(MACHINE_FACTS) if normalise else set())
    if in_the_way:
        return pair.words
    return "" if match.alike or normalise else "; ".join(match.differing)


def _untold(pairs: Sequence[Matched], match: Match, normalise: bool) -> Iterator[Finding]:
    """Cells that ended well, and have no times that could be compared."""
    for pair in pairs:
        if not (pair.base.is_ok and pair.new.is_ok):
            continue
        without = [side for side, cell in (("base", pair.base), ("new", pair.new))
                   if cell.median is None]  # fmt: skip
        reason = _obstacle(pair, match, normalise)
        if without:
            reason = f"no time that can be trusted on the {' and the '.join(without)} side"
        if reason:
            yield time_finding(pair, INCOMPARABLE, reason=reason)


def _cannot_tell(
    base: Machine, new: Machine, match: Match, cells: Cells, *, alike: bool
) -> Iterator[str]:
    if not cells.pairs and (cells.missing or cells.new):
        first, second = (
            names_words([cell.family for cell in side]) if side else "none"
            for side in (cells.missing, cells.new)
        )
        yield (
            f"No benchmark is in both: {base.name} has {len(cells.missing)} ({first}), {new.name} "
            f"has {len(cells.new)} ({second})."
        )
    if cells.pairs and not alike:
        yield (
            f"Times cannot be compared, the machines are not alike: {'; '.join(match.differing)}. "
            "Measure both on one machine (--against), or divide by the reference kernels "
            "(--normalise)."
        )


def _notes(
    base: Machine, new: Machine, match: Match, cells: Cells, *, normalise: bool
) -> Iterator[str]:
    if not cells.pairs:
        return
    if normalise and match.differing:
        yield (
            f"Compared in spite of unlike machines: {'; '.join(match.differing)}. {PEAK} is not "
            "compared: no kernel tells how memory differs."
        )
    if match.partial:
        yield f"Taken for the same: {'; '.join(match.partial)}."
    if match.unknown:
        yield f"Neither file says, so it is taken for the same: {', '.join(match.unknown)}."
    for machine in (base, new):
        flawed = [
            f"{name} ({what})" for name, what in machine.flawed if "no statistics" not in what
        ]
        if flawed:
            yield f"{machine.name}: left out for impossible statistics: {', '.join(flawed)}."
    counts = sum(map(equal_counts, cells.pairs))
    if counts:
        yield f"{counts} counts (FLOPs, MACs, parameters, activation bytes) are equal."


def _details(match: Match, times: Times, normalise: bool) -> dict[str, Any]:
    return {
        "normalised": normalise,
        "differing": list(match.differing),
        "partly_differing": list(match.partial),
        "unknown": list(match.unknown),
        "sessions": [dict(each) for each in times.sessions],
        "process_spread": PROCESS_SPREAD,
        "session_spread": SESSION_SPREAD,
    }
