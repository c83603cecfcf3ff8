"""Studies with a known truth: five to ten depths, three to eight seeds, five shapes.

The spread between seeds differs from depth to depth (log-normal, a third), and each training is
evaluated on a limited number of examples.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from reports.estimates import Observations

Array = npt.NDArray[np.float64]
Shape = Callable[[Array, np.random.Generator], Array]

DEPTHS, SEEDS = (5, 10), (3, 8)
EXAMPLES = (1_000, 2_000, 5_000, 10_000)
SPREADS = (0.002, 0.02)  # between seeds, as standard deviations of accuracy
UNEVEN = 0.3


@dataclass(frozen=True)
class Study:
    """What is true, and what was observed, depth by depth."""

    best: int
    observed: tuple[Observations, ...]


def rising(x: Array, generator: np.random.Generator) -> Array:
    """Deeper pays up to the deepest, less and less."""
    return -((1 - x) ** generator.uniform(1, 2))


def plateau(x: Array, generator: np.random.Generator) -> Array:
    """Returns end within the first half; what follows is as good but for a hair."""
    return -np.exp(-x * generator.uniform(8, 30))


def peak(x: Array, generator: np.random.Generator) -> Array:
    """The best depth lies inside, and both sides fall off."""
    centre = generator.uniform(0.25, 0.75)
    return -(((x - centre) / max(centre, 1 - centre)) ** 2)


def noisy(x: Array, generator: np.random.Generator) -> Array:
    """A slope either way, hardly larger than the noise."""
    return 0.15 * generator.choice([1, -1]) * (1 - x) ** generator.uniform(0.5, 3)


def two_peaks(x: Array, generator: np.random.Generator) -> Array:
    """Two good regions, one a little better."""
    first, second = generator.choice(x, 2, replace=False)
    width = generator.uniform(0.1, 0.2)
    bumps = [np.exp(-(((x - centre) / width) ** 2)) for centre in (first, second)]
    return np.asarray(bumps[0] + generator.uniform(0.8, 1.2) * bumps[1])


SHAPES: dict[str, Shape] = {
    "rising": rising, "plateau": plateau, "peak": peak, "noisy": noisy, "two peaks": two_peaks,
}  # fmt: skip


def study(shape: str, generator: np.random.Generator) -> Study:
    """One study of that shape."""
    depths = int(generator.integers(DEPTHS[0], DEPTHS[1] + 1))
    seeds = int(generator.integers(SEEDS[0], SEEDS[1] + 1))
    truth = _accuracies(shape, depths, generator)
    low, high = np.log(SPREADS)
    spread = np.exp(generator.uniform(low, high) + generator.normal(0, UNEVEN, depths))
    spread *= 2 if shape == "noisy" else 1
    examples = int(generator.choice(EXAMPLES))
    trained = generator.normal(truth[:, None], spread[:, None], (depths, seeds)).clip(0.01, 0.999)
    seen = generator.binomial(examples, trained) / examples
    observed = (Observations(2**i, tuple(row), examples) for i, row in enumerate(seen.tolist()))
    return Study(int(truth.argmax()), tuple(observed))


def _accuracies(shape: str, depths: int, generator: np.random.Generator) -> Array:
    top = generator.uniform(0.6, 0.97)
    height = generator.uniform(0.02, 0.25) * min(1.0, 4 * (1 - top) + 0.2)
    curve = SHAPES[shape](np.linspace(0, 1, depths), generator)
    curve -= curve.max()
    if shape != "noisy":
        curve /= np.abs(curve).max()
    accuracies: Array = (top + height * curve).clip(0.05, 0.995)
    return accuracies + generator.normal(0, 1e-6, depths)  # no two are equal
