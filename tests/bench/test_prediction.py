"""Predictions against the same step on real tensors and against PyTorch's own allocator."""

import random
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from bench import families
from bench.families import Family
from bench.measure import checkpointing, memory, passes, tracking
from bench.points import Cell
from bench.prediction import Prediction, predict
from bench.records import Peak
from bench.specs import InputError
from bench.train.optimizers import OPTIMIZERS

VIT = "vit:size=Ti,input_shape=3x32x32,patch=8"
GPT = "gpt:width=64,heads=4,context=32,vocabulary=100"

# Relative difference to PyTorch's CPU allocator where tensors dominate.
CLOSE = 0.03

USER_FILE = """
import torch
from torch import nn
from torch.nn import functional as F

class Measuring(nn.Module):
    '''Needs a value to go on.'''
    def __init__(self, depth):
        super().__init__()
        self.layers = nn.Sequential(*(nn.Linear(8, 8, bias=False) for _ in range(depth)))
    def forward(self, x):
        return self.layers(x) * self.layers[0](x).mean().item()

class Huge(Measuring):
    def __init__(self, depth):
        super().__init__(depth)
        self.unused = nn.Parameter(torch.empty(10 ** 16, device="meta"))

class Tied(nn.Module):
    def __init__(self, depth):
        super().__init__()
        self.embedding = nn.Embedding(40, 8)
        self.head = nn.Linear(8, 40, bias=False)
        self.head.weight = self.embedding.weight
    def forward(self, ids):
        return self.head(self.embedding(ids))

class Plain(nn.Module):
    '''Keeps a tensor that is neither a parameter nor a buffer.'''
    def __init__(self, depth):
        super().__init__()
        self.layer, self.scale = nn.Linear(8, 8), torch.ones(8)
    def forward(self, x):
        return self.layer(x) * self.scale

def measuring(depth): return Measuring(depth)
def huge(depth): return Huge(depth)
def tied(depth): return Tied(depth)
def plain(depth): return Plain(depth)
def frozen(depth): return nn.Linear(8, 8).requires_grad_(False)
def lstm(depth): return nn.LSTM(8, 8, num_layers=depth)
def dropping(depth): return nn.Sequential(nn.Linear(8, 8), nn.Dropout(float(torch.rand(()))))

def example_input(batch_size, ids=False):
    return torch.zeros(batch_size, 5, dtype=torch.int64) if ids else torch.ones(batch_size, 8)
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A working folder with a user's file, and one thread."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "nets.py").write_text(USER_FILE)
    (tmp_path / "ids.py").write_text(
        USER_FILE.replace(
            "def example_input(batch_size, ids=False)", "def example_input(batch_size, ids=True)"
        )
    )
    torch.set_num_threads(1)


def cell(family: Family, depth: int, batch_size: int, **choices: Any) -> Cell:
    options = {"dtype": "fp32", "device": "cpu", "variants": ()} | choices
    return Cell(
        family=family.name, depth=depth, pass_="step", batch_size=batch_size, threads=1, **options
    )


def predicted(
    spec: str, depth: int, batch_size: int, optimizer: str = "adamw", **choices: Any
) -> Prediction:
    family = families.find(spec)
    return predict(family, optimizer, cell(family, depth, batch_size, **choices))


def real(
    spec: str, depth: int, batch_size: int, optimizer: str, *, dtype: str, checkpointed: bool
) -> tuple[nn.Module, Any, torch.optim.Optimizer, passes.Loss]:
    """What a cell is made of, on real tensors and without `bench.prediction`."""
    family = families.find(spec)
    model, inputs = family.build(depth), family.example_input(batch_size)
    if checkpointed:
        checkpointing.apply(model)
    model, inputs = passes.place(model, inputs, device="cpu", dtype=dtype)
    stepper = OPTIMIZERS[optimizer](model.parameters(), lr=0.0)
    return model.train(), inputs, stepper, family.loss


def tracked(*arguments: Any, **choices: Any) -> Peak:
    model, inputs, stepper, loss = real(*arguments, **choices)
    return tracking.step_peak(model, inputs, stepper, loss=loss)


def allocated(*arguments: Any, **choices: Any) -> int:
    """Bytes at the peak by the allocator, as PyTorch's profiler records it."""
    model, inputs, stepper, loss = real(*arguments, **choices)
    step = passes.make("step", model, inputs, stepper, loss=loss)
    peak_bytes = memory.peak(step, model, inputs, stepper, device="cpu").peak_bytes
    assert peak_bytes is not None
    return peak_bytes


