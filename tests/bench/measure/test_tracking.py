"""The peak by what holds it: closed forms, the same on fake tensors, and the allocator's count."""

import contextlib
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import _get_current_dispatch_mode

from bench.measure import memory, passes, tracking
from bench.measure.tracking import StepPeak
from bench.train.optimizers import OPTIMIZERS

FP32 = 4

# The loss and its gradient, which is one.
LOSS = 2 * FP32


def chain(n_layers: int, width: int) -> nn.Sequential:
    """Linear layers without bias: (rows, width) to (rows, width)."""
    return nn.Sequential(*(nn.Linear(width, width, bias=False) for _ in range(n_layers)))


def tracked(model: nn.Module, inputs: Any, optimizer: str = "sgd", **options: Any) -> StepPeak:
    trained = [p for p in model.parameters() if p.requires_grad]
    stepper = OPTIMIZERS[optimizer](trained, lr=0.0)
    return tracking.step_peak(model, inputs, stepper, **options)


def held(peak: StepPeak) -> dict[str, int]:
    """The kinds that hold anything; together they are the peak, which is the largest phase's."""
    assert peak.by_kind is not None
    assert peak.peak_bytes == max(peak.phase_bytes)
    assert tuple(peak.by_kind) == tracking.KINDS
    assert sum(peak.by_kind.values()) == peak.peak_bytes
    return {kind: n_bytes for kind, n_bytes in peak.by_kind.items() if n_bytes}


# --- closed forms ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("optimizer", "state"),
    [
        ("sgd", 0),
        ("momentum", 7 * 20 * 20),
        ("rmsprop", 7 * (20 * 20 + 1)),
        ("adamw", 7 * (2 * 20 * 20 + 1)),
        ("adam", 7 * (2 * 20 * 20 + 1)),
    ],
)
def test_what_an_optimizer_step_holds(optimizer: str, state: int) -> None:
    """With one row the worst moment is the step: every gradient beside the weights, and of state
    one or two numbers a weight and a counter a tensor."""
    kinds = held(tracked(chain(7, 20), torch.ones(1, 20), optimizer))
    kinds.pop("temporaries", None)
    assert kinds.pop("activations", 0) in (0, LOSS)
    weights = FP32 * 7 * 20 * 20
    expected = {"parameters": weights, "input": FP32 * 20, "gradients": weights}
    assert kinds == expected | ({"optimizer_state": FP32 * state} if state else {})


@pytest.mark.parametrize("n_layers", [2, 3, 8])
def test_a_backward_begins_with_each_layers_input(n_layers: int) -> None:
    """With many rows the worst moment is the backward of the last layer: the inputs of all layers
    but the first, whose input is the network's; the gradients of the last layer's output and input,
    and its weights'."""
    rows, width = 1000, 8
    kinds = held(tracked(chain(n_layers, width), torch.ones(rows, width)))
    activation, layer = FP32 * rows * width, FP32 * width * width
    assert kinds["parameters"] == n_layers * layer
    assert kinds["input"] == activation
    assert kinds["activations"] == (n_layers - 1) * activation + LOSS
    assert kinds["temporaries"] == pytest.approx(2 * activation, abs=2 * layer)


def test_each_phase_has_its_own_peak() -> None:
    """Of n layers: in the forward weights, momentum and all layers' outputs; in the optimizer's
    step weights, momentum, gradients and the input. All grow by the layer."""
    rows, width = 50, 20
    layer, activation = FP32 * width * width, FP32 * rows * width

    def phases(n_layers: int) -> tuple[int, ...]:
        return tracked(chain(n_layers, width), torch.ones(rows, width), "momentum").phase_bytes

    forward, _, optimizer = phases(6)
    assert forward == 6 * 2 * layer + 7 * activation + FP32
    assert optimizer == pytest.approx(6 * 3 * layer + activation, abs=4 * FP32)
    rises = [after - before for before, after in zip(phases(6), phases(9), strict=True)]
    assert rises == [3 * (2 * layer + activation), rises[1], 3 * 3 * layer]


