"""How far signals and gradients get, against closed forms; and networks of odd kinds."""

import copy
import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from bench.measure.mean_field import mean_field
from bench.measure.signals import OUTPUT, LayerSignal, Signals, random_direction, signals, slope

WIDTH = 256
ROWS = 16
SEEDS = range(3)
CLOSE = 0.1
BIAS = 0.05


def plain(
    depth: int,
    seed: int,
    *,
    activation: type[nn.Module] = nn.ReLU,
    weight_variance: float | None = None,
    bias_variance: float = 0.0,
) -> nn.Sequential:
    """`depth` linear layers, as PyTorch initialises them where no variance is given. The head is
    as wide as the rest: no closed form depends on it."""
    layers: list[nn.Module] = []
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        for _ in range(depth):
            linear = nn.Linear(WIDTH, WIDTH, bias=weight_variance is None or bias_variance > 0)
            if weight_variance is not None:
                nn.init.normal_(linear.weight, std=math.sqrt(weight_variance / WIDTH))
            if bias_variance:
                nn.init.normal_(linear.bias, std=math.sqrt(bias_variance))
            layers += [linear, activation()]
    return nn.Sequential(*layers[:-1])


def gaussian(seed: int, *shape: int) -> Tensor:
    return torch.randn(*(shape or (ROWS, WIDTH)), generator=torch.Generator().manual_seed(seed))


def looked_at(depth: int, seed: int, **options: Any) -> Signals:
    return signals(plain(depth, seed, **options), gaussian(seed))


def mean_ratio(depth: int, seeds: range, **options: Any) -> float:
    """The geometric mean over seeds: a single draw has a relative spread of sqrt(depth / width)."""
    ratios = [looked_at(depth, seed, **options).gradient_ratio for seed in seeds]
    return math.exp(sum(math.log(ratio or math.nan) for ratio in ratios) / len(ratios))


# --- closed forms -----------------------------------------------------------------------------


@pytest.mark.parametrize(("depth", "seeds"), [(10, SEEDS), (30, SEEDS), (60, range(12))])
def test_he_keeps_the_gradient_of_relu_at_any_depth(depth: int, seeds: range) -> None:
    """He et al. 2015, equation 14. At depth 60 three draws do not make a mean."""
    assert mean_ratio(depth, seeds, weight_variance=2.0) == pytest.approx(1, rel=CLOSE)


def test_xavier_halves_the_variance_of_relu_in_each_layer() -> None:
    """28 layers between the first hidden one and the last of 30 weight layers: 2^-14."""
    found = mean_ratio(30, SEEDS, weight_variance=1.0)
    assert found == pytest.approx(2**-14, rel=CLOSE)


def test_the_default_of_linear_layers_leaves_a_sixth_of_the_variance() -> None:
    """fan_in times variance is 1/3: 6^-4 = 7.7e-4 at depth 10."""
    assert mean_ratio(10, SEEDS) == pytest.approx(6**-4, rel=CLOSE)


def test_with_the_default_of_linear_layers_all_inputs_become_one() -> None:
    """The bias is what is left: the cosine is 1.0000 at depth 10."""
    cosines = [looked_at(10, seed).last_cosine for seed in SEEDS]
    assert cosines == pytest.approx([1] * len(SEEDS), abs=1e-4)


@pytest.mark.parametrize("weight_variance", [1.0, 1.5, 2.0, 3.0])
def test_the_gradient_of_tanh_goes_as_mean_field_theory_says(weight_variance: float) -> None:
    """ln χ₁ a layer in the mean square, as far as width and the layers before q* settles allow."""
    options = {"weight_variance": weight_variance, "bias_variance": BIAS}
    found = [looked_at(30, seed, activation=nn.Tanh, **options) for seed in SEEDS]
    slopes = [2 * (each.gradient_slope or math.nan) for each in found]
    expected = -math.log(mean_field("tanh", **options).chi)
    assert sum(slopes) / len(slopes) == pytest.approx(expected, abs=0.03)
    for each, twice in zip(found, slopes, strict=True):
        assert each.depth_scale == pytest.approx(1 / abs(twice))


def test_the_correlation_of_tanh_settles_as_mean_field_theory_says() -> None:
    """On the side of chaos the cosine of h at depth tends to one below 1."""
    options = {"weight_variance": 3.0, "bias_variance": BIAS}
    theory = mean_field("tanh", **options)
    assert theory.q is not None
    assert theory.correlation is not None
    found = [looked_at(30, seed, activation=nn.Tanh, **options) for seed in SEEDS]
    cosine = sum(each.last_cosine or math.nan for each in found) / len(found)
    # Hidden layers are linear here, so that h is the pre-activation.
    assert cosine == pytest.approx(theory.correlation, abs=0.05)
    for each in found:
        assert each.layers[-1].activation_rms == pytest.approx(math.sqrt(theory.q), rel=CLOSE)


