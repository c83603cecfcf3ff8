"""Warnings of cells and runs, counted: what was not measured or chosen as it should be.

A warning says what to do, but not where: it stands in the row that it is about. Those that differ
in their numbers only are one, so that a study of a hundred cells has a few lines of them.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .tables import Row, Tables, records

_NUMBER = re.compile(r"\d+(\.\d+)?(e[+-]?\d+)?")


@dataclass(frozen=True)
class Warned:
    """A warning.

    Attributes:
        text: the first of those that are alike.
        cells, runs: how many carry it.
        depths: by family, of these.
        similar: their texts differ, in numbers only.
    """

    text: str
    cells: int
    runs: int
    depths: Mapping[str, tuple[int, ...]]
    similar: bool

    @property
    def rows(self) -> str:
        """How many carry it: `2 cells and 1 run`."""
        counts = {"cell": self.cells, "run": self.runs}
        return " and ".join(f"{n} {kind}{'s' * (n > 1)}" for kind, n in counts.items() if n)

    def as_dict(self) -> dict[str, Any]:
        """The entry of `warnings` in the JSON object."""
        return {
            "text": self.text,
            "similar": self.similar,
            "cells": self.cells,
            "runs": self.runs,
            "depths": {family: list(depths) for family, depths in self.depths.items()},
        }


@dataclass(frozen=True)
class _Said:
    """A warning in a row."""

    text: str
    kind: str
    family: str
    depth: int


def count_warnings(tables: Tables) -> tuple[Warned, ...]:
    """The warnings of all rows, the most frequent first."""
    said = [
        *_said("cell", records(tables.cells), _of_cell),
        *_said("run", records(tables.runs), _of_run),
    ]
    alike: dict[str, list[_Said]] = {}
    for each in sorted(said, key=lambda each: each.text):
        alike.setdefault(_NUMBER.sub("#", each.text), []).append(each)
    found = map(_counted, alike.values())
    return tuple(sorted(found, key=lambda each: (-each.cells - each.runs, each.text)))


def _said(kind: str, rows: Sequence[Row], texts: Callable[[Row], Iterable[str]]) -> Iterator[_Said]:
    for row in rows:
        for text in texts(row):
            yield _Said(text, kind, row["family"] or "", row["depth"])


def _of_run(row: Row) -> Iterable[str]:
    return row["warnings"] or ()


def _of_cell(row: Row) -> Iterator[str]:
    yield from row["warnings"] or ()
    if row["uncounted_ops"]:
        yield f"FLOPs do not include {', '.join(sorted(map(str, row['uncounted_ops'])))}"


def _counted(alike: Sequence[_Said]) -> Warned:
    kinds = [each.kind for each in alike]
    return Warned(
        text=alike[0].text,
        cells=kinds.count("cell"),
        runs=kinds.count("run"),
        depths={
            family: tuple(sorted({each.depth for each in alike if each.family == family}))
            for family in sorted({each.family for each in alike})
        },
        similar=len({each.text for each in alike}) > 1,
    )
