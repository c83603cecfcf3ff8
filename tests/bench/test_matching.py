"""The width at which a depth costs what another does."""

import math
import random
from pathlib import Path

import pytest

from bench import families
from bench.families import Family
from bench.matching import Matching, nearest, reference_depth
from bench.specs import InputError


def bound(spec: str) -> Family:
    """For signals (1, 40) of ten classes, where the family takes them."""
    return families.find(spec).for_task(input_shape=(1, 40), classes=10)


@pytest.mark.parametrize(
    ("depths", "reference"),
    [((2, 4, 8, 16, 32), 8), ((20, 56, 110), 56), ((4, 2), 2), ((7,), 7), ((2, 3, 1000), 3)],
)
def test_the_reference_is_the_geometric_middle(depths: tuple[int, ...], reference: int) -> None:
    """The nearest to it by ratio, of equals the shallower, in whatever order they are asked for."""
    assert reference_depth(depths) == reference


@pytest.mark.parametrize("seed", range(40))
def test_nearest_is_the_nearest_by_ratio_of_all_that_are_accepted(seed: int) -> None:
    """As trying each of them finds, for costs that rise by any steps, from any start, and where
    most numbers are refused."""
    draw = random.Random(seed)
    accepted = set(draw.sample(range(1, 400), draw.choice((399, 100, 40))))
    steps = [draw.choice((0, 1, 5, 40)) for _ in range(400)]
    costs = {n: 1 + sum(steps[:n]) for n in accepted}
    target = draw.randint(1, max(costs.values()))
    start = draw.randint(1, 150)
    found = nearest(costs.get, target, start=start)
    assert found is not None
    away = {n: abs(math.log(cost / target)) for n, cost in costs.items()}
    assert away[found] == pytest.approx(min(away.values()))


def test_nothing_is_found_where_nothing_is_accepted() -> None:
    """None, and no search without end."""
    assert nearest(lambda _: None, 10, start=1) is None


def mlp_parameters(depth: int, width: int) -> int:
    return 41 * width + (depth - 2) * (width**2 + width) + 10 * width + 10


@pytest.mark.parametrize("depth", [2, 4, 16, 32])
def test_parameters_are_as_near_as_whole_widths_come(depth: int) -> None:
    """Of perceptrons, whose parameters are a closed form: one unit more or less is further off."""
    target = mlp_parameters(8, 100)
    match = Matching(bound("mlp"), cost="parameters", reference=8).at(depth)

    def off(width: int) -> float:
        return abs(math.log(mlp_parameters(depth, width) / target))

    assert match.ratio == pytest.approx(mlp_parameters(depth, match.width) / target)
    assert off(match.width) <= min(off(match.width - 1), off(match.width + 1))


def test_flops_are_of_the_forward_of_one_sample() -> None:
    """Two hidden layers of w units take 2(40w + w² + 10w) FLOPs; one, 2(40w + 10w)."""
    match = Matching(bound("mlp:width=20"), cost="flops", reference=3).at(2)
    assert match.width == 28  # 50w is nearest to 1,400 there
    assert match.ratio == pytest.approx(1.0)


@pytest.mark.parametrize("cost", ["parameters", "flops"])
@pytest.mark.parametrize(
    ("spec", "reference", "width"),
    [("resnet", 8, 24), ("mlp:width=53", 4, 53), ("vit:size=Ti", 2, 192)],
)
def test_the_reference_keeps_its_own_width(
    cost: str, spec: str, reference: int, width: int
) -> None:
    """Also where it follows from another knob."""
    match = Matching(bound(spec), cost=cost, reference=reference).at(reference)
    assert (match.width, match.ratio, match.warnings) == (width, 1.0, ())
    assert (match.cost, match.reference_depth) == (cost, reference)


def test_a_width_that_the_family_refuses_is_passed_over() -> None:
    """Three heads divide the width."""
    matching = Matching(bound("vit:size=Ti"), cost="parameters", reference=4)
    widths = [matching.at(depth).width for depth in (1, 2, 6, 12)]
    assert all(width % 3 == 0 for width in widths)
    assert widths == sorted(widths, reverse=True)


def test_a_depth_that_cannot_be_matched_says_so() -> None:
    """Logistic regression has no hidden layer: its parameters do not depend on the width."""
    match = Matching(bound("mlp"), cost="parameters", reference=2).at(1)
    assert match.width == 100
    assert match.ratio == pytest.approx(410 / 5_110)
    (warning,) = match.warnings
    assert "0.0802 times the parameters of depth 2" in warning


USER = """
import torch
from torch import nn

class Odd(nn.Module):
    def forward(self, x):
        raise KeyError("planted")

def build(depth, *, width={width}):
    if isinstance(width, int) and width % 50 == 0 and width != 100:
        raise ValueError("no")
    return Odd() if depth == 3 else nn.Linear(4, width if depth < 9 else 7)

def example_input(batch_size):
    return torch.zeros(batch_size, 4)
"""


@pytest.mark.parametrize(
    ("spec", "cost", "reference", "said"),
    [
        ("densenet", "flops", 40, "densenet has only: layout, input_shape, classes, growth"),
        ("{user}:width=wide", "flops", 2, "whole number as width of"),
        ("{user}", "flops", 3, "at depth 3 cannot be counted: KeyError: 'planted'"),
        ("{user}", "parameters", 3, "has none at depth 3"),
    ],
)
def test_a_family_without_a_width_to_solve_for_is_refused(
    spec: str,
    cost: str,
    reference: int,
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """In one line: its knobs are named, or why it cannot be counted."""
    path = tmp_path / "odd_net.py"
    path.write_text(USER.format(width=100))
    monkeypatch.syspath_prepend(tmp_path)
    family = families.find(spec.format(user=f"{path}:build"))
    with pytest.raises(InputError) as caught:
        Matching(family, cost=cost, reference=reference)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
