"""What trials so far say of the next: the best of each kind, if it is better by enough."""

from typing import Any

import pytest

from bench.limits.evidence import Planned, Trial
from bench.limits.known import Known, fit, held_out
from tests.bench.limits.small import run
from tests.bench.train.small import training


def trial(role: str, *, depth: int = 8, limit: str | None = None, **results: Any) -> Trial:
    plan = Planned(role=role, training=training(depth=depth), limit=limit, change=str(results))
    return Trial(plan, run(depth=depth, **results))


def known(*trials: Trial) -> Known:
    found = Known(8, [4, 2], chance=0.1)
    found.trials += trials
    return found


def test_accuracy_on_data_held_out_is_that_of_the_validation_split() -> None:
    """Else of the test split; a run that failed has none of either."""
    assert held_out(run(validation_accuracy=0.3, test_accuracy=0.9)) == 0.3
    assert held_out(run(test_accuracy=0.9)) == 0.9
    assert held_out(run()) is fit(run(train_accuracy=None)) is None


def test_the_best_remedy_of_a_limit_is_the_best_of_its_own() -> None:
    """Of equals the one with the lower training loss."""
    worse = trial("screening", limit="gradients", train_accuracy=0.9, train_loss=0.2)
    better = trial("screening", limit="gradients", train_accuracy=0.9, train_loss=0.1)
    other = trial("screening", limit="data", train_accuracy=1.0, train_loss=0.0)
    found = known(trial("asked", train_accuracy=0.5), worse, better, other)
    assert found.best_remedy("gradients", fit) == better.plan
    assert found.best_remedy("degradation", fit) is None


def test_what_is_hardly_better_than_the_mean_of_all_seeds_is_not_chosen() -> None:
    """The seed that chooses may be a bad one."""
    asked = [trial("asked", train_accuracy=x) for x in (0.5, 0.9)]
    for accuracy, chosen in ((0.705, False), (0.715, True)):
        remedy = trial("screening", limit="gradients", train_accuracy=accuracy)
        found = known(*asked, remedy)
        assert found.best_remedy("gradients", fit) == (remedy.plan if chosen else None)


@pytest.mark.parametrize(("deep", "best"), [(0.6, None), (0.71, 8)])
def test_each_depth_has_its_best_rate(deep: float, best: int | None) -> None:
    """Compared with its own mean as asked."""
    shallow = trial("window", depth=4, train_accuracy=0.9)
    found = known(
        trial("asked", train_accuracy=0.7), trial("shallower", depth=4, train_accuracy=0.6),
        shallow, trial("window", train_accuracy=deep),
    )  # fmt: skip
    assert found.best_rate(4) == shallow.plan
    plan = found.best_rate(8)
    assert (plan and plan.training.depth) == best


def test_runs_that_failed_say_nothing_and_diverged_ones_are_chance() -> None:
    """In the mean that a remedy must beat, and in the choice of the reference."""
    lost = {"status": "oom", "train_accuracy": None}
    worse = trial("screening", limit="gradients", train_accuracy=0.5)
    asked = [trial("asked", train_accuracy=0.7), trial("asked", **lost)]
    assert known(*asked, worse).best_remedy("gradients", fit) is None
    diverged = [trial("asked", **{**lost, "status": "diverged"})] * 2
    assert known(*diverged, worse).best_remedy("gradients", fit) == worse.plan
    assert known(trial("asked", **lost), worse).best_remedy("gradients", fit) is None
    failed = [trial("shallower", depth=d, **lost) for d in (4, 2)]
    assert known(*failed).best_shallower(fit) is None


def test_the_best_shallower_depth_is_that_with_the_best_mean() -> None:
    """Of equals the shallowest."""
    found = known(
        *(trial("shallower", depth=4, validation_accuracy=x) for x in (0.9, 0.5)),
        *(trial("shallower", depth=2, validation_accuracy=x) for x in (0.7, 0.7)),
    )
    assert found.best_shallower(held_out) == 2
    assert Known(8, [], chance=0.1).best_shallower(held_out) is None
