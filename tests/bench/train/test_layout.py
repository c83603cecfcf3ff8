"""Convolutions with channels last in memory compute what they compute otherwise."""

from contextlib import AbstractContextManager
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bench.records import RunRecord
from bench.train import layout, trainer, trial, ways
from bench.train.layout import ChannelsLast, has_convolutions
from tests.bench.fakes import FakeTime
from tests.bench.train.small import family, task, training


def _is_channels_last(x: Tensor) -> bool:
    return x.stride(1) == 1


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"stride": 2, "padding": 1},
        {"stride": (2,), "padding": (1,), "dilation": (2,)},
        {"padding": "same", "bias": False},
        {"padding": 1, "groups": 2},
        {"padding": 2, "padding_mode": "circular"},
    ],
)
@pytest.mark.parametrize("kind", [nn.Conv1d, nn.Conv2d])
def test_a_convolution_is_the_same(kind: type[nn.Module], options: dict[str, Any]) -> None:
    """Output and gradients, for every option; only the memory differs."""
    if kind is nn.Conv2d:  # a side of its own for what stands alone
        options = {k: v * 2 if isinstance(v, tuple) else v for k, v in options.items()}
    convolution = kind(4, 6, 3, **options)
    x = torch.randn(5, 4, *(9,) * (1 if kind is nn.Conv1d else 2), requires_grad=True)
    plain = convolution(x)
    gradients = torch.autograd.grad(plain.square().sum(), [x, *convolution.parameters()])
    with ChannelsLast():
        found = convolution(x)
        others = torch.autograd.grad(found.square().sum(), [x, *convolution.parameters()])
    torch.testing.assert_close(found, plain)
    for one, other in zip(others, gradients, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4)
    assert _is_channels_last(found)
    assert not _is_channels_last(plain)


def test_a_sample_without_a_batch_is_left_as_it_is() -> None:
    """Of sequences and images, positional or named."""
    one, two = nn.Conv1d(2, 3, 3), nn.Conv2d(2, 3, 3)
    x, image = torch.randn(2, 8), torch.randn(2, 8, 8)
    expected = one(x), two(image)
    with ChannelsLast():
        found = F.conv1d(input=x, weight=one.weight, bias=one.bias), two(image)
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("training_mode", [True, False])
def test_a_batch_norm_is_the_same(training_mode: bool) -> None:
    """Its output and what it keeps of the batch; also of values without a length."""
    for shape in ((6, 4), (6, 4, 9), (6, 4, 9, 9)):
        x = torch.randn(*shape)
        norms = [(nn.BatchNorm2d if len(shape) == 4 else nn.BatchNorm1d)(4) for _ in range(2)]
        for norm in norms:
            norm.train(training_mode)
        plain = norms[0](x)
        with ChannelsLast():
            torch.testing.assert_close(norms[1](x), plain)
        torch.testing.assert_close(norms[1].running_var, norms[0].running_var)


def test_networks_with_convolutions_are_known() -> None:
    """Others have nothing to gain."""
    assert has_convolutions(family("resnet").build(4))
    assert not has_convolutions(family("mlp").build(4))


def test_only_the_forward_passes_of_the_network_are_changed() -> None:
    """Not what is computed beside them, nor after a pass that raises, nor at the end."""
    network = nn.Sequential(nn.Conv1d(2, 3, 3))
    x = torch.randn(4, 2, 8)
    with layout.channels_last(network):
        assert _is_channels_last(network(x))
        assert not _is_channels_last(network[0](x))
        with pytest.raises(RuntimeError):
            network(x.double())
        assert not _is_channels_last(network[0](x))
        assert _is_channels_last(network(x))
    assert not _is_channels_last(network(x))


def check_same_course(one: RunRecord, other: RunRecord) -> None:
    assert one.loss_curve == pytest.approx(other.loss_curve, rel=2e-3)
    assert one.test_loss == pytest.approx(other.test_loss, rel=1e-2)
    for name in ("train_flops", "parameters", "steps", "n_test", "status"):
        assert getattr(one, name) == getattr(other, name)


@pytest.mark.parametrize(("spec", "depth"), [("resnet", 6), ("resnet:residual=false", 4)])
def test_a_training_takes_the_same_course(spec: str, depth: int) -> None:
    """Losses up to rounding, the same FLOPs; the record says the way."""
    asked = training(family=spec, depth=depth, learning_rate=0.003)
    plain = trainer.train(family(spec), task(), asked, fused=True)
    found = trainer.train(family(spec), task(), asked, fused=True, channels_last=True)
    check_same_course(found, plain)
    assert (found.way, plain.way, found.stack) == ("channels_last", "plain", 1)


# --- the choice ----------------------------------------------------------------------------------


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> FakeTime:
    """A step takes 3 s with channels last, and 5 s in any other way, alone or of a stack."""
    found = FakeTime()
    monkeypatch.setattr("time.process_time", found)
    entered = layout.channels_last
    inside: list[nn.Module] = []

    def noted(model: nn.Module) -> AbstractContextManager[None]:
        inside.append(model)
        return entered(model)

    def slow(owner: Any, seconds: float) -> None:
        update = owner.update

        def slowed(self: object, batch: object) -> Tensor:
            found.pass_by(3.0 if inside and owner is trainer.Learner else seconds)
            result: Tensor = update(self, batch)
            return result

        monkeypatch.setattr(owner, "update", slowed)

    monkeypatch.setattr(trial, "channels_last", noted)
    slow(trainer.Learner, 5.0)
    slow(trial.Stack, 10.0)
    return found


@pytest.mark.usefixtures("clock")
def test_the_layout_is_chosen_where_it_is_fastest() -> None:
    """Nothing is trained in the trial: each network is, in a child of its own."""
    asked = [training(family="resnet", depth=4, seed=seed) for seed in range(2)]
    choice = ways.train(family("resnet"), task(), asked)
    assert (choice.way, choice.records) == ("channels_last", ())
    assert choice.reason == (
        "alone 5e+03 ms a step, with channels last 3e+03 ms, in a stack of 2 5e+03 ms"
    )


@pytest.mark.usefixtures("clock")
def test_a_network_that_does_not_bear_the_layout_is_trained_without(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One that looks at memory, such as with `view`; the reason is told."""
    forward = nn.ReLU.forward
    monkeypatch.setattr(nn.ReLU, "forward", _viewing(forward))
    asked = [training(family="resnet", depth=4, seed=seed) for seed in range(2)]
    choice = ways.train(family("resnet"), task(), asked)
    assert choice.way == "plain"
    assert choice.reason is not None
    assert "cannot be given channels last: RuntimeError: view size is not" in choice.reason


def _viewing(forward: Any) -> Any:
    def viewed(self: nn.ReLU, x: Tensor) -> Tensor:
        result: Tensor = forward(self, x.view(x.shape[0], -1).view(x.shape))
        return result

    return viewed
