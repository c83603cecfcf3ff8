"""FLOPs: published counts, closed forms, and what the counter leaves untouched."""

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint
from torch.utils.flop_counter import FlopCounterMode

from bench import families
from bench.measure.operations import count, parameter_count
from tests.bench.fakes import random_state

# --- published sizes ---------------------------------------------------------------------------


@pytest.mark.parametrize("depth", [8, 20, 56, 110])
def test_cifar_resnet_is_as_published(depth: int) -> None:
    """Parameters, MACs and forward + backward of He et al. 2015 are met exactly."""
    n = (depth - 2) // 6
    family = families.find("cifar_resnet")
    with torch.device("meta"):
        network, images = family.build(depth), family.example_input(1)
    counted = count(network, images)
    macs = 14_155_776 * n - 1_916_288
    assert parameter_count(network) == 97_216 * n - 21_926
    assert counted.flops("forward") == 2 * macs
    assert counted.flops("step") == 6 * macs - 884_736
    assert counted.uncounted_ops == ()
    assert counted.device == "meta"


@pytest.mark.parametrize("spec", ["mlp", "resnet", "resnet:residual=false", "cifar_resnet"])
def test_flops_are_linear_in_batch_and_blocks(spec: str) -> None:
    """Each block adds the same work, and each row of the batch does."""
    family = families.find(spec)
    first, step = (8, 6) if spec == "cifar_resnet" else (4, 2)
    depths = [first + i * step for i in range(4)]

    def flops(depth: int, batch_size: int) -> list[int | None]:
        with torch.device("meta"):
            counted = count(family.build(depth), family.example_input(batch_size))
        return [counted.flops(pass_) for pass_ in ("forward", "backward", "step")]

    one = torch.tensor([flops(depth, 1) for depth in depths])
    growth = one.diff(dim=0)
    assert (growth > 0).all()
    assert torch.equal(growth[0].expand_as(growth), growth)
    assert torch.equal(torch.tensor([flops(depth, 7) for depth in depths]), 7 * one)


def patches() -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 8, 4, stride=4), nn.Flatten(2), nn.Linear(16, 5))


def depthwise() -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 32, 3), nn.ReLU(), nn.Conv2d(32, 32, 3, groups=32))


def grouped() -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 32, 1), nn.ReLU(), nn.Conv2d(32, 64, 3, groups=4))


def transposed() -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.ConvTranspose2d(8, 4, 3))


@pytest.mark.parametrize("build", [patches, depthwise, grouped, transposed])
def test_forward_and_backward_is_three_forwards_less_the_first_layer(
    build: Callable[[], nn.Sequential],
) -> None:
    """Each layer's backward is two products of its forward's size, but the first has no input
    gradient. It holds with groups too, where PyTorch's own formula counts too much."""
    network, images = build(), torch.empty(2, 3, 16, 16, device="meta")
    counted = count(network, images)
    first = count(network[0], images).forward_flops
    assert counted.flops("step") == 3 * counted.forward_flops - first


# --- networks that hide their operators --------------------------------------------------------

BATCH, LENGTH, WIDTH, HEADS = 2, 12, 32, 4
PROJECTIONS = 2 * 4 * BATCH * LENGTH * WIDTH**2  # query, key, value and output
ATTENTION = 2 * 2 * BATCH * LENGTH**2 * WIDTH  # scores, and their product with the values


def tokens() -> Tensor:
    return torch.zeros(BATCH, LENGTH, WIDTH)


class SelfAttention(nn.Module):
    """Runs `nn.MultiheadAttention` on itself."""

    def __init__(self, *, need_weights: bool) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(WIDTH, HEADS, batch_first=True)
        self.need_weights = need_weights

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = self.attention(x, x, x, need_weights=self.need_weights)[0]
        return output


@pytest.mark.parametrize("need_weights", [True, False])
def test_multihead_attention_in_eval_mode_is_counted(need_weights: bool) -> None:
    """The fast path of eval mode hides nothing: four projections and two products."""
    network = SelfAttention(need_weights=need_weights).eval()
    assert count(network, tokens()).forward_flops == PROJECTIONS + ATTENTION
    assert torch.backends.mha.get_fastpath_enabled()


def test_encoder_layer_in_eval_mode_is_counted() -> None:
    """A whole encoder layer: attention and its two linear layers."""
    hidden = 48
    layer = nn.TransformerEncoderLayer(WIDTH, HEADS, hidden, batch_first=True).eval()
    expected = PROJECTIONS + ATTENTION + 2 * 2 * BATCH * LENGTH * WIDTH * hidden
    assert count(layer, tokens()).forward_flops == expected


