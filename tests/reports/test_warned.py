"""Warnings of cells and runs are counted, and shown with the networks that they are about."""

from pathlib import Path
from typing import Any

import pytest

from reports.blocks import blocks
from reports.findings import Findings, find
from reports.study import read_one
from reports.text import markdown
from tests.reports import studies

UNMATCHED = (
    "width 3 comes nearest, with {ratio} times the parameters of depth 4: this depth is not "
    "matched; leave it out or give the family a larger width"
)
EDGE = (
    "the best learning rate, {rate}, is at the edge of those tried ({rate} to 0.1): a better one "
    "may lie beyond; try --lr tune:{rate}"
)


def found(tmp_path: Path, *studied: Any) -> Findings:
    """Of a study of these benchmarks and runs."""
    return find(read_one(studies.write(tmp_path / "study.json", studies.document(*studied))))


def shown(findings: Findings) -> tuple[str, ...]:
    """The lines under Warnings."""
    return next((each.items for each in blocks(findings) if each.heading == "Warnings"), ())


def test_alike_ones_are_shown_once(tmp_path: Path) -> None:
    """Two cells were warned of a load; the numbers differ, the warning is one."""
    benchmarks = studies.costs("mlp", (2, 4))
    for benchmark, load in zip(benchmarks[::3], (3.1, 2.9), strict=True):
        benchmark["extra_info"]["warnings"] = [f"the machine was busy (load {load}): measure again"]
    assert shown(found(tmp_path, benchmarks)) == (
        "2 cells (mlp at depth 2, 4): the machine was busy (load 2.9): measure again (and alike)",
    )


def test_a_warning_of_runs_counts_runs(tmp_path: Path) -> None:
    """Three seeds of one depth, of which the warning does not say which it is; in Markdown and JSON
    as in the text."""
    runs = studies.runs("mlp", {2: 0.8, 4: 0.9})
    for row in runs[:3]:
        row["warnings"] = [UNMATCHED.format(ratio=1.2)]
    findings = found(tmp_path, [], runs)
    line = f"3 runs (mlp at depth 2): {UNMATCHED.format(ratio=1.2)}"
    assert shown(findings) == (line,)
    assert f"- {line}" in markdown(findings)
    assert findings.as_dict()["warnings"] == [
        {
            "text": UNMATCHED.format(ratio=1.2), "similar": False, "cells": 0, "runs": 3,
            "depths": {"mlp": [2]},
        }
    ]  # fmt: skip


def test_what_cells_and_runs_are_both_warned_of_is_one_line(tmp_path: Path) -> None:
    """Widths are solved for once for both; families with the same depths share their words."""
    benchmarks, runs = [], []
    for family in ("mlp", "vit"):
        benchmarks += studies.costs(family, (2,), warnings=[UNMATCHED.format(ratio=1.2)])
        runs += studies.runs(family, {2: 0.8}, warnings=[UNMATCHED.format(ratio=0.9)])
    runs += studies.runs("gpt", {8: 0.8}, warnings=[UNMATCHED.format(ratio=0.9)])
    (line,) = shown(found(tmp_path, benchmarks, runs))
    assert line.startswith("6 cells and 9 runs (gpt at depth 8; mlp, vit at depth 2): width 3 ")
    assert line.endswith(" a larger width (and alike)")


@pytest.mark.parametrize("rate", ["0.001", "1e-05"])
def test_numbers_are_alike_however_they_are_written(tmp_path: Path, rate: str) -> None:
    """Rates of two depths at the edge of those tried are one warning; most frequent first."""
    runs = studies.runs("mlp", {2: 0.8}, warnings=[EDGE.format(rate="0.0032")])
    runs += studies.runs("mlp", {4: 0.8}, warnings=[EDGE.format(rate=rate), "another"])
    edge, another = shown(found(tmp_path, [], runs))
    assert edge.startswith("6 runs (mlp at depth 2, 4): the best learning rate, ")
    assert another == "3 runs (mlp at depth 4): another"


def test_strange_warnings_of_other_writers_are_none(tmp_path: Path) -> None:
    """A field that is no list of texts warns of nothing."""
    runs = studies.runs("mlp", {2: 0.8}, warnings="high") + studies.runs("mlp", {4: 0.8})
    assert shown(found(tmp_path, [], runs)) == ()
