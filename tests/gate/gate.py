"""Runs `howdeep check --against` over and over on the same planted change, and counts what it says.

Beside each check stands what a stored baseline would have said of its first two processes: with
`pytest-benchmark --benchmark-compare-fail=mean:10%` the gate fails where the mean of any benchmark
is more than 10% above that of the base.
"""

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.bench.sessions import environment

NETS = Path(__file__).with_name("nets.py")
SETTINGS = """
[tool.howdeep.check]
families = ["nets.py:linear", "nets.py:convolution"]
depths = [2, 4, 8, 16]
passes = ["forward"]
batch_size = 32
"""
FAMILY = "nets.py:linear"

# What the head has instead of the base.
PLANTED: Mapping[str, Mapping[str, str]] = {
    "nothing": {},
    "10%": {"WAIT = 0.0": "WAIT = 0.1"},
    "5%": {"WAIT = 0.0": "WAIT = 0.05"},
    "kernel": {"KERNEL = False": "KERNEL = True"},
    "saved": {"SAVED = False": "SAVED = True"},
}

# Minutes of one check: 100 s, to end within which it may not begin another trio too late.
MINUTES = 1.6
LIMIT = 1.10


@dataclass(frozen=True)
class Ended:
    """One check.

    Attributes:
        regressed: families with a finding on time or memory that says so.
        trios: of fresh processes.
        compare_fail: would the means of two processes have failed by `mean:10%`?
    """

    code: int
    seconds: float
    regressed: frozenset[str]
    trios: int
    compare_fail: bool


def repository(folder: Path, planted: str) -> Path:
    """A repository whose base is `nets.py` and whose working tree has the planted change."""
    folder.mkdir()
    (folder / "pyproject.toml").write_text(SETTINGS)
    text = NETS.read_text()
    (folder / "nets.py").write_text(text)
    for arguments in (("init", "-q"), ("add", "-A"), ("commit", "-q", "-m", "base")):
        who = ("-c", "user.name=gate", "-c", "user.email=gate@localhost")
        subprocess.run(["git", "-C", str(folder), *who, *arguments], check=True)
    for before, after in PLANTED[planted].items():
        assert before in text
        text = text.replace(before, after)
    (folder / "nets.py").write_text(text)
    return folder


def check(folder: Path, *arguments: str) -> Ended:
    """One check of the repository."""
    start = time.monotonic()
    ended = subprocess.run(
        [sys.executable, "-m", "howdeep.app", "check", "--json", *arguments],
        cwd=folder,
        env=environment(OMP_NUM_THREADS="1"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.stdout, ended.stderr
    return _ended(ended.returncode, time.monotonic() - start, json.loads(ended.stdout))


def _ended(code: int, seconds: float, answer: Mapping[str, Any]) -> Ended:
    regressed = {f["family"] for f in answer["findings"] if f["verdict"] == "regressed"}
    paired = answer["details"].get("paired", {})
    return Ended(
        code,
        seconds,
        frozenset(regressed),
        paired.get("trios", 0) + paired.get("confirming_trios", 0),
        _compare_fails(paired.get("measured", [])),
    )


def _compare_fails(rows: list[dict[str, Any]]) -> bool:
    """Of the base and the head of the first trio: a process each, as two sessions would have."""
    means = {
        (row["side"], row["family"], row["depth"]): statistics.fmean(row["rounds"])
        for row in rows
        if row["stage"] == "first" and row["trio"] == 0 and row["rounds"]
    }
    bases = {place[1:]: mean for place, mean in means.items() if place[0] == "base"}
    return any(means["head", *place] > LIMIT * mean for place, mean in bases.items())


# It ends with whoever started it, however that ended.
_BUSY = "import os; parent = os.getppid()\nwhile os.getppid() == parent: pass"


@contextmanager
def load(is_on: bool) -> Iterator[None]:
    """Another process that keeps one core busy."""
    if not is_on:
        yield
        return
    with subprocess.Popen([sys.executable, "-c", _BUSY]) as busy:
        try:
            yield
        finally:
            busy.kill()


def table(ended: Mapping[str, list[Ended]]) -> str:
    """How often what was said, by what was planted."""
    lines = [
        "planted   checks  exit 1  right family  another  exit 3  seconds (most)  trios"
        "  mean:10% fails"
    ]
    for planted, checks in ended.items():
        seconds = [each.seconds for each in checks]
        counts = (
            len(checks),
            sum(each.code == 1 for each in checks),
            sum(FAMILY in each.regressed for each in checks),
            sum(bool(each.regressed - {FAMILY}) for each in checks),
            sum(each.code == 3 for each in checks),
        )
        lines.append(
            f"{planted:8}  {counts[0]:6}  {counts[1]:6}  {counts[2]:12}  {counts[3]:7}  "
            f"{counts[4]:6}  {statistics.median(seconds):6.0f} ({max(seconds):4.0f})  "
            f"{statistics.fmean(each.trios for each in checks):5.1f}  "
            f"{sum(each.compare_fail for each in checks):14}"
        )
    return "\n".join(lines)
