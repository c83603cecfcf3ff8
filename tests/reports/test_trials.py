"""Trainings as paired comparisons over seeds."""

import math
from typing import Any

import pytest

from reports.trials import (
    FIT,
    HELD_OUT,
    Compared,
    Comparisons,
    Trials,
    capped_loss,
    differences,
    mean,
    score,
)
from tests.reports import experiments as planted
from tests.reports.experiments import trial


def trials_of(**settings: Any) -> Trials:
    """Those of an experiment."""
    rows = planted.evidence(**settings)
    return Trials(tuple(row for row in rows if row["kind"] == "trial"))


def test_the_two_scores() -> None:
    """Accuracy on the training data, and on the validation split; the test split where there is no
    other."""
    row = trial("asked", fit=0.9, validation_accuracy=0.8, test_accuracy=0.7)
    assert (score(row, FIT), score(row, HELD_OUT)) == (0.9, 0.8)
    assert score(row | {"validation_accuracy": None}, HELD_OUT) == 0.7
    assert score(row | {"validation_accuracy": None, "test_accuracy": None}, HELD_OUT) is None


def test_a_diverged_training_is_as_good_as_chance() -> None:
    """By accuracy and loss; one that ended otherwise says nothing."""
    diverged = trial("asked", **planted.failed("diverged", "loss is NaN"))
    assert score(diverged, FIT) == score(diverged, HELD_OUT) == 0.1
    assert capped_loss(diverged) == pytest.approx(math.log(10))
    lost = trial("asked", **planted.failed("oom", "no room"))
    assert (score(lost, FIT), score(lost, HELD_OUT), capped_loss(lost)) == (None, None, None)


def test_a_loss_above_that_of_chance_counts_as_chance() -> None:
    """One wild training must not outweigh all others."""
    assert capped_loss(trial("asked", train_loss=50.0)) == pytest.approx(math.log(10))
    assert capped_loss(trial("asked", train_loss=0.5)) == 0.5


def test_trials_by_role() -> None:
    """The network as asked, shallower ones from the shallowest, and remedies by name and seed."""
    trials = trials_of(remedies=[planted.residual(0.99), planted.tuned(0.9)])
    assert trials.depth == 32
    assert list(trials.asked) == [0, 1, 2, 3]
    assert list(trials.shallower) == [4, 8, 16]
    assert {name: list(by) for name, by in trials.confirmed("degradation").items()} == {
        "residual connections": [1, 2, 3]
    }
    assert list(trials.tuned) == [1, 2, 3]
    assert [row["remedy"] for row in trials.screened()] == ["residual connections"]
    assert list(trials.window(32)) == [planted.RATE, planted.TUNED_RATE]


def test_no_trials_are_no_error() -> None:
    """All is empty, and the depth unknown."""
    trials = Trials(())
    assert (trials.depth, trials.asked, trials.shallower) == (None, {}, {})
    assert trials.sized(32) == {}
    assert trials.best_shallower(FIT) is None


def test_sizes_hold_the_whole_training_set_too() -> None:
    """From the smallest, each depth by itself."""
    trials = trials_of(sizes={32: {2500: 0.5, 20_000: 0.9}, 4: {5000: 0.8}})
    assert list(trials.sized(32)) == [2500, 10_000, 20_000]
    assert list(trials.sized(4)) == [5000, 10_000]
    assert trials.sized(4)[10_000] == trials.shallower[4]


def test_the_best_shallower_depth() -> None:
    """By the mean over seeds; of equals the shallowest."""
    trials = trials_of(held=planted.HELD | {8: 0.92})
    assert trials.best_shallower(HELD_OUT) == 8
    assert trials.best_shallower(FIT) == 4


def test_a_remedy_is_compared_with_the_best_learning_rate() -> None:
    """Those whose learning rate was chosen too; the others with the network as asked. The seed that
    chose has its training at that rate in the window."""
    trials = trials_of(remedies=[planted.tuned(0.97), planted.dropout(0.9)])
    asked, tuned = trials.baselines("degradation")
    assert asked == trials.asked
    assert list(tuned) == [0, 1, 2, 3]
    assert {row["learning_rate"] for row in tuned.values()} == {planted.TUNED_RATE}
    assert trials.baselines("overfitting") == [trials.asked]
    assert trials.baselines("optimization") == [trials.asked]


def test_differences_are_between_the_same_seeds() -> None:
    """From the best of what is compared with; seeds that one of them lacks are left out, failures
    as well."""
    ours = {seed: trial("confirmation", seed=seed, fit=0.9) for seed in (1, 2, 3)}
    first = {seed: trial("asked", seed=seed, fit=0.5 + 0.1 * seed) for seed in (0, 1, 2)}
    second = {seed: trial("window", seed=seed, fit=0.65) for seed in (1, 2, 3)}
    found = differences(ours, [first, second], FIT)
    assert found == pytest.approx({1: 0.25, 2: 0.2})
    lost = planted.failed("oom", "no room")
    assert differences(ours | {1: ours[1] | lost}, [first], FIT) == pytest.approx({2: 0.2})
    assert differences(ours, [{1: first[1] | lost}, second], FIT) == pytest.approx({1: 0.25})


def test_a_difference_of_differences_keeps_its_seeds() -> None:
    """A seed that one of the two lacks shifts no other."""
    found = Comparisons()
    found.put("here", {1: 0.1, 2: 0.2, 3: 0.3}, 1e-6)
    found.put("there", {2: 0.1, 3: 0.2}, 2e-6)
    found.difference("more", "here", "there")
    more = found.results()["more"]
    assert (more.mean, more.n) == (pytest.approx(0.1), 2)
    assert more.error >= math.sqrt(3e-6 / 2)


def test_a_comparison_is_no_surer_than_its_examples() -> None:
    """Seeds that agree to the last digit: the binomial error of two accuracies of 90% on 10,000
    examples, over the root of the seeds."""
    ours = {seed: trial("asked", seed=seed, fit=0.9) for seed in range(4)}
    found = Comparisons()
    found.add(Compared("step", HELD_OUT), ours, [ours])
    result = next(iter(found.results().values()))
    assert result.error == pytest.approx(math.sqrt(2 * 0.9 * 0.1 / 10_000 / 4))
    assert result.mean == 0.0


def test_accuracies_of_1_are_not_certain() -> None:
    """However few the examples, and where their number is unknown."""
    for examples in (1, 20, None):
        perfect = {seed: trial("asked", seed=seed, fit=1.0, n_train=examples) for seed in range(4)}
        found = Comparisons()
        found.add(Compared("step", FIT), perfect, [perfect])
        assert next(iter(found.results().values())).error > 0


def test_a_mean_is_over_the_seeds_that_have_a_score() -> None:
    """None without one."""
    rows = {seed: trial("asked", seed=seed, fit=0.8 + 0.1 * seed) for seed in (0, 1)}
    lost = trial("asked", seed=2, **planted.failed("oom", "no room"))
    assert mean(rows | {2: lost}, FIT) == pytest.approx(0.85)
    assert mean({2: lost}, FIT) is None