def test_the_gradient_of_the_weights_is_blind() -> None:
    """In a bias-free ReLU net ⟨W, ∂L/∂W⟩ is the same for every layer, whatever ∂L/∂h does."""
    model, inputs = plain(12, 0, weight_variance=1.0), gaussian(0)
    random_direction(model(inputs)).backward()
    linears = [layer for layer in model if isinstance(layer, nn.Linear)]
    products = [
        float((layer.weight.detach() * layer.weight.grad).sum())
        for layer in linears
        if layer.weight.grad is not None
    ]
    assert products == pytest.approx([products[0]] * 12, rel=1e-3)
    ratio = signals(model, inputs).gradient_ratio
    assert ratio is not None
    assert ratio < 0.1


def test_figures_are_those_computed_by_hand() -> None:
    """For one hidden layer."""
    first, last = nn.Linear(3, 4), nn.Linear(4, 2)
    inputs = gaussian(1, 5, 3)
    (layer,) = signals(nn.Sequential(first, nn.Tanh(), last), inputs).layers
    h = first(inputs).detach().requires_grad_()
    random_direction(last(h.tanh())).backward()
    assert h.grad is not None
    unit = nn.functional.normalize(h.detach(), dim=1) @ nn.functional.normalize(h.detach(), dim=1).T
    assert layer.name == "0"
    assert layer.activation_rms == pytest.approx(float(h.detach().square().mean().sqrt()))
    assert layer.gradient_rms == pytest.approx(float(h.grad.square().mean().sqrt()))
    assert layer.cosine == pytest.approx((float(unit.sum()) - 5) / 20, rel=1e-5)


def test_what_leaves_single_precision_when_squared_is_seen() -> None:
    """Gradients of 1e-25 are small, not zero."""
    model = plain(64, 0, weight_variance=0.3)
    smallest = signals(model, gaussian(0)).layers[0].gradient_rms
    assert smallest is not None
    assert 1e-35 < smallest < 1e-20


# --- slopes and ratios ------------------------------------------------------------------------


def layer(gradient_rms: float | None, activation_rms: float = 1.0) -> LayerSignal:
    return LayerSignal(
        name="x", activation_rms=activation_rms, gradient_rms=gradient_rms, cosine=None
    )


def of(*layers: LayerSignal) -> Signals:
    return Signals(layers=layers, first_nonfinite=None, activations=())


def test_the_slope_of_a_geometric_series_is_the_logarithm_of_its_ratio() -> None:
    """Places whose value is unknown or not finite are left out, not closed up."""
    assert slope([1.0, 2.0, 4.0]) == pytest.approx(math.log(2))
    assert slope([1.0, None, 4.0, math.inf, 16.0]) == pytest.approx(math.log(2))


@pytest.mark.parametrize("values", [[], [1.0], [1.0, None], [math.nan, 1.0], [0.0, 0.0]])
def test_without_two_values_there_is_no_slope(values: list[float | None]) -> None:
    """Nor where nothing arrives anywhere."""
    assert slope(values) is None


def test_what_underflows_has_vanished() -> None:
    """Zero counts as the smallest number of single precision."""
    found = slope([0.0, 1.0])
    assert found is not None
    assert found > 100


@pytest.mark.parametrize("ends", [(None, 1.0), (1.0, 0.0), (math.nan, 1.0), (math.inf, 1.0)])
def test_the_ratio_is_none_where_it_is_not_a_number(ends: tuple[float | None, float]) -> None:
    """Whatever the reason."""
    assert of(*map(layer, ends)).gradient_ratio is None


def test_the_depth_scale_is_of_the_mean_square() -> None:
    """Half of that of the root mean square; None where nothing changes."""
    assert of(layer(1.0), layer(math.e)).depth_scale == pytest.approx(0.5)
    assert of(layer(1.0), layer(1.0)).depth_scale is None


# --- dead and saturated -----------------------------------------------------------------------


def biased(layer: nn.Linear | nn.Conv1d, values: Tensor) -> nn.Module:
    nn.init.zeros_(layer.weight)
    assert layer.bias is not None
    layer.bias.data = values
    return layer


def test_relus_behind_a_large_negative_bias_are_dead() -> None:
    """Shares are of units: two of four behind the first, all of six behind the second."""
    first = biased(nn.Linear(3, 4), torch.tensor([1.0, 1.0, -1.0, -1.0]))
    second = biased(nn.Linear(4, 6), torch.full((6,), -1e3))
    model = nn.Sequential(first, nn.ReLU(), second, nn.ReLU6(), nn.Linear(6, 2))
    found = signals(model, gaussian(0, 8, 3))
    assert found.dead_share == 0.8
    assert found.saturated_share is None


