"""Which blocks a network can do without, and whether it could be as good as a shallower one."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from bench import families
from bench.limits import degradation
from bench.limits.degradation import constructed, effective_depth, make_identity
from bench.limits.remedy import Situation
from tests.bench.train.small import SHAPE, training

from .small import WIDTH, accuracy, batch, left_alone, network, values

SAMPLE = batch()[0]


def select(model: nn.Sequential) -> None:
    """Make the head read the first value, and the hidden blocks pass on what is not negative."""
    with torch.no_grad():
        for block in model[0]:  # type: ignore[union-attr]
            block[0].weight.copy_(torch.eye(WIDTH))
            block[0].bias.zero_()
        model[1].weight.zero_()
        model[1].weight[1, 0] = 1.0
        model[1].bias.copy_(torch.tensor([1e-6, 0.0]))


def test_needless_blocks_are_counted() -> None:
    """Of three blocks two pass on what they get, and the first too, but that it cuts off what is
    negative, which the head does not look at: none is needed."""
    model = network()
    select(model)
    assert accuracy(model) == 1.0
    probes = effective_depth(model, SAMPLE, accuracy, depth=4)
    assert values(probes, "bypass_drop") == {"0.0": 0.0, "0.1": 0.0, "0.2": 0.0}
    assert values(probes, "needed_blocks") == {"of 3 blocks that can be bypassed": 0.0}


def test_a_needed_block_is_counted() -> None:
    """Planted: one block moves the value that the head reads to where another expects it."""
    model = network()
    select(model)
    with torch.no_grad():
        model[0][1][0].weight.copy_(torch.eye(WIDTH).roll(1, 0))  # type: ignore[index]
        model[0][2][0].weight.copy_(torch.eye(WIDTH).roll(-1, 0))  # type: ignore[index]
    probes = effective_depth(model, SAMPLE, accuracy, depth=4)
    drops = values(probes, "bypass_drop")
    assert drops["0.0"] == 0.0
    assert all(drop is not None and drop > 0.1 for drop in (drops["0.1"], drops["0.2"]))
    assert values(probes, "needed_blocks") == {"of 3 blocks that can be bypassed": 2.0}


class Pair(nn.Module):
    """Takes a tensor, returns it and the layer's state, as language models' blocks do."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(WIDTH, WIDTH)

    def forward(self, x: Tensor) -> tuple[Tensor, dict[str, int]]:
        return x + self.linear(x), {"calls": 1}


class Pairs(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(Pair() for _ in range(3))
        self.head = nn.Linear(WIDTH, 2)

    def forward(self, x: Tensor) -> Tensor:
        for block in self.blocks:
            x = block(x)[0]
        out: Tensor = self.head(x)
        return out


def test_a_block_that_returns_a_tuple_is_bypassed_within_it() -> None:
    """Its input stands in the tuple where its output was: without the block the network is the
    one whose block adds nothing."""
    torch.manual_seed(0)
    model = Pairs()
    drops = values(effective_depth(model, SAMPLE, accuracy, depth=4), "bypass_drop")
    whole = accuracy(model)
    for index, drop in enumerate(drops.values()):
        without = Pairs()
        without.load_state_dict(model.state_dict())
        for parameter in without.blocks[index].parameters():
            nn.init.zeros_(parameter)
        assert drop == pytest.approx(whole - accuracy(without))
    assert list(drops) == ["blocks.0", "blocks.1", "blocks.2"]


def test_blocks_that_change_the_shape_are_left_out() -> None:
    """Where there is no other, nothing is said."""
    model = nn.Sequential(nn.Linear(WIDTH, 4), nn.Linear(4, 3), nn.Linear(3, 2))
    assert effective_depth(model, SAMPLE, accuracy, depth=3) == []


def test_networks_are_left_alone() -> None:
    """By the bypasses; and the shallow one by the constructive check."""
    model, deep = network(norm=True).train(), network(6, norm=True)
    with left_alone(model):
        effective_depth(model, SAMPLE, accuracy, depth=4)
    with left_alone(model):
        constructed(model, deep, SAMPLE, accuracy, depth=6)


def build(depth: int, **knobs: Any) -> nn.Module:
    spec = ",".join(f"{name}={value}" for name, value in {"width": 8, **knobs}.items())
    torch.manual_seed(depth)
    return families.find(f"mlp:{spec}").for_task(input_shape=SHAPE, classes=2).build(depth)


@pytest.mark.parametrize(
    "knobs", [{}, {"norm": "batch"}, {"residual": "true"}, {"norm": "batch", "residual": "true"}]
)
def test_further_layers_can_be_the_identity(knobs: dict[str, Any]) -> None:
    """A deep perceptron holds the shallow one: the same outputs, so the same accuracy."""
    shallow, deep = build(3, **knobs), build(7, **knobs)
    sample = SAMPLE[:, None]
    shallow.eval()
    wanted = shallow(sample)
    probe = constructed(shallow, deep, sample, lambda _: 0.75, depth=7)
    assert (probe.value, probe.note) == (0.75, None)
    assert torch.allclose(deep(sample), wanted, rtol=1e-3, atol=1e-4)


def test_what_cannot_be_constructed_says_why() -> None:
    """A tanh is no identity, and a head under another name is another layer."""
    sample = SAMPLE[:, None]
    tanh = [build(depth, activation="tanh") for depth in (3, 5)]
    probe = constructed(*tanh, sample, accuracy, depth=5)
    assert (probe.value, probe.note) == (None, "the further layers cannot be made the identity")
    flat = [nn.Sequential(*(nn.Linear(6, 6) for _ in range(n)), nn.Linear(6, 2)) for n in (1, 3)]
    probe = constructed(*flat, SAMPLE, accuracy, depth=3)
    assert probe.value is None
    assert probe.note is not None
    assert "does not hold the layers of the shallower one" in probe.note


def test_the_identity_of_a_plain_block() -> None:
    """It passes on what is not negative, a batch norm's epsilon included."""
    block = nn.Sequential(nn.Linear(WIDTH, WIDTH), nn.BatchNorm1d(WIDTH), nn.ReLU()).eval()
    make_identity(block)
    assert torch.allclose(block(SAMPLE), SAMPLE.relu(), atol=1e-6)


def test_shortcuts_are_tried_where_there_are_none() -> None:
    """By the family's knob where it has one, else by surgery."""
    residual, _ = degradation.REMEDIES
    for knobs, words in (
        ({"residual": True}, []),
        ({"residual": False}, ["residual=true"]),
        ({}, ["shortcut"]),
    ):
        situation = Situation(training=training(), knobs=knobs, n_train=100)
        assert [str(change) for change in residual.changes(situation)] == words
