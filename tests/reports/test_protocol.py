"""Runs of two studies are seeds of one depth only where they were asked for alike."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from reports.block import setting_words
from reports.findings import Findings, find
from reports.study import read
from reports.verdict import Verdict
from tests.reports import studies

STEP_FLOPS = 1_000_003
"""Of one layer; a prime, so that no number of FLOPs is met exactly."""

ONE, OTHER = {2: 0.80, 4: 0.85, 8: 0.90}, {2: 0.70, 4: 0.75}


def runs(means: Mapping[int, float], seed: int = 0, **changes: Any) -> list[dict[str, Any]]:
    """Three seeds a depth, from `seed` on; a change may be a function of the depth."""
    rows = studies.runs("mlp", means)
    for row in rows:
        given = {k: of(row["depth"]) if callable(of) else of for k, of in changes.items()}
        row |= {"seed": row["seed"] + seed, **given}
    return rows


def in_steps(steps: int, **changes: Any) -> dict[str, Any]:
    """As `--train-for 300steps` writes it."""
    flops = {"train_flops": lambda depth: steps * depth * STEP_FLOPS}
    return {"epochs": None, "train_for": f"{steps}steps", "steps": steps, **flops, **changes}


def in_flops(flops: float) -> dict[str, Any]:
    """As `--train-for 1e9flops` does: each depth has the steps that come nearest."""

    def steps(depth: int) -> int:
        return round(flops / (depth * STEP_FLOPS))

    taken = {"train_flops": lambda depth: steps(depth) * depth * STEP_FLOPS}
    return {"epochs": None, "train_for": f"{flops:g}flops", "steps": steps, **taken}


def matched(reference: int, cost: str = "parameters") -> dict[str, Any]:
    """As `--match` writes it: the width of another depth is another."""
    return {
        "match": cost, "match_reference_depth": reference, "match_ratio": 1.0,
        "width": lambda depth: 24 * reference // depth,
        "parameters": lambda depth: 1000 * reference + depth,
    }  # fmt: skip


def tuned(grid: tuple[float, ...]) -> dict[str, Any]:
    """As `--lr tune` writes it; the middle of the grid was the best."""
    return {"tuned_from": list(grid), "learning_rate": grid[len(grid) // 2]}


def found(tmp_path: Path, *parts: Any, costs: Any = None) -> Findings:
    """Of one study for each list of runs."""
    paths = [
        studies.write(
            tmp_path / f"{place}.json", studies.document((costs or {}).get(place, ()), rows)
        )
        for place, rows in enumerate(parts)
    ]
    return find(read(paths))


def judged(tmp_path: Path, *parts: Any) -> Verdict:
    """The one verdict on these studies."""
    (only,) = found(tmp_path, *parts).verdicts
    return only


def seeds(verdict: Verdict) -> dict[int, int]:
    """How many count at each depth."""
    return {row.depth: row.accuracy.n_seeds for row in verdict.rows if row.accuracy}


def means(verdict: Verdict) -> dict[int, float]:
    """The accuracy of each depth."""
    return {row.depth: row.accuracy.mean for row in verdict.rows if row.accuracy}


GRID, NARROW = (0.001, 0.003, 0.01), (0.0003, 0.003, 0.03)

APART = {
    "epochs": ({}, {"epochs": 50}, "epochs=50", "epochs=10"),
    "steps": (in_steps(300), in_steps(301), "train_for=301steps", "train_for=300steps"),
    "epochs and steps": ({}, in_steps(300), "train_for=300steps", "epochs=10"),
    "FLOPs": (in_flops(2e9), in_flops(2.1e9), "train_for=2.1e+09flops", "train_for=2e+09flops"),
    "steps and FLOPs": (in_steps(300), in_flops(9e9), "train_for=9e+09flops", "train_for=300steps"),
    "match": (
        matched(4), {}, "the family's own width", "match=parameters, match_reference_depth=4",
    ),
    "cost matched": (matched(4), matched(4, "flops"), "match=flops", "match=parameters"),
    "reference": (matched(4), matched(8), "match_reference_depth=8", "match_reference_depth=4"),
    "rule for rates": (
        tuned(GRID), {"learning_rate": 0.003},
        "one learning rate", "a learning rate chosen from 0.001 to 0.01",
    ),
    "grids": (
        tuned(GRID), tuned(NARROW),
        "a learning rate chosen from 0.0003 to 0.03", "a learning rate chosen from 0.001 to 0.01",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", APART)
@pytest.mark.parametrize("seed", [0, 3])
def test_runs_that_were_asked_for_otherwise_are_no_seeds(
    tmp_path: Path, name: str, seed: int
) -> None:
    """Whether their seeds are the same or others: the study of more depths is judged, as if it were
    alone, and a note says what was left out."""
    one, other, left_out, judged_by = APART[name]
    both = judged(tmp_path, runs(OTHER, seed, **other), runs(ONE, **one))
    assert means(both) == pytest.approx(ONE)
    assert seeds(both) == {2: 3, 4: 3, 8: 3}
    assert (
        f"6 runs with {left_out} left out: the verdict is for {judged_by}, which covers more."
        in both.notes
    )
    alone = judged(tmp_path, runs(ONE, **one))
    assert both.as_dict() | {"notes": []} == alone.as_dict() | {"notes": []}


ALIKE = [{}, in_steps(300), in_flops(2e9), matched(4), tuned(GRID), matched(4) | in_flops(3e8)]


@pytest.mark.parametrize("asked", ALIKE)
def test_runs_that_were_asked_for_alike_are(tmp_path: Path, asked: dict[str, Any]) -> None:
    """Other seeds of a second study, which has fewer depths, count with those of the first."""
    both = judged(tmp_path, runs(ONE, **asked), runs(OTHER, 3, **asked))
    assert seeds(both) == {2: 6, 4: 6, 8: 3}
    assert means(both) == pytest.approx({2: 0.75, 4: 0.8, 8: 0.9})
    assert not any("left out" in note for note in both.notes)


def test_of_two_that_cover_as_much_this_is_said(tmp_path: Path) -> None:
    """No reason is given that is none: the verdict is for one of them, and the note says so."""
    verdict = judged(tmp_path, runs(ONE, epochs=5), runs(ONE, epochs=50))
    assert any("left out" in note and "which covers as much." in note for note in verdict.notes)


def in_every_order(parts: list[Any]) -> Iterator[list[Any]]:
    """Forwards and backwards."""
    yield parts
    yield parts[::-1]


def test_one_file_may_hold_several(tmp_path: Path) -> None:
    """The store of searches is one study, whatever was asked of each search; the order of the rows
    does not matter."""
    parts = [
        *runs(ONE, **in_flops(2e9)), *runs(OTHER, **in_flops(3e9)), *runs(OTHER, **in_steps(50)),
    ]  # fmt: skip
    for rows in in_every_order(parts):
        verdict = judged(tmp_path, rows)
        assert means(verdict) == pytest.approx(ONE)
        assert (
            sum("left out: the verdict is for train_for=2e+09flops" in n for n in verdict.notes)
            == 2
        )


@pytest.mark.parametrize("asked", [in_steps(300), tuned(GRID), in_steps(300) | tuned(GRID)])
def test_a_run_that_did_not_finish_counts_with_those_that_did(
    tmp_path: Path, asked: dict[str, Any]
) -> None:
    """One that diverged took fewer steps, one that failed says none. The other study's depth 8 is
    none of this one's failures."""
    one, other = runs(ONE, **asked), runs(OTHER | {8: 0.8, 16: 0.8}, epochs=50)
    lost = {"train_flops": None, "validation_accuracy": None}
    one[-1] |= lost | {"status": "diverged", "steps": asked.get("steps") and 10}
    one[-2] |= lost | {"status": "timeout", "steps": None}
    verdict = judged(tmp_path, one + runs({16: 0.95}, **asked), other[:-3])
    assert seeds(verdict) == {2: 3, 4: 3, 8: 1, 16: 3}
    assert any(note.startswith("2 of 3 runs at depth 8 did not finish") for note in verdict.notes)
    (note,) = (note for note in verdict.notes if "left out" in note)
    assert note.startswith("9 runs with epochs=50")


