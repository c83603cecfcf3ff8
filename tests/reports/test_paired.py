"""Moderated paired t tests and Holm's correction."""

import dataclasses
import math
import random
import statistics

import pytest
from scipy.stats import t as student

from reports.paired import Paired, holm, paired

Differences = dict[str, list[float]]
TINY = 1e-12


def results(differences: Differences, floor: float = TINY) -> dict[str, Paired]:
    """With the same floor for all."""
    return paired(differences, dict.fromkeys(differences, floor))


def experiment(
    generator: random.Random, *, comparisons: int = 12, spreads: list[float], mean: float = 0.0
) -> Differences:
    """Comparisons of three seeds around one mean, each with one of the spreads."""
    return {
        f"{i:02}": [generator.gauss(mean, 1.0) * spreads[i % len(spreads)] for _ in range(3)]
        for i in range(comparisons)
    }


def plain_p_value(values: list[float]) -> float:
    """Of the one-sided paired t test that each comparison is by itself."""
    error = statistics.stdev(values) / math.sqrt(len(values))
    return float(student.sf(statistics.fmean(values) / error, len(values) - 1))


def test_equal_variances_stay_what_they_are() -> None:
    """Nothing is drawn anywhere; the degrees of freedom are those of all comparisons together, as
    limma's `eBayes` has them where the prior's are infinite."""
    differences = {
        name: [m - 0.1, m, m + 0.1] for name, m in {"a": 0.0, "b": 1.0, "c": 5.0}.items()
    }
    for name, found in results(differences).items():
        assert found.error == pytest.approx(0.1 / math.sqrt(3))
        assert found.mean == pytest.approx(statistics.fmean(differences[name]))
        assert found.degrees_of_freedom == 6


def test_variances_as_alike_as_chance_are_pooled() -> None:
    """Every comparison has the mean variance, even one whose seeds agree by luck."""
    differences = {"a": [0.9, 1.0, 1.2], "b": [0.0, 0.2, 0.3], "c": [-0.2, 0.1, 0.0]}
    pooled = statistics.fmean(statistics.variance(values) for values in differences.values())
    for found in results(differences).values():
        assert found.error == pytest.approx(math.sqrt(pooled / 3))


def test_different_variances_are_drawn_towards_each_other() -> None:
    """Each ends between its own and the prior's, in the same order, and the prior counts as a few
    degrees of freedom: more than a comparison's own, fewer than all together."""
    spreads = {f"{k:02}": 10.0 ** (k / 4) for k in range(9)}
    found = results({name: [-s, 0.0, s] for name, s in spreads.items()})
    moderated = {name: each.error * math.sqrt(3) for name, each in found.items()}
    assert moderated["00"] > spreads["00"]
    assert moderated["08"] < spreads["08"]
    assert sorted(moderated, key=lambda name: moderated[name]) == sorted(moderated)
    assert all(2 < each.degrees_of_freedom < 18 for each in found.values())


def test_limma_s_numbers() -> None:
    """Moments of log variances by hand (Smyth 2004, section 6.2): with variances of 1, 100 and
    10,000 on 2 degrees of freedom, d0 solves trigamma(d0/2) = 21.208 - 1.645, and a comparison has
    (2 s² + d0 s0²) / (2 + d0)."""
    found = results({"a": [-1.0, 0.0, 1.0], "b": [-10.0, 0.0, 10.0], "c": [-100.0, 0.0, 100.0]})
    d0, s0_squared = 0.466976, 8.221299
    for name, variance in {"a": 1.0, "b": 100.0, "c": 10_000.0}.items():
        moderated = (2 * variance + d0 * s0_squared) / (2 + d0)
        assert found[name].error == pytest.approx(math.sqrt(moderated / 3), rel=1e-4)
        assert found[name].degrees_of_freedom == pytest.approx(2 + d0, rel=1e-4)


def test_two_comparisons_teach_each_other_nothing() -> None:
    """They are the plain t test."""
    differences = {"a": [0.1, 0.2, 0.4], "b": [3.0, 5.0, 9.0]}
    for name, found in results(differences).items():
        assert found.p_value == pytest.approx(plain_p_value(differences[name]))
        assert found.degrees_of_freedom == 2


