"""The answer of a check in the terminal and as Markdown."""

import io
import os
from dataclasses import replace
from pathlib import Path

import pytest

from reports.regression.blocks import MARKER, MOST_ROWS, check_blocks, check_markdown
from reports.regression.finding import (
    EQUIVALENT,
    IMPROVED,
    INCONCLUSIVE,
    MISSING,
    NEW,
    REGRESSED,
    Answer,
    Finding,
)
from reports.regression.sentence import sentence
from reports.regression.tally import smallest_found
from reports.text import print_blocks
from reports.trim import MOST_CHARACTERS

from .answers import accuracy, answer, exact, mixed, slower, time

GOLDEN = Path(__file__).parent / "golden"
WIDTH = 100


def printed(given: Answer) -> str:
    """In a pipe."""
    file = io.StringIO()
    print_blocks(check_blocks(given), file)
    return file.getvalue()


def check_golden(name: str, text: str) -> None:
    """The text is that of the golden file; HOWDEEP_UPDATE_GOLDEN=1 writes it anew."""
    path = GOLDEN / name
    if os.environ.get("HOWDEEP_UPDATE_GOLDEN"):
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


@pytest.mark.parametrize(("name", "given"), [("slower", slower()), ("mixed", mixed())])
def test_the_answer_in_a_pipe_and_as_markdown(name: str, given: Answer) -> None:
    """Plain lines of at most 100 columns, and the same blocks under the marker."""
    text = printed(given)
    assert max(map(len, text.splitlines())) <= WIDTH
    check_golden(f"{name}.txt", text)
    check_golden(f"{name}.md", check_markdown(given))


def test_a_regression_comes_first_and_in_words() -> None:
    """What regressed by how much, then how much of the rest is known to be as it was."""
    assert sentence(slower()) == (
        "1 regression: mlp step is 10.2% slower at every depth (9.1 to 11.4%); "
        "7 of 8 cells are equivalent within 3%, 1 is inconclusive"
    )


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (answer(), "Cannot tell: nothing was compared"),
        (
            answer(time(EQUIVALENT, 0.0, depth=8), cannot_tell=("The canary flagged mlp.",)),
            "Cannot tell: The canary flagged mlp.; 1 of 1 cell is equivalent within 3%",
        ),
        (
            answer(Finding(lane="stored", verdict=MISSING, metric="time", family="test_a[2]")),
            "Cannot tell: 1 comparison is missing (test_a[2] time); none of 1 cell is equivalent",
        ),
        (
            answer(*(time(EQUIVALENT, 0.0, depth=depth) for depth in (2, 4))),
            "No regression: all 2 cells are equivalent within 3%",
        ),
        (
            answer(time(EQUIVALENT, 0.0, depth=8, margin=None)),  # one measurement twice
            "No regression: 1 of 1 cell is equivalent",
        ),
        (
            answer(time(IMPROVED, -0.2, depth=8), time(NEW, 0.0, depth=9)),
            "No regression, 1 improvement: mlp step is 20.0% faster at depth 8 (19.0 to 21.0%); "
            "none of 1 cell is equivalent",
        ),
        (
            answer(exact(IMPROVED, 4_096, 4_032), exact(EQUIVALENT, 1, 1, depth=9)),
            "1 exact count fell: mlp at depth 8: parameters 4,096 -> 4,032 (-1.6%); "
            "1 of 2 exact counts is unchanged",
        ),
        (
            answer(exact(REGRESSED, 4_032, 4_096), exact(REGRESSED, 5_000, 5_040, depth=9)),
            "1 regression: mlp at depth 8: parameters 4,032 -> 4,096 (+1.6%), and at 1 more depth; "
            "none of 2 exact counts is unchanged",
        ),
        (
            answer(exact(REGRESSED, "8x10", "8x12"), exact(IMPROVED, 8, 4, metric="saved_bytes")),
            "1 regression: mlp at depth 8: parameters 8x10 -> 8x12; 1 exact count fell; "
            "none of 2 exact counts is unchanged",
        ),
        (
            answer(accuracy(REGRESSED, -0.02), time(INCONCLUSIVE, 0.03, depth=8)),
            "1 regression: mlp on mnist1d is 2.0 pp less accurate at depth 8 (1.5 to 2.5 pp); "
            "none of 2 cells is equivalent, 1 is inconclusive",
        ),
    ],
)  # fmt: skip
def test_every_kind_of_answer_has_its_sentence(given: Answer, said: str) -> None:
    """Of each exit code, lane and number of findings."""
    assert sentence(given) == said


def test_a_part_of_a_familys_time_is_no_regression_of_its_own() -> None:
    """It has a row under its family's; alone it stands for the family."""
    parts = [time(REGRESSED, 0.2, part="per layer"), time(REGRESSED, 0.3, part="overhead")]
    assert sentence(answer(*parts, time(REGRESSED, 0.1))).startswith("1 regression: mlp step is 10")
    assert sentence(answer(*parts)).startswith("1 regression: mlp step is 30.0% slower in its over")
    rows = check_blocks(answer(*parts, time(REGRESSED, 0.1)))[1].rows
    assert [row[0] for row in rows] == ["mlp/step", "mlp/step/overhead", "mlp/step/per layer"]


