"""`howdeep check --against` with measurements that are made up: what it does with them."""

import json
import math
import random
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import typer
from click.testing import Result
from typer.testing import CliRunner

from bench import turn_taking
from bench.points import Cell
from bench.specs import InputError as SpecError
from bench.turn_taking import BASE, HEAD, SIDES, Measured, Revisions
from howdeep.check import check
from tests.gate.gate import repository

LINEAR = "nets.py:linear"


def howdeep_check(*arguments: str) -> Result:
    """The command in this process, in the current folder."""
    app = typer.Typer()
    app.command()(check)
    return CliRunner().invoke(app, ["--against", "HEAD", "--json", *arguments])


def answer_of(result: Result) -> dict[str, Any]:
    """Its JSON."""
    answer: dict[str, Any] = json.loads(result.stdout)
    return answer


def verdicts(answer: dict[str, Any], metric: str = "time") -> dict[str, str]:
    """By family, depth and part."""
    return {
        f"{f['family']}/{f['depth']}/{f['part']}": f["verdict"]
        for f in answer["findings"]
        if f["metric"] == metric
    }


Change = Callable[[str, Cell], Measured]


def measured(seconds: float, peak_bytes: int = 1000) -> Measured:
    """A cell in one process."""
    return Measured(seconds, (seconds,) * 5, peak_bytes)


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Change], list[int]]:
    """Stands in for the processes, in a repository of the gate's networks: a millisecond a layer,
    as `change` has it, times 1% of noise. It returns the number of cells of each trio."""
    monkeypatch.chdir(repository(tmp_path / "repository", "nothing"))
    chance = random.Random(1)
    trios: list[int] = []

    def install(change: Change) -> list[int]:
        def measure(
            _: Revisions, cells: Sequence[Cell], **asked: object
        ) -> dict[str, dict[Cell, Measured]]:
            trios.append(len(cells))
            assert asked["with_memory"] == (len(trios) == 1)
            return {side: {c: _noisy(change(side, c), chance) for c in cells} for side in SIDES}

        monkeypatch.setattr(turn_taking, "measure", measure)
        return trios

    return install


def _noisy(cell: Measured, chance: random.Random) -> Measured:
    if cell.seconds is None:
        return cell
    return measured(cell.seconds * math.exp(chance.gauss(0, 0.01)), cell.peak_bytes or 0)


def same(_: str, cell: Cell) -> Measured:
    """Nothing changed."""
    return measured(1e-3 * cell.depth)


def slower(side: str, cell: Cell) -> Measured:
    """The head's linear block takes a tenth longer."""
    is_slow = side == HEAD and cell.family == LINEAR
    return measured(1e-3 * cell.depth * (1.1 if is_slow else 1))


def test_the_same_code_passes(fake: Callable[[Change], list[int]]) -> None:
    """Everything is equivalent, and so the check ends early."""
    trios = fake(same)
    result = howdeep_check()
    assert result.exit_code == 0, result.output
    assert set(verdicts(answer_of(result)).values()) == {"equivalent"}
    assert len(trios) < 10


def test_a_slower_block_is_found(fake: Callable[[Change], list[int]]) -> None:
    """In its own family only, and confirmed by trios of that family's cells."""
    trios = fake(slower)
    result = howdeep_check()
    assert result.exit_code == 1, result.output
    answer = answer_of(result)
    found = {place for place, verdict in verdicts(answer).items() if verdict == "regressed"}
    assert f"{LINEAR}/None/None" in found
    assert all(place.startswith(LINEAR) for place in found)
    assert trios[0] == 8
    assert trios[-1] == 4
    paired = answer["details"]["paired"]
    assert paired["confirming_trios"]
    assert paired["trios"] + paired["confirming_trios"] == len(trios)
    assert len(paired["measured"]) == 3 * sum(trios)


def test_more_memory_is_found(fake: Callable[[Change], list[int]]) -> None:
    """Of each cell, whatever its time does."""

    def change(side: str, cell: Cell) -> Measured:
        return measured(1e-3 * cell.depth, 1020 if side == HEAD and cell.depth == 4 else 1000)

    fake(change)
    result = howdeep_check()
    assert result.exit_code == 1
    found = verdicts(answer_of(result), "peak_bytes")
    assert {place for place, verdict in found.items() if verdict == "regressed"} == {
        "nets.py:linear/4/None",
        "nets.py:convolution/4/None",
    }


def test_memory_of_one_process_of_the_base_is_the_bases(
    fake: Callable[[Change], list[int]],
) -> None:
    """Where the other one failed: the cell is not new, and not left out where the head fails."""

    def change(side: str, cell: Cell) -> Measured:
        failing = {2: (BASE,), 4: (BASE, HEAD)}
        if cell.family == LINEAR and side in failing.get(cell.depth, ()):
            return Measured(error="RuntimeError: out of memory")
        return same(side, cell)

    fake(change)
    found = verdicts(answer_of(howdeep_check("--max-minutes", "1e-9")), "peak_bytes")
    assert found[f"{LINEAR}/2/None"] == "equivalent"
    assert found[f"{LINEAR}/4/None"] == "missing"


