"""What trios of processes come to, on times that are known exactly or drawn from one seed."""

import numpy as np
import pytest

from reports.regression.finding import Finding
from reports.regression.margins import Margins
from reports.regression.paired import Decision, decide
from reports.regression.trio import Cell, Trio

DEPTHS = (2, 4, 8, 16)
CELLS = tuple(Cell(family, depth, "step") for family in ("mlp", "resnet") for depth in DEPTHS)
MARGINS = Margins()

Seconds = dict[Cell, float]


def seconds(layer: float = 1.0, overhead: float = 1.0, family: str = "mlp") -> Seconds:
    """3 ms and 1 ms a layer, with this family's overhead and time a layer so many times as long."""
    return {
        cell: 0.003 * (overhead if cell.family == family else 1.0)
        + 0.001 * (layer if cell.family == family else 1.0) * cell.depth
        for cell in CELLS
    }


def still(head: Seconds, base: Seconds | None = None) -> Trio:
    """On a machine without noise."""
    base = seconds() if base is None else base
    return Trio(base, base, head)


def ended(*trios: Trio, fresh: int = 0, margins: Margins = MARGINS) -> Decision:
    """When time is over; fresh: so many like the last one confirm."""
    return decide(trios, trios[-1:] * fresh, margins=margins, most=12, ended=True)


def by_place(decision: Decision) -> dict[str, Finding]:
    return {finding.place: finding for finding in decision.findings}


def noisy(seed: int, n: int, head: Seconds, again: float = 1.0) -> list[Trio]:
    """1% from process to process; again: how many times as long the base takes again."""
    draw = np.random.default_rng(seed)

    def process(truth: Seconds, times: float = 1.0) -> Seconds:
        return {cell: times * each * draw.lognormal(0, 0.01) for cell, each in truth.items()}

    return [Trio(process(seconds()), process(seconds(), again), process(head)) for _ in range(n)]


def test_the_first_step_is_to_measure_all() -> None:
    """No cell is named where none was measured; then all, until the first look at four trios."""
    assert decide([], [], margins=MARGINS, most=12) == Decision("measure")
    after_one = decide([still(seconds())], [], margins=MARGINS, most=12)
    assert (after_one.step, after_one.cells) == ("measure", CELLS)


def test_a_clock_without_noise_answers_at_the_first_look() -> None:
    """The same code is equivalent in all questions after four trios, without any variance."""
    decision = decide([still(seconds())] * 4, [], margins=MARGINS, most=12)
    assert decision.step == "done"
    assert {finding.verdict for finding in decision.findings} == {"equivalent"}
    assert {finding.change for finding in decision.findings} == {0.0}
    assert len(decision.findings) == 2 * 3 + len(CELLS)


def test_a_slower_family_is_confirmed_on_fresh_trios_of_its_cells_alone() -> None:
    """Flagged, then measured again, and only then regressed; the other family is not measured."""
    slow = [still(seconds(layer=1.1, overhead=1.1))] * 4
    flagged = decide(slow, [], margins=MARGINS, most=12)
    assert flagged.step == "confirm"
    assert {cell.family for cell in flagged.cells} == {"mlp"}
    done = decide(slow, slow[:2], margins=MARGINS, most=12)
    assert done.step == "done"
    regressed = [each for each in done.findings if each.verdict == "regressed"]
    assert {each.family for each in regressed} == {"mlp"}
    assert [each.change for each in regressed] == pytest.approx([0.1] * 7)


@pytest.mark.parametrize(
    ("layer", "overhead", "part"), [(1.2, 1.0, "per layer"), (1.0, 1.3, "overhead")]
)
def test_what_grew_is_told_apart(layer: float, overhead: float, part: str) -> None:
    """A slower layer changes the slope and not the intercept, by what it is slower; and so the
    other way around."""
    found = by_place(ended(*[still(seconds(layer, overhead))] * 4, fresh=2))
    other = {"per layer": "overhead", "overhead": "per layer"}[part]
    assert found[f"mlp/step/{part}"].change == pytest.approx(layer * overhead - 1)
    assert found[f"mlp/step/{part}"].verdict == "regressed"
    assert found[f"mlp/step/{part}"].base == pytest.approx(
        {"per layer": 0.001, "overhead": 0.003}[part]
    )
    assert found[f"mlp/step/{other}"].change == pytest.approx(0, abs=1e-9)
    assert found[f"mlp/step/{other}"].verdict == "equivalent"


def test_a_faster_family_is_improved() -> None:
    """As a slower one is regressed, on fresh trios, too."""
    found = by_place(ended(*[still(seconds(layer=0.8, overhead=0.8))] * 4, fresh=2))
    assert found["mlp/step"].verdict == "improved"
    assert found["mlp/step"].change == pytest.approx(-0.2)


