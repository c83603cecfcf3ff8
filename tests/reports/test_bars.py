"""Bars against depth on a terminal; none in a pipe."""

import io
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from reports.bars import BAR_WIDTH, WIDE
from reports.blocks import verdict_block
from reports.findings import find
from reports.study import read
from reports.text import print_report
from tests.reports import studies


class Terminal(io.StringIO):
    """A file that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def printed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[int], str]:
    """The report as a terminal of some width shows it."""
    study = studies.document(studies.costs("mlp"), studies.runs("mlp", studies.MLP))
    findings = find(read([studies.write(tmp_path / "study.json", study)]))

    def shown(width: int) -> str:
        monkeypatch.setenv("COLUMNS", str(width))
        monkeypatch.setenv("TERM", "xterm")
        file = Terminal()
        print_report(findings, file)
        return file.getvalue()

    return shown


def test_a_wide_terminal_has_a_bar_a_depth(printed: Callable[[int], str]) -> None:
    """The longest is the best depth's; latency doubles with depth, and so do its bars."""
    lines = [line for line in printed(WIDE).splitlines() if "█" in line]
    bars = [[len(bar) for bar in re.findall("█+", line)] for line in lines]
    accuracy, latency = zip(*bars, strict=True)
    assert accuracy.index(max(accuracy)) == 2
    assert max(accuracy) == BAR_WIDTH
    assert latency[-2:] == (BAR_WIDTH // 2, BAR_WIDTH)


def test_a_narrow_terminal_has_none(printed: Callable[[int], str]) -> None:
    """Its table needs the width."""
    assert "█" not in printed(WIDE - 1)


def test_what_is_unknown_has_no_bars(tmp_path: Path) -> None:
    """Without costs there is no latency, without accuracies no bar at all."""
    study = studies.document(runs=studies.runs("mlp", {2: 0.5, 4: 0.75}))
    verdict = find(read([studies.write(tmp_path / "study.json", study)])).verdicts[0]
    (bars,) = verdict_block(verdict).bars
    assert bars.heading == "validation accuracy %"
    assert bars.values == pytest.approx((50.0, 75.0))
    assert bars.texts == ("50.0", "75.0")
