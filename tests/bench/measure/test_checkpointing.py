"""Which blocks are checkpointed, that nothing but memory changes by it, and by how much it does."""

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from bench.measure import checkpointing, operations, tracking
from bench.measure.passes import call, scalar_loss
from bench.measure.repeated_blocks import repeated_blocks

FP32 = 4


class Block(nn.Module):
    """(rows, width) to the same; inside `n_layers` linear layers."""

    def __init__(self, width: int, n_layers: int = 2, dropout: float = 0.0) -> None:
        super().__init__()
        layers = [(nn.Linear(width, width), nn.Tanh()) for _ in range(n_layers)]
        self.layers = nn.Sequential(*(layer for pair in layers for layer in pair))
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Any:
        return x + self.dropout(self.layers(x))


def network(n_blocks: int, width: int = 8, dropout: float = 0.0) -> nn.Sequential:
    blocks = (Block(width, dropout=dropout) for _ in range(n_blocks))
    return nn.Sequential(nn.Linear(width, width), nn.Sequential(*blocks), nn.Linear(width, 3))


class Stages(nn.Module):
    """As torchvision's: stages are attributes of their own, each a Sequential of blocks."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Linear(8, 8)
        self.layer1 = nn.Sequential(Block(8), Block(8))
        self.layer2 = nn.Sequential(Block(8), Block(8), Block(8))
        self.head = nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Any:
        return self.head(self.layer2(self.layer1(self.stem(x))))


class TupleBlock(Block):
    """As those of language models: takes options by name, returns a tuple."""

    def forward(self, x: Tensor, *, factor: Tensor | None = None) -> Any:
        hidden = super().forward(x)
        return (hidden if factor is None else hidden * factor, {"norm": hidden.norm()})


class Listed(nn.Module):
    """Calls the blocks of a ModuleList one by one, and hands on the first of what they return."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.ModuleList([TupleBlock(8) for _ in range(4)])

    def forward(self, x: Tensor) -> Any:
        for block in self.blocks:
            x, _ = block(x, factor=torch.ones(1))
        return {"hidden": x}


class Twice(nn.Module):
    """The same blocks in two lists."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.ModuleList([Block(8), Block(8)])
        self.backwards = nn.ModuleList(list(self.blocks)[::-1])

    def forward(self, x: Tensor) -> Any:
        for block in (*self.blocks, *self.backwards):
            x = block(x)
        return x


class InPlace(nn.Module):
    """Ends its list of blocks with a module that overwrites its input."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.Sequential(Block(8), Block(8), nn.ELU(alpha=2.0, inplace=True))

    def forward(self, x: Tensor) -> Any:
        return self.blocks(x - 1)


def gradients(model: nn.Module, x: Tensor) -> dict[str, Tensor]:
    torch.manual_seed(1)
    scalar_loss(call(model, x)).backward()
    return {name: p.grad for name, p in model.named_parameters() if p.grad is not None}


@pytest.mark.parametrize(
    ("build", "n_blocks"),
    [
        (lambda: network(5), 5),
        (lambda: network(4, dropout=0.5), 4),
        (Stages, 5),
        (Listed, 4),
        (Twice, 2),
        (InPlace, 2),
        (lambda: nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16, 0.1), 3), 3),
    ],
    ids=["sequential", "dropout", "stages", "list", "twice", "in place", "transformer"],
)
@pytest.mark.filterwarnings("ignore:enable_nested_tensor")
def test_only_memory_changes(build: Callable[[], nn.Module], n_blocks: int) -> None:
    """Each block is checkpointed once; gradients are the same to the last bit, dropout included,
    names of weights stay, and a copy is checkpointed as well."""
    torch.manual_seed(0)
    plain = build()
    checkpointed = copy.deepcopy(plain)
    assert checkpointing.apply(checkpointed) == n_blocks
    x = torch.randn(4, 8)
    expected = gradients(plain, x)
    assert expected
    for model in (copy.deepcopy(checkpointed), checkpointed):
        found = gradients(model, x)
        assert found.keys() == expected.keys()
        for name, gradient in found.items():
            assert torch.equal(gradient, expected[name]), name
    assert list(checkpointed.state_dict()) == list(plain.state_dict())


def test_each_block_is_run_forward_twice() -> None:
    """The recomputed FLOPs are those of the blocks: 2 layers of 8 x 8 each, 2 FLOPs a weight; the
    last operator of a block need not be repeated, and it is no matrix product."""
    model = network(5)
    checkpointing.apply(model)
    counted = operations.count(model, torch.ones(4, 8))
    assert counted.recomputed_flops == 5 * 2 * (2 * 4 * 8 * 8)


@pytest.mark.parametrize("checkpointed", [False, True])
def test_a_chain_keeps_the_inputs_of_its_blocks(checkpointed: bool) -> None:
    """Each block more keeps three tensors more: its input and what both tanh return; checkpointed
    its input alone. (The state of the random generator is no tensor that an operator makes.)"""
    rows, width = 500, 8
    tensor = FP32 * rows * width

    def activations(n_blocks: int) -> int:
        model = nn.Sequential(*(Block(width) for _ in range(n_blocks)))
        if checkpointed:
            checkpointing.apply(model)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.0)
        peak = tracking.step_peak(model, torch.ones(rows, width), optimizer)
        assert peak.by_kind is not None
        return peak.by_kind["activations"]

    a_block = tensor if checkpointed else 3 * tensor
    assert activations(16) - activations(8) == 8 * a_block
    assert activations(8) - activations(4) == 4 * a_block
    assert activations(4) < 4 * a_block + 3 * tensor


@pytest.mark.parametrize(
    "model",
    [
        nn.Linear(8, 8),
        nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 8), nn.ReLU()),
        nn.Sequential(Block(8), nn.Linear(8, 3)),
        nn.ModuleList(),
        nn.LSTM(8, 8, num_layers=3),
    ],
    ids=["one layer", "plain layers", "one block", "empty", "one module"],
)
def test_a_network_without_repeated_blocks_is_left_as_it_was(model: nn.Module) -> None:
    """There is nothing to checkpoint, which the number of blocks says."""
    assert checkpointing.apply(model) == 0
    assert all("forward" not in vars(module) for module in model.modules())


def test_containers_are_alike_if_what_they_hold_is() -> None:
    """Blocks that are only written as nn.Sequential are found as well."""

    def block(width: int) -> nn.Sequential:
        return nn.Sequential(nn.Linear(8, width), nn.ReLU(), nn.Linear(width, 8))

    assert repeated_blocks(model := nn.Sequential(block(4), block(6))) == list(model)
    assert not repeated_blocks(nn.Sequential(block(4), nn.Sequential(nn.Linear(8, 8))))
