"""What a probe reads of a training step, against the same step by hand; and what it leaves."""

import math

import pytest
import torch
from torch import Tensor, nn

from bench.measure.training_probe import StepSignals, TrainingProbe

LEARNING_RATE = 0.1


def normal(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


class Twice(nn.Module):
    """Calls one layer twice."""

    def __init__(self) -> None:
        super().__init__()
        self.shared = nn.Linear(3, 3)
        self.head = nn.Linear(3, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.shared(self.shared(x)))


def step(model: nn.Module, inputs: Tensor, *, scale: float = 1.0) -> None:
    """Of stochastic gradient descent on the mean square of the output."""
    model.zero_grad()
    (scale * model(inputs).square().mean()).backward()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.grad is not None:
                parameter -= LEARNING_RATE * parameter.grad


def watched_step(model: nn.Module, inputs: Tensor, *, scale: float = 1.0) -> StepSignals:
    probe = TrainingProbe(every=1)
    with probe.watch(model, 7):
        step(model, inputs, scale=scale)
    (found,) = probe.steps
    return found


def rms(values: Tensor) -> float:
    return math.sqrt(float(values.detach().double().square().mean()))


def hooks(model: nn.Module) -> int:
    return sum(
        len(m._forward_hooks) + len(m._forward_pre_hooks) + len(m._backward_hooks)
        for m in model.modules()
    )


def test_figures_are_those_computed_by_hand() -> None:
    """Of outputs and their gradients before the update, and of what the update changed."""
    first, last = nn.Linear(3, 4), nn.Linear(4, 2)
    inputs = normal(5, 3)
    h = first(inputs)
    h.retain_grad()
    last(h.tanh()).square().mean().backward()
    assert h.grad is not None
    ratios = {
        name: LEARNING_RATE * rms(layer.weight.grad) / rms(layer.weight)
        for name, layer in {"0": first, "2": last}.items()
        if layer.weight.grad is not None
    }
    found = watched_step(nn.Sequential(first, nn.Tanh(), last), inputs)
    assert found.step == 7
    assert found.activation_rms == pytest.approx({"0": rms(h)})
    assert found.gradient_rms == pytest.approx({"0": rms(h.grad)})
    assert found.update_ratio == pytest.approx(ratios, rel=1e-4)
    rows = nn.functional.normalize(h.detach())
    pairs = (rows @ rows.T).fill_diagonal_(0).sum() / (5 * 4)
    assert found.cosine == pytest.approx({"0": float(pairs)}, rel=1e-4)


def test_a_watched_step_changes_the_weights_as_any_other() -> None:
    """To the bit."""
    plain, watched = Twice(), Twice()
    watched.load_state_dict(plain.state_dict())
    step(plain, normal(5, 3))
    watched_step(watched, normal(5, 3))
    assert all(map(torch.equal, plain.parameters(), watched.parameters()))


def test_each_call_of_a_layer_counts_and_its_weights_once() -> None:
    """In the order of the forward."""
    found = watched_step(Twice(), normal(5, 3))
    assert list(found.activation_rms) == list(found.gradient_rms) == ["shared", "shared#2"]
    assert found.activation_rms["shared"] != found.activation_rms["shared#2"]
    assert list(found.update_ratio) == ["shared", "head"]


@pytest.mark.parametrize("scale", [1e-25, 1e-30, 1e25])
def test_gradients_whose_squares_leave_single_precision_are_seen(scale: float) -> None:
    """They go with the loss."""
    model, inputs = Twice(), normal(5, 3)
    weights = {name: value.clone() for name, value in model.state_dict().items()}
    usual = watched_step(model, inputs)
    model.load_state_dict(weights)
    scaled = watched_step(model, inputs, scale=scale)
    expected = {name: scale * value for name, value in usual.gradient_rms.items()}
    assert scaled.gradient_rms == pytest.approx(expected, rel=1e-5)


def test_units_that_no_longer_answer_are_counted() -> None:
    """By activation; in the latest forward only."""
    model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 2))
    nn.init.constant_(model[0].bias, -100.0)
    nn.init.constant_(model[2].bias, 100.0)
    probe = TrainingProbe(every=1)
    with probe.watch(model, 0):
        model(normal(5, 3))
        step(model, normal(5, 3))
    (found,) = probe.steps
    counts = [(each.name, each.kind, each.hits, each.total) for each in found.activations]
    assert counts == [("1", "dead", 4, 4), ("3", "saturated", 15, 15)]


def test_one_step_in_some_is_read() -> None:
    """The first included; the others run without a hook."""
    model, probe = Twice(), TrainingProbe(every=3, turns=1)
    for number in range(7):
        with probe.watch(model, number):
            assert bool(hooks(model)) == (number % 3 == 0)
            step(model, normal(5, 3))
    assert [each.step for each in probe.steps] == [0, 3, 6]