def test_a_unit_that_fires_for_one_input_is_alive() -> None:
    """Zero for most is what ReLU is for."""
    linear = nn.Linear(1, 1, bias=False)
    nn.init.ones_(linear.weight)
    model = nn.Sequential(linear, nn.ReLU(), nn.Linear(1, 1))
    inputs = torch.tensor([[-1.0], [-2.0], [1.0]])
    assert signals(model, inputs).dead_share == 0
    assert signals(model, inputs[:2]).dead_share == 1


def test_a_unit_of_a_convolution_is_a_channel() -> None:
    """It is dead if it is zero at every position of every input; one position is enough to live."""
    convolution = nn.Conv1d(1, 2, 1, bias=False)
    convolution.weight.data = torch.tensor([[[1.0]], [[-1.0]]])
    model = nn.Sequential(convolution, nn.ReLU(), nn.Flatten(), nn.Linear(6, 1))
    inputs = torch.zeros(4, 1, 3)
    inputs[2, 0, 1] = 1.0
    assert signals(model, inputs).dead_share == 0.5


def test_the_units_of_tokens_are_features() -> None:
    """Also in a network that began with a convolution."""

    class Tokens(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.patches = nn.Conv1d(1, 2, 1)
            self.linear = biased(nn.Linear(2, 2), torch.tensor([1.0, -1.0]))
            self.activation = nn.ReLU()

        def forward(self, x: Tensor) -> Tensor:
            return self.activation(self.linear(self.patches(x).mT))

    assert signals(Tokens(), gaussian(0, 4, 1, 3)).dead_share == 0.5


@pytest.mark.parametrize("activation", [nn.Tanh, nn.Sigmoid, nn.Softsign])
def test_large_weights_saturate_bounded_activations(activation: type[nn.Module]) -> None:
    """Nearly all outputs lie on a flat end; with small weights none does."""
    large = looked_at(3, 0, activation=activation, weight_variance=1e6).saturated_share
    small = looked_at(3, 0, activation=activation, weight_variance=1e-2).saturated_share
    assert large is not None
    assert large > 0.95
    assert small == 0


# --- odd networks -----------------------------------------------------------------------------


class Shared(nn.Module):
    """Calls one layer three times."""

    def __init__(self) -> None:
        super().__init__()
        self.shared = nn.Linear(3, 3)
        self.head = nn.Linear(3, 2)

    def forward(self, x: Tensor) -> Tensor:
        for _ in range(3):
            x = self.shared(x)
        return self.head(x)


class Split(nn.Linear):
    """Returns its output in two parts."""

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:  # type: ignore[override]
        return super().forward(x), x


class Silent(nn.Linear):
    """Returns no tensor."""

    def forward(self, _x: Tensor) -> None:  # type: ignore[override]
        return None


class Odd(nn.Module):
    """Goes on with the first part of what a layer returns, or with the input."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer
        self.head = nn.Linear(3, 2)

    def forward(self, x: Tensor) -> Tensor:
        output = self.layer(x)
        return self.head(output[0] if output else x)


class Noisy(nn.Module):
    """Has a buffer that each forward replaces, and draws random numbers."""

    def __init__(self, *, fails: bool = False) -> None:
        super().__init__()
        self.first, self.head = nn.Linear(3, 3), nn.Linear(3, 2)
        self.register_buffer("count", torch.zeros(()))
        self.norm, self.dropout, self.fails = nn.BatchNorm1d(3), nn.Dropout(), fails

    def forward(self, x: Tensor) -> Tensor:
        self.count = self.count + 1
        hidden = self.dropout(self.norm(self.first(x)))
        if self.fails:
            raise RuntimeError("no forward")
        return self.head(hidden)


def frozen() -> nn.Module:
    return nn.Sequential(nn.Linear(3, 3), nn.ReLU(), nn.Linear(3, 2)).requires_grad_(False)


def hooks(model: nn.Module) -> int:
    return sum(len(m._forward_hooks) + len(m._forward_pre_hooks) for m in model.modules())


def state(model: nn.Module) -> list[Any]:
    gradients = [None if p.grad is None else p.grad.tolist() for p in model.parameters()]
    values = {name: value.tolist() for name, value in model.state_dict().items()}
    return [
        [m.training for m in model.modules()],
        gradients,
        copy.deepcopy(values),
        hooks(model),
        torch.get_rng_state().tolist(),
    ]


ODD: dict[str, Callable[[], nn.Module]] = {
    "no hidden layer": lambda: nn.Linear(3, 2),
    "no layer": nn.Sequential,
    "no parameter": lambda: nn.Sequential(nn.ReLU(), nn.Flatten()),
    "shared": Shared,
    "tuple": lambda: Odd(Split(3, 3)),
    "no tensor": lambda: Odd(Silent(3, 3)),
    "frozen": frozen,
    "noisy": Noisy,
    "fails": lambda: Noisy(fails=True),
}


@pytest.mark.parametrize("with_gradients", [True, False])
@pytest.mark.parametrize("kind", ODD)
def test_networks_are_left_as_found(kind: str, with_gradients: bool) -> None:
    """Modes, gradients (the same objects), buffers, hooks and random state; after an error too."""
    model = ODD[kind]().eval()
    for parameter in model.parameters():
        parameter.grad = torch.ones_like(parameter) if with_gradients else None
    gradients = [p.grad for p in model.parameters()]
    before = state(model)
    if kind == "fails":
        with pytest.raises(RuntimeError, match="no forward"):
            signals(model, gaussian(0, 4, 3))
    else:
        signals(model, gaussian(0, 4, 3))
    assert state(model) == before
    assert all(p.grad is g for p, g in zip(model.parameters(), gradients, strict=True))


@pytest.mark.parametrize("kind", ["no hidden layer", "no layer", "no parameter", "no tensor"])
def test_networks_without_hidden_layers_have_no_figures(kind: str) -> None:
    """They are None, not an error."""
    found = signals(ODD[kind](), gaussian(0, 4, 3))
    assert found.layers == ()
    figures = found.gradient_slope, found.activation_slope, found.gradient_ratio, found.depth_scale
    assert figures == (None,) * 4
    assert (found.last_cosine, found.first_nonfinite) == (None, None)


def test_each_call_of_a_shared_layer_counts() -> None:
    """In the order of the forward, each with its own gradient."""
    found = signals(Shared(), gaussian(0, 4, 3))
    assert [each.name for each in found.layers] == ["shared", "shared#2", "shared#3"]
    assert len({each.gradient_rms for each in found.layers}) == 3


def test_the_first_tensor_of_a_tuple_counts() -> None:
    """The gradient is that of this tensor."""
    (layer,) = signals(Odd(Split(3, 3)), gaussian(0, 4, 3)).layers
    assert layer.gradient_rms is not None


def test_a_frozen_network_has_no_gradient() -> None:
    """What flows forwards is seen all the same."""
    (layer,) = signals(frozen(), gaussian(0, 4, 3)).layers
    assert layer.gradient_rms is None
    assert layer.activation_rms > 0


def test_what_works_in_place_later_does_not_change_what_was_seen() -> None:
    """Nor does it change the gradient."""
    twins = [
        nn.Sequential(nn.Linear(3, 3), nn.ReLU(inplace=inplace), nn.Linear(3, 2))
        for inplace in (False, True)
    ]
    twins[1].load_state_dict(twins[0].state_dict())
    first, second = (signals(twin, gaussian(0, 4, 3)).layers for twin in twins)
    assert first == second


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_the_first_layer_that_is_not_finite_is_named(value: float) -> None:
    """An input that is not makes it the first layer; a weight, the layer it is of."""
    model = plain(4, 0, weight_variance=2.0)
    inputs = gaussian(0)
    assert signals(model, inputs).first_nonfinite is None
    inputs[0, 0] = value
    assert signals(model, inputs).first_nonfinite == "0"
    nn.init.constant_(model[2].weight, value)
    assert signals(model, gaussian(0)).first_nonfinite == "2"


def test_a_gradient_that_is_not_finite_names_the_layer_where_it_begins() -> None:
    """On the way back the last layer comes first; a loss that is not finite itself is named."""
    model = plain(4, 0, weight_variance=2.0)
    found = signals(model, gaussian(0), lambda output: (0 * output).abs().sqrt().sum())
    assert found.first_nonfinite == "4"
    found = signals(model, gaussian(0), lambda output: random_direction(output) * math.nan)
    assert found.first_nonfinite == OUTPUT
    assert (found.gradient_slope, found.gradient_ratio) == (None, None)
    assert found.activation_slope is not None


def test_an_output_without_a_tensor_is_refused() -> None:
    """It has no gradient."""
    with pytest.raises(ValueError, match="expected a floating-point tensor as output; got str"):
        random_direction("logits")


def test_a_scalar_output_is_its_own_loss() -> None:
    """Up to a factor."""
    assert random_direction(torch.tensor(2.0)).ndim == 0
