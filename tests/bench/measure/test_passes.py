"""What each pass runs, prepares, and leaves behind."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from bench.measure.passes import DTYPES, Pass, call, make, place, scalar_loss


class Batch(nn.Module):
    """Two named inputs, an output of many kinds."""

    def forward(self, left: Tensor, right: Tensor) -> dict[str, Any]:
        return {"sum": left + right, "index": torch.arange(3), "parts": (left, [right])}


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 2))


def weights(model: nn.Module) -> list[Any]:
    return [p.tolist() for p in model.parameters()]


def gradients(model: nn.Module) -> list[Any]:
    return [None if p.grad is None else p.grad.tolist() for p in model.parameters()]


def run(pass_: Pass, times: int) -> None:
    for _ in range(times):
        pass_.prepare()
        pass_.run()


def made(name: str, model: nn.Module, learning_rate: float = 0.1) -> Pass:
    optimizer = torch.optim.SGD(model.parameters(), lr=learning_rate)
    return make(name, model, torch.ones(3, 4), optimizer)


@pytest.mark.parametrize("inputs", [(torch.ones(2), torch.zeros(2)), [torch.ones(2)] * 2])
def test_sequences_are_positional_and_dicts_are_keywords(inputs: Any) -> None:
    """The same tensors reach the same arguments in either form."""
    named = call(Batch(), {"left": inputs[0], "right": inputs[1]})
    assert torch.equal(call(Batch(), inputs)["sum"], named["sum"])


def test_loss_reaches_every_floating_point_output() -> None:
    """It is the sum of the outputs' means, however deep they are nested; integers are left out."""
    left, right = torch.ones(2, requires_grad=True), torch.full((2,), 3.0, requires_grad=True)
    loss = scalar_loss(call(Batch(), (left, right)))
    assert loss.item() == (1 + 3) + 1 + 3
    loss.backward()
    assert left.grad is not None
    assert left.grad.tolist() == right.grad.tolist() == [1.0, 1.0]  # type: ignore[union-attr]


def test_output_without_floating_point_is_refused() -> None:
    """The message says what was expected and what came."""
    with pytest.raises(ValueError, match=r"floating-point tensor as output; got dict"):
        scalar_loss({"index": torch.arange(3)})


@pytest.mark.parametrize("dtype", DTYPES)
def test_place_casts_what_is_floating_point(dtype: str) -> None:
    """Weights and real inputs get the dtype; integer inputs keep theirs."""
    inputs = {"x": torch.ones(2, 4), "index": torch.arange(2), "name": "left alone"}
    model, placed = place(nn.Linear(4, 4), inputs, device="cpu", dtype=dtype)
    assert {p.dtype for p in model.parameters()} == {placed["x"].dtype} == {DTYPES[dtype]}
    assert placed["index"].dtype == torch.int64
    assert placed["name"] == "left alone"


def test_forward_is_eval_without_gradient() -> None:
    """Running statistics, weights and gradients stay; the output has no graph."""
    model = network()
    before = {k: v.tolist() for k, v in model.state_dict().items()}
    pass_ = made("forward", model)
    assert not model.training
    pass_.prepare()
    output = pass_.run()
    assert isinstance(output, Tensor)
    assert not output.requires_grad
    assert {k: v.tolist() for k, v in model.state_dict().items()} == before
    assert set(map(str, gradients(model))) == {"None"}


def test_backward_is_the_backward_alone() -> None:
    """Preparing runs the forward and takes the old gradients; running fills them, no more."""
    model = network()
    before = weights(model)
    pass_ = made("backward", model)
    assert model.training
    run(pass_, 1)
    once = gradients(model)
    pass_.prepare()
    assert set(map(str, gradients(model))) == {"None"}
    pass_.run()
    assert gradients(model) == once
    assert any(any(flat) for flat in once if isinstance(flat[0], float))
    assert weights(model) == before


def test_step_updates_the_weights() -> None:
    """Forward, backward and optimizer; gradients do not add up over steps."""
    model, twin = network(), network()
    run(made("step", model), 2)
    optimizer = torch.optim.SGD(twin.parameters(), lr=0.1)
    for _ in range(2):
        optimizer.zero_grad()
        twin(torch.ones(3, 4)).mean().backward()
        optimizer.step()
    assert weights(model) == weights(twin)
    assert weights(model) != weights(network())


def test_step_without_a_rate_leaves_the_weights() -> None:
    """A learning rate of zero, as measurements use it, does all the work and changes nothing."""
    model = network()
    before = weights(model)
    run(made("step", model, learning_rate=0.0), 3)
    assert weights(model) == before
