"""How often the paired lane is right on this machine: `tox -e gate`, some two hours."""

from pathlib import Path

import pytest

from tests.gate import gate
from tests.gate.gate import FAMILY, PLANTED, Ended, check, repository

REPETITIONS = 20


def _checks(folder: Path, planted: str) -> list[Ended]:
    """Every second one with another process that keeps one core busy."""
    place = repository(folder / "repository", planted)
    found = []
    for number in range(REPETITIONS):
        with gate.load(number % 2 == 1):
            found.append(check(place, "--against", "HEAD", "--max-minutes", str(gate.MINUTES)))
        print(f"\n{gate.table({planted: found})}")
    return found


@pytest.mark.gate
def test_same_code_is_let_pass(tmp_path: Path) -> None:
    """No more than one check in twenty fails of the same code against itself."""
    assert sum(each.code == 1 for each in _checks(tmp_path, "nothing")) <= 1


@pytest.mark.gate
@pytest.mark.parametrize(("planted", "least"), [("10%", 18), ("kernel", 18), ("5%", 12)])
def test_planted_change_is_found(tmp_path: Path, planted: str, least: int) -> None:
    """A slower block is found in that many of twenty."""
    assert sum(FAMILY in each.regressed for each in _checks(tmp_path, planted)) >= least


def test_everything_planted_is_another_network(tmp_path: Path) -> None:
    """Each change is in the file of the head, and in no other."""
    base = gate.NETS.read_text()
    for planted in PLANTED:
        head = (repository(tmp_path / planted.strip("%"), planted) / "nets.py").read_text()
        assert (head == base) == (planted == "nothing")