class Function(nn.Module):
    """A linear layer of equal widths and then any function."""

    def __init__(self, function: Callable[[Tensor], Any], width: int = WIDTH) -> None:
        super().__init__()
        self.linear = nn.Linear(width, width)
        self.function = function

    def forward(self, x: Tensor) -> Any:
        return self.function(self.linear(x))


def attend(x: Tensor) -> Tensor:
    heads = x.unflatten(-1, (HEADS, -1)).transpose(-2, -3)
    return F.scaled_dot_product_attention(heads, heads, heads)


def test_scaled_dot_product_attention_on_a_cpu_is_counted() -> None:
    """Two products of length x length x width forward, twice as many backward; the count is not
    the CPU kernel's zero."""
    linear = 2 * BATCH * LENGTH * WIDTH**2
    counted = count(Function(attend), tokens())
    assert counted.forward_flops == linear + ATTENTION
    assert counted.flops("step") == 3 * counted.forward_flops - linear


def test_recurrent_layer_is_counted() -> None:
    """An LSTM's four gates read the input and the state at each step."""
    length, batch, features, hidden = 5, 2, 4, 8
    counted = count(nn.LSTM(features, hidden), torch.zeros(length, batch, features))
    assert counted.forward_flops == length * batch * 2 * 4 * hidden * (features + hidden)


class Ragged(nn.Module):
    """A layer whose output is picked by its values: not for the meta device."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor) -> Tensor:
        output, _ = self.layer(x)
        return output[output > -2]


def test_recurrent_layer_on_a_cpu_is_no_silent_zero() -> None:
    """The CPU's LSTM kernel has no formula: where it runs, its name is given."""
    counted = count(Ragged(nn.LSTM(4, 8)), torch.zeros(5, 2, 4))
    assert counted.device == "cpu"
    assert any("rnn" in name or "lstm" in name for name in counted.uncounted_ops)


@pytest.mark.parametrize(
    "function",
    [
        lambda x: F.bilinear(x, x, torch.ones(3, 8, 8, device=x.device)),
        lambda x: torch.dot(x[0], x[1]),
        lambda x: torch.mv(x, x[0]),
        lambda x: torch.cdist(x, x),
        lambda x: torch.fft.rfft(x).real,
        lambda x: torch.linalg.svdvals(x),
    ],
    ids=["bilinear", "dot", "mv", "cdist", "fft", "svd"],
)
def test_real_work_is_counted_or_named(function: Callable[[Tensor], Tensor]) -> None:
    """What multiplies matrices or is worth as much is never a silent zero."""
    x = torch.zeros(4, 8)
    linear = 2 * 4 * 8 * 8
    counted = count(Function(function, width=8), x)
    assert counted.forward_flops > linear or counted.uncounted_ops


@pytest.mark.parametrize(
    "activation",
    [
        *(nn.ReLU, nn.LeakyReLU, nn.GELU, nn.ELU, nn.SELU, nn.Tanh, nn.Sigmoid),
        *(nn.SiLU, nn.Mish, nn.ReLU6, nn.Hardswish, nn.PReLU, nn.Softplus, nn.Softmax, nn.GLU),
    ],
)
def test_activations_need_no_formula(activation: Callable[..., nn.Module]) -> None:
    """Elementwise work, forward or backward, is not reported as uncounted."""
    options = {"dim": 1} if activation is nn.Softmax else {}
    network = nn.Sequential(nn.Linear(6, 8), activation(**options))
    assert count(network, torch.zeros(2, 6)).uncounted_ops == ()


# --- activation checkpointing ------------------------------------------------------------------

ROWS = 4
LINEAR = 2 * ROWS * WIDTH**2  # FLOPs of one layer; its backward has two products of that size


class Checkpointed(nn.Module):
    """A linear stem, then blocks of linear, ReLU, linear: each recomputed in the backward.

    `reentrant` None: nothing is recomputed.
    """

    def __init__(self, blocks: int, *, reentrant: bool | None) -> None:
        super().__init__()
        self.stem = nn.Linear(WIDTH, WIDTH)
        self.blocks = nn.ModuleList(self._block() for _ in range(blocks))
        self.reentrant = reentrant

    def _block(self) -> nn.Module:
        return nn.Sequential(nn.Linear(WIDTH, WIDTH), nn.ReLU(), nn.Linear(WIDTH, WIDTH))

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        for block in self.blocks:
            plain = self.reentrant is None
            x = block(x) if plain else checkpoint(block, x, use_reentrant=self.reentrant)
        return x


