"""The answer of a check as GitHub's workflow commands."""

import re

from reports.regression.annotations import MOST, annotations
from reports.regression.finding import EQUIVALENT, IMPROVED, MISSING, REGRESSED, Finding

from .answers import HOSTILE, answer, exact, mixed, slower, time

COMMAND = re.compile(r"::(error|warning|notice) title=([^:,\r\n]*)::([^\r\n]*)")


def levels(*lines: str) -> list[str]:
    """Of each line, which must be a whole command."""
    found = [COMMAND.fullmatch(line) for line in lines]
    assert all(found), lines
    return [match[1] for match in found if match]


def test_what_fails_is_an_error_and_the_rest_warns_or_tells() -> None:
    """Errors first; what is as it was has no line."""
    assert annotations(slower()) == (
        "::error title=howdeep%3A regressed::"
        "mlp step is 10.2%25 slower at every depth (9.1 to 11.4%25)",
        "::warning title=howdeep%3A inconclusive::"
        "mlp step is 2.5%25 slower at depth 64 (1.5 to 3.5%25)",
    )
    assert annotations(answer(time(EQUIVALENT, 0.0, depth=8))) == ()


def test_an_exact_count_that_fell_fails_too() -> None:
    """As the check does; a time that fell is a notice."""
    lines = annotations(answer(exact(IMPROVED, 4_096, 4_032), time(IMPROVED, -0.2, depth=8)))
    assert levels(*lines) == ["error", "notice"]


def test_a_check_that_says_nothing_warns() -> None:
    """With its reasons, and where it had nothing to compare."""
    flagged = answer(time(EQUIVALENT, 0.0), cannot_tell=("The canary flagged.",))
    assert annotations(flagged) == ("::warning title=howdeep%3A cannot tell::The canary flagged.",)
    assert levels(*annotations(answer())) == ["warning"]


def test_hostile_names_start_no_command() -> None:
    """Each line is one command: percent signs and line breaks of names are escaped or gone."""
    lines = annotations(mixed())
    assert set(levels(*lines)) == {"error", "warning", "notice"}
    assert not any(re.search("%(?!25|3A|2C)", line) for line in lines)
    missing = Finding(lane="stored", verdict=MISSING, metric="time", family=HOSTILE, reason=HOSTILE)
    assert levels(*annotations(answer(missing))) == ["warning"]


def test_no_more_than_github_shows() -> None:
    """Ten of a level: the worst nine, and how many more there are."""
    many = [time(REGRESSED, each / 100, depth=8, family=f"f{each}") for each in range(1, 31)]
    lines = annotations(answer(*many))
    assert levels(*lines) == ["error"] * MOST
    assert "30.0%25 slower" in lines[0]
    assert lines[-1] == "::error title=howdeep::21 more are in the report"
    assert len(annotations(answer(*many[:MOST]))) == MOST
