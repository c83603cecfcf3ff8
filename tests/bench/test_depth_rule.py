"""The depths of a family by asking it, against trying each one."""

import functools
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from bench import depth_rule, families
from bench.families import BUILT_IN, Family
from bench.specs import InputError

# Every depth up to there is built. The rule of `resnet_imagenet` is another one from 50 on.
UP_TO = dict.fromkeys(BUILT_IN, 32) | {"resnet_imagenet": 54}

USER_FILE = """
import torch
from torch import nn

BLOCKS = {18: 2, 34: 3, 50: 4}

def layers(n): return nn.Sequential(*(nn.Linear(4, 4) for _ in range(n)))

def table(depth): return layers(BLOCKS[depth])

def rule(depth):
    if depth < 7 or depth % 3 != 1:
        raise ValueError(f"depth must be 3n+1 and at least 7; got {depth}")
    return layers(depth)

def powers(depth):
    if depth & (depth - 1):
        raise SystemExit(f"depth must be a power of two; got {depth}")
    return layers(depth)

def any_depth(depth): return nn.Linear(4, 4)

def values(depth):
    if float(torch.rand(depth).sum()) >= 0 and depth % 2:
        raise ValueError("depth must be even")
    return layers(depth)

def deep(depth):
    if depth < 100:
        raise ValueError("depth must be at least 100")
    return layers(depth)

def example_input(batch_size): return torch.ones(batch_size, 4)
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with a user's file that names no depths, and one that names some."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "nets.py").write_text(USER_FILE)
    (tmp_path / "named.py").write_text(USER_FILE + "\ndepths = (18, 34, 50)\n")
    (tmp_path / "far.py").write_text(USER_FILE + "\ndepths = (100, 200)\n")
    return tmp_path


def built(family: Family, up_to: int) -> list[int]:
    """Every depth that the family builds, by trying each."""

    def builds(depth: int) -> bool:
        try:
            with torch.device("meta"):
                family.build(depth)
        except (Exception, SystemExit):
            return False
        return True

    return [depth for depth in range(1, up_to + 1) if builds(depth)]


@functools.cache
def deepest_of(spec: str) -> Callable[[int], int]:
    """The answer of a built-in family, which is asked once."""
    return depth_rule.at_most(families.find(spec))


@pytest.mark.parametrize("spec", [name for name in BUILT_IN if name not in ("gpt", "vit")])
def test_built_in_families_have_the_depths_that_they_build(spec: str) -> None:
    """The deepest that is not above a number is the last one that can be built up to there."""
    family = families.find(spec)
    depths = built(family, UP_TO[spec])
    deepest = deepest_of(spec)
    assert depth_rule.smallest(family) == depths[0]
    for number in range(depths[0], UP_TO[spec] + 1):
        assert deepest(number) == max(d for d in depths if d <= number)
    assert [deepest(number) for number in range(depths[0])] == [depths[0]] * depths[0]


@pytest.mark.parametrize("spec", ["gpt:context=8,heads=1,vocabulary=9,width=4", "vit:size=Ti"])
def test_transformers_have_every_depth(spec: str) -> None:
    """Also a thousand blocks, which are not built to know it."""
    family = families.find(spec)
    deepest = depth_rule.at_most(family)
    assert depth_rule.smallest(family) == 1
    assert [deepest(n) for n in (1, 2, 7, 47, 1_000, 10**30)] == [1, 2, 7, 47, 1_000, 10**30]


@pytest.mark.parametrize("spec", BUILT_IN)
def test_depths_far_beyond_are_built_by_the_same_rule(spec: str) -> None:
    """What is said of 100 layers and fewer is true: the family builds it, and no depth between."""
    depth = deepest_of(spec)(100)
    families.find(spec).check_depth(depth)
    assert 90 < depth <= 100


@pytest.mark.parametrize(
    ("spec", "first", "asked", "answers"),
    [
        ("nets.py:table", 18, (1, 18, 33, 34, 60, 1000), (18, 18, 18, 34, 50, 50)),
        ("named.py:table", 18, (1, 18, 33, 34, 60, 1000), (18, 18, 18, 34, 50, 50)),
        ("nets.py:rule", 7, (7, 9, 12, 64, 66, 3002), (7, 7, 10, 64, 64, 3001)),
        ("nets.py:powers", 1, (1, 3, 63, 64, 1000), (1, 2, 32, 64, 128)),
        ("nets.py:any_depth", 1, (1, 5, 64, 10**9), (1, 5, 64, 10**9)),
        ("nets.py:values", 2, (2, 3, 65, 10**9 + 1), (2, 2, 64, 10**9)),
        ("far.py:deep", 100, (1, 100, 150, 201, 10**9), (100, 100, 150, 201, 10**9)),
    ],
)
@pytest.mark.usefixtures("folder")
def test_a_users_family_has_what_it_builds(
    spec: str, first: int, asked: tuple[int, ...], answers: tuple[int, ...]
) -> None:
    """However it refuses the rest: with a KeyError, a ValueError or an exit. Beyond the depths that
    are named, a family goes on only if it does so in equal steps."""
    family = families.find(spec)
    assert depth_rule.smallest(family) == first
    assert tuple(map(depth_rule.at_most(family), asked)) == answers


@pytest.mark.usefixtures("folder")
def test_a_family_without_a_depth_to_start_from_is_refused() -> None:
    """It names none, and none of the first 64 can be built; the error says what to do."""
    with pytest.raises(InputError, match=r"none of the depths 1 to 64.*: give --depths"):
        depth_rule.smallest(families.find("nets.py:deep"))


@pytest.mark.usefixtures("folder")
def test_asking_leaves_the_random_state() -> None:
    """Also where a network is built for real, because it needs values."""
    before = torch.get_rng_state()
    depth_rule.at_most(families.find("nets.py:values"))(40)
    assert torch.equal(torch.get_rng_state(), before)
