"""A sweep that is killed with SIGKILL, over and over, and resumed."""

import random
from pathlib import Path

import pytest

from tests.drill.drill import Figures, check, check_stacks, killed, swept

SEEDS = "3"

# Of the drill on demand: so many trainings that fifty processes find something left to do.
MANY_SEEDS = "40"

# Of stacks, which take less time each.
STACKED_SEEDS = "200"


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Figures:
    """The sweep that nobody disturbs."""
    return swept(tmp_path_factory.mktemp("drill") / "undisturbed", SEEDS)


def test_three_kills_lose_nothing(tmp_path: Path, undisturbed: Figures) -> None:
    """The final table is that of a sweep which nobody disturbed, and no finished run was trained
    twice."""
    seconds, chance = undisturbed.seconds, random.Random(0)
    found = killed(tmp_path / "killed", SEEDS, kills=3, seconds=seconds, chance=chance)
    assert found.kills
    check(found, undisturbed)


def test_two_processes_share_a_sweep(tmp_path: Path, undisturbed: Figures) -> None:
    """Both of them train, and each run is trained once."""
    shared = swept(tmp_path / "shared", SEEDS, processes=2)
    check(shared, undisturbed)
    assert [len(at) for at in shared.begun.values()] == [1] * len(shared.rows)
    assert shared.processes == 2


@pytest.mark.drill
def test_fifty_kills_lose_nothing(tmp_path: Path) -> None:
    """As three, at fifty random moments; the figures are printed."""
    undisturbed = swept(tmp_path / "undisturbed", MANY_SEEDS)
    seconds, chance = undisturbed.seconds, random.Random(1)
    found = killed(tmp_path / "killed", MANY_SEEDS, kills=50, seconds=seconds, chance=chance)
    print(f"\n{found}")
    assert found.kills == 50
    check(found, undisturbed)


@pytest.mark.drill
def test_twenty_kills_of_stacks_lose_nothing(tmp_path: Path) -> None:
    """Seeds that are trained together are kept or begun again together; the figures are printed."""
    undisturbed = swept(tmp_path / "undisturbed", STACKED_SEEDS, "stacks")
    seconds, chance = undisturbed.seconds, random.Random(2)
    found = killed(
        tmp_path / "killed", STACKED_SEEDS, "stacks", kills=20, seconds=seconds, chance=chance
    )
    stacked = [row["stack"] for row in found.rows.values() if row["way"] == "stacked"]
    print(f"\n{found}, {len(stacked)} in stacks of up to {max(stacked, default=0)}")
    assert found.kills == 20
    assert stacked
    check_stacks(found, undisturbed)
