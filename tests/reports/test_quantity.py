"""Quantities and budgets as people type them."""

import pytest

from reports.budget import BOUNDED, Budget, fits_all, parse_budgets
from reports.costs import DepthCost
from reports.errors import InputError
from reports.quantity import parse_quantity


@pytest.mark.parametrize(
    ("text", "unit", "value"),
    [
        ("5ms", "seconds", 0.005),
        ("2h", "seconds", 7200),
        ("1.5 s", "seconds", 1.5),
        ("90min", "seconds", 5400),
        ("7", "seconds", 7),
        ("250us", "seconds", 250e-6),
        ("24GiB", "bytes", 24 * 2**30),
        ("24GB", "bytes", 24e9),
        ("512m", "bytes", 512e6),
        ("1e15", "flops", 1e15),
        ("3G", "flops", 3e9),
        ("10MFLOPs", "flops", 10e6),
        ("3GMACs", "flops", 6e9),
        ("20 mJ", "joules", 0.02),
        ("20MJ", "joules", 20e6),
        ("5j", "joules", 5),
        ("2Wh", "joules", 7200),
    ],
)
def test_a_quantity_with_a_suffix(text: str, unit: str, value: float) -> None:
    """SI and binary suffixes, times, and multiply-adds as two FLOPs."""
    assert parse_quantity(text, unit) == pytest.approx(value)


@pytest.mark.parametrize(
    "text", ["", "ms", "-5ms", "0", "five", "5 parsecs", "1e999", "nan", "5,0"]
)
def test_what_is_no_quantity_names_what_is_known(text: str) -> None:
    """No number, no positive one, or a suffix of something else."""
    with pytest.raises(InputError, match="expected"):
        parse_quantity(text, "seconds")


def test_a_thousandth_and_a_million_of_a_joule_are_told_by_their_case() -> None:
    """So `mj` is neither."""
    with pytest.raises(InputError, match=r"uJ, mJ, J, kJ, MJ, Wh, kWh; got '3mj'"):
        parse_quantity("3mj", "joules")


@pytest.mark.parametrize("texts", [["latency=5ms,latency=2ms"], ["flops=1G", "flops=1G"]])
def test_one_cost_has_one_bound(texts: list[str]) -> None:
    """Which of two was meant cannot be known, so both are named."""
    with pytest.raises(InputError, match=r"one bound on (latency|flops) was expected; got .*, "):
        parse_budgets(texts)


def test_bytes_are_no_time() -> None:
    """The kind of the budget decides which suffixes there are."""
    with pytest.raises(InputError, match=r"--budget latency: .*ms.*got '5GiB'"):
        parse_budgets(["latency=5GiB"])


def test_budgets_are_repeated_or_separated_by_commas() -> None:
    """Both ways give the same budgets."""
    expected = (Budget("latency", 0.005), Budget("memory", 2.0**31))
    assert parse_budgets(["latency=5ms,memory=2GiB"]) == expected
    assert parse_budgets(["latency=5ms", "memory=2GiB"]) == expected
    assert str(expected[0]) == "latency_seconds<=0.005"


@pytest.mark.parametrize("text", ["", "latency", "speed=5", "latency:5ms", "=5"])
def test_an_unknown_budget_lists_the_known_ones(text: str) -> None:
    """The names of the budgets are in the error."""
    with pytest.raises(InputError, match="latency, flops, train_flops, memory, train_time, energy"):
        parse_budgets([text])


@pytest.mark.parametrize("name", BOUNDED)
def test_a_budget_allows_its_own_bound_and_nothing_unknown(name: str) -> None:
    """Every cost that can be bounded is one of a depth."""
    budget = Budget(name, 5.0)
    costs = [DepthCost(8, **{budget.column: need}) for need in (4.9, 5.0, 5.1, None)]
    assert [budget.fits(cost) for cost in costs] == [True, True, False, False]


def test_budgets_together_are_all_kept() -> None:
    """One that is broken is enough; without budgets everything fits."""
    cost = DepthCost(8, flops=10.0, peak_bytes=10.0)
    assert fits_all([Budget("flops", 10.0), Budget("memory", 11.0)], cost)
    assert not fits_all([Budget("flops", 10.0), Budget("memory", 9.0)], cost)
    assert fits_all([], DepthCost(8))
