"""Two files as the sides of a check of stored studies."""

from pathlib import Path
from typing import Any

from howdeep.check_settings import Settings
from howdeep.check_stored import answer
from reports.regression.finding import Answer, Finding
from reports.regression.margins import Margins
from tests.reports import machines


def checked(
    folder: Path,
    base: Any,
    new: Any,
    *,
    normalise: bool = False,
    margins: Margins | None = None,
) -> Answer:
    """The answer for these two documents."""
    files = [Path(each) for each in machines.write(folder, base=base, new=new)]
    settings = Settings(folder=folder, margins=margins or Margins())
    return answer(settings, files, normalise=normalise)


def found(answer: Answer, metric: str, **where: Any) -> list[Finding]:
    """Its findings of one metric, at this place."""
    return [
        each
        for each in answer.findings
        if each.metric == metric
        and all(getattr(each, name) == value for name, value in where.items())
    ]


def verdicts(answer: Answer, metric: str, **where: Any) -> set[str]:
    """What they come to."""
    return {each.verdict for each in found(answer, metric, **where)}