# --- costs -------------------------------------------------------------------------------------


def cells(reference: int | None, flops: int) -> list[dict[str, Any]]:
    """Cells of widths that were solved for, or of the family's own."""
    rows = studies.costs("mlp", ONE, flops=flops)
    for row in rows if reference else ():
        row["params"]["match"] = "parameters"
        row["extra_info"] |= {"match": "parameters", "match_reference_depth": reference}
        row["extra_info"]["parameters"] = 1000 * (reference or 0) + row["params"]["depth"]
    return rows


SETTINGS = {"own": None, "to depth 4": 4, "to depth 8": 8}


@pytest.mark.parametrize("trained", SETTINGS)
def test_costs_of_other_widths_are_those_of_other_networks(tmp_path: Path, trained: str) -> None:
    """Each has a table of its own; with the accuracies stand those of the widths that were
    trained."""
    of = {"own": 128_000, "to depth 4": 256_000, "to depth 8": 512_000}
    costs = {n: cells(SETTINGS[name], of[name]) for n, name in enumerate(SETTINGS)}
    reference = SETTINGS[trained]
    rows = runs(ONE, **(matched(reference) if reference else {}))
    findings = found(tmp_path, rows, [], [], costs=costs)
    (verdict,) = findings.verdicts
    assert verdict.setting is not None
    assert {row.cost.flops for row in verdict.rows} == {of[trained] / 128}
    assert ("parameters matched to those of depth 8" in setting_words(verdict.setting)) == (
        trained == "to depth 8"
    )
    others = {table.depths[0].flops for table in findings.costs}
    assert others == {flops / 128 for name, flops in of.items() if name != trained}


def test_costs_of_other_widths_alone_are_not_shown_with_the_accuracies(tmp_path: Path) -> None:
    """Where only these were measured, what the trained networks cost is unknown."""
    findings = found(tmp_path, runs(ONE, **matched(4)), costs={0: cells(None, 128_000)})
    assert {row.cost.flops for row in findings.verdicts[0].rows} == {None}
    assert len(findings.costs) == 1


def test_costs_that_do_not_say_their_width_are_told_by_their_size(tmp_path: Path) -> None:
    """As many parameters at every depth: the same networks."""
    unsaid = cells(4, 256_000)
    for row in unsaid:
        del row["params"]["match"], row["extra_info"]["match"]
        del row["extra_info"]["match_reference_depth"]
    findings = found(tmp_path, runs(ONE, **matched(4)), costs={0: unsaid})
    assert {row.cost.flops for row in findings.verdicts[0].rows} == {2000.0}
