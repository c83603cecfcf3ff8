"""The exact lane of `howdeep check`: what is counted now, against the committed baseline."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

from reports.errors import InputError
from reports.regression import baseline
from reports.regression.baseline import Counted, UnreadableError
from reports.regression.exact import compare
from reports.regression.finding import EQUIVALENT, EXACT, NEW, Answer, Finding

from .check_settings import Settings, read
from .output import write

if TYPE_CHECKING:
    from bench.families import Family
    from reports.regression.baseline import Place

# Changes that are told one by one when a baseline is accepted.
_MOST_TOLD = 30


def answer(settings: Settings, *, accept: bool) -> Answer:
    """What changed against the baseline; `accept` writes it anew and says what that changed.

    Files of families are looked for beside the `pyproject.toml` that was read. Cells of the
    baseline that `--family` or `--depths` leave out are neither compared nor written anew.

    Raises:
        InputError: no baseline, an unreadable one or one at another batch size or dtype, a family
            that is not there or cannot be built at a depth.
    """
    path = settings.baseline_path
    before = None if accept else _read(path)
    if before is not None:
        _check_conditions(before, settings)
    counted = _count(settings)
    if before is None:
        return _accepted(settings, counted)
    asked, left = _asked(before, counted, settings)
    return _answer(settings, compare(asked, counted), asked, counted, notes=_left_out(left))


def _answer(
    settings: Settings,
    findings: tuple[Finding, ...],
    before: Counted,
    counted: Counted,
    *,
    notes: tuple[str, ...],
) -> Answer:
    return Answer(
        base=settings.baseline,
        new="the working tree",
        findings=findings,
        cannot_tell=_nothing_in_common(findings),
        notes=(*notes, *_what_to_do(findings)),
        details={
            EXACT: {
                "cells": len(counted.cells),
                "torch": counted.torch,
                "baseline_torch": before.torch,
                **counted.conditions,
            }
        },
    )


def _nothing_in_common(findings: tuple[Finding, ...]) -> tuple[str, ...]:
    """New cells alone are no pass: none of them was compared with anything."""
    if all(each.verdict == NEW for each in findings):
        return ("the baseline has none of the families and depths that were counted",)
    return ()


def _what_to_do(findings: tuple[Finding, ...]) -> tuple[str, ...]:
    if all(each.verdict == EQUIVALENT for each in findings):
        return ()
    return ("exact counts differ from the baseline: if they should, run `howdeep check --accept`",)


def _read(path: Path) -> Counted:
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise baseline.missing(str(path)) from None
    except UnicodeDecodeError:
        text = ""  # no JSON either
    return baseline.parse(text, str(path))


def _check_conditions(before: Counted, settings: Settings) -> None:
    for name, was in before.conditions.items():
        now = getattr(settings, name)
        if now != was:
            raise InputError(
                f"{settings.baseline_path}: its {name} is {was}, and {now} was asked for: give "
                f"--{name.replace('_', '-')} {was}, or write it anew with `howdeep check --accept`"
            )


def _count(settings: Settings) -> Counted:
    """Every family at every depth."""
    import torch

    from bench import exact, families
    from bench.options import DEFAULT_FAMILIES
    from bench.specs import InputError as SpecError

    cells = {}
    try:
        with contextlib.chdir(settings.folder):
            found = [families.find(spec) for spec in settings.families or DEFAULT_FAMILIES]
            for family, depth in _cells(found, settings.depths):
                counts = exact.count(
                    family, depth, batch_size=settings.batch_size, dtype=settings.dtype
                )
                cells[family.name, depth] = asdict(counts)
    except SpecError as error:
        raise InputError(f"{error} (counted in {settings.folder})") from None
    return Counted(
        torch=torch.__version__.partition("+")[0],
        batch_size=settings.batch_size,
        dtype=settings.dtype,
        cells=cells,
    )


def _cells(families: list[Family], depths: tuple[int, ...] | None) -> Iterator[tuple[Family, int]]:
    from bench import exact

    for family in {family.name: family for family in families}.values():
        for depth in depths or exact.depths(family):
            yield family, depth


def _asked(
    before: Counted, counted: Counted, settings: Settings
) -> tuple[Counted, dict[Place, baseline.Counts]]:
    """The baseline's cells that are in question, and those that the command line left out.

    A cell that `pyproject.toml` does not ask for any more is in question: it is missing.
    """
    configured = read(settings.folder)
    every_family = settings.families == configured.families
    every_depth = settings.depths == configured.depths
    typed = {family for family, _ in counted.cells}  # by the names that a baseline has
    asked: dict[Place, baseline.Counts] = {}
    left: dict[Place, baseline.Counts] = {}
    for (family, depth), counts in before.cells.items():
        in_question = (every_family or family in typed) and (
            every_depth or depth in (settings.depths or ())
        )
        (asked if in_question else left)[family, depth] = counts
    return replace(before, cells=asked), left


def _left_out(left: dict[Place, baseline.Counts]) -> tuple[str, ...]:
    return (f"{len(left)} cells of the baseline were not asked for",) if left else ()


def _accepted(settings: Settings, counted: Counted) -> Answer:
    """Written beside and renamed; a file that is no baseline is kept under another name."""
    path = settings.baseline_path
    try:
        before = _read(path)
    except UnreadableError:
        notes: tuple[str, ...] = (f"what was there is no baseline, and kept as {_aside(path)}",)
    except InputError:
        notes = (f"{path} is new: commit it",)
    else:
        counted, notes = _merged(before, counted, settings)
    write(baseline.render(counted), path)
    return _answer(settings, compare(counted, counted), counted, counted, notes=notes)


def _aside(path: Path) -> Path:
    """Where the file at `path` now lies; nothing else is written over."""
    number, kept = 1, path.with_name(f"{path.name}.unreadable")
    while kept.exists():
        number += 1
        kept = path.with_name(f"{path.name}.unreadable{number}")
    return path.rename(kept)


def _merged(
    before: Counted, counted: Counted, settings: Settings
) -> tuple[Counted, tuple[str, ...]]:
    """What to write, cells that were not asked for included, and what that changes."""
    asked, left = _asked(before, counted, settings)
    was = {"torch": before.torch, **before.conditions}
    now = {"torch": counted.torch, **counted.conditions}
    other = [f"{name} {was[name]} -> {now[name]}" for name in now if was[name] != now[name]]
    if left and other:
        raise InputError(
            f"{settings.baseline_path} was counted otherwise ({', '.join(other)}): accept all of "
            "it, without --family and --depths"
        )
    same = before.conditions == counted.conditions
    changed = _told(asked, counted) if same else ()
    written = replace(counted, cells={**left, **counted.cells})
    told = (*(f"accepted: {each}" for each in (*other, *changed)), *_left_out(left))
    return written, told or ("nothing changed",)


def _told(before: Counted, counted: Counted) -> tuple[str, ...]:
    changed = [each for each in compare(before, counted) if each.verdict != EQUIVALENT]
    told = tuple(
        f"{each.place} {each.metric} {each.base} -> {each.new}: {each.reason}"
        if each.base is not None or each.new is not None
        else f"{each.place}: {each.verdict}"
        for each in changed[:_MOST_TOLD]
    )
    rest = len(changed) - len(told)
    return (*told, f"{rest} further counts") if rest else told
