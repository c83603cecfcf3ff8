"""`howdeep limits` on networks whose limit was planted: `tox -e planted`, about an hour."""

import json
import time
from typing import Any

import pytest
from typer.testing import CliRunner

from howdeep.app import app
from tests.planted.cases import CASES, Case
from tests.planted.conftest import RESULTS

pytestmark = pytest.mark.planted

# Of the cases that are named rightly.
LEAST_SHARE = 12 / 14


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_no_wrong_limit_is_named_with_strong_evidence(
    case: Case, answers: list[dict[str, Any]]
) -> None:
    """Whatever misleads."""
    verdict, minutes = _verdict(case)
    named, confidence = verdict["limit"]["name"], verdict["limit"]["confidence"]
    answers.append(
        {
            "case": case.name,
            "network": f"{case.family}, depth {case.depth}, {' '.join((case.task, *case.options))}",
            "planted": " or ".join(sorted(case.planted)),
            "named": named,
            "confidence": confidence or "",
            "minutes": minutes,
            "right": named in case.planted,
        }
    )
    assert named in case.planted or confidence != "strong", verdict["limit"]


def test_most_planted_limits_are_named(answers: list[dict[str, Any]]) -> None:
    """At least 12 of 14."""
    assert answers, "run together with the cases"
    right = [answer["right"] for answer in answers]
    assert sum(right) >= LEAST_SHARE * len(right), [a for a in answers if not a["right"]]


def _verdict(case: Case) -> tuple[dict[str, Any], float]:
    """The command's JSON, and how long it took. Its evidence and trainings are kept."""
    asked = ["limits", case.family, "--depth", str(case.depth), "--task", case.task, *case.options]
    kept = ["--rows", str(RESULTS / f"{case.name}.json"), "--store", str(RESULTS / "trials.sqlite")]
    start = time.monotonic()
    result = CliRunner().invoke(app, [*asked, *kept, "--resume", "--json"])
    assert result.exit_code in (0, 3), result.output
    return json.loads(result.stdout), (time.monotonic() - start) / 60
