"""L1, dropout and clipping."""

import pytest
import torch
from torch import nn

from bench import families
from bench.train.treatments.regularization import clipping, dropout, l1
from bench.train.treatments.surgery import calls
from tests.bench.train.treatments import nets


def _dropped(model: nn.Module, x: torch.Tensor, p: float = 0.25) -> nn.Module:
    prepare = dropout(p=p).prepare
    assert prepare is not None
    return prepare(model, x)


def test_l1_is_the_sum_of_the_magnitudes_of_weights() -> None:
    """Biases and norms do not count."""
    layer = nn.Linear(2, 2)
    model = nn.Sequential(layer, nn.BatchNorm1d(2))
    layer.weight.data = torch.tensor([[1.0, -2.0], [3.0, -4.0]])
    penalty = l1(strength=0.1).penalty
    assert penalty is not None
    assert penalty(model).item() == pytest.approx(1.0)
    penalty(model).backward()
    assert layer.weight.grad is not None
    assert torch.allclose(layer.weight.grad, 0.1 * layer.weight.sign())
    assert layer.bias.grad is None


def test_l1_counts_a_shared_weight_once() -> None:
    """As the loss sees one parameter."""
    layer = nn.Linear(3, 3)
    penalty = l1(strength=1.0).penalty
    assert penalty is not None
    assert torch.isclose(penalty(nn.Sequential(layer, layer)), layer.weight.abs().sum())


@pytest.mark.parametrize("size", [100.0, 1e-3])
def test_clipping_bounds_the_norm_and_keeps_the_direction(size: float) -> None:
    """Gradients below the bound stay."""
    parameters = [nn.Parameter(torch.zeros(3)), nn.Parameter(torch.zeros(2, 2))]
    for p in parameters:
        p.grad = torch.full_like(p, size)
    after = clipping(norm=2.0).after_backward
    assert after is not None
    after(parameters)
    flat = torch.cat([p.grad.flatten() for p in parameters if p.grad is not None])
    assert flat.norm().item() == pytest.approx(min(2.0, size * 7**0.5), rel=1e-5)
    assert torch.allclose(flat, flat[0].expand(7))


def test_dropout_layers_get_the_probability() -> None:
    """Where a network has some, none is put in."""
    model = families.find("vgg:input_shape=3x32x32,width=1").build(11)
    before = len(list(model.modules()))
    _dropped(model, torch.zeros(2, 3, 32, 32))
    assert {m.p for m in model.modules() if isinstance(m, nn.Dropout)} == {0.25}
    assert len(list(model.modules())) == before


@pytest.mark.parametrize("training", [True, False])
def test_dropout_comes_behind_every_activation(training: bool) -> None:
    """In the network's mode; evaluation stays what it was."""
    model, x = nets.flat(4).train(training), nets.batch()
    expected = model.eval()(x)
    _dropped(model.train(training), x)
    found = [m for m in model.modules() if isinstance(m, nn.Dropout)]
    assert len(found) == 3
    assert {m.training for m in model.modules()} == {training}
    assert torch.equal(model.eval()(x), expected)


def test_dropout_spares_the_shortcut() -> None:
    """A residual block has it inside its body, where the family's own knob puts it; the stem's
    activation is outside of all blocks."""
    model = _dropped(families.find("resnet").build(6), torch.randn(4, 1, 40))
    inside = [n for n, m in model.named_modules() if isinstance(m, nn.Dropout)]
    assert inside == ["stem.activation.1", *(f"blocks.{i}.body.activation1.1" for i in (0, 1))]


def test_a_shared_activation_drops_in_every_place() -> None:
    """One module called twice is one dropout called twice."""
    shared = nn.ReLU()
    layers = [nn.Linear(6, 6), shared, nn.Linear(6, 6), shared]
    model, x = _dropped(nn.Sequential(*layers), nets.batch()), nets.batch()
    found = [m for m in model.modules() if isinstance(m, nn.Dropout)]
    assert len(found) == 1
    assert len(calls(model, x, found)) == 2


def test_functional_activations_cannot_have_dropout() -> None:
    """The error says what to do."""
    with pytest.raises(ValueError, match=r"no activation module was found.*nn\.ReLU\(\)"):
        _dropped(nets.Functional(), nets.batch())
