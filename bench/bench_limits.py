"""What stops the deepest network of each family: `pytest bench -m limits`."""

from collections.abc import Callable

import pytest

from .points import Training

pytestmark = pytest.mark.limits


def bench_limits(network: Training, attribute: Callable[[Training], None]) -> None:
    """The evidence for and against each of the six limits; its trainings' times are the rounds."""
    attribute(network)