def test_the_best_of_a_family_is_of_no_single_depth() -> None:
    """Nor of every depth; what has no numbers is told by its verdict."""
    best = Finding(
        lane="accuracy", verdict=REGRESSED, metric="best_accuracy", family="mlp", task="mnist1d",
        base=0.97, new=0.95, change=-0.02,
    )  # fmt: skip
    assert "mlp on mnist1d is 2.0 pp less accurate at its best depth;" in sentence(answer(best))
    moved = replace(best, metric="best_depth", base=8, new=16, change=1.0)
    assert "mlp on mnist1d: best depth 8 -> 16 (+100.0%);" in sentence(answer(moved))
    diverged = replace(
        best, metric="validation_accuracy", depth=4, base=None, new=None, change=None
    )
    assert "mlp on mnist1d at depth 4: validation accuracy regressed;" in sentence(answer(diverged))


def test_an_interval_that_holds_zero_keeps_its_signs() -> None:
    """`-1.0 to +6.0%`, never `1.0 to 6.0%`."""
    assert "(-1.0 to +6.0%)" in sentence(answer(time(REGRESSED, 0.025, low=-0.01, high=0.06)))


def test_cells_that_repeat_their_family_are_folded() -> None:
    """Those with its verdict, metric and pass alone: their depths stand in its row."""
    text = printed(mixed())
    assert "8, 16, 32" in text
    assert "mlp/depth 16/step" not in text
    assert [row[0] for row in check_blocks(mixed())[1].rows] == [
        "mlp/step",
        "mlp/step/per layer",
        "mlp/depth 8",
        "resnet/depth 14/forward",
        "mlp/mnist1d/depth 8",
        "mlp/depth 8",
    ]


def test_the_worst_comes_first() -> None:
    """Families before cells, and of each the largest change first, whatever the order given."""
    cells = [time(REGRESSED, change, depth=8, family=f"f{change}") for change in (0.1, 0.3, 0.2)]
    (_, block, *_) = check_blocks(answer(*cells, time(REGRESSED, 0.05, family="whole")))
    assert [row[0].split("/")[0] for row in block.rows] == ["whole", "f0.3", "f0.2", "f0.1"]


def test_the_order_of_findings_does_not_matter_to_what_regressed() -> None:
    """The same table from the findings backwards."""
    given = mixed()
    backwards = answer(*reversed(given.findings), notes=given.notes)
    first, second = (check_blocks(each)[1] for each in (given, backwards))
    assert first.rows == second.rows


def test_units_follow_the_size_of_the_values() -> None:
    """One unit for both sides of a change, and none in exact counts."""
    seconds = (2e-6, 3e-3, 4.0)
    changes = [time(REGRESSED, 0.5, depth=8, base=each, new=1.5 * each) for each in seconds]
    text = " ".join(printed(answer(each)) for each in changes)
    for words in ("2 -> 3 µs (+50.0%)", "3 -> 4.5 ms (+50.0%)", "4 -> 6 s (+50.0%)"):
        assert words in text


def test_one_byte_of_many_is_still_shown() -> None:
    """Exact counts are never rounded, and a change is no zero."""
    assert "1,000,000,000 -> 1,000,000,001 (+1e-07%)" in printed(
        answer(exact(REGRESSED, 10**9, 10**9 + 1, metric="saved_bytes"))
    )


def test_the_smallest_change_that_could_be_found_is_the_margin_and_half_the_interval() -> None:
    """3% let pass and one percent each way: 4%; of an accuracy, towards the worse side."""
    assert smallest_found(time(EQUIVALENT, 0.002)) == pytest.approx(0.04)
    assert smallest_found(accuracy(EQUIVALENT, 0.0, high=0.02)) == pytest.approx(0.03)
    assert smallest_found(exact(EQUIVALENT, 1, 1)) is None


def test_markdown_fits_a_comment_and_says_what_was_left_out() -> None:
    """Thousands of findings: the worst rows are there, the others are counted."""
    many = [
        time(REGRESSED, 0.1 + each / 1e4, depth=each, family=f"{each}" + "*" * 99)
        for each in range(1, 3_000)
    ]
    text = check_markdown(answer(*many, notes=("n" * 900,) * 99))
    assert len(text) <= MOST_CHARACTERS
    assert text.startswith(f"{MARKER}\n# howdeep check\n\n## 2,999 regressions\n")
    assert f"and {2_999 - MOST_ROWS:,} more" in text
    assert "`howdeep check --json` shows everything." in text


def test_hostile_names_are_text() -> None:
    """No line break, cell border, tag or direction mark of a name has any effect."""
    text = check_markdown(mixed())
    assert "<b>" not in text.replace("\\<b", "")
    assert "\u202e" not in text
    assert not any(line.startswith("::") for line in (text + printed(mixed())).splitlines())
    tables = [line for line in text.splitlines() if line.startswith("|")]
    assert all(line.endswith("|") for line in tables)


def test_long_names_that_are_shortened_alike_are_told_apart() -> None:
    """By a number."""
    long = [time(REGRESSED, 0.1, depth=8, family="m" * 80 + middle + "n" * 80) for middle in "ab"]
    (_, block, *_) = check_blocks(answer(*long))
    assert len({row[0] for row in block.rows}) == 2


def test_what_is_no_number_is_not_drawn() -> None:
    """Infinite and undefined ends of an interval leave it out, or open."""
    inf, nan = float("inf"), float("nan")
    text = printed(answer(time(REGRESSED, 0.1, depth=8, low=0.05, high=inf, base=nan)))
    assert "over +5.0%" in text
    assert "unknown -> " in text
    assert not {"inf", "nan"} & set(text.split())