# A reentrant checkpoint runs the whole block again; the other stops once all that the backward
# needs is there, which the second linear layer's output is not part of.
AGAIN = [(None, 0), (True, 2), (False, 1)]


@pytest.mark.parametrize(("reentrant", "layers_again"), AGAIN)
@pytest.mark.parametrize("blocks", [1, 2, 5])
def test_recomputed_flops_are_told_apart(
    blocks: int, reentrant: bool | None, layers_again: int
) -> None:
    """Model FLOPs are those of the network without checkpoints, however many equal blocks it has;
    hardware FLOPs have what is run again on top."""
    counted = count(Checkpointed(blocks, reentrant=reentrant), torch.ones(ROWS, WIDTH))
    layers = 1 + 2 * blocks
    assert counted.device == "meta"
    assert counted.forward_flops == layers * LINEAR
    assert counted.flops("backward") == (2 * layers - 1) * LINEAR
    assert counted.recomputed_flops == blocks * layers_again * LINEAR
    assert counted.hardware_flops("forward") == counted.flops("forward")
    for pass_ in ("backward", "step"):
        hardware, model = counted.hardware_flops(pass_), counted.flops(pass_)
        assert hardware is not None
        assert model is not None
        assert hardware - model == counted.recomputed_flops


@pytest.mark.parametrize("reentrant", [True, False])
def test_hardware_flops_are_what_is_run(reentrant: bool) -> None:
    """The same network run for real on a CPU, under a counter that keeps nothing in mind."""
    network, x = Checkpointed(3, reentrant=reentrant), torch.ones(ROWS, WIDTH)
    with FlopCounterMode(display=False) as run:
        network(x).mean().backward()
    assert count(network, x).hardware_flops("step") == run.get_total_flops()


class Adding(nn.Module):
    """Adds the mean of its values: the meta device will not do."""

    def forward(self, x: Tensor) -> Tensor:
        return x + x.mean().item()


@pytest.mark.parametrize("reentrant", [True, False])
def test_recomputation_on_a_cpu_is_told_apart(reentrant: bool) -> None:
    """Where a network needs values, and nothing is kept in mind, the answer is the same."""
    network, x = Checkpointed(3, reentrant=reentrant), torch.ones(ROWS, WIDTH)
    on_cpu = count(nn.Sequential(network, Adding()), x)
    assert on_cpu.device == "cpu"
    assert on_cpu.recomputed_flops == count(network, x).recomputed_flops


def test_bytes_and_kernels_are_those_that_run() -> None:
    """Each recomputed operator moves its bytes once more. A block's forward is three kernels; of
    them the early stop leaves two."""

    def counted(reentrant: bool | None) -> tuple[int, int, int]:
        c = count(Checkpointed(1, reentrant=reentrant), torch.ones(ROWS, WIDTH))
        assert c.forward_kernels == 4
        assert c.forward_bytes is not None
        assert c.backward_bytes is not None
        assert c.backward_kernels is not None
        return c.forward_bytes, c.backward_bytes, c.backward_kernels

    plain, whole, stopped = counted(None), counted(True), counted(False)
    assert plain[0] == whole[0] == stopped[0]
    layer = 4 * (2 * ROWS * WIDTH + WIDTH**2 + WIDTH)
    relu = 4 * 2 * ROWS * WIDTH
    assert stopped[1] - plain[1] == layer + relu
    assert whole[1] - plain[1] == 2 * layer + relu
    assert stopped[2] - plain[2] == 2
    assert whole[2] - plain[2] == 3


# --- bytes and kernels -------------------------------------------------------------------------


@pytest.mark.parametrize("blocks", [0, 1, 4])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_bytes_of_a_forward_are_those_of_its_tensors(blocks: int, dtype: torch.dtype) -> None:
    """A linear layer reads input, weight and bias and writes its output; a ReLU reads and writes
    its input. Half the width of a number is half the bytes."""
    network = Checkpointed(blocks, reentrant=None).to(dtype)
    counted = count(network, torch.ones(ROWS, WIDTH, dtype=dtype))
    layer, relu = 2 * ROWS * WIDTH + WIDTH**2 + WIDTH, 2 * ROWS * WIDTH
    numbers = (1 + 2 * blocks) * layer + blocks * relu
    assert counted.moved_bytes("forward") == numbers * dtype.itemsize
    assert counted.kernels("forward") == 1 + 3 * blocks