def test_a_base_that_differs_from_itself_cannot_tell(fake: Callable[[Change], list[int]]) -> None:
    """The canary: a fifth between two processes of the same code."""

    def change(side: str, cell: Cell) -> Measured:
        return measured(1e-3 * cell.depth * {"again": 1.2, BASE: 1.0, HEAD: 1.1}[side])

    fake(change)
    result = howdeep_check()
    assert result.exit_code == 3, result.output
    assert answer_of(result)["cannot_tell"]


def test_no_time_left_cannot_tell(fake: Callable[[Change], list[int]]) -> None:
    """One trio is always measured; that it decides nothing is no pass."""
    trios = fake(slower)
    result = howdeep_check("--max-minutes", "1e-9")
    assert result.exit_code == 3, result.output
    answer = answer_of(result)
    assert set(verdicts(answer).values()) == {"inconclusive"}
    assert "--max-minutes" in answer["cannot_tell"][0]
    assert len(trios) == 1


def test_a_trio_of_fewer_cells_needs_less_time(
    fake: Callable[[Change], list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second a cell: after four trios of 8 cells and one of 4, 7 s are enough for another 4."""
    trios = fake(slower)
    clock = SimpleNamespace(monotonic=lambda: float(sum(trios)))
    monkeypatch.setattr("howdeep.check_paired.time", clock)
    result = howdeep_check("--max-minutes", str(43 / 60))
    assert trios == [8, 8, 8, 8, 4, 4]
    assert result.exit_code == 1, result.output


def test_no_time_left_to_confirm_cannot_tell(
    fake: Callable[[Change], list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was flagged is no pass."""
    trios = fake(slower)
    clock = SimpleNamespace(monotonic=lambda: float(sum(trios)))
    monkeypatch.setattr("howdeep.check_paired.time", clock)
    result = howdeep_check("--max-minutes", str(35 / 60))
    assert trios == [8, 8, 8, 8]
    assert result.exit_code == 3, result.output
    assert LINEAR in answer_of(result)["cannot_tell"][0]


def test_a_process_that_dies_late_loses_only_its_trio(
    fake: Callable[[Change], list[int]],
) -> None:
    """What was found before is told, and so is what died: that is no pass."""
    trios: list[int] = []

    def change(side: str, cell: Cell) -> Measured:
        if len(trios) == 3:
            raise SpecError("the process that measured the head ended with code -11")
        return same(side, cell)

    trios = fake(change)
    result = howdeep_check()
    assert result.exit_code == 3, result.output
    answer = answer_of(result)
    assert answer["details"]["paired"]["trios"] == 2
    assert "code -11" in answer["cannot_tell"][0]


def test_a_process_that_dies_first_is_bad_input(fake: Callable[[Change], list[int]]) -> None:
    """Nothing was found before."""

    def change(*_: object) -> Measured:
        raise SpecError("the process that measured the head ended with code -11")

    fake(change)
    result = howdeep_check()
    assert result.exit_code == 2
    assert "code -11" in result.stderr


def test_a_lane_that_cannot_run_loses_no_other(fake: Callable[[Change], list[int]]) -> None:
    """The exact lane's answer is told, though there is no such revision."""
    fake(same)
    assert howdeep_check("--accept").exit_code == 0
    result = howdeep_check("--exact", "--against", "nowhere")
    assert result.exit_code == 2, result.output
    answer = answer_of(result)
    assert answer["exit_code"] == 2
    assert {f["verdict"] for f in answer["findings"]} == {"equivalent"}
    assert "nowhere" in answer["cannot_tell"][0]
    assert "nowhere" in result.stderr


def test_margins_of_no_family_are_said(fake: Callable[[Change], list[int]]) -> None:
    """A mistyped name is no family's; one that was left out by hand is none."""
    trios = fake(same)
    with Path("pyproject.toml").open("a") as settings:
        settings.write('[tool.howdeep.check.family."nets.py:linaer"]\ntime = "10%"\n')
    assert any("linaer" in note for note in answer_of(howdeep_check())["notes"])
    trios.clear()
    assert not any("linaer" in n for n in answer_of(howdeep_check("--family", LINEAR))["notes"])


def test_a_depth_that_fails_on_one_side(fake: Callable[[Change], list[int]]) -> None:
    """Missing where the head fails, new where the base does, incomparable where both do; why is
    said."""
    failing = {2: (HEAD,), 4: (BASE, "again"), 8: SIDES}

    def change(side: str, cell: Cell) -> Measured:
        if cell.family == LINEAR and side in failing.get(cell.depth, ()):
            return Measured(error=f"RuntimeError: {cell.depth} of {side}")
        return same(side, cell)

    fake(change)
    result = howdeep_check()
    assert result.exit_code == 3
    answer = answer_of(result)
    found = verdicts(answer)
    assert found[f"{LINEAR}/2/None"] == "missing"
    assert found[f"{LINEAR}/4/None"] == "new"
    assert found[f"{LINEAR}/8/None"] == "incomparable"
    assert any("RuntimeError: 2 of head" in note for note in answer["notes"])


@pytest.mark.parametrize(("side", "name"), [(HEAD, "the working tree"), (BASE, "the base")])
def test_a_revision_without_the_families_is_bad_input(
    fake: Callable[[Change], list[int]], side: str, name: str
) -> None:
    """It does not build."""

    def change(where: str, cell: Cell) -> Measured:
        is_there = where != side
        return same(where, cell) if is_there else Measured(error="no module", not_there=True)

    fake(change)
    result = howdeep_check()
    assert result.exit_code == 2
    assert f"{name}: no module" in result.output


def test_a_family_that_the_base_has_not_got_is_new(fake: Callable[[Change], list[int]]) -> None:
    """The others are compared."""

    def change(side: str, cell: Cell) -> Measured:
        if side != HEAD and cell.family == LINEAR:
            return Measured(error="no function", not_there=True)
        return same(side, cell)

    fake(change)
    result = howdeep_check()
    assert result.exit_code == 0, result.output
    found = verdicts(answer_of(result))
    assert found[f"{LINEAR}/2/None"] == "new"
    assert found["nets.py:convolution/2/None"] == "equivalent"


@pytest.mark.parametrize("families", [(LINEAR,), (LINEAR, "nets.py:convolution")])
def test_new_cells_alone_are_no_pass(
    fake: Callable[[Change], list[int]], families: tuple[str, ...]
) -> None:
    """Where the base fails in all of them, or where no other one was decided."""

    def change(side: str, cell: Cell) -> Measured:
        if side != HEAD and cell.family == LINEAR:
            return Measured(error="RuntimeError: no extension")
        return same(side, cell)

    fake(change)
    named = (word for family in families for word in ("--family", family))
    result = howdeep_check(*named, "--max-minutes", "1e-9")
    assert result.exit_code == 3, result.output
    answer = answer_of(result)
    assert verdicts(answer)[f"{LINEAR}/2/None"] == "new"
    assert answer["cannot_tell"]


def test_the_build_command_runs_in_both(fake: Callable[[Change], list[int]]) -> None:
    """In the worktrees, never in the user's folder; where it fails nothing is measured."""
    trios = fake(same)
    settings = Path("pyproject.toml")
    settings.write_text(settings.read_text() + "build = 'touch built && pwd >> /dev/stderr'\n")
    assert howdeep_check().exit_code == 0
    assert not Path("built").exists()
    settings.write_text(settings.read_text().replace("touch built", "false"))
    trios.clear()
    result = howdeep_check()
    assert result.exit_code == 2
    assert "does not build" in result.output
    assert not trios


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--against", "nowhere"), "no revision 'nowhere'"),
        (("--family", "nets.py:nothing"), "no function 'nothing'"),
        (("--passes", "sideways"), "sideways"),
        (("--depths", "0"), "--depths"),
        (("--margin", "time=much"), "time takes 0% to 100%"),
    ],
)
def test_bad_input_is_one_line(
    fake: Callable[[Change], list[int]], arguments: tuple[str, ...], words: str
) -> None:
    """Exit code 2, before anything is measured."""
    trios = fake(same)
    result = howdeep_check(*arguments)
    assert result.exit_code == 2
    assert len(result.stderr.strip().splitlines()) == 1
    assert words in result.stderr
    assert not trios


def test_without_families_it_says_where_to_name_them(
    fake: Callable[[Change], list[int]],
) -> None:
    """In one line."""
    fake(same)
    Path("pyproject.toml").unlink()
    result = howdeep_check()
    assert result.exit_code == 2
    assert "needs families" in result.output


def test_the_working_tree_is_left_as_it_is(fake: Callable[[Change], list[int]]) -> None:
    """Also what is not committed."""
    Path("nets.py").write_text(Path("nets.py").read_text() + "\n# changed\n")
    fake(same)
    before = subprocess.check_output(["git", "status", "--porcelain"])
    answer = answer_of(howdeep_check())
    assert "not committed" in answer["new"]
    assert subprocess.check_output(["git", "status", "--porcelain"]) == before
    assert len(subprocess.check_output(["git", "worktree", "list"]).splitlines()) == 1