# --- against real tensors ----------------------------------------------------------------------

NETWORKS = [
    ("mlp:norm=batch,dropout=0.1", 5, 16),
    ("resnet", 8, 8),
    ("resnet:input_shape=3x16x16", 8, 4),
    ("cifar_resnet", 8, 4),
    (VIT, 2, 4),
    (GPT, 2, 4),
]


@pytest.mark.parametrize(("dtype", "checkpointed"), [("fp32", False), ("bf16", True)])
@pytest.mark.parametrize(("spec", "depth", "batch_size"), NETWORKS)
def test_a_prediction_is_the_same_step_on_real_tensors(
    spec: str, depth: int, batch_size: int, dtype: str, checkpointed: bool
) -> None:
    """To the byte and kind by kind, though nothing is allocated for it."""
    variants = ("checkpointing",) if checkpointed else ()
    prediction = predicted(spec, depth, batch_size, dtype=dtype, variants=variants)
    options = {"dtype": dtype, "checkpointed": checkpointed}
    assert prediction.peak == tracked(spec, depth, batch_size, "adamw", **options)
    assert not prediction.measured
    assert prediction.warnings == ()
    assert (prediction.activation_bytes is None) == checkpointed


@pytest.mark.parametrize("checkpointed", [False, True])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_the_optimizer_is_the_one_asked_for(optimizer: str, checkpointed: bool) -> None:
    """Each keeps its own state; a prediction is the same step on real tensors."""
    variants = ("checkpointing",) if checkpointed else ()
    prediction = predicted("mlp", 4, 2, optimizer, variants=variants)
    options = {"dtype": "fp32", "checkpointed": checkpointed}
    assert prediction.peak == tracked("mlp", 4, 2, optimizer, **options)


@pytest.mark.parametrize(
    ("spec", "depth", "batch_size", "checkpointed"),
    [
        *(
            (*network, checkpointed)
            for network in (("mlp", 8, 64), ("mlp:norm=batch", 8, 64), (VIT, 3, 8), (GPT, 3, 8))
            for checkpointed in (False, True)
        ),
        # Checkpointed, the workspaces of its kernels are 5% of what is left.
        ("resnet", 64, 32, False),
    ],
)
def test_a_prediction_is_close_to_the_allocators_peak(
    spec: str, depth: int, batch_size: int, checkpointed: bool
) -> None:
    """Within 3% where tensors dominate; what kernels take for themselves is not in it, so that it
    is never above, but for a few scalars."""
    variants = ("checkpointing",) if checkpointed else ()
    peak_bytes = predicted(spec, depth, batch_size, variants=variants).peak.peak_bytes
    assert peak_bytes is not None
    options = {"dtype": "fp32", "checkpointed": checkpointed}
    by_allocator = allocated(spec, depth, batch_size, "adamw", **options)
    assert peak_bytes == pytest.approx(by_allocator, rel=CLOSE)
    assert peak_bytes <= by_allocator + 64


# --- properties --------------------------------------------------------------------------------


def test_checkpointing_pays_for_memory_with_flops() -> None:
    """Fewer activations, more FLOPs run; what the network needs stays the same."""
    plain, less = (predicted(VIT, 4, 16, variants=v) for v in ((), ("checkpointing",)))
    assert less.peak.by_kind["activations"] < plain.peak.by_kind["activations"] / 2
    assert less.operations.flops("step") == plain.operations.flops("step")
    assert plain.operations.recomputed_flops == 0 < less.operations.recomputed_flops
    assert less.parameters == plain.parameters


def test_on_cuda_sizes_are_multiples_of_its_blocks() -> None:
    """And the optimizer works on all parameters at once, which needs more at the peak. There need
    be no GPU."""
    cpu, cuda = (predicted("mlp", 4, 1, device=device).peak for device in ("cpu", "cuda"))
    assert cpu.by_kind is not None
    assert cuda.by_kind is not None
    assert all(n_bytes % tracking.CUDA_BLOCK_BYTES == 0 for n_bytes in cuda.by_kind.values())
    assert cuda.by_kind["parameters"] >= cpu.by_kind["parameters"]
    assert cuda.by_kind["temporaries"] >= cuda.by_kind["parameters"] > cpu.by_kind["temporaries"]


