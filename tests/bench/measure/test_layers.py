"""Cost against position in depth: the columns add up, and each part has what it spends."""

import pytest
import torch
from torch import Tensor, nn

from bench import families
from bench.measure import layers, memory, operations
from bench.measure.layers import (
    OUTSIDE,
    Part,
    cost_by_part,
    flops_by_part,
    parts,
    seconds_by_part,
)

FAMILIES = [
    ("mlp", 4),
    ("mlp:norm=batch", 4),
    ("resnet", 8),
    ("cifar_resnet", 14),
    ("preact_resnet:width=4", 20),
    ("densenet:growth=4", 16),
    ("vgg:input_shape=3x32x32,width=4", 11),
    ("vit:width=16,heads=2,input_shape=3x16x16,patch=8", 3),
    ("gpt:width=16,heads=2,context=8,vocabulary=20", 3),
]
FP32 = 4


def cost_of(model: nn.Module, inputs: Tensor) -> tuple[Part, ...]:
    return cost_by_part(model, inputs, flops=flops_by_part(model, inputs))


@pytest.mark.parametrize(("spec", "depth"), FAMILIES)
def test_columns_add_up_to_the_network(spec: str, depth: int) -> None:
    """Parameters, FLOPs forward and backward, and saved bytes, whatever the parts share."""
    family = families.find(spec)
    model, inputs = family.build(depth).train(), family.example_input(4)
    found = cost_of(model, inputs)
    counted = operations.count(model, inputs)
    assert sum(part.parameters for part in found) == operations.parameter_count(model)
    assert sum(part.forward_flops for part in found) == counted.forward_flops
    assert sum(part.backward_flops for part in found) == counted.backward_flops
    assert sum(part.saved_bytes for part in found) == memory.saved_bytes(model, inputs)
    assert [part.name for part in found] == [*parts(model), OUTSIDE]


def test_each_part_has_its_closed_form() -> None:
    """A hidden layer of a perceptron: weights and bias, a product forward, two backward (one in
    the first), and the output that its activation and the next product share."""
    family = families.find("mlp:width=10,input_shape=2x3")
    model, inputs = family.build(3).train(), family.example_input(5)
    by_name = {part.name: part for part in cost_of(model, inputs)}
    assert by_name["blocks.0"] == Part(
        name="blocks.0",
        parameters=6 * 10 + 10,
        forward_flops=2 * 5 * 6 * 10,
        backward_flops=2 * 5 * 6 * 10,
        saved_bytes=FP32 * 5 * (6 + 10),
    )
    assert by_name["blocks.1"] == Part(
        name="blocks.1",
        parameters=10 * 10 + 10,
        forward_flops=2 * 5 * 10 * 10,
        backward_flops=4 * 5 * 10 * 10,
        saved_bytes=FP32 * 5 * 10,
    )
    assert by_name["head"].saved_bytes == 0  # its input was saved before


def test_equal_blocks_cost_the_same() -> None:
    """In an isotropic network, but for the first, whose input nobody saved before."""
    family = families.find("resnet")
    found = cost_of(family.build(14).train(), family.example_input(2))
    blocks = [part for part in found if part.name.startswith("blocks.")]
    assert len(blocks) == 6
    assert len({(b.parameters, b.forward_flops, b.backward_flops) for b in blocks}) == 1
    assert len({b.saved_bytes for b in blocks[1:]}) == 1


class Staged(nn.Module):
    """Stages as attributes, a function between them, and a part that never runs."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Sequential(*(nn.Sequential(nn.Linear(4, 4), nn.ReLU()) for _ in range(2)))
        self.second = nn.Sequential(*(nn.Sequential(nn.Linear(4, 4), nn.ReLU()) for _ in range(2)))
        self.unused = nn.Linear(4, 4)
        self.scale = nn.Parameter(torch.ones(4, 4))

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.second(self.first(x) @ self.scale)
        return out


def test_what_runs_between_parts_is_booked_outside() -> None:
    """A product of the network's own, and its own parameter; what never runs has no row."""
    found = {part.name: part for part in cost_of(Staged(), torch.ones(3, 4))}
    assert list(found) == ["first.0", "first.1", "second.0", "second.1", OUTSIDE]
    assert found[OUTSIDE].forward_flops == 2 * 3 * 4 * 4
    assert found[OUTSIDE].parameters == 4 * 4


def test_a_network_without_blocks_has_its_modules_as_parts() -> None:
    """One layer is one part."""
    model = nn.Sequential(nn.Linear(4, 8), nn.Linear(8, 2))
    assert list(parts(model)) == ["0", "1"]


def test_seconds_are_of_every_part_and_leave_no_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a clock that goes on by one at each reading, every part takes a reading or more, forward
    and backward; hooks, modes and gradients are as before."""
    readings = iter(range(10**6))
    monkeypatch.setattr(layers.time, "perf_counter", lambda: float(next(readings)))
    family = families.find("mlp:norm=batch")
    model = family.build(3).eval()
    seconds = seconds_by_part(model, family.example_input(4), device="cpu", passes=2)
    assert set(seconds) == {*parts(model), OUTSIDE}
    assert all(seconds[name] == (1.0, 1.0) for name in ("blocks.0", "blocks.1", "head"))
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())
    assert not any(m.training for m in model.modules())
    assert all(p.grad is None for p in model.parameters())


class Picky(nn.Module):
    """Needs values, so it cannot be counted on the meta device; its layers are in a list."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(4, 4) for _ in range(3))

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = layer(x) * x.mean().item()
        return x


def test_a_network_that_needs_values_is_counted_where_it_lies() -> None:
    """With the parts of a list, which itself is never called."""
    found = cost_of(Picky(), torch.ones(3, 4))
    assert [part.name for part in found] == ["layers.0", "layers.1", "layers.2", OUTSIDE]
    assert [part.forward_flops for part in found] == [2 * 3 * 4 * 4] * 3 + [0]
    assert [part.parameters for part in found] == [4 * 4 + 4] * 3 + [0]
