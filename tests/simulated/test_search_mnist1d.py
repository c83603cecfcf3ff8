"""Searches on MNIST-1D beside the sweep of all depths with all seeds.

The trainings are real ones, ten seeds a depth (`mnist1d.py`). A repetition draws five of them, the
same for all depths; the search is given as many of them as it asks for, the sweep has all five.
Repetitions share trainings, so that they differ less than new ones would.
"""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from tabulate import tabulate

from tests.simulated.mnist1d import FAMILIES, SEEDS, kept
from tests.simulated.searches import SEEDS as OF_A_SEARCH
from tests.simulated.searches import Race, members, race

pytestmark = pytest.mark.simulated

REPETITIONS, PAIRS = 100, 40
LEAST_SAME, MOST_SHARE = 18 / 20, 0.35
MISSED = {"resnet": "88 of 100 were measured: docs/search.md"}
RESULTS = Path("results/simulated/search_mnist1d.md")


def raced(family: str) -> list[Race]:
    """The repetitions of one family."""
    pool = kept(family)
    generator = np.random.default_rng(0)
    found = []
    for _ in range(REPETITIONS):
        seeds = generator.choice(SEEDS, OF_A_SEARCH, replace=False)
        accuracies = {d: [each[i] for i in seeds] for d, each in pool.accuracies.items()}
        found.append(race(accuracies, pool.examples, pool.flops, untrainable=pool.untrainable))
    return found


def sweeps_agreeing(family: str) -> float:
    """The share of pairs of sweeps, five seeds each, that name the same sufficient depth."""
    pool = kept(family)
    generator = np.random.default_rng(0)
    same = []
    for _ in range(PAIRS):
        order = generator.permutation(SEEDS)
        one, other = (
            members(
                {d: [each[i] for i in half] for d, each in pool.accuracies.items()}, pool.examples
            )
            for half in (order[:OF_A_SEARCH], order[OF_A_SEARCH:])
        )
        same.append(one[0] == other[0])
    return float(np.mean(same))


@pytest.fixture(scope="module")
def races() -> dict[str, list[Race]]:
    """By family."""
    found = {family: raced(family) for family in FAMILIES}
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(_written(found))
    return found


def _written(found: dict[str, list[Race]]) -> str:
    rows = [
        [
            family,
            f"{sum(each.same for each in races)} of {len(races)}",
            f"{sweeps_agreeing(family):.0%}",
            f"{np.mean([each.share for each in races]):.0%}",
            f"{max(each.share for each in races):.0%}",
            ", ".join(
                f"{number} times {searched}/{swept}"
                for (searched, swept), number in Counter(
                    (each.searched, each.swept) for each in races if not each.same
                ).items()
            ),
        ]
        for family, races in found.items()
    ]
    header = [
        "family",
        "same sufficient depth",
        "two sweeps",
        "share",
        "largest share",
        "search/sweep otherwise",
    ]
    return str(tabulate(rows, header, tablefmt="github")) + "\n"


@pytest.mark.parametrize("family", FAMILIES)
def test_the_sufficient_depth_is_mostly_that_of_the_sweep(
    races: dict[str, list[Race]], family: str
) -> None:
    """In at least 18 of 20; a target that is known to be missed fails as expected."""
    share = np.mean([each.same for each in races[family]])
    if share < LEAST_SAME and family in MISSED:
        pytest.xfail(MISSED[family])
    assert share >= LEAST_SAME


@pytest.mark.parametrize("family", FAMILIES)
def test_it_costs_a_third_of_the_sweep(races: dict[str, list[Race]], family: str) -> None:
    """At most 35% of the training FLOPs, in the mean."""
    assert np.mean([each.share for each in races[family]]) <= MOST_SHARE
