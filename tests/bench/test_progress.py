"""What is left, on a fake clock, and how it is shown."""

import io
import re

import pytest

from bench.progress import Bar, Estimate, Lines, Report
from tests.bench.fakes import FakeTime


@pytest.fixture
def time() -> FakeTime:
    return FakeTime()


def test_nothing_done_is_named_and_not_guessed(time: FakeTime) -> None:
    """A kind without a finished item has no pace."""
    estimate = Estimate({"cost": 3, "accuracy": 5}, time)
    assert estimate.seconds_left() == (0.0, ("cost", "accuracy"))
    assert estimate.text() == "then cost and accuracy"


def test_a_kind_goes_on_at_its_own_pace(time: FakeTime) -> None:
    """Seconds left are the weight left times the seconds a weight took, kind by kind."""
    estimate = Estimate({"cost": 4, "accuracy": 10}, time)
    time.pass_by(20)
    estimate.done("cost", 1)
    assert estimate.seconds_left() == (3 * 20, ("accuracy",))
    time.pass_by(10)
    estimate.done("cost", 1)
    assert estimate.seconds_left() == (2 * 15, ("accuracy",))
    for _ in range(2):
        time.pass_by(15)
        estimate.done("cost", 1)
    time.pass_by(8)
    estimate.done("accuracy", 2)
    assert estimate.seconds_left() == (8 * 4, ())


def test_larger_items_count_for_more(time: FakeTime) -> None:
    """A weight of 30 after one of 2 takes fifteen times as long."""
    estimate = Estimate({"accuracy": 32}, time)
    time.pass_by(4)
    estimate.done("accuracy", 2)
    assert estimate.seconds_left() == (60, ())


def test_what_took_longer_than_expected_is_never_negative(time: FakeTime) -> None:
    """More weight done than was announced leaves nothing."""
    estimate = Estimate({"cost": 1}, time)
    time.pass_by(1)
    estimate.done("cost", 3)
    assert estimate.seconds_left() == (0.0, ())
    assert estimate.text() == ""


def test_a_kind_without_work_is_not_announced(time: FakeTime) -> None:
    """Weight 0 is not waited for."""
    assert Estimate({"harness": 0.0, "cost": 1}, time).seconds_left() == (0.0, ("cost",))


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(1, "about 1 s left"), (99, "about 99 s left"), (120, "about 2 min left"), (0.4, "")],
)
def test_time_left_in_words(time: FakeTime, seconds: float, words: str) -> None:
    """Seconds, then minutes; the last moment is not worth a word."""
    estimate = Estimate({"cost": 2}, time)
    time.pass_by(seconds)
    estimate.done("cost", 1)
    assert estimate.text() == words


def finish(report: Report, time: FakeTime, lines: list[str]) -> None:
    for line in lines:
        time.pass_by(30)
        report.done("cost", 1, line)
    report.close()


def test_a_pipe_gets_one_plain_line_an_item(time: FakeTime) -> None:
    """Numbered to one width, with what is left until nothing is."""
    written: list[str] = []
    report = Report(Lines(written.append), 10, Estimate({"cost": 10}, time))
    finish(report, time, [f"item {i}" for i in range(1, 11)])
    assert written[0] == "[ 1/10] item 1 (about 4 min left)"
    assert written[8] == "[ 9/10] item 9 (about 30 s left)"
    assert written[9] == "[10/10] item 10"


def shown(text: str) -> str:
    """Without the terminal's control sequences."""
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)


def test_a_terminal_gets_the_lines_and_a_bar(time: FakeTime) -> None:
    """Each line stands once; the bar has the count and what is left, and is gone at the end."""
    file = io.StringIO()
    report = Report(Bar(file), 3, Estimate({"cost": 3}, time))
    finish(report, time, ["one", "two", "three"])
    text = shown(file.getvalue())
    for line in ("one", "two", "three"):
        assert text.count(line) == 1
    assert "1/3" in text
    assert "about 60 s left" in text
    assert "3/3" in text
    assert "\x1b[?25h" in file.getvalue()  # the cursor is back


@pytest.mark.parametrize("line", ["[bold]spec[/]", "net.py:fire:width=3", "x" * 300])
def test_a_terminal_shows_a_line_as_it_is(time: FakeTime, line: str) -> None:
    """A spec is no markup and no emoji code, however it looks."""
    file = io.StringIO()
    report = Report(Bar(file), 1, Estimate({"cost": 1}, time))
    finish(report, time, [line])
    assert line in shown(file.getvalue()).replace("\n", "").replace("\r", "")


def test_a_bar_that_was_never_shown_can_be_closed() -> None:
    """A session may end before its first item."""
    file = io.StringIO()
    Bar(file).close()
    assert shown(file.getvalue()).strip() == ""
