"""Three fresh processes of two revisions that take turns."""

import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bench import turn_taking
from bench.points import Cell
from bench.specs import InputError
from bench.turn_taking import AGAIN, BASE, HEAD, SIDES, Revisions, Trio, measure

NETWORK = """
import sys
import torch
from torch import nn

print("printed while it is imported")

def build(depth, width={width}):
    {body}
    return nn.Sequential(*[nn.Linear(width, width) for _ in range(depth)])

def example_input(batch_size):
    return torch.zeros(batch_size, {width})
"""


def cell(depth: int, *, family: str = "net.py:build", pass_: str = "forward") -> Cell:
    """A cell of the file that both revisions have."""
    return Cell(
        family=family,
        depth=depth,
        pass_=pass_,
        batch_size=8,
        dtype="fp32",
        device="cpu",
        threads=1,
    )


@pytest.fixture
def revisions(tmp_path: Path) -> Revisions:
    """The head's layers are eight times as wide; both refuse depth 3, the head depth 2 as well."""
    for side, width, refused in ((BASE, 16, "(3,)"), (HEAD, 128, "(2, 3)")):
        (tmp_path / side / "below").mkdir(parents=True)
        body = f"if depth in {refused}: raise ValueError(f'never {{depth}}')"
        (tmp_path / side / "below" / "net.py").write_text(NETWORK.format(width=width, body=body))
    (tmp_path / "own").mkdir()
    return Revisions(tmp_path / BASE, tmp_path / HEAD, Path("below"), tmp_path / "own")


def measured(revisions: Revisions, *cells: Cell, with_memory: bool = False) -> Trio:
    """One trio."""
    return measure(revisions, cells, generator=random.Random(0), with_memory=with_memory)


def test_each_side_measures_its_own_network(revisions: Revisions) -> None:
    """Of the same process come times and memory; a depth that one side refuses has the reason
    there, and the others' times."""
    one, two, three = cell(1), cell(2), cell(3)
    trio = measured(revisions, one, two, three, with_memory=True)
    peaks = {side: trio[side][one].peak_bytes for side in SIDES}
    assert peaks[BASE] == peaks[AGAIN]
    assert peaks[BASE] and peaks[HEAD]  # noqa: PT018
    # The weights alone: 128 x 128 against 16 x 16.
    assert peaks[HEAD] - peaks[BASE] > 4 * (128**2 - 16**2)
    assert len({len(trio[side][one].rounds) for side in SIDES}) == 1
    for side in SIDES:
        found = trio[side][one]
        assert found.seconds is not None
        assert found.seconds > 0
        assert trio[side][three].error == "ValueError: never 3"
    assert trio[HEAD][two].error == "ValueError: never 2"
    assert trio[HEAD][two].rounds == ()
    assert trio[BASE][two].seconds
    assert trio[AGAIN][two].seconds


def test_a_machine_that_slows_down_does_so_for_all() -> None:
    """Whatever the rounds have in common leaves the ratio of the sides as it is, as does one round
    in which one of them was disturbed."""
    speeds = np.array([1.0, 1.0, 1.1, 3.0, 3.0, 3.0, 2.0])
    rounds = np.outer([1e-3, 1e-3, 1.2e-3], speeds)
    rounds[1, 2] *= 50
    base, again, head = turn_taking.told(rounds)
    assert again == pytest.approx(base)
    assert head == pytest.approx(1.2 * base)


def test_cells_are_told_one_by_one() -> None:
    """However many at once."""
    rounds = np.random.default_rng(0).lognormal(size=(3, 11, 4))
    each = [turn_taking.told(rounds[:, :, cell]) for cell in range(4)]
    assert turn_taking.told(rounds) == pytest.approx(np.transpose(each))


def test_a_revision_without_the_family_says_so(revisions: Revisions) -> None:
    """A file that the base has not got."""
    (revisions.head / "below" / "other.py").write_text(NETWORK.format(width=16, body="pass"))
    other = cell(1, family="other.py:build")
    trio = measured(revisions, other)
    assert trio[BASE][other].not_there
    assert "no file" in (trio[BASE][other].error or "")
    assert trio[HEAD][other].seconds


def test_code_of_the_working_tree_is_refused(revisions: Revisions) -> None:
    """A revision that imports from there would be measured with the other's code."""
    (revisions.forbidden / "blocks.py").write_text("WIDTH = 16\n")
    for root in (revisions.base, revisions.head):
        path = root / "below" / "net.py"
        path.write_text(
            f"import sys\nsys.path.append({str(revisions.forbidden)!r})\nimport blocks\n"
            + path.read_text()
        )
    trio = measured(revisions, cell(1))
    assert all("blocks from the working tree" in (trio[s][cell(1)].error or "") for s in SIDES)


def test_revisions_may_lie_in_the_working_tree(revisions: Revisions) -> None:
    """Where the folder for temporary files does."""
    inside = replace(revisions, forbidden=revisions.base.parent)
    trio = measured(inside, cell(1))
    assert all(trio[side][cell(1)].seconds for side in SIDES)


def test_a_family_outside_of_the_repository_is_refused(revisions: Revisions) -> None:
    """It is the same in every revision, so that nothing would ever be found: also a built-in."""
    trio = measured(revisions, cell(1, family="mlp"))
    for side in SIDES:
        found = trio[side][cell(1, family="mlp")]
        assert "is no part of the repository" in (found.error or "")
        assert found.not_there


def test_a_process_that_ends_is_one_line(revisions: Revisions) -> None:
    """With what it said last."""
    (revisions.head / "below" / "net.py").write_text(
        NETWORK.format(width=16, body="print('last words', flush=True); import os; os._exit(7)")
    )
    with pytest.raises(InputError, match=r"measured the head ended with code 7: .*last words"):
        measured(revisions, cell(1))
