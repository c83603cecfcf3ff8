"""How often a paired check cries wolf, and how often it sleeps: `tox -e simulated`."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from tabulate import tabulate

from howdeep.check_paired import MOST_TRIOS

from .check_rules import RULES
from .checks import FIRST, LARGE, SMALL, Cell, Checked, Grid, Noise, Session, checked

RESULTS = Path("results/simulated/check.md")

INDEPENDENT = Noise()
COMMON = Noise(between=0.0, common=0.03)
BOTH = Noise(between=0.03 / 2**0.5, common=0.03 / 2**0.5)
QUIET = Noise(between=0.01, common=0.005)
LOUD = Noise(between=0.01, loud=5.0)
NOISES = {
    "3% a process and cell": INDEPENDENT,
    "3% a process": COMMON,
    "half of each": BOTH,
    "1% and 0.5%": QUIET,
    "1%, one family 5%": LOUD,
}

ONE_CELL = (Cell(FIRST, 8, "step"),)
FAMILY = tuple(Cell(FIRST, depth, "step") for depth in SMALL.depths)


@dataclass(frozen=True)
class Shares:
    """Of simulated checks.

    Attributes:
        false: with something regressed that is as it was.
        found: with something regressed where something is slower.
        untold: whose canary flagged.
        trios: that they took, on average.
    """

    n: int
    false: float
    found: float
    untold: float
    trios: float


def shares(grid: Grid, noise: Noise, n: int) -> Shares:
    """Of n checks; a regression of the slower family and pass is a true one."""
    slower = {(cell.family, cell.pass_) for cell in grid.slower}
    ends = [_check(grid, noise, seed) for seed in range(n)]
    return Shares(
        n,
        sum(bool(end.regressed - slower) for end in ends) / n,
        sum(bool(end.regressed & slower) for end in ends) / n,
        sum(bool(end.decision.cannot_tell) for end in ends) / n,
        sum(end.trios for end in ends) / n,
    )


def _check(grid: Grid, noise: Noise, seed: int) -> Checked:
    return checked(Session(grid, noise, np.random.default_rng(seed)), MOST_TRIOS)


CASES = {
    ("large", "none"): (LARGE, 2000),
    ("large", "+10%, one cell"): (LARGE.with_slower(0.1, *ONE_CELL), 500),
    ("small", "none"): (SMALL, 1000),
    ("small", "+10%, one family"): (SMALL.with_slower(0.1, *FAMILY), 500),
    ("small", "+5%, one family"): (SMALL.with_slower(0.05, *FAMILY), 500),
}

Found = dict[tuple[str, str, str], Shares]


@pytest.fixture(scope="session")
def found() -> Found:
    """By grid, change and noise; written as a table."""
    measured = {
        (*case, name): shares(grid, noise, n)
        for case, (grid, n) in CASES.items()
        for name, noise in NOISES.items()
        if case[0] == "small" or noise in (INDEPENDENT, COMMON)
    }
    rows = [
        [
            *case,
            each.n,
            *(f"{100 * s:.2f}%" for s in (each.false, each.found, each.untold)),
            f"{each.trios:.1f}",
        ]
        for case, each in measured.items()
    ]
    header = ["grid", "change", "noise", "checks", "false alarm", "found", "cannot tell", "trios"]
    _write(RESULTS, header, rows)
    return measured


def _write(path: Path, header: list[str], rows: list[list[object]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    text = tabulate(rows, header, tablefmt="github", disable_numparse=True)
    path.write_text(f"{text}\n")


@pytest.mark.simulated
def test_sixty_cells_without_a_change_seldom_alarm(found: Found) -> None:
    """Any false alarm in at most 5% of checks, and the canary in at most 3%, whether processes
    differ cell by cell or as a whole."""
    for name in ("3% a process and cell", "3% a process"):
        assert found["large", "none", name].false <= 0.05
        assert found["large", "none", name].untold <= 0.03


@pytest.mark.simulated
def test_one_slower_cell_of_sixty_is_found(found: Found) -> None:
    """In at least 90% where it is 10% slower, and with it no other is accused in more than 5%."""
    for name in ("3% a process and cell", "3% a process"):
        assert found["large", "+10%, one cell", name].found >= 0.90
        assert found["large", "+10%, one cell", name].false <= 0.05


@pytest.mark.simulated
@pytest.mark.parametrize("noise", NOISES)
def test_a_small_grid_without_a_change_hardly_ever_alarms(found: Found, noise: str) -> None:
    """In at most 2%, and the canary in at most 3%, also where one family is five times as noisy as
    the other and they borrow from each other."""
    assert found["small", "none", noise].false <= 0.02
    assert found["small", "none", noise].untold <= 0.03


@pytest.mark.simulated
def test_a_slower_family_is_found(found: Found) -> None:
    """+10% in at least 95%, +5% in at least 75%. Where a process is fast or slow in all its cells,
    the family is no better known than one cell: 5% are not told from a margin of 3% in time."""
    for name in ("3% a process and cell", "1% and 0.5%"):
        assert found["small", "+10%, one family", name].found >= 0.95
        assert found["small", "+5%, one family", name].found >= 0.75
    assert found["small", "+10%, one family", "3% a process"].found >= 0.90


@pytest.mark.simulated
def test_others_on_the_same_processes() -> None:
    """Whoever takes rounds for replicates, or another job for this one, alarms without a change in
    more than a quarter of checks; ten pairs of processes do so in at most a tenth."""
    rows: list[list[object]] = []
    alarms = {}
    for name in RULES:
        alarms[name], power = (
            called(name, LARGE, 2000)[0],
            called(name, LARGE.with_slower(0.1, *ONE_CELL), 500),
        )
        rows.append([name, f"{alarms[name]:.3f}", f"{power[1]:.3f}"])
    _write(RESULTS.with_stem("check_others"), ["rule", "any false alarm", "found"], rows)
    for name, share in alarms.items():
        assert share <= 0.10 if name.startswith("ten pairs") else share > 0.25


def called(name: str, grid: Grid, n: int) -> tuple[float, float]:
    """Of n sessions: with any cell called slower that is not, and with one that is."""
    slower = np.array([cell in grid.slower for cell in grid.cells])
    false = found = 0
    for seed in range(n):
        generator = np.random.default_rng(seed)
        cells = RULES[name](Session(grid, INDEPENDENT, generator), generator)
        false += bool((cells & ~slower).any())
        found += bool((cells & slower).any())
    return false / n, found / n


def test_a_few_simulated_checks_end_as_they_should() -> None:
    """Of thirty without a change none alarms; of thirty with a family 10% slower all but three at
    most are found, and none takes more trios than it may."""
    calm = shares(SMALL, INDEPENDENT, 30)
    slow = shares(SMALL.with_slower(0.1, *FAMILY), INDEPENDENT, 30)
    assert calm.false == slow.false == 0
    assert slow.found >= 0.9
    assert slow.trios <= MOST_TRIOS
