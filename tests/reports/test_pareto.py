"""Which depths are worth their cost, and how sure that is."""

import math
import random
from collections.abc import Mapping

import pytest

from reports.cost_bounds import Bounds
from reports.costs import DepthCost
from reports.estimates import Observations, estimate_depths
from reports.pareto import FrontPoint, fronts, knee
from tests.reports.test_published import CIFAR_AGAIN, IMAGENET_GMACS, IMAGENET_RESNET

N = 10_000


def front(
    accuracies: Mapping[int, float],
    flops: Mapping[int, float],
    *,
    n_examples: int | None = N,
) -> dict[int, FrontPoint]:
    """The points against FLOPs, by depth."""
    estimates = estimate_depths([Observations(d, (a,), n_examples) for d, a in accuracies.items()])
    costs = [DepthCost(depth, flops=value) for depth, value in flops.items()]
    return {each.depth: each for each in fronts(costs, estimates)["flops"]}


def test_a_member_is_better_than_all_that_cost_as_much_or_less() -> None:
    """The definition, on random tables without equals."""
    for seed in range(20):
        generator = random.Random(seed)
        accuracies = {depth: generator.random() for depth in range(1, 9)}
        flops = {depth: generator.uniform(1, 2) for depth in accuracies}
        expected = [
            depth
            for depth in accuracies
            if not any(
                flops[other] <= flops[depth] and accuracies[other] >= accuracies[depth]
                for other in accuracies
                if other != depth
            )
        ]
        found = front(accuracies, flops)
        assert sorted(depth for depth, each in found.items() if each.on_front) == expected


def test_of_equals_the_shallowest_is_a_member() -> None:
    """The same cost and accuracy twice."""
    found = front({2: 0.8, 4: 0.9, 8: 0.9}, {2: 1, 4: 2, 8: 2})
    assert [depth for depth, each in found.items() if each.on_front] == [2, 4]


def test_membership_is_sure_where_the_noise_cannot_turn_it() -> None:
    """4 leads 2 by far; 8 is far behind; 16 leads 4 by 0.2 points, which 10,000 examples cannot
    tell; 32 is 0.2 points behind."""
    accuracies = {2: 0.80, 4: 0.90, 8: 0.85, 16: 0.902, 32: 0.900}
    found = front(accuracies, {depth: float(depth) for depth in accuracies})
    assert {depth: (each.on_front, each.sure) for depth, each in found.items()} == {
        2: (True, "on"), 4: (True, "on"), 8: (False, "off"), 16: (True, None), 32: (False, None),
    }  # fmt: skip


def test_without_noise_known_only_the_cheapest_is_sure() -> None:
    """Nothing can be told from anything; what costs less than all others needs no lead."""
    found = front({2: 0.5, 4: 0.9, 8: 0.6}, {2: 1, 4: 2, 8: 3}, n_examples=None)
    assert [each.sure for each in found.values()] == ["on", None, None]
    step = found[4].step
    assert step is not None
    assert (step.points, step.low, step.is_significant) == (pytest.approx(40), None, None)


def test_costs_that_cannot_be_told_apart_make_nothing_sure() -> None:
    """5 points ahead at a latency that may be longer or shorter than the other's."""
    estimates = estimate_depths([Observations(2, (0.85,), N), Observations(4, (0.90,), N)])

    def sure(reach: float) -> list[str | None]:
        costs = [
            DepthCost(
                depth,
                latency_seconds=seconds,
                bounds={"latency_seconds": Bounds(seconds - reach, seconds + reach)},
            )
            for depth, seconds in ((2, 1.1), (4, 1.0))
        ]
        return [each.sure for each in fronts(costs, estimates)["latency_seconds"]]

    assert sure(0.01) == ["on", "off"]
    assert sure(0.2) == ["on", None]


def test_the_step_to_152_layers_on_imagenet_is_not_significant() -> None:
    """z 1.06 (published errors, 50,000 examples); that to 101 is."""
    accuracies = {depth: 1 - IMAGENET_RESNET[depth] / 100 for depth in IMAGENET_GMACS}
    found = front(accuracies, IMAGENET_GMACS, n_examples=50_000)
    assert all(each.on_front for each in found.values())
    steps = {depth: each.step for depth, each in found.items()}
    assert steps[18] is None
    assert steps[101] is not None
    assert steps[152] is not None
    assert (steps[101].is_significant, steps[152].is_significant) == (True, False)
    assert steps[152].points == pytest.approx(0.28)
    low, high = found[101].low, found[101].high
    assert low is not None
    assert high is not None
    assert low < 0.7756 < high


def test_the_knee_moves_with_the_axis() -> None:
    """Published: 110 on linear depth, 56 on its logarithm; so it is a picture, not a decision."""
    depths, heights = list(CIFAR_AGAIN), [-error for error in CIFAR_AGAIN.values()]
    linear, log = knee(depths, heights), knee([math.log(depth) for depth in depths], heights)
    assert linear is not None
    assert log is not None
    assert (depths[linear], depths[log]) == (110, 56)


def test_the_knee_is_marked_over_the_logarithm_of_the_cost() -> None:
    """The re-implementation's table with FLOPs that grow as depth."""
    accuracies = {depth: 1 - error / 100 for depth, error in CIFAR_AGAIN.items()}
    found = front(accuracies, {depth: 1e6 * depth for depth in accuracies})
    assert [depth for depth, each in found.items() if each.knee] == [56]


def test_a_straight_front_has_no_knee() -> None:
    """Nor has one of two members, nor one that bends the other way."""
    assert knee([0, 1, 2], [0, 1, 2]) is None
    assert knee([0, 1, 2], [0, 0.5, 2]) is None
    assert knee([0, 1], [0, 1]) is None


def test_a_cost_of_one_depth_has_no_front() -> None:
    """Nor has one that is not known."""
    estimates = estimate_depths([Observations(d, (0.9,), N) for d in (2, 4)])
    costs = [DepthCost(2, flops=1.0, train_seconds=1.0), DepthCost(4, train_seconds=2.0)]
    assert list(fronts(costs, estimates)) == ["train_seconds"]


def test_the_json_of_a_point() -> None:
    """Plain values, the step among them."""
    first, second = front({2: 0.8, 4: 0.9}, {2: 1.0, 4: 2.0}).values()
    assert first.as_dict()["step"] is None
    given = second.as_dict()
    assert list(given) == [
        "depth", "cost", "cost_low", "cost_high", "accuracy", "low", "high", "on_front", "sure",
        "step", "knee",
    ]  # fmt: skip
    assert list(given["step"]) == ["from", "points", "low", "high", "significant"]
    assert given["step"]["significant"] is True
