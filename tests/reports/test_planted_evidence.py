"""Verdicts on measured evidence of networks whose limit was planted (`tests/planted`)."""

import pytest

from reports.limits import judge
from tests.planted.cases import CASES, Case
from tests.planted.keep import is_kept, kept

MEASURED = [case for case in CASES if is_kept(case.name)]


@pytest.mark.parametrize("case", MEASURED, ids=lambda case: case.name)
def test_no_wrong_limit_is_named_with_strong_evidence(case: Case) -> None:
    """Of any of them."""
    verdict = judge(kept(case.name))
    assert verdict.name in case.planted or verdict.confidence != "strong", verdict.evidence


def test_the_planted_limit_is_named() -> None:
    """Of at least 12 in 14."""
    right = [judge(kept(case.name)).name in case.planted for case in MEASURED]
    assert len(right) >= 12
    assert sum(right) >= 12 / 14 * len(right)
