"""Budgets answered beforehand: the same answers as when each is asked."""

from itertools import pairwise
from pathlib import Path

import pytest

from reports.budget import BOUNDED, Budget
from reports.budget_steps import BudgetStep, budget_steps
from reports.findings import find
from reports.study import read
from reports.verdict import Verdict
from tests.reports import studies


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The default study in small."""
    folder: Path = tmp_path_factory.mktemp("study")
    return studies.write(folder / "study.json", studies.default_study())


def looked_up(steps: tuple[BudgetStep, ...], limit: float) -> tuple[object, ...]:
    """The answer of the last step that is not beyond the limit."""
    below = [step for step in steps if step.at_least <= limit]
    if not below:
        return None, None, ()
    return below[-1].depth, below[-1].sufficient_depth, below[-1].cannot_tell


def asked(study: Path, budget: Budget) -> list[tuple[object, ...]]:
    """The answers of a report under that budget."""
    verdicts = find(read([study]), [budget]).verdicts
    within = [each.within_all for each in verdicts]
    return [(w.depth, w.sufficient_depth, w.cannot_tell) for w in within if w is not None]


@pytest.mark.parametrize("name", ["latency", "memory", "flops", "train_flops", "train_time"])
def test_a_look_up_answers_as_the_report_does(study: Path, name: str) -> None:
    """At the costs of depths, just below, and in between."""
    verdicts = find(read([study])).verdicts
    steps = [budget_steps(each)[name] for each in verdicts]
    column = BOUNDED[name].column
    costs = [getattr(row.cost, column) for row in verdicts[0].rows]
    for limit in [limit for cost in costs for limit in (0.997 * cost, cost, 1.3 * cost)]:
        found = [looked_up(each, limit) for each in steps]
        assert found == asked(study, Budget(name, limit))


def test_neighbouring_steps_differ(study: Path) -> None:
    """A step is where the answer changes."""
    for verdict in find(read([study])).verdicts:
        for steps in budget_steps(verdict).values():
            said = [(s.depth, s.sufficient_depth, s.cannot_tell) for s in steps]
            assert all(a != b for a, b in pairwise(said))


def test_a_cost_that_is_unknown_has_no_steps(tmp_path: Path) -> None:
    """Without cells only what trainings cost can be bounded."""
    study = studies.document(runs=studies.runs("mlp", studies.MLP))
    verdict: Verdict = find(read([studies.write(tmp_path / "s.json", study)])).verdicts[0]
    assert sorted(budget_steps(verdict)) == ["train_flops", "train_time"]