@pytest.mark.parametrize("block_bytes", [1, 8, 512])
def test_each_storage_is_rounded_up(block_bytes: int) -> None:
    """As an allocator does that hands out blocks: 5 layers of 30 x 30 are 5 storages of 3600 bytes,
    3600, 3600 and 4096 with these blocks; the input's 120 bytes are 120, 120 and 512."""
    kinds = held(tracked(chain(5, 30), torch.ones(1, 30), "momentum", block_bytes=block_bytes))
    weights = 5 * (3600 if block_bytes < 512 else 4096)
    assert kinds["parameters"] == kinds["gradients"] == kinds["optimizer_state"] == weights
    assert kinds["input"] == (120 if block_bytes < 512 else 512)


def test_a_shared_weight_counts_once() -> None:
    """One layer used three times has one weight and one momentum; of the gradients of its uses
    two are there at once, to be added, and their sum."""
    layer = nn.Linear(30, 30, bias=False)
    kinds = held(tracked(nn.Sequential(layer, layer, layer), torch.ones(1, 30), "momentum"))
    assert kinds["parameters"] == kinds["optimizer_state"] == FP32 * 900
    gradients = kinds.get("gradients", 0) + kinds["temporaries"]
    assert gradients == pytest.approx(3 * FP32 * 900, abs=FP32 * 4 * 30)


def test_frozen_layers_have_no_gradient_and_no_state() -> None:
    """Fine-tuning the last of four layers: a quarter of both."""
    model = chain(4, 30)
    model[:3].requires_grad_(False)
    kinds = held(tracked(model, torch.ones(1, 30), "momentum"))
    assert kinds["parameters"] == 4 * FP32 * 900
    assert kinds["gradients"] == kinds["optimizer_state"] == FP32 * 900


class HalfUsed(nn.Module):
    """Has a layer that its forward leaves out."""

    def __init__(self) -> None:
        super().__init__()
        self.used, self.unused = chain(1, 30), chain(1, 30)

    def forward(self, x: Tensor) -> Any:
        return self.used(x)


def test_what_the_backward_does_not_reach_has_no_state() -> None:
    """No gradient, so an optimizer passes it over."""
    kinds = held(tracked(HalfUsed(), torch.ones(1, 30), "adamw"))
    assert kinds["parameters"] == 2 * FP32 * 900
    assert kinds["gradients"] == FP32 * 900
    assert kinds["optimizer_state"] == FP32 * (2 * 900 + 1)


def test_the_loss_is_the_one_given() -> None:
    """It gets the output and the input, and what it keeps is an activation."""

    def squared_error(output: Tensor, x: Tensor) -> Tensor:
        return (output - x).pow(2).mean()

    x = torch.ones(1000, 8)
    plain = held(tracked(chain(2, 8), x))
    own = held(tracked(chain(2, 8), x, loss=squared_error))
    assert own["activations"] == plain["activations"] + FP32 * 8000


# --- fake tensors ------------------------------------------------------------------------------


