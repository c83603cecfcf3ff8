"""FLOPs, memory, latency and throughput of each pass against depth."""

from collections.abc import Callable

import pytest

from .points import Cell

pytestmark = pytest.mark.cost


def bench_cost(cell: Cell, measure: Callable[[Cell], None]) -> None:
    """One family, depth, pass and batch size."""
    measure(cell)
