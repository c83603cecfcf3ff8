"""How often a search stops though another doubling pays: `tox -e simulated`."""

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import binomtest
from tabulate import tabulate

from reports.payoff import payoff
from reports.search import Step, next_step
from reports.search_table import Space, Table, Tried

SEEDS, EXAMPLES, MARGIN = 5, 5_000, 0.01
FIRST = 0.6
"""The accuracy of the shallowest depth."""

SPREADS = (0.005, 0.01, 0.02, 0.05)  # between seeds, as standard deviations of accuracy
WORTH = (0.01, 0.015)  # of each doubling
DOUBLINGS, MOST_WRONG = 3_000, 0.05
CLIMBED, CLIMBS = (1, 2, 4, 8, 16, 32), 100
RESULTS = Path("results/simulated/stop.md")

Accuracies = Sequence[Sequence[float]]


def drawn(n: int, worth: float, spread: float, generator: np.random.Generator) -> Accuracies:
    """Of n depths, each twice as deep as the one before: all seeds."""
    truth = FIRST + worth * np.arange(n)[:, None]
    trained = generator.normal(truth, spread, (n, SEEDS)).clip(0.02, 0.999)
    return (generator.binomial(EXAMPLES, trained) / EXAMPLES).tolist()  # type: ignore[no-any-return]


def table(depths: Sequence[int], accuracies: Accuracies, seeds: Sequence[int]) -> Table:
    """After so many seeds a depth; one without any was not tried."""
    space = Space(depths=tuple(depths), flops={d: float(d) for d in depths}, margin=MARGIN)
    known = zip(depths, accuracies, seeds, strict=True)
    return Table(space, [Tried(d, tuple(a[:n]), EXAMPLES) for d, a, n in known if n])


def is_wrongly_stopped(worth: float, spread: float, generator: np.random.Generator) -> bool:
    """Whether depth 4 of 1, 2, 4 is shown not to pay at any look, with two seeds or more."""
    depths = (1, 2, 4, 8)
    accuracies = drawn(len(depths), worth, spread, generator)
    looks = (table(depths, accuracies, (n, n, n, 0)) for n in range(2, SEEDS + 1))
    return any(over.is_too_small for look in looks if (over := payoff(look)))


def end(worth: float, spread: float, generator: np.random.Generator) -> str:
    """How a whole search ends."""
    accuracies = drawn(len(CLIMBED), worth, spread, generator)
    seeds = dict.fromkeys(CLIMBED, 0)
    while isinstance(step := next_step(table(CLIMBED, accuracies, list(seeds.values()))), Step):
        seeds |= step.seeds
    if "deepest" in step.why:
        return "reached the deepest"
    return "shown not to pay" if step.complete else "not told"


@pytest.fixture(scope="session")
def wrong() -> dict[tuple[float, float], int]:
    """Of so many doublings those where a search would stop, by what they are worth and spread."""
    counts = {}
    for place, (worth, spread) in enumerate(product(WORTH, SPREADS)):
        generator = np.random.default_rng(place)
        found = (is_wrongly_stopped(worth, spread, generator) for _ in range(DOUBLINGS))
        counts[worth, spread] = sum(found)
    shares = {case: f"{count / DOUBLINGS:.1%}" for case, count in counts.items()}
    _write("doublings shown not to pay", shares)
    return counts


@pytest.fixture(scope="session")
def ends() -> dict[float, Counter[str]]:
    """Of searches where each doubling is worth 1.5 points, by spread."""
    found = {}
    for spread in (0.01, 0.05):
        generator = np.random.default_rng(1)
        found[spread] = Counter(end(WORTH[1], spread, generator) for _ in range(CLIMBS))
    counted = {
        (WORTH[1], s): ", ".join(f"{n} {why}" for why, n in c.most_common())
        for s, c in found.items()
    }
    _write(f"ends of {CLIMBS} searches", counted)
    return found


def _write(what: str, found: Mapping[tuple[float, float], str]) -> None:
    rows = [
        [f"{100 * worth:g}", f"{100 * spread:g}", text] for (worth, spread), text in found.items()
    ]
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    header = ["points a doubling", "spread, points", what]
    drawn_table = tabulate(rows, header, tablefmt="github", disable_numparse=True)
    RESULTS.with_stem(f"stop_{what.split()[0]}").write_text(f"{drawn_table}\n")


@pytest.mark.simulated
@pytest.mark.parametrize("spread", SPREADS)
@pytest.mark.parametrize("worth", WORTH)
def test_a_doubling_that_pays_is_seldom_shown_not_to(
    worth: float, spread: float, wrong: dict[tuple[float, float], int]
) -> None:
    """In at most 5% over all its looks, also where it is worth the margin and no more: there as far
    as so many tell."""
    count = wrong[worth, spread]
    if worth > MARGIN:
        assert count / DOUBLINGS <= MOST_WRONG
    assert binomtest(count, DOUBLINGS, MOST_WRONG, alternative="greater").pvalue > 0.01


@pytest.mark.simulated
def test_noise_that_hides_what_doublings_bring_is_told(ends: dict[float, Counter[str]]) -> None:
    """Where a search stops early because of it, it mostly says that it could not tell; it does not
    where seeds differ by less than doublings bring."""
    assert ends[0.05]["not told"] > ends[0.05]["shown not to pay"]
    assert ends[0.01]["not told"] == 0
