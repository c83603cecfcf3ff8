"""Stand-ins for what a test must not depend on: time, and the process's random state."""

import random
from typing import Any

import numpy as np
import torch


class FakeTime:
    """Seconds that pass only when a test says so."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds

    def pass_by(self, seconds: float) -> None:
        self.seconds += seconds


def random_state() -> tuple[Any, ...]:
    """The global random states of PyTorch (CPU), NumPy and Python, comparable with ==."""
    kind, keys, *rest = np.random.get_state()
    return tuple(torch.get_rng_state().tolist()), kind, tuple(keys), *rest, random.getstate()
