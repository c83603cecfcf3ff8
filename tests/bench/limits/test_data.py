"""Less data with as many steps; twice the data where a task can make more."""

import pytest

from bench.limits import data
from bench.limits.remedy import Situation
from bench.train.tasks import MOST_SAMPLES
from tests.bench.train.small import training


def situation(n_train: int, **settings: object) -> Situation:
    return Situation(training=training(**settings), knobs={}, n_train=n_train)


def steps(n: int, epochs: int, batch_size: int) -> int:
    return epochs * (n // min(n, batch_size))


def test_parts_are_trained_with_as_many_steps() -> None:
    """So that less data is not less training: within half an epoch."""
    asked = training(task="task.py:load", epochs=6, batch_size=32)
    wanted = steps(960, 6, 32)
    sizes = data.sizes(situation(960, task=asked.task, epochs=6, batch_size=32))
    assert list(sizes) == [60, 120, 240, 480]
    for n, change in sizes.items():
        part = change.applied(asked)
        assert part.treatments == (f"rows:n={n}",)
        assert abs(steps(n, part.epochs, 32) - wanted) <= steps(n, 1, 32) / 2


def test_a_small_task_has_fewer_parts() -> None:
    """Below 20 rows there is no training set, and none at all of 20."""
    assert list(data.sizes(situation(100, task="task.py:load"))) == [25, 50]
    assert data.sizes(situation(20, task="task.py:load")) == {}


def test_mnist1d_makes_twice_the_data() -> None:
    """The generator has more; half the epochs are as many steps."""
    asked = training(task="mnist1d", epochs=10, batch_size=8)
    change = data.sizes(situation(4_000, task="mnist1d", epochs=10))[8_000]
    assert change.applied(asked).task == "mnist1d:train=8000"
    assert change.applied(asked).epochs == 5


@pytest.mark.parametrize("task", ["mnist1d:standard=true", "digits", "task.py:load"])
def test_what_there_is_no_more_of_is_not_doubled(task: str) -> None:
    """The published split, the digits, a user's file."""
    assert max(data.sizes(situation(1_000, task=task))) == 500


def test_no_more_is_asked_for_than_a_task_makes() -> None:
    """A doubling beyond the generator's limit would end the experiment with an error."""
    half = MOST_SAMPLES // 2
    assert max(data.sizes(situation(half, task=f"mnist1d:train={half}"))) < half


def test_the_largest_size_tells_what_a_doubling_brings() -> None:
    """Twice the data, or else from half to all of it."""
    assert data.telling([25, 50, 200], 100) == [200]
    assert data.telling([25, 50], 100) == [50]
    assert data.telling([], 100) == []
