"""How often a search finds the sweep's sufficient depth, and at what part of its cost."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from tabulate import tabulate

from tests.simulated.searches import SEEDS, Race, race
from tests.simulated.studies import UNEVEN

DEPTHS = (1, 2, 4, 8, 16, 32, 64)
FLOPS = {depth: float(depth) for depth in DEPTHS}
EXAMPLES = 5_000
SPREADS = (0.002, 0.01)  # between seeds, as standard deviations of accuracy
REPETITIONS = 40
LEAST_SAME, MOST_SHARE = 18 / 20, 0.35
RESULTS = Path("results/simulated/search.md")


def rising(x: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Deeper pays up to the deepest, less and less."""
    return -0.25 * (1 - x) ** generator.uniform(1, 2)


def plateau(x: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Returns end; what follows is as good but for a hair."""
    return -0.4 * np.exp(-x * generator.uniform(5, 15))


def peak(x: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """The best depth lies inside, and both sides fall off."""
    centre = generator.uniform(0.25, 0.75)
    return -0.3 * ((x - centre) / max(centre, 1 - centre)) ** 2


def cliff(x: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """A plateau, and then networks that no longer train well."""
    edge = generator.uniform(0.3, 0.8)
    fall = np.clip(x - edge, 0, None) * generator.uniform(0.5, 1.5)
    return plateau(x, generator) - fall


SHAPES = {"rising": rising, "plateau": plateau, "peak": peak, "cliff": cliff}


def tasks(shape: str) -> Iterator[tuple[dict[int, list[float]], int]]:
    """Simulated tasks of a shape: accuracies by depth, one a seed, and the truly best depth."""
    generator = np.random.default_rng(list(SHAPES).index(shape))
    for _ in range(REPETITIONS):
        yield _task(shape, generator)


def _task(shape: str, generator: np.random.Generator) -> tuple[dict[int, list[float]], int]:
    x = np.log2(DEPTHS) / np.log2(DEPTHS[-1])
    curve = SHAPES[shape](x, generator)
    truth = curve - curve.max() + generator.uniform(0.7, 0.97)
    low, high = np.log(SPREADS)
    spread = np.exp(generator.uniform(low, high) + generator.normal(0, UNEVEN, len(x)))
    trained = generator.normal(truth[:, None], spread[:, None], (len(x), SEEDS)).clip(0.02, 0.999)
    seen = generator.binomial(EXAMPLES, trained) / EXAMPLES
    accuracies = {depth: row.tolist() for depth, row in zip(DEPTHS, seen, strict=True)}
    return accuracies, DEPTHS[int(truth.argmax())]


@pytest.fixture(scope="session")
def races() -> dict[str, list[Race]]:
    """By shape."""
    found = {
        shape: [race(each, EXAMPLES, FLOPS, best=best) for each, best in tasks(shape)]
        for shape in SHAPES
    }
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(_written(found))
    return found


def _written(found: dict[str, list[Race]]) -> str:
    rows = [
        [
            shape,
            f"{sum(each.same for each in races)} of {len(races)}",
            f"{np.mean([each.share for each in races]):.0%}",
            f"{max(each.share for each in races):.0%}",
            f"{np.mean([bool(each.held) for each in races]):.0%}",
        ]
        for shape, races in found.items()
    ]
    header = ["shape", "same sufficient depth", "share", "largest share", "set holds the best"]
    return str(tabulate(rows, header, tablefmt="github")) + "\n"


@pytest.mark.simulated
def test_the_sufficient_depth_is_mostly_that_of_the_sweep(races: dict[str, list[Race]]) -> None:
    """In at least 18 of 20, in each shape."""
    assert all(np.mean([each.same for each in group]) >= LEAST_SAME for group in races.values())


@pytest.mark.simulated
def test_it_costs_a_third_of_the_sweep(races: dict[str, list[Race]]) -> None:
    """At most 35% of the training FLOPs, in the mean over all shapes."""
    assert np.mean([each.share for group in races.values() for each in group]) <= MOST_SHARE
