"""Counts without noise: closed forms, and the same ones wherever they are counted."""

import json
import os
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pytest
import torch

from bench import exact, families
from bench.points import Cell
from bench.prediction import predict
from bench.specs import InputError
from tests.bench.fakes import random_state

ODD = """
import torch
from torch import nn

class Picky(nn.Module):
    '''Control flow on values, random layers, and a print.'''
    def __init__(self, depth):
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(6, 6) for _ in range(depth))
        self.drop = nn.Dropout(0.5)
    def forward(self, x):
        print("running")
        for layer in self.layers:
            x = torch.relu(layer(self.drop(x)))
            if self.training and torch.rand(()).item() < 0.5:
                x = x * 2
        return x[x > 0], {"all": x}

class Recurrent(nn.Module):
    def __init__(self, depth):
        super().__init__()
        self.lstm = nn.LSTM(6, 6, num_layers=depth, batch_first=True)
    def forward(self, x):
        return self.lstm(x.unsqueeze(-1).expand(-1, -1, 6))[0]

def picky(depth): return Picky(depth)
def recurrent(depth): return Recurrent(depth)
def odd_only(depth):
    if depth % 2 == 0: raise ValueError(f"depth must be odd; got {depth}")
    return nn.Linear(6, 6)
def example_input(batch_size): return torch.randn(batch_size, 6)
"""

SPECS = ("mlp", "resnet", "gpt:width=32,heads=2,context=16,vocabulary=64", "picky", "recurrent")

PROGRAM = """
import json, sys
from dataclasses import asdict
from bench import exact, families
print(json.dumps([asdict(exact.count(families.find(spec), 4, batch_size=8, dtype="fp32"))
                  for spec in sys.argv[1:]]))
"""


@pytest.fixture
def odd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(sys, "path", list(sys.path))
    path = tmp_path / "odd_net.py"
    path.write_text(ODD)
    return path


def named(path: Path) -> list[str]:
    """The specs, those of the file with its path."""
    return [f"{path}:{spec}" if spec in ("picky", "recurrent") else spec for spec in SPECS]


def counts(spec: str, depth: int = 4, batch_size: int = 8) -> exact.Counts:
    return exact.count(families.find(spec), depth, batch_size=batch_size, dtype="fp32")


def test_counts_of_a_perceptron_follow_from_its_layers() -> None:
    """With depth - 1 hidden layers of 100 units: 2 FLOPs a weight and sample forward, twice that
    backward less the first layer's input gradient; the backward needs each layer's input."""
    counted = counts("mlp", depth=4)
    weights = 40 * 100 + 2 * 100 * 100 + 100 * 10
    assert counted.parameters == weights + 3 * 100 + 10
    assert counted.flops_forward == 2 * 8 * weights
    assert counted.flops_backward == 2 * 8 * (2 * weights - 40 * 100)
    assert counted.hardware_flops_step == counted.flops_forward + counted.flops_backward
    assert counted.activation_bytes == 4 * 8 * (40 + 3 * 100)
    assert counted.output_shapes == "8x10"
    assert counted.operators_forward["aten.addmm"] == 4
    assert counted.operators_forward["aten.relu"] == 3
    assert counted.uncounted_ops == ""


@pytest.mark.parametrize("spec", ["resnet", "cifar_resnet", "vit:size=Ti"])
def test_saved_bytes_are_those_of_a_plan(spec: str) -> None:
    """One number under one name."""
    cell = Cell(
        family=spec, depth=8, pass_="step", batch_size=8, dtype="fp32", device="cpu", threads=1
    )
    planned = predict(families.find(spec), "adamw", cell)
    counted = counts(spec, depth=8)
    assert counted.activation_bytes == planned.activation_bytes
    assert counted.flops_forward == planned.operations.forward_flops


def test_counts_are_the_same_twice_and_in_another_process(
    odd: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With other threads, other kernels of the CPU, other hashes and another random state: also of
    a network that is random, prints, and needs values."""
    torch.manual_seed(1)
    first = [asdict(counts(spec)) for spec in named(odd)]
    torch.rand(7)
    assert [asdict(counts(spec)) for spec in named(odd)] == first
    capsys.readouterr()
    other = {"OMP_NUM_THREADS": "3", "ATEN_CPU_CAPABILITY": "default", "PYTHONHASHSEED": "5"}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *named(odd)],
        env={**os.environ, **other},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout.splitlines()[-1]) == first


def test_the_random_state_stays(odd: Path) -> None:
    """Also where the network runs for real."""
    before = random_state()
    counts(f"{odd}:picky")
    assert random_state() == before


def test_a_depth_that_cannot_be_built_is_one_line(odd: Path) -> None:
    """It names the family, the depth and the family's own words."""
    with pytest.raises(InputError, match=r"odd_only at depth 4: ValueError: depth must be odd"):
        counts(f"{odd}:odd_only")


def test_an_unknown_dtype_is_one_line() -> None:
    """With those that are known."""
    with pytest.raises(InputError, match="unknown dtype 'fp8'; known: fp32, bf16, fp16"):
        exact.count(families.find("mlp"), 2, batch_size=8, dtype="fp8")


def test_half_precision_halves_what_is_saved() -> None:
    """Of a perceptron, whose operators stay the same."""
    full = counts("mlp")
    half = exact.count(families.find("mlp"), 4, batch_size=8, dtype="bf16")
    assert 2 * half.activation_bytes == full.activation_bytes
    assert half.operators_forward == full.operators_forward
    assert half.output_shapes == full.output_shapes


def test_three_depths_are_counted_where_none_are_named(odd: Path) -> None:
    """The shallowest: of the family's own, or of 2, 4, 8, 16, 32."""
    assert exact.depths(families.find("cifar_resnet")) == (8, 14, 20)
    assert exact.depths(families.find(f"{odd}:picky")) == (2, 4, 8)
