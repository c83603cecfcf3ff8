"""Which layers are on the path of depth, and what is seen of them in a forward."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from bench.measure.hidden import hidden_layers, tensor_of, watched, weight_layers


class Twice(nn.Module):
    """Calls one layer twice."""

    def __init__(self) -> None:
        super().__init__()
        self.shared = nn.Linear(3, 3)
        self.head = nn.Linear(3, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.shared(self.shared(x)))


class Returns(nn.Module):
    """Returns what it was given to return."""

    def __init__(self, output: Any) -> None:
        super().__init__()
        self.output = output

    def forward(self, _x: Tensor) -> Any:
        return self.output


class Fails(nn.Module):
    def forward(self, _x: Tensor) -> Tensor:
        raise RuntimeError("no forward")


def seen(model: nn.Module, layers: dict[str, nn.Module], *, forwards: int = 1) -> list[str]:
    calls: list[str] = []
    with watched(model, layers, lambda call, _: calls.append(call)):
        for _ in range(forwards):
            model(torch.ones(2, 3))
    return calls


def hooks(model: nn.Module) -> int:
    return sum(len(m._forward_hooks) + len(m._forward_pre_hooks) for m in model.modules())


def test_blocks_are_the_hidden_layers_where_a_network_repeats_some() -> None:
    """Neither the layers within nor those around them."""
    blocks = (nn.Sequential(nn.Linear(3, 3), nn.ReLU()) for _ in range(3))
    model = nn.Sequential(nn.Linear(3, 3), nn.Sequential(*blocks), nn.Linear(3, 2))
    assert list(hidden_layers(model)) == ["1.0", "1.1", "1.2"]


def test_weight_layers_but_the_last_where_nothing_is_repeated() -> None:
    """Norms and activations hold no weight of two dimensions."""
    model = nn.Sequential(
        nn.Conv1d(1, 2, 3), nn.BatchNorm1d(2), nn.ReLU(), nn.Flatten(), nn.Linear(4, 2)
    )
    assert list(weight_layers(model)) == ["0", "4"]
    assert list(hidden_layers(model)) == ["0"]


@pytest.mark.parametrize("model", [nn.Linear(3, 2), nn.ReLU(), nn.Sequential()])
def test_shallow_networks_have_no_hidden_layers(model: nn.Module) -> None:
    """One weight layer is the output; without any there is nothing to look at."""
    assert hidden_layers(model) == {}


def test_each_call_of_a_shared_layer_has_its_name() -> None:
    """The second is `#2`."""
    model = Twice()
    assert seen(model, hidden_layers(model)) == ["shared", "shared#2"]


def test_names_start_anew_with_each_forward() -> None:
    """A second batch has the names of the first."""
    model = Twice()
    assert seen(model, hidden_layers(model), forwards=2) == ["shared", "shared#2"] * 2


def test_calls_are_seen_in_the_order_in_which_they_run() -> None:
    """Not in the order in which the network holds its layers."""

    class Backwards(nn.Sequential):
        def forward(self, x: Tensor) -> Tensor:
            for layer in reversed(self):
                x = layer(x)
            return x

    model = Backwards(nn.Linear(3, 3), nn.Linear(3, 3))
    assert seen(model, weight_layers(model)) == ["1", "0"]


def test_the_first_floating_point_tensor_of_an_output_counts() -> None:
    """Also within tuples and dicts; integers are no activations."""
    first, second = torch.ones(1), torch.zeros(1)
    assert tensor_of((torch.tensor([1]), {"state": first}, second)) is first
    assert tensor_of(first) is first


@pytest.mark.parametrize("output", [None, "text", torch.tensor([1]), ()])
def test_a_layer_without_a_floating_point_tensor_is_left_out(output: object) -> None:
    """It is called, but there is nothing to see."""
    model = nn.Sequential(Returns(output))
    assert seen(model, {"0": model[0]}) == []


def test_hooks_are_gone_afterwards() -> None:
    """The network's own hooks stay."""
    model = Twice()
    model.shared.register_forward_hook(lambda *_: None)
    seen(model, hidden_layers(model))
    assert hooks(model) == 1


def test_hooks_are_gone_after_an_error() -> None:
    """In the forward of a layer as well as in what looks at it."""
    model = nn.Sequential(nn.Linear(3, 3), Fails())
    with pytest.raises(RuntimeError, match="no forward"):
        seen(model, {"0": model[0]})
    assert hooks(model) == 0
