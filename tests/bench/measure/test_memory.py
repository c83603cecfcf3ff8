"""Saved bytes in closed form, the peak of a child process, and the calls on a CUDA device."""

import contextlib
import itertools
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from bench import families
from bench.measure import memory
from bench.measure.passes import Pass, make
from bench.records import Peak
from bench.train.optimizers import OPTIMIZERS

FP32 = 4
MIB = 2**20

# --- saved for the backward --------------------------------------------------------------------


def stack(depth: int, *, inplace: bool = False) -> nn.Sequential:
    """(n, 6) -> `depth` hidden layers of 8 units -> (n, 3)."""
    widths = [6] + [8] * depth
    hidden = [
        layer
        for i in range(depth)
        for layer in (nn.Linear(widths[i], widths[i + 1]), nn.ReLU(inplace=inplace))
    ]
    return nn.Sequential(*hidden, nn.Linear(widths[-1], 3))


@pytest.mark.parametrize("inplace", [False, True])
@pytest.mark.parametrize("depth", [1, 2, 5])
@pytest.mark.parametrize("rows", [1, 7])
def test_linear_layers_save_their_inputs(depth: int, rows: int, inplace: bool) -> None:
    """Each linear layer saves its input, which for all but the first is the very tensor that the
    ReLU before it saved: 4 n (6 + 8 depth) bytes. Weights are not counted."""
    expected = FP32 * rows * (6 + 8 * depth)
    assert memory.saved_bytes(stack(depth, inplace=inplace), torch.ones(rows, 6)) == expected