def test_a_change_within_the_margin_is_let_pass() -> None:
    """A family's own margin holds for all its questions."""
    slow = [still(seconds(layer=1.1, overhead=1.1))] * 4
    wide = Margins(families={"mlp": {"time": 0.15}})
    assert {each.verdict for each in ended(*slow, margins=wide).findings} == {"equivalent"}


def test_what_is_not_confirmed_is_inconclusive() -> None:
    """A flag without fresh trios, or with fresh ones that show no change, is told with both."""
    slow = [still(seconds(layer=1.1, overhead=1.1))] * 4
    unseen = by_place(ended(*slow))["mlp/step"]
    assert unseen.verdict == "inconclusive"
    assert "no fresh trios" in unseen.reason
    assert "not confirmed in the end: mlp/step by +10.0%" in ended(*slow).cannot_tell[0]
    calm = decide(slow, [still(seconds())] * 2, margins=MARGINS, most=12)
    assert calm.step == "done"
    assert not calm.cannot_tell
    assert by_place(calm)["mlp/step"].verdict == "inconclusive"
    assert "+10.0% on 4 trios, not confirmed: +0.0% on 2 fresh" in by_place(calm)["mlp/step"].reason


def test_a_base_that_differs_from_itself_ends_the_check() -> None:
    """With the reason, and nothing is called regressed, however slow the head."""
    trios = noisy(0, 4, seconds(layer=1.5, overhead=1.5), again=1.1)
    decision = decide(trios, [], margins=MARGINS, most=12)
    assert decision.step == "done"
    assert "the base differs from itself: mlp/step by +" in decision.cannot_tell[0]
    assert not {"regressed", "improved"} & {each.verdict for each in decision.findings}


def test_a_cell_of_one_side_is_missing_or_new() -> None:
    """It failed in all processes of the head, or of the base; the others are compared."""
    cell = CELLS[0]
    without = {each: value for each, value in seconds().items() if each != cell}
    gone = by_place(ended(*[still(without)] * 4))
    assert gone["mlp/depth 2/step"].verdict == "missing"
    assert gone["mlp/depth 2/step"].reason == "failed in 4 of 4 processes of the head"
    assert gone["mlp/depth 4/step"].verdict == "equivalent"
    come = by_place(ended(*[still(seconds(), without)] * 4))
    assert come["mlp/depth 2/step"].verdict == "new"


def test_a_cell_that_fails_at_times_is_judged_by_the_rest() -> None:
    """And how often it failed is told."""
    without = {each: value for each, value in seconds().items() if each != CELLS[0]}
    found = by_place(ended(*[still(seconds())] * 4, still(without)))
    assert found["mlp/depth 2/step"].verdict == "equivalent"
    assert found["mlp/depth 2/step"].reason == "failed in 1 of 5 processes of the head"
    assert found["mlp/step"].verdict == "equivalent"


def test_no_more_trios_than_asked_for_are_measured() -> None:
    """Wherever the truth lies, at the margin too, where nothing decides."""
    for seed in range(5):
        first: list[Trio] = []
        fresh: list[Trio] = []
        drawn = iter(noisy(seed, 100, seconds(layer=1.04, overhead=1.04)))
        while (now := decide(first, fresh, margins=MARGINS, most=10)).step != "done":
            (first if now.step == "measure" else fresh).append(next(drawn))
        assert len(first) + len(fresh) <= 10


@pytest.mark.parametrize("n", [0, 1])
def test_time_that_is_over_at_once_leaves_nothing_told(n: int) -> None:
    """One trio has no spread: each of its cells is inconclusive."""
    decision = decide([still(seconds())] * n, [], margins=MARGINS, most=12, ended=True)
    assert decision.step == "done"
    assert [each.verdict for each in decision.findings] == ["inconclusive"] * n * len(CELLS)


def test_one_depth_of_one_family_is_a_check() -> None:
    """It has no slope, and its cell alone is asked for."""
    cell = CELLS[0]
    found = ended(*[still({cell: 0.011}, {cell: 0.010})] * 4, fresh=2).findings
    assert [each.place for each in found] == ["mlp/depth 2/step"]
    assert found[0].verdict == "regressed"
    assert (found[0].base, found[0].new) == pytest.approx((0.010, 0.011))


def test_finding_bounds_hold_the_change() -> None:
    """The interval of every finding holds its estimate, and is wider the noisier."""
    for finding in ended(*noisy(3, 6, seconds())).findings:
        assert finding.low is not None
        assert finding.high is not None
        assert finding.change is not None
        assert finding.low < finding.change < finding.high
