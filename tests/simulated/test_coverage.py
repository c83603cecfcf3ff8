"""How often each rule's set holds the truly best depth, and how large it is: `tox -e simulated`."""

from pathlib import Path

import numpy as np
import pytest
from tabulate import tabulate

from tests.simulated.rules import RULES
from tests.simulated.studies import SHAPES, study

STUDIES = 1_000
LEAST_COVERAGE = 0.93
RESULTS = Path("results/simulated/coverage.md")

Found = dict[tuple[str, str], tuple[float, float]]


@pytest.fixture(scope="session")
def found() -> Found:
    """Coverage and mean size by rule and shape."""
    table: Found = {}
    for place, shape in enumerate(SHAPES):
        generator = np.random.default_rng(place)
        studies = [study(shape, generator) for _ in range(STUDIES)]
        for name, rule in RULES.items():
            sets = [rule(each.observed) for each in studies]
            held = [each.best in members for each, members in zip(studies, sets, strict=True)]
            table[name, shape] = float(np.mean(held)), float(np.mean([len(x) for x in sets]))
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(_written(table))
    return table


def _written(table: Found) -> str:
    rows = [
        [name, *(f"{table[name, s][0]:.3f} / {table[name, s][1]:.2f}" for s in SHAPES),
         f"{_mean_size(table, name):.2f}"]
        for name in RULES
    ]  # fmt: skip
    return str(tabulate(rows, ["rule", *SHAPES, "mean size"], tablefmt="github")) + "\n"


def _mean_size(table: Found, rule: str) -> float:
    return float(np.mean([table[rule, shape][1] for shape in SHAPES]))


@pytest.mark.simulated
@pytest.mark.parametrize("shape", SHAPES)
def test_the_set_holds_the_best_depth(shape: str, found: Found) -> None:
    """At least 93% of the time, in each shape."""
    assert found["ours", shape][0] >= LEAST_COVERAGE


@pytest.mark.simulated
def test_no_other_rule_that_holds_it_is_smaller(found: Found) -> None:
    """Of those that do in each shape."""
    holding = [r for r in RULES if all(found[r, s][0] >= LEAST_COVERAGE for s in SHAPES)]
    assert min(holding, key=lambda rule: _mean_size(found, rule)) == "ours"
