"""The answer of a check as JUnit XML, which CI systems show as a list of tests.

One test case a finding, in the structure that Jenkins, GitLab and Azure read: `testsuites`,
`testsuite`, `testcase`, and in that one of `failure`, `error` and `skipped`.
"""

import re
from xml.etree import ElementTree

from ..labels import visible
from .finding import INCOMPARABLE, INCONCLUSIVE, MISSING, Answer, Finding
from .quantities import interval_words, margin_words, sides_and_change

_OUTCOMES = {MISSING: "error", INCOMPARABLE: "error", INCONCLUSIVE: "skipped"}

_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 cannot hold, section 2.2."""


def junit_xml(answer: Answer) -> str:
    """A document of one suite; a check that says nothing as a whole has an erroneous case."""
    root = ElementTree.Element("testsuites", name="howdeep check")
    suite = ElementTree.SubElement(root, "testsuite", name="howdeep check")
    properties = ElementTree.SubElement(suite, "properties")
    for name, value in (("base", answer.base), ("new", answer.new)):
        ElementTree.SubElement(properties, "property", name=name, value=_text(value))
    for finding in answer.findings:
        _add_case(suite, finding)
    for reason in answer.cannot_tell or (() if answer.findings else ("nothing was compared",)):
        case = ElementTree.SubElement(
            suite, "testcase", classname="howdeep.check", name="cannot tell", time="0"
        )
        ElementTree.SubElement(case, "error", message=_text(reason), type="cannot tell")
    for element in (root, suite):
        _count(element)
    ElementTree.indent(root)
    document = ElementTree.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="utf-8"?>\n{document}\n'


def _add_case(suite: ElementTree.Element, finding: Finding) -> None:
    case = ElementTree.SubElement(
        suite,
        "testcase",
        classname=_text(f"{finding.lane}.{finding.family}"),
        name=_text(f"{finding.place} {finding.metric}"),
        time="0",
    )
    outcome = "failure" if finding.fails else _OUTCOMES.get(finding.verdict)
    told = _told(finding)
    if outcome:
        ElementTree.SubElement(case, outcome, message=_text(told), type=finding.verdict)
    elif told:
        ElementTree.SubElement(case, "system-out").text = _text(told)


def _told(finding: Finding) -> str:
    """`regressed: 12.1 -> 13.34 ms (+10.2%), interval +9.1 to +11.4%, let pass 3%`."""
    parts = {
        "": sides_and_change(finding),
        "interval ": interval_words(finding),
        "let pass ": margin_words(finding.metric, finding.margin),
    }
    known = [f"{word}{value}" for word, value in parts.items() if value]
    return ": ".join(
        each for each in (finding.verdict, ", ".join([*known, finding.reason]).strip(", ")) if each
    )


def _count(element: ElementTree.Element) -> None:
    """The totals by outcome, as attributes."""
    names = {"tests": "testcase", "failures": "failure", "errors": "error", "skipped": "skipped"}
    for attribute, tag in names.items():
        element.set(attribute, str(sum(1 for _ in element.iter(tag))))


def _text(text: str) -> str:
    return _NO_XML.sub("", visible(text))