def layers(count: int) -> nn.Sequential:
    """Of three units each, with an activation behind each; all but the head hidden."""
    pairs = [module for _ in range(count) for module in (nn.Linear(3, 3), nn.ReLU())]
    return nn.Sequential(*pairs, nn.Linear(3, 2))


def test_a_reading_is_spread_over_turns() -> None:
    """Where nothing changes from step to step, it is the same as one that is taken at once."""
    model, inputs = layers(5), normal(5, 3)
    at_once, spread = TrainingProbe(every=4, turns=1), TrainingProbe(every=4, turns=3)
    with at_once.watch(model, 0):
        model(inputs).sum().backward()
    for number in range(4):
        with spread.watch(model, number):
            assert bool(hooks(model)) == (number < 3)
            model(inputs).sum().backward()
        assert len(spread.steps) == (number >= 2)
    assert spread.steps == at_once.steps
    assert list(spread.steps[0].gradient_rms) == ["0", "2", "4", "6", "8"]


def test_layers_are_in_the_order_of_the_forward() -> None:
    """Not in that in which the network holds them; whatever turn read them."""

    class Backwards(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second, self.third = (nn.Linear(3, 3) for _ in range(3))
            self.head = nn.Linear(3, 2)

        def forward(self, x: Tensor) -> Tensor:
            return self.head(self.first(self.second(self.third(x))))

    model, probe = Backwards(), TrainingProbe(every=2, turns=2)
    for number in range(4):
        with probe.watch(model, number):
            step(model, normal(5, 3))
    for found in probe.steps:
        assert list(found.activation_rms) == ["third", "second", "first"]
        assert list(found.gradient_rms) == ["third", "second", "first"]


def test_an_error_in_the_first_forward_leaves_no_order() -> None:
    """The next reading has all layers in their order."""
    model, probe = layers(4), TrainingProbe(every=2, turns=2)
    broken = model[4].forward
    model[4].forward = None  # type: ignore[assignment]
    with pytest.raises(TypeError), probe.watch(model, 0):
        model(normal(5, 3))
    model[4].forward = broken  # type: ignore[method-assign]
    for number in (2, 3):
        with probe.watch(model, number):
            step(model, normal(5, 3))
    assert list(probe.steps[0].activation_rms) == ["0", "2", "4", "6"]


def test_of_several_forwards_the_gradient_is_that_of_the_last() -> None:
    """As its output is."""
    model, probe = Twice(), TrainingProbe(every=1)
    with probe.watch(model, 0):
        first, last = model(normal(5, 3)), model(normal(6, 3))
        (1000 * first.sum() + 0 * last.sum()).backward()
    assert set(probe.steps[0].gradient_rms.values()) == {0.0}


@pytest.mark.parametrize("arguments", [{"every": 0}, {"turns": 0}])
def test_a_probe_reads_at_least_one_step_in_some(arguments: dict[str, int]) -> None:
    """It says what it was given."""
    with pytest.raises(ValueError, match="at least 1"):
        TrainingProbe(**arguments)


def test_units_lie_where_the_layer_of_that_shape_has_them() -> None:
    """A linear layer on a side path says nothing of images."""

    class Squeezed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.side, self.relu = nn.Conv2d(3, 6, 1), nn.Linear(6, 6), nn.ReLU()

        def forward(self, x: Tensor) -> Tensor:
            h = self.conv(x)
            return self.relu(h * self.side(h.mean((2, 3))).sigmoid()[:, :, None, None])

    model, probe = Squeezed(), TrainingProbe(every=1)
    with probe.watch(model, 0):
        model(normal(4, 3, 10, 10))
    assert [each.total for each in probe.steps[0].activations] == [6]


def test_a_reading_that_misses_a_turn_is_none() -> None:
    """Neither after an error, nor where another model comes, nor where steps were left out."""
    model, other, probe = layers(2), layers(2), TrainingProbe(every=3, turns=3)

    def take(watched: nn.Module, number: int) -> None:
        with probe.watch(watched, number):
            step(watched, normal(5, 3))

    take(model, 0)
    with pytest.raises(RuntimeError), probe.watch(model, 1):
        step(model, normal(5, 4))
    take(model, 2)
    take(model, 3)
    take(other, 4)
    take(model, 5)
    take(model, 7)
    assert probe.steps == []
    for number in (9, 10, 11):
        take(other, number)
    assert [each.step for each in probe.steps] == [9]


def test_the_first_layer_that_is_not_finite_is_named() -> None:
    """On the way forward, or else on the way back."""
    model = nn.Sequential(*(nn.Linear(3, 3) for _ in range(4)))
    assert watched_step(model, normal(5, 3)).first_nonfinite is None
    backward = watched_step(model, normal(5, 3), scale=math.inf)
    assert backward.first_nonfinite == "2"
    assert watched_step(model, normal(5, 3)).first_nonfinite == "0"
    twin = nn.Sequential(*(nn.Linear(3, 3) for _ in range(4)))
    nn.init.constant_(twin[1].weight, math.inf)
    assert watched_step(twin, normal(5, 3)).first_nonfinite == "1"


def test_what_is_not_finite_stays_so() -> None:
    """Downstream of it, and for weights that became so."""
    model = Twice()
    found = watched_step(model, torch.full((5, 3), math.nan))
    for values in (found.activation_rms, found.gradient_rms, found.update_ratio):
        assert all(map(math.isnan, values.values()))
    assert len(found.update_ratio) == 2


def test_weights_of_zero_have_no_ratio() -> None:
    """There is nothing to compare their change with."""
    model = Twice()
    nn.init.zeros_(model.head.weight)
    assert list(watched_step(model, normal(5, 3)).update_ratio) == ["shared"]


def test_frozen_layers_have_outputs_only() -> None:
    """No gradient arrives at them, and nothing changes them."""
    model = Twice()
    model.shared.requires_grad_(False)
    found = watched_step(model, normal(5, 3))
    assert list(found.activation_rms) == ["shared", "shared#2"]
    assert found.gradient_rms == {}
    assert list(found.update_ratio) == ["head"]


def test_a_network_without_hidden_layers_has_its_weights_only() -> None:
    """The output is no hidden layer."""
    found = watched_step(nn.Linear(3, 2), normal(5, 3))
    assert (found.activation_rms, found.gradient_rms) == ({}, {})
    assert list(found.update_ratio) == [""]


def test_what_works_in_place_later_does_not_change_what_was_read() -> None:
    """A norm is taken at once."""
    twins = [
        nn.Sequential(nn.Linear(3, 3), nn.ReLU(inplace=inplace), nn.Linear(3, 2))
        for inplace in (False, True)
    ]
    twins[1].load_state_dict(twins[0].state_dict())
    first, second = (watched_step(twin, normal(5, 3)) for twin in twins)
    assert first == second


def test_nothing_remains_after_a_watched_step() -> None:
    """The model's own hook does."""
    model = Twice()
    model.shared.register_forward_hook(lambda *_: None)
    probe = TrainingProbe(every=1)
    with probe.watch(model, 0):
        step(model, normal(5, 3))
        assert hooks(model) > 1
    assert hooks(model) == 1
    step(model, normal(5, 3))
    assert len(probe.steps) == 1


class Positions(nn.Module):
    """Gives out its parameter."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(5, 3))

    def forward(self, _x: Tensor) -> Tensor:
        return self.weight


def test_nothing_remains_on_a_parameter_that_a_layer_gives_out() -> None:
    """Its gradient is read, and its hook goes."""

    class Added(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.positions, self.head = Positions(), nn.Linear(3, 2)

        def forward(self, x: Tensor) -> Tensor:
            return self.head(x + self.positions(x))

    model = Added()
    found = watched_step(model, normal(5, 3))
    assert found.gradient_rms.keys() == {"positions"}
    assert not model.positions.weight._backward_hooks


def test_views_that_are_worked_on_in_place_are_seen() -> None:
    """As if they were not."""

    class Viewing(nn.Linear):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x).view(-1, 3)

    layers = [Viewing(3, 3), nn.Linear(3, 2)]
    first, second = (
        watched_step(nn.Sequential(layers[0], nn.ReLU(inplace=inplace), layers[1]), normal(5, 3))
        for inplace in (False, True)
    )
    assert first.gradient_rms.keys() == second.gradient_rms.keys() == {"0"}


def test_nothing_remains_after_an_error() -> None:
    """There is no entry for the step; the next one has its own."""
    model, probe = Twice(), TrainingProbe(every=1)
    with pytest.raises(RuntimeError), probe.watch(model, 0):
        step(model, normal(5, 4))
    assert hooks(model) == 0
    assert probe.steps == []
    with probe.watch(model, 1):
        step(model, normal(5, 3))
    assert [each.step for each in probe.steps] == [1]


def test_a_probe_can_go_on_to_another_model() -> None:
    """It looks the layers up anew."""
    probe = TrainingProbe(every=1)
    for model in (Twice(), nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 2))):
        with probe.watch(model, 0):
            step(model, normal(5, 3))
    assert [list(each.activation_rms) for each in probe.steps] == [["shared", "shared#2"], ["0"]]


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_other_types_are_measured_in_double_precision(dtype: torch.dtype) -> None:
    """The norm is that of the values as they are."""
    model, inputs = Twice().to(dtype), normal(5, 3).to(dtype)
    first = model.shared(inputs)
    found = watched_step(model, inputs)
    assert found.activation_rms["shared"] == pytest.approx(rms(first), rel=1e-9)