def test_views_of_one_storage_count_once() -> None:
    """A tensor that is saved whole and in pieces takes its own bytes."""

    class Halves(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            h = x.exp()  # saves its result; the product saves two views of it
            return h[:, :4] * h[:, 4:]

    assert memory.saved_bytes(Halves(), torch.ones(5, 8, requires_grad=True)) == FP32 * 5 * 8


def test_frozen_network_saves_nothing() -> None:
    """Without anything to train there is no backward."""
    assert memory.saved_bytes(stack(3).requires_grad_(False), torch.ones(2, 6)) == 0


@pytest.mark.parametrize("spec", ["mlp", "resnet", "resnet:residual=false", "cifar_resnet"])
def test_saved_bytes_are_linear_in_blocks_and_the_same_on_meta(spec: str) -> None:
    """Each block saves as much as the one before, and nothing need be allocated to know it."""
    family = families.find(spec)
    depths = (4, 6, 8) if spec != "cifar_resnet" else (8, 14, 20)

    def saved(depth: int) -> int:
        with torch.device("meta"):
            return memory.saved_bytes(family.build(depth), family.example_input(3))

    first, second, third = map(saved, depths)
    assert third - second == second - first > 0
    real = memory.saved_bytes(family.build(depths[0]), family.example_input(3))
    assert real == first


class OwnStatistics(nn.Module):
    """Assigns its running mean anew, as much code does, instead of writing into it."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 4)
        self.register_buffer("average", torch.zeros(4))

    def forward(self, x: Tensor) -> Tensor:
        h: Tensor = self.linear(x)
        self.average = 0.9 * self.average + 0.1 * h.detach().mean(0)
        return h


class Failing(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        raise ArithmeticError(f"no answer for {tuple(x.shape)}")


@pytest.mark.parametrize(
    "network",
    [
        nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4)),
        nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), Failing()),
        nn.Sequential(nn.Linear(4, 4), nn.Dropout(0.5)),
        OwnStatistics(),
    ],
    ids=["batch norm", "failing", "dropout", "own statistics"],
)
def test_model_and_random_state_are_left_as_found(network: nn.Module) -> None:
    """Running statistics are put back, whether written in place or assigned, also after an error;
    no gradient and no random number is left behind."""
    network.train()
    buffers = {name: b.tolist() for name, b in network.named_buffers()}
    random = torch.get_rng_state()
    with contextlib.suppress(ArithmeticError):
        memory.saved_bytes(network, torch.ones(3, 4))
    assert {name: b.tolist() for name, b in network.named_buffers()} == buffers
    assert all(p.grad is None for p in network.parameters())
    assert all(m.training for m in network.modules())
    assert torch.equal(torch.get_rng_state(), random)


def test_tensor_bytes_count_each_storage_once() -> None:
    """Views, repeats and nested trees add nothing; what is no tensor has no bytes."""
    x, y = torch.zeros(5, 3), torch.zeros(2, dtype=torch.int64)
    both = 5 * 3 * FP32 + 2 * 8
    assert memory.tensor_bytes(x, y) == both
    tree = {"a": [x, x[1:], x.T], "b": (y, {"c": y.view(2, 1)}), "d": "text", "e": 3}
    assert memory.tensor_bytes(tree, x) == both
    assert memory.tensor_bytes() == 0


# --- the peak on a CPU -------------------------------------------------------------------------


def peak_of(pass_: str, rows: int, widths: tuple[int, ...], optimizer: str) -> Peak:
    """The peak of a chain of linear layers of these widths."""
    torch.set_num_threads(1)
    layers = [nn.Linear(a, b, bias=False) for a, b in itertools.pairwise(widths)]
    model, inputs = nn.Sequential(*layers), torch.zeros(rows, widths[0])
    stepper = OPTIMIZERS[optimizer](model.parameters(), lr=0.0, weight_decay=0.0)
    prepared = make(pass_, model, inputs, stepper)
    return memory.peak(prepared, model, inputs, stepper, device="cpu")


@pytest.mark.parametrize(
    ("pass_", "rows", "widths", "expected"),
    [
        # an activation beside the weights and the input
        ("forward", 1024, (16, 16384), 1024 * 16384 + 16 * 16384 + 1024 * 16),
        # two activations at once: the first is the second's input
        ("forward", 512, (16, 64, 64, 16), 2 * 512 * 64 + 64 * (16 + 64 + 16) + 512 * 16),
        # weights, gradient and momentum; the input, the output's gradient, the mean's gradient
        ("step", 2, (512, 512), 3 * 512 * 512 + 2 * 512),
    ],
    ids=["one activation", "two activations", "weights and momentum"],
)
def test_peak_on_a_cpu_is_what_must_be_held(
    pass_: str, rows: int, widths: tuple[int, ...], expected: int
) -> None:
    """The tensors alive at the worst moment, but for a few that are smaller than a row."""
    peak = peak_of(pass_, rows, widths, "momentum")
    assert peak.peak_bytes == pytest.approx(FP32 * expected, abs=FP32 * 3 * max(widths))
    assert peak.source == memory.CPU_SOURCE


# --- the peak on CUDA, with a fake device ------------------------------------------------------


def test_peak_on_cuda_is_the_allocators(monkeypatch: pytest.MonkeyPatch) -> None:
    """One pass warms up; then the cache is emptied, the device awaited and its peak reset before
    the measured pass, and awaited again before the peak is read. All on the asked device."""
    calls: list[str] = []

    def record(name: str, answer: int | None = None) -> Any:
        def fake(*device: str) -> int | None:
            calls.append(" ".join([name, *device]))
            return answer

        return fake

    for name in ("empty_cache", "synchronize", "reset_peak_memory_stats"):
        monkeypatch.setattr(torch.cuda, name, record(name))
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", record("max_memory_allocated", 12345))
    pass_ = Pass(run=record("run"), prepare=record("prepare"))
    model = nn.Linear(2, 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.0)
    peak = memory.peak(pass_, model, torch.ones(1, 2), optimizer, device="cuda:1")
    assert peak == Peak(peak_bytes=12345, source=memory.CUDA_SOURCE)
    assert calls == [
        "prepare",
        "run",
        "empty_cache",
        "synchronize cuda:1",
        "reset_peak_memory_stats cuda:1",
        "prepare",
        "run",
        "synchronize cuda:1",
        "max_memory_allocated cuda:1",
    ]
