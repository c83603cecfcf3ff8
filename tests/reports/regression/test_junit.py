"""The answer of a check as JUnit XML."""

from xml.etree import ElementTree

import pytest

from reports.regression.finding import EQUIVALENT, MISSING, REGRESSED, Answer, Finding
from reports.regression.junit import junit_xml

from .answers import HOSTILE, answer, exact, mixed, slower, time

OUTCOMES = {"failure", "error", "skipped"}


def suite_of(given: Answer) -> ElementTree.Element:
    """The one suite, after its structure was found to be what readers of JUnit XML share."""
    root = ElementTree.fromstring(junit_xml(given).encode())
    assert root.tag == "testsuites"
    (suite,) = root
    assert next(child.tag for child in suite) == "properties"
    cases = suite.findall("testcase")
    assert len(cases) + 1 == len(suite)
    for case in cases:
        assert set(case.attrib) == {"classname", "name", "time"}
        assert all(case.attrib.values())
        assert {child.tag for child in case} <= OUTCOMES | {"system-out"}
        assert sum(child.tag in OUTCOMES for child in case) <= 1
        assert all({"message", "type"} <= set(child.attrib) for child in case if child.attrib)
    for element in (root, suite):
        totals = {"tests": len(cases)} | {
            attribute: len(suite.findall(f"testcase/{tag}"))
            for attribute, tag in (("failures", "failure"), ("errors", "error"), ("skipped",) * 2)
        }
        assert {name: int(element.attrib[name]) for name in totals} == totals
    return suite


def outcomes(given: Answer) -> dict[str, str]:
    """By the case's name."""
    return {
        case.attrib["name"]: next((child.tag for child in case if child.tag in OUTCOMES), "passed")
        for case in suite_of(given).findall("testcase")
    }


def test_a_finding_is_a_case_with_an_outcome() -> None:
    """What regressed fails, what is inconclusive is skipped, what is equivalent passes."""
    found = outcomes(slower())
    assert found["mlp/step time"] == "failure"
    assert found["mlp/depth 64/step time"] == "skipped"
    assert found["resnet/depth 8/step time"] == "passed"
    assert len(found) == len(slower().findings)


@pytest.mark.parametrize("given", [mixed(), slower()])
def test_every_verdict_and_name_is_in_the_structure(given: Answer) -> None:
    """A case each, whose failures are the findings that fail the check."""
    found = suite_of(given).findall("testcase")
    assert len(found) == len(given.findings)
    failed = [case.find("failure") is not None for case in found]
    assert failed == [each.fails for each in given.findings]


def test_a_failure_tells_the_numbers() -> None:
    """Both sides, the change, its interval, and what was let pass."""
    (case,) = suite_of(answer(time(REGRESSED, 0.1, depth=8))).findall("testcase")
    failure = case.find("failure")
    assert case.attrib["classname"] == "paired.mlp"
    assert failure is not None
    assert failure.attrib == {
        "message": "regressed: 0.8 -> 0.88 ms (+10.0%), interval +9.0 to +11.0%, let pass 3%",
        "type": "regressed",
    }


def test_a_check_that_says_nothing_has_an_error() -> None:
    """Nothing that reads JUnit XML may take it for a pass."""
    assert outcomes(answer()) == {"cannot tell": "error"}
    flagged = answer(exact(EQUIVALENT, 1, 1), cannot_tell=("The canary flagged.",))
    assert outcomes(flagged) == {"mlp/depth 8 parameters": "passed", "cannot tell": "error"}


def test_names_hold_what_xml_cannot() -> None:
    """Markup is text; control characters and lone surrogates are gone."""
    family = HOSTILE + "\x00\x1b\ud800\ufffe]]>&"
    given = answer(Finding(lane="stored", verdict=MISSING, metric="time", family=family))
    (name,) = outcomes(given)
    assert name.startswith("a|b*c_[x](y)<b> ::error::%0Ano" + "n" * 60)
    assert name.endswith("]]>& time")