@pytest.mark.parametrize("depth", [1, 2])
def test_where_no_block_is_repeated_nothing_is_checkpointed(depth: int) -> None:
    """Which a warning says; the shallowest networks of most families are so."""
    asked = predicted("mlp", depth, 4, variants=("checkpointing",))
    assert asked.peak == predicted("mlp", depth, 4).peak
    assert asked.warnings == (f"mlp at depth {depth} has {checkpointing.NO_BLOCKS}",)


def test_a_batch_norm_on_one_row_is_predicted_in_eval_mode() -> None:
    """It cannot be trained so, and the default batch is one row; all else stays in train mode."""
    one = predicted("mlp:dropout=0.5,norm=batch", 4, 1)
    (warning,) = one.warnings
    assert "cannot be trained on one row" in warning
    assert not one.measured
    two, four = (predicted("mlp:dropout=0.5,norm=batch", 4, n) for n in (2, 4))
    assert one.activation_bytes is not None
    assert two.activation_bytes is not None
    assert four.activation_bytes is not None
    # Statistics of a row are saved in train mode only: two of 100 values a layer.
    a_row = (four.activation_bytes - two.activation_bytes) // 2
    assert one.activation_bytes == two.activation_bytes - a_row - 3 * 2 * 4 * 100
    assert two.warnings == ()


def test_tied_weights_count_once() -> None:
    """Of an embedding and a head that share 40 x 8 weights, also on fake tensors."""
    prediction = predicted("ids.py:tied", 1, 2)
    assert prediction.parameters == 40 * 8
    assert not prediction.measured
    assert prediction.peak.by_kind is not None
    assert prediction.peak.by_kind["parameters"] == 4 * 40 * 8
    assert prediction.peak.by_kind["optimizer_state"] == 4 * (2 * 40 * 8 + 1)


# --- real tensors where they are needed --------------------------------------------------------


@pytest.mark.parametrize(
    ("spec", "why"),
    [
        ("nets.py:measuring", "RuntimeError: Tensor.item() cannot be called on meta tensors"),
        ("nets.py:plain", "Please convert all Tensors to FakeTensors"),
        ("nets.py:lstm", "mkldnn_rnn_layer hides its workspace"),
    ],
)
def test_a_network_that_needs_real_tensors_gets_them(spec: str, why: str) -> None:
    """A warning says so, and why, in one line."""
    prediction = predicted(spec, 2, 3)
    assert prediction.measured
    (warning,) = prediction.warnings
    assert warning.startswith(f"{spec} does not run on fake tensors (")
    assert why in warning
    assert warning.endswith(": measured on real ones")
    assert "\n" not in warning
    assert prediction.peak == tracked(spec, 2, 3, "adamw", dtype="fp32", checkpointed=False)


def test_real_tensors_that_would_not_fit_are_refused() -> None:
    """Before they are made: two times 10^16 weights of 4 bytes."""
    with pytest.raises(InputError, match=r"more than 80,000,000,000,000,\d+ bytes of real ones"):
        predicted("nets.py:huge", 1, 1)


def test_nothing_to_train_is_refused() -> None:
    """There would be no step; no real network is built to find out."""
    with pytest.raises(InputError, match="no parameter that needs a gradient: nothing to train"):
        predicted("nets.py:frozen", 1, 1)


def test_a_depth_that_the_family_refuses_is_refused_as_it_says() -> None:
    """And not as a network that does not run on fake tensors."""
    with pytest.raises(InputError, match=r"6n\+2"):
        predicted("cifar_resnet", 21, 1)


def generators() -> list[Any]:
    return [torch.get_rng_state().tolist(), str(np.random.get_state()), random.getstate()]


@pytest.mark.parametrize("spec", ["mlp:dropout=0.5", "nets.py:measuring", "nets.py:dropping"])
def test_random_states_are_left_as_found(spec: str) -> None:
    """On fake and on real tensors; and the prediction is the same each time."""
    before = generators()
    first = predicted(spec, 3, 4)
    assert generators() == before
    torch.rand(3)
    assert predicted(spec, 3, 4) == first


def test_a_prediction_of_real_tensors_ends_with_an_interrupt(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Ctrl-C is no reason to try it in another way."""
    calls: list[str] = []

    def interrupted(*_: Any, **__: Any) -> Callable[[], None]:
        calls.append("count")
        raise KeyboardInterrupt

    monkeypatch.setattr("bench.measure.operations.count", interrupted)
    with pytest.raises(KeyboardInterrupt):
        predicted("mlp", 2, 1)
    assert calls == ["count"]
