"""The times of matched cells: a session for each device and dtype, and a finding a cell."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .finding import (
    EQUIVALENT,
    IMPROVED,
    INCOMPARABLE,
    INCONCLUSIVE,
    REGRESSED,
    STORED,
    Finding,
)
from .margins import Margins
from .session import FEWEST_CELLS, Excess, Judged, Move, Session, judge_all
from .stored_cells import Matched
from .stored_findings import time_finding
from .timed_groups import Kernels, TimedGroup, move_of, place_words, timed_groups

ALL = "all cells"


@dataclass(frozen=True)
class Times:
    """What the times say."""

    findings: tuple[Finding, ...]
    notes: tuple[str, ...]
    sessions: tuple[Mapping[str, Any], ...]


def compared_times(
    pairs: Sequence[Matched], kernels: tuple[Kernels, Kernels], margins: Margins, *, normalise: bool
) -> Times:
    """Times of cells that may be compared; kernels: of the base and of the new side."""
    same = [pair for pair in pairs if _is_same(pair)]
    moves = [(p, move_of(p, kernels, margins, normalise)) for p in pairs if not _is_same(p)]
    unknown = [pair for pair, move in moves if normalise and move.kernels is None]
    known = [(pair, move) for pair, move in moves if not (normalise and move.kernels is None)]
    groups, too_few = timed_groups(known, normalise)
    return Times(
        findings=(
            *_same_findings(same),
            *_without_kernels(unknown),
            *_too_few(too_few),
            *_findings(groups),
        ),
        notes=tuple(_notes(groups, len(same), normalise)),
        sessions=tuple(_as_dict(each) for each in groups),
    )


def _is_same(pair: Matched) -> bool:
    """One measurement twice: no two processes take the same time in every round."""
    base, new = pair.base, pair.new
    return base.median == new.median and base.row.get("samples") == new.row.get("samples")


def _same_findings(pairs: Sequence[Matched]) -> Iterator[Finding]:
    for pair in pairs:
        reason = "the same measurement on both sides"
        yield time_finding(pair, EQUIVALENT, change=0.0, reason=reason)


def _without_kernels(pairs: Sequence[Matched]) -> Iterator[Finding]:
    for pair in pairs:
        place = place_words(pair.base.setting) or "its device"
        reason = f"no reference kernels of {place} on both sides"
        yield time_finding(pair, INCOMPARABLE, reason=reason)


def _too_few(pairs: Sequence[Matched]) -> Iterator[Finding]:
    for pair in pairs:
        reason = f"fewer than {FEWEST_CELLS} cells: unlike machines leave nothing to compare with"
        yield time_finding(pair, INCOMPARABLE, reason=reason)


def _findings(groups: Sequence[TimedGroup]) -> Iterator[Finding]:
    """Judged together: error control is over everything that was looked at."""
    cells = [
        (group.session, *each)
        for group in groups
        for each in zip(group.pairs, group.moves, group.session.cells, strict=True)
    ]
    common = [(group, group.session.common) for group in groups if group.session.common]
    verdicts = judge_all([*(each[-1] for each in cells), *(each for _, each in common)])
    of_cells, of_groups = verdicts[: len(cells)], verdicts[len(cells) :]
    for (session, pair, move, excess), judged in zip(cells, of_cells, strict=True):
        numbers = _numbers(excess, judged, move.margin)
        yield time_finding(pair, _verdict(judged), **numbers, reason=_reason(session, move))
    for (group, excess), judged in zip(common, of_groups, strict=True):
        if abs(excess.least) > excess.margin:  # else nothing moved together: a note tells it
            yield _common_finding(group, excess, judged)


def _common_finding(group: TimedGroup, excess: Excess, judged: Judged) -> Finding:
    family = f"{ALL} of {group.words}" if group.words else ALL
    reason = (
        f"{_session_words(group.session)}; whole sessions of one machine differ by so much: "
        "howdeep check --against measures both in turns"
        if not judged.direction
        else _session_words(group.session)
    )
    return Finding(
        lane=STORED, metric="time", family=family, verdict=_verdict(judged), reason=reason,
        **_numbers(excess, judged, math.expm1(excess.margin)),
    )  # fmt: skip


def _verdict(judged: Judged) -> str:
    if judged.direction:
        return REGRESSED if judged.direction > 0 else IMPROVED
    return EQUIVALENT if judged.equivalent else INCONCLUSIVE


def _numbers(excess: Excess, judged: Judged, margin: float) -> dict[str, Any]:
    return {
        "change": math.expm1(excess.value),
        "low": math.expm1(excess.low),
        "high": math.expm1(excess.high),
        "p_value": judged.p_value,
        "margin": margin,
    }


def _reason(session: Session, move: Move) -> str:
    """What was measured, and what of it is the session's."""
    if session.spread is None:
        return f"as measured {math.expm1(move.time):+.1%}; too few cells to tell the session's part"
    return f"as measured {math.expm1(move.time):+.1%}; {_session_words(session)}"


def _session_words(session: Session) -> str:
    words = f"all cells {math.expm1(session.shift):+.1%}"
    if session.normalised:
        words += " after division by the reference kernels"
    elif session.kernels is not None:
        words += f", the machine's reference kernels {math.expm1(session.kernels):+.1%}"
    return words


def _notes(groups: Sequence[TimedGroup], same: int, normalise: bool) -> Iterator[str]:
    if same:
        yield f"{same} times are the same measurement on both sides, not a second one."
    for group in groups:
        place = f"{group.words}: " if group.words else ""
        if group.session.spread is None:
            yield (
                f"{place}fewer than {FEWEST_CELLS} cells have no rest to be compared with: only "
                "changes beyond what whole sessions differ by are found."
            )
        else:
            yield (
                f"{place}{_session_words(group.session)} (median). Each cell's change is what it "
                "moved beyond all cells."
            )
    if normalise and groups:
        yield (
            "Times are divided by the reference kernels of their device and dtype: by the product, "
            "copy or launch where both sides say that this bounds the cell, else by the geometric "
            "mean of the three. Cells of unlike machines differ for many other reasons."
        )


def _as_dict(group: TimedGroup) -> dict[str, Any]:
    """The entry of `details` in the JSON."""
    kernels = group.session.kernels
    return {
        "place": group.words,
        "cells": len(group.pairs),
        "change_of_all": math.expm1(group.session.shift),
        "change_of_kernels": None if kernels is None else math.expm1(kernels),
        "spread": group.session.spread,
    }