def test_the_floor_is_respected() -> None:
    """Seeds that agree by luck are not more certain than their examples allow."""
    same = {name: [0.5, 0.5, 0.5] for name in "abcd"}
    for found in results(same, floor=0.03).values():
        assert found.error == pytest.approx(0.1)
        assert 0 < found.p_value < 1
    own = paired(same | {"e": [0.4, 0.5, 0.6]}, dict.fromkeys("abc", 0.03) | {"d": 0.12, "e": 1e-9})
    assert own["d"].error >= 0.2


def test_one_seed_has_the_variance_of_the_others_or_the_floor() -> None:
    """Without others it has one degree of freedom; nothing is left out but what has no seed."""
    alone = results({"a": [0.3], "none": []}, floor=0.01)
    assert list(alone) == ["a"]
    assert (alone["a"].error, alone["a"].degrees_of_freedom) == (pytest.approx(0.1), 1)
    assert alone["a"].n == 1
    others = {name: [-0.2, 0.0, 0.2] for name in "bcd"}
    assert results({"a": [0.3], **others})["a"].error == pytest.approx(0.2)


def test_bounds_and_p_values_agree() -> None:
    """Against the bound the p value is 5%; against the mean it is a half."""
    found = results({"a": [0.1, 0.2, 0.4], "b": [0.0, 0.3, 0.1], "c": [0.2, 0.2, 0.5]})["a"]
    assert dataclasses.replace(found, mean=found.mean - found.low).p_value == pytest.approx(0.05)
    assert found.p_below(found.high) == pytest.approx(0.05)
    assert found.p_below(found.mean) == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("spreads", "most"), [([1.0], 0.06), ([0.5, 1.0, 2.0], 0.07)], ids=["alike", "different"]
)
def test_false_positives_are_as_many_as_promised(spreads: list[float], most: float) -> None:
    """Of 6000 comparisons of three seeds without a difference, 5% have p < 0.05; hardly more where
    their spreads are not alike, of which a dozen of comparisons know little."""
    generator = random.Random(1)
    found = [
        each.p_value
        for _ in range(500)
        for each in results(experiment(generator, spreads=spreads)).values()
    ]
    assert 0.04 < statistics.fmean(p < 0.05 for p in found) < most


def test_it_sees_more_than_the_plain_test() -> None:
    """A difference of one and a half standard deviations with three seeds: at p < 0.01 it is found
    three times as often."""
    generator = random.Random(2)
    moderated, plain = [], []
    for _ in range(200):
        differences = experiment(generator, spreads=[0.8, 1.0, 1.2], mean=1.5)
        moderated += [each.p_value < 0.01 for each in results(differences).values()]
        plain += [plain_p_value(values) < 0.01 for values in differences.values()]
    assert statistics.fmean(moderated) > 3 * statistics.fmean(plain)


def test_scale_does_not_matter() -> None:
    """In percent or as fractions: the same p values."""
    differences = experiment(random.Random(3), spreads=[0.1, 1.0, 3.0])
    percent = {name: [100 * value for value in values] for name, values in differences.items()}
    for name, found in results(differences).items():
        assert results(percent)[name].p_value == pytest.approx(found.p_value)


def test_order_does_not_matter() -> None:
    """Neither that of the comparisons nor that of the seeds."""
    differences = experiment(random.Random(4), spreads=[0.1, 1.0, 3.0])
    turned = {name: values[::-1] for name, values in reversed(differences.items())}
    assert results(turned) == results(differences)


def test_holm_by_hand() -> None:
    """The smallest of four times 4, the next times 3, …, never falling, at most 1 (Holm 1979)."""
    found = holm({"a": 0.01, "b": 0.04, "c": 0.03, "d": 0.005})
    assert found == pytest.approx({"d": 0.02, "a": 0.03, "c": 0.06, "b": 0.06})
    assert holm({"a": 0.6, "b": 0.9}) == {"a": 1.0, "b": 1.0}
    assert holm({"a": 0.03}) == {"a": 0.03}
    assert holm({}) == {}