@pytest.mark.parametrize("spec", ["resnet", "resnet:residual=false"])
def test_bytes_and_kernels_are_linear_in_blocks(spec: str) -> None:
    """Equal blocks move the same bytes by as many kernels, whether they were seen before or not."""
    family = families.find(spec)
    with torch.device("meta"):
        counts = [count(family.build(depth), family.example_input(2)) for depth in (4, 6, 8, 10)]
    for pass_ in ("forward", "backward", "step"):
        for of in ("moved_bytes", "kernels"):
            values = torch.tensor([getattr(c, of)(pass_) for c in counts])
            growth = values.diff()
            assert (growth > 0).all()
            assert (growth == growth[0]).all()


def test_frozen_network_moves_nothing_backward() -> None:
    """Nothing to train: bytes and kernels of the backward are unknown, too."""
    counted = count(nn.Linear(4, 4).requires_grad_(False), torch.zeros(2, 4))
    assert counted.moved_bytes("forward") == 4 * (2 * 4 + 4 * 4 + 4 + 2 * 4)
    for pass_ in ("backward", "step"):
        assert counted.moved_bytes(pass_) is None
        assert counted.kernels(pass_) is None
        assert counted.hardware_flops(pass_) is None


# --- networks that are no plain chain ----------------------------------------------------------


def test_input_may_be_a_tuple_or_a_dict() -> None:
    """Positional and keyword tensors give the same count."""
    network = nn.Bilinear(4, 4, 3)
    x = torch.zeros(2, 4)
    assert count(network, (x, x)) == count(network, {"input1": x, "input2": x})


def test_shared_parameters_count_once() -> None:
    """A layer used twice has its parameters once and its work twice."""
    layer = nn.Linear(6, 6)
    twice = nn.Sequential(layer, nn.ReLU(), layer)
    assert parameter_count(twice) == 6 * 6 + 6
    x = torch.zeros(3, 6)
    assert count(twice, x).forward_flops == 2 * count(layer, x).forward_flops


def test_frozen_network_has_no_backward() -> None:
    """Nothing to train: the backward is unknown, not zero, and so is the step."""
    network = nn.Linear(4, 4).requires_grad_(False)
    counted = count(network, torch.zeros(2, 4))
    assert counted.forward_flops == 2 * 2 * 4 * 4
    assert counted.backward_flops is None
    assert counted.flops("backward") is None
    assert counted.flops("step") is None


def test_frozen_layers_save_their_backward() -> None:
    """With only the head to train, the backward is the head's weight gradient alone."""
    body, head = nn.Linear(8, 8).requires_grad_(False), nn.Linear(8, 3)
    assert count(nn.Sequential(body, head), torch.zeros(5, 8)).backward_flops == 2 * 5 * 8 * 3


def test_batch_of_one_passes_a_batch_norm_in_train_mode() -> None:
    """Counting happens in eval mode, where one row is enough."""
    network = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Linear(8, 2)).train()
    assert count(network, torch.zeros(1, 4)).forward_flops == 2 * (4 * 8 + 8 * 2)


def test_network_already_on_meta_is_counted_there() -> None:
    """A network of 40 GB is counted without its memory, and gives what a real one gives."""
    with torch.device("meta"):
        large = nn.Linear(100_000, 100_000)
    assert count(large, torch.empty(1, 100_000)).forward_flops == 2 * 10**10
    assert all(p.is_meta and p.grad is None for p in large.parameters())


# --- networks that cannot run on the meta device -----------------------------------------------


def by_item(x: Tensor) -> Tensor:
    return x * x.mean().item()


def by_branch(x: Tensor) -> Tensor:
    return x if x.sum() > 0 else -x


def by_mask(x: Tensor) -> Tensor:
    return x[x > 0]


def by_nonzero(x: Tensor) -> Tensor:
    return x[x.sum(1).nonzero().flatten()]


def by_list(x: Tensor) -> Tensor:
    return x * max(x.flatten().tolist())


def by_numpy(x: Tensor) -> Tensor:
    return x * float(x.detach().numpy().mean())


def by_cpu_noise(x: Tensor) -> Tensor:
    return x + torch.randn(x.shape)


