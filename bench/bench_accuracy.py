"""Accuracy against depth: each depth trained with several seeds. A round is a seed."""

from collections.abc import Callable

import pytest

from .points import Training

pytestmark = pytest.mark.accuracy


def bench_accuracy(
    trainings: tuple[Training, ...], train: Callable[[tuple[Training, ...]], None]
) -> None:
    """All seeds of one family and depth."""
    train(trainings)