class Attention(nn.Module):
    """Takes a nested dict, has buffers, integers and a dict as its output."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(50, 16)
        self.layer = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True)
        self.norm = nn.BatchNorm1d(16)

    def forward(self, tokens: dict[str, Tensor], *, scale: Tensor) -> dict[str, Any]:
        hidden = self.layer(self.embedding(tokens["ids"]) * scale)
        return {"hidden": [hidden], "norm": self.norm(hidden.mean(1)), "ids": tokens["ids"]}


class Product(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor) -> Tensor:
        ctx.save_for_backward(x, weight)
        return x * weight

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> tuple[Tensor, Tensor]:
        x, weight = ctx.saved_tensors
        return gradients[0] * weight, (gradients[0] * x).sum(0)


class OwnFunction(nn.Module):
    """A backward written by hand, a parameter and a buffer that are None."""

    def __init__(self) -> None:
        super().__init__()
        self.weights = nn.ParameterList([torch.ones(16) for _ in range(3)])
        self.register_parameter("bias", None)
        self.register_buffer("average", None)

    def forward(self, x: Tensor) -> Tensor:
        for weight in self.weights:
            x = Product.apply(x, weight)  # type: ignore[no-untyped-call]
        return x


class Recurrent(nn.Module):
    """Keeps its state between calls."""

    def __init__(self) -> None:
        super().__init__()
        self.gru = nn.GRU(16, 16, num_layers=2)
        self.state: Tensor | None = None

    def forward(self, x: Tensor) -> Any:
        output, state = self.gru(x, self.state)
        self.state = state.detach()
        return output, state


class SparseGradient(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(100, 16, sparse=True)

    def forward(self, ids: Tensor) -> Any:
        return self.embedding(ids)


def ids(rows: int) -> Tensor:
    return torch.arange(3 * rows).view(rows, 3) % 50


ODD: dict[str, tuple[Callable[[], nn.Module], Callable[[], Any]]] = {
    "dicts and buffers": (
        Attention,
        lambda: {"tokens": {"ids": ids(6)}, "scale": torch.ones(1)},
    ),
    "own function": (OwnFunction, lambda: torch.ones(7, 16)),
    "recurrent": (Recurrent, lambda: torch.ones(5, 2, 16)),
    "half used": (HalfUsed, lambda: torch.ones(4, 30)),
    "weight norm": (
        lambda: nn.utils.parametrizations.weight_norm(nn.Linear(16, 4)),
        lambda: torch.ones(3, 16),
    ),
}


@pytest.mark.parametrize("optimizer", ["momentum", "adamw"])
@pytest.mark.parametrize("name", ODD)
def test_fake_tensors_give_the_same_peak(name: str, optimizer: str) -> None:
    """To the byte and kind by kind; nothing is computed for it."""
    build, inputs = ODD[name]
    real = tracked(build(), inputs(), optimizer)
    with FakeTensorMode():
        fake = tracked(build(), inputs(), optimizer)
    assert fake == real
    assert held(real)


def test_a_sparse_gradient_is_its_indices_and_values() -> None:
    """Of an embedding that looks up 9 of 100 rows of 16; nothing where it is fake."""
    real = held(tracked(SparseGradient(), ids(3)))
    assert real["parameters"] == FP32 * 100 * 16
    assert real["gradients"] == 8 * 9 + FP32 * 9 * 16
    with FakeTensorMode():
        fake = held(tracked(SparseGradient(), ids(3)))
    assert fake == {kind: n for kind, n in real.items() if kind != "gradients"}


def test_an_operator_that_hides_its_workspace_is_refused_on_fakes() -> None:
    """oneDNN's LSTM saves more than all else together; its fake says that it is nothing."""
    if not torch.backends.mkldnn.is_available():
        pytest.skip("this PyTorch is built without oneDNN")
    with FakeTensorMode(), pytest.raises(NotImplementedError, match="mkldnn_rnn_layer"):
        tracked(nn.LSTM(16, 16), torch.ones(5, 2, 16))
    assert held(tracked(nn.LSTM(16, 16), torch.ones(5, 2, 16)))


# --- an independent measurement ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("rows", "optimizer"), [(1, "sgd"), (2000, "sgd"), (1, "momentum"), (300, "adamw")]
)
def test_linear_layers_are_the_allocators_peak(rows: int, optimizer: str) -> None:
    """PyTorch's CPU allocator, as its profiler records it, agrees up to a few scalars."""
    torch.set_num_threads(1)
    model, x = chain(6, 40), torch.ones(rows, 40)
    stepper = OPTIMIZERS[optimizer](model.parameters(), lr=0.0)
    allocated = memory.peak(passes.make("step", model, x, stepper), model, x, stepper, device="cpu")
    assert allocated.peak_bytes is not None
    assert tracked(chain(6, 40), x, optimizer).peak_bytes == pytest.approx(
        allocated.peak_bytes, abs=64
    )


# --- what is left behind -----------------------------------------------------------------------


class Failing(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        raise ArithmeticError(f"no answer for {tuple(self.layer(x).shape)}")


@pytest.mark.parametrize("build", [lambda: nn.Linear(4, 4), Failing])
def test_hooks_gradients_and_modes_are_left_as_found(build: Callable[[], nn.Module]) -> None:
    """Also after an error: nothing of the measurement stays in the model."""
    model = build()
    weights = {name: p.tolist() for name, p in model.named_parameters()}
    with contextlib.suppress(ArithmeticError):
        tracked(model, torch.ones(2, 4), "adamw")
    assert all(p.grad is None for p in model.parameters())
    assert not any(p._post_accumulate_grad_hooks for p in model.parameters())
    assert model.training
    assert {name: p.tolist() for name, p in model.named_parameters()} == weights
    assert _get_current_dispatch_mode() is None
