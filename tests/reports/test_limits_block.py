"""The verdict on limits as it is printed and written."""

import io
import os
from pathlib import Path

import pytest

from reports.limits import judge
from reports.limits_block import limits_blocks, sentence
from reports.limits_verdict import LimitsVerdict
from reports.text import markdown_of, print_blocks
from tests.reports import experiments as planted
from tests.reports.experiments import Row, evidence, probe

GOLDEN = Path(__file__).parent / "golden"
WIDTH = 100


def degraded() -> list[Row]:
    """A plain network that only shortcuts help, with remedies for every limit and with hints."""
    remedies = [
        planted.normalized(
            0.80, change="norm=batch, learning_rate=0.001, init_scale as by default"
        ),
        planted.residual(0.99, change="residual=true"),
        planted.tuned(0.82, change="learning_rate=0.032"),
        planted.momentum(0.78, change="optimizer=momentum, learning_rate=0.1, weight_decay=0.0"),
        planted.dropout(0.70, change="dropout=0.1", confirmed=False),
    ]
    rows = evidence(
        fit=planted.UNFIT, held=planted.UNFIT_HELD, remedies=remedies,
        sizes={32: {2500: 0.50, 5000: 0.65, 20_000: 0.76}, 4: {5000: 0.85, 20_000: 0.91}},
    )  # fmt: skip
    drops = [probe("bypass_drop", 0.1, limit="degradation", at=f"blocks.{i}") for i in range(15)]
    hints = [
        probe("needed_blocks", 6.0, limit="degradation", at="of 15 blocks"),
        probe("constructed_train_accuracy", 0.998, limit="degradation"),
        probe("share_beyond_border", 0.68, limit="structure", at="blocks.4.body.conv2"),
    ]
    return [*rows, *drops, *hints]


def printed(verdict: LimitsVerdict) -> str:
    """In a pipe."""
    file = io.StringIO()
    print_blocks(limits_blocks(verdict), file)
    return file.getvalue()


def check_golden(name: str, text: str) -> None:
    """The text is that of the golden file; HOWDEEP_UPDATE_GOLDEN=1 writes it anew."""
    path = GOLDEN / name
    if os.environ.get("HOWDEEP_UPDATE_GOLDEN"):
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


def test_the_answer_in_a_pipe() -> None:
    """Lines of at most 100 columns, nothing in a table cut off or broken."""
    text = printed(judge(degraded()))
    assert max(map(len, text.splitlines())) <= WIDTH
    assert "init_scale as by default" in text
    check_golden("limits.txt", text)


def test_the_answer_as_markdown() -> None:
    """The same blocks under a title."""
    text = markdown_of("What stops it going deeper?", limits_blocks(judge(degraded())))
    check_golden("limits.md", text)


def test_an_undetermined_answer_says_what_would_settle_it() -> None:
    """In the list below the sentence."""
    verdict = judge(evidence(fit=planted.UNFIT, held=planted.UNFIT_HELD, screen=planted.VANISHING))
    text = " ".join(printed(verdict).split())
    assert "is undetermined." in text
    assert "To settle it: a remedy for gradients, which fires: none was tried." in text
    assert "not tested" in text


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"fit": planted.RISING, "held": planted.RISING}, "Nothing stops net at depth 32 on task"),
        ({}, "compute: a further doubling brings less than it costs (strong evidence)"),
        ({"held": planted.OVERFIT_HELD, "stopping": 0.09}, "is overfitting (strong evidence)"),
    ],
)
def test_the_sentence(settings: dict[str, dict[int, float]], words: str) -> None:
    """What stops the network, and how sure that is."""
    assert words in sentence(judge(evidence(**settings)))  # type: ignore[arg-type]


def test_many_remedies_are_counted_not_shown() -> None:
    """The dozen that recover most; how many more there are is said."""
    remedies = [
        planted.Remedied(limit="overfitting", name=f"remedy {i}", fit=0.9, confirmed=False)
        for i in range(15)
    ]
    text = printed(judge(evidence(held=planted.OVERFIT_HELD, remedies=remedies)))
    assert "3 more that recovered less are in the JSON" in text
    assert "remedy 14" in text
    assert "remedy 9" not in text


def test_names_are_shown_as_they_are() -> None:
    """They come from other people's files: no markup, no line breaks, no control characters."""
    odd = planted.Remedied(limit="overfitting", name="[red]a\x1b[1m\nb", fit=0.9, confirmed=False)
    text = printed(judge(evidence(held=planted.OVERFIT_HELD, remedies=[odd])))
    assert "[red]a[1m b" in text


def test_nothing_trained_is_a_short_answer() -> None:
    """Neither tables nor hints; the reason stands in the list."""
    text = printed(judge([probe("failed", None, note="cannot be built")]))
    assert "cannot be built." in text
    assert "The six limits" not in text
    assert "Remedies" not in text