DATA_DEPENDENT = [by_item, by_branch, by_mask, by_nonzero, by_list, by_numpy, by_cpu_noise]


@pytest.mark.parametrize("function", DATA_DEPENDENT)
def test_data_dependent_network_falls_back_and_says_so(
    function: Callable[[Tensor], Tensor],
) -> None:
    """What needs values is counted where the network lies."""
    counted = count(Function(function, width=8), torch.ones(4, 8))
    assert counted.device == "cpu"
    assert counted.forward_flops == counted.backward_flops == 2 * 4 * 8 * 8


# --- the model is left as it was ---------------------------------------------------------------


def fail(x: Tensor) -> Tensor:
    raise ArithmeticError(f"no answer for {tuple(x.shape)}")


def pick_and_shake(x: Tensor) -> Tensor:
    picked = x[x > 0]
    return picked * torch.rand(len(picked))


def used_network(function: Callable[[Tensor], Tensor]) -> nn.Sequential:
    """A network in mixed modes, with gradients, running statistics and a hook."""
    network = nn.Sequential(
        nn.Linear(8, 8), nn.BatchNorm1d(8), nn.Dropout(0.5), Function(function, width=8)
    )
    network.train()
    network[1].eval()
    for parameter in network.parameters():
        parameter.grad = torch.ones_like(parameter)
    network[0].register_forward_hook(lambda *_: None)
    return network


def state(network: nn.Module) -> dict[str, Any]:
    """All that a measurement could change, comparable with ==."""
    return {
        "modes": [m.training for m in network.modules()],
        "hooks": [list(m._forward_hooks) for m in network.modules()],
        "tensors": {k: (id(t), t.tolist()) for k, t in network.state_dict(keep_vars=True).items()},
        "gradients": [p.grad.tolist() for p in network.parameters() if p.grad is not None],
        "random": random_state(),
        "fast path": torch.backends.mha.get_fastpath_enabled(),
        "gradient mode": torch.is_grad_enabled(),
    }


@pytest.mark.parametrize("function", [torch.relu, fail, pick_and_shake], ids=lambda f: f.__name__)
def test_model_and_random_state_are_left_as_found(function: Callable[[Tensor], Tensor]) -> None:
    """Modes, hooks, weights, buffers, gradients and random states: on the meta device, on a CPU
    as a last resort, and when the network itself raises."""
    network = used_network(function)
    before = copy.deepcopy(state(network))
    if function is fail:
        with pytest.raises(ArithmeticError):
            count(network, torch.ones(4, 8))
    else:
        count(network, torch.ones(4, 8))
    assert state(network) == before


def test_input_gets_no_gradient() -> None:
    """An input that requires a gradient is left without one, also on a CPU."""
    for function in (torch.relu, by_mask):
        x = torch.ones(4, 8, requires_grad=True)
        count(Function(function, width=8), x)
        assert x.grad is None


# --- attention where it lies, and a loss of one's own ------------------------------------------


class PickyAttention(nn.Module):
    """Attention that cannot run on the meta device."""

    def __init__(self) -> None:
        super().__init__()
        self.qkv = nn.Linear(8, 24)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.qkv(x * x.mean().item()).chunk(3, -1)
        out: Tensor = F.scaled_dot_product_attention(q, k, v)
        return out


def test_attention_on_a_cpu_is_counted_as_on_meta() -> None:
    """Two products forward and four backward, also where one fused kernel computes them."""
    x = torch.ones(2, 1, 5, 8)
    counted = count(PickyAttention(), x)
    linear, products = 2 * 10 * 8 * 24, 2 * 2 * 2 * 5 * 5 * 8
    assert counted.device == "cpu"
    assert counted.uncounted_ops == ()
    assert counted.forward_flops == linear + products
    assert counted.backward_flops == linear + 2 * products


def test_the_products_of_a_loss_are_counted() -> None:
    """With its backward, beside that of the network: x x^T and twice its gradient."""
    model, x = nn.Linear(6, 4, bias=False), torch.ones(5, 6)

    def loss(output: Tensor, _inputs: Tensor) -> Tensor:
        return (output @ output.T).mean()

    own = count(model, x, loss=loss)
    stand_in = count(model, x)
    assert own.forward_flops == stand_in.forward_flops
    assert own.backward_flops is not None
    assert own.backward_flops - (stand_in.backward_flops or 0) == 3 * 2 * 5 * 5 * 4
