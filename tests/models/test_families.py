"""What holds for every family."""

import importlib
import importlib.util
import inspect
import itertools
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode

import models
from models import blocks, gpt, transformer, wide_resnet
from models.weights import INITS
from tests.models.cases import (
    CASES,
    EVERY_CASE,
    EVERY_FAMILY,
    TRANSFORMERS,
    Case,
    name_of,
    small_network,
)
from tests.models.counts import count_flops, count_forward_flops, count_parameters, example_of

KNOB_VALUES: list[dict[str, Any]] = [
    *({"activation": name} for name in blocks.ACTIVATIONS | transformer.ACTIVATIONS),
    *({"norm": name} for name in blocks.NORMS | transformer.NORMS),
    *({"norm": name, "norm_position": "post"} for name in transformer.NORMS),
    *({"init": name} for name in INITS),
    {"init_scale": 0.5},
    {"residual": True},
    {"residual": False},
    {"residual": False, "norm_position": "post"},
    {"dropout": 0.3},
    {"stochastic_depth": 0.3},
    {"layer_scale": 0.1},
    {"width": 5},
    {"heads": 2},
    {"mlp_ratio": 0.5},
    {"widen": 1},
    {"growth": 5},
    {"compression": 0.3},
    {"classes": 3},
]


def takes(case: Case, knob: dict[str, Any]) -> bool:
    """Whether its family has the knob, and the activation or norm."""
    return (
        case.has(*knob)
        and knob.get("activation", "relu") in case.layers.ACTIVATIONS
        and knob.get("norm", "none") in case.layers.NORMS
    )


def with_knobs(cases: Iterable[Case], values: Iterable[dict[str, Any]]) -> pytest.MarkDecorator:
    """Each case with each of the knob values that its family has."""
    return pytest.mark.parametrize(
        ("case", "knob"),
        [
            pytest.param(
                case, knob, id=f"{case.id}-{','.join(f'{k}={v}' for k, v in knob.items())}"
            )
            for case in cases
            for knob in values
            if takes(case, knob)
        ],
    )


@with_knobs(CASES, KNOB_VALUES)
def test_every_knob_value_trains(case: Case, knob: dict[str, Any]) -> None:
    """One step with any knob value leaves a finite loss; every parameter has a finite gradient."""
    torch.manual_seed(0)
    network = small_network(case, **knob)
    x = example_of(case.family, 4, case.knobs)
    optimizer = torch.optim.SGD(network.parameters(), lr=1e-3)

    def loss() -> torch.Tensor:
        logits = network(x)
        assert logits.shape[0] == 4
        rows = logits.flatten(0, -2)
        return nn.functional.cross_entropy(rows, torch.arange(len(rows)) % logits.shape[-1])

    loss().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in network.parameters())
    optimizer.step()
    assert loss().isfinite()


@with_knobs(CASES, [{"classes": 3}])
def test_classes(case: Case, knob: dict[str, Any]) -> None:
    """There is one logit a class."""
    assert small_network(case, **knob).eval()(example_of(case.family, 2, case.knobs)).shape == (
        2,
        3,
    )


@pytest.mark.parametrize("init", INITS)
@EVERY_CASE
def test_meta_device(case: Case, init: str) -> None:
    """Building, the example input, forward and backward allocate nothing on the meta device."""
    with torch.device("meta"):
        network = small_network(case, init=init)
        x = example_of(case.family, 2, case.knobs)
        logits = network(x)
        logits.sum().backward()
    assert x.is_meta
    assert logits.is_meta
    assert all(p.is_meta and p.grad is not None and p.grad.is_meta for p in network.parameters())


@EVERY_CASE
def test_fake_tensors(case: Case) -> None:
    """The same under a `FakeTensorMode`, which predicts memory without allocating any."""
    with FakeTensorMode():
        network = small_network(case)
        network(example_of(case.family, 2, case.knobs)).sum().backward()
    assert all(p.grad is not None and p.grad.shape == p.shape for p in network.parameters())


@pytest.mark.parametrize("init", INITS)
@EVERY_CASE
def test_seed_decides_the_weights(case: Case, init: str) -> None:
    """The same global seed gives the same weights, another seed different ones."""

    def weights(seed: int) -> torch.Tensor:
        torch.manual_seed(seed)
        return nn.utils.parameters_to_vector(small_network(case, init=init).parameters())

    assert torch.equal(weights(1), weights(1))
    assert not torch.equal(weights(1), weights(2))


@EVERY_CASE
def test_example_input(case: Case) -> None:
    """The example is the same batch each time, off the global random state: standard-normal, but
    for token ids."""
    state = torch.get_rng_state()
    x = example_of(case.family, 64, case.knobs)
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(x, example_of(case.family, 64, case.knobs))
    assert x.is_floating_point() == (case.family is not gpt)
    if not x.is_floating_point():
        return
    assert x.mean().item() == pytest.approx(0, abs=4 / x.numel() ** 0.5)
    assert x.std().item() == pytest.approx(1, abs=4 / (2 * x.numel()) ** 0.5)


@EVERY_FAMILY
def test_default_example_fits_the_default_network(family: ModuleType) -> None:
    """Without knobs, what `example_input` gives is what `build` takes."""
    with torch.device("meta"):
        x = family.example_input(2)
        assert family.build(family.depths[0])(x).shape[0] == 2
    assert x.shape[0] == 2


@with_knobs(CASES, [{"residual": True}])
def test_plain_twin(case: Case, knob: dict[str, Any]) -> None:
    """The plain and the residual network share every weight but those of the shortcuts, and
    compute something else. What they do not share is all that one of them costs more."""
    residual, plain = small_network(case, **knob), small_network(case, residual=False)
    shared = {k: v for k, v in residual.state_dict().items() if ".shortcut." not in k}
    plain.load_state_dict(shared)
    x = example_of(case.family, 4, case.knobs)
    assert not torch.allclose(residual(x), plain(x))
    counts = [
        count_forward_flops(case.family, case.depth, batch_size=2, **{**case.knobs, "residual": r})
        for r in (True, False)
    ]
    assert (counts[0] == counts[1]) is (len(shared) == len(residual.state_dict()))


@EVERY_CASE
def test_blocks_are_named_in_order(case: Case) -> None:
    """Hidden layers are found as `blocks.0`, `blocks.1`, … before `head`, the last weight layer,
    whose weights may be those of an embedding."""
    network = small_network(case)
    hidden = network.get_submodule("blocks")
    names = [name for name, m in network.named_modules() if m in set(hidden.children())]
    assert names == [f"blocks.{i}" for i in range(len(list(hidden.children())))]
    assert next(reversed(dict(network.named_children()))) == "head"
    assert isinstance(network.get_submodule("head"), nn.Linear | gpt.TiedHead)


@EVERY_CASE
def test_no_layer_works_in_place(case: Case) -> None:
    """What a hook sees of a layer's output is what the layer gave."""
    assert not any(getattr(m, "inplace", False) for m in small_network(case).modules())


def layers_on_the_longest_path(network: nn.Module) -> int:
    weighted = (nn.Linear, nn.Conv1d, nn.Conv2d)
    return sum(
        isinstance(m, weighted) and "shortcut" not in name for name, m in network.named_modules()
    )


def convolutions(network: nn.Module) -> int:
    return sum(isinstance(m, nn.Conv2d) for m in network.modules())


def blocks_of(network: nn.Module) -> int:
    return len(list(network.get_submodule("blocks").children()))


COUNTED_BY_DEPTH: dict[ModuleType, Callable[[nn.Module], int]] = {
    wide_resnet: convolutions,
    **dict.fromkeys(TRANSFORMERS, blocks_of),
}


@EVERY_FAMILY
def test_every_suggested_depth_builds(family: ModuleType) -> None:
    """Each of `depths` is a depth of the family, and counts its weight layers on the longest path;
    a wide residual network's counts its convolutions, a transformer's its blocks."""
    count = COUNTED_BY_DEPTH.get(family, layers_on_the_longest_path)
    assert list(family.depths) == sorted(set(family.depths))
    for depth in family.depths:
        with torch.device("meta"):
            network = family.build(depth)
        assert count(network) == depth


@pytest.mark.parametrize("normalized", [False, True])
@EVERY_CASE
def test_backward_identity(case: Case, normalized: bool) -> None:
    """forward + backward = 3 forward - FLOPs of the first layer, if the input needs no gradient."""
    none, usual, *_ = case.layers.NORMS
    knobs = {**case.knobs, "norm": usual if normalized else none}
    depth = case.depth + case.step
    forward, both, first = count_flops(case.family, depth, batch_size=3, **knobs)
    assert both == 3 * forward - first


@EVERY_CASE
def test_costs_are_polynomials_of_depth(case: Case) -> None:
    """Equal steps in depth add equal FLOPs and parameters; in a densely connected network, where
    each layer sees all before it, they add equally more each time."""
    depths = [case.depth + i * case.step for i in range(case.degree + 2)]
    parameters = [count_parameters(case.family, depth, **case.knobs) for depth in depths]
    flops = [
        count_forward_flops(case.family, depth, batch_size=2, **case.knobs) for depth in depths
    ]
    for counts in (parameters, flops):
        for _ in range(case.degree):
            counts = [b - a for a, b in itertools.pairwise(counts)]
        assert len(set(counts)) == 1
        assert counts[0] > 0


@EVERY_CASE
def test_costs_are_linear_in_samples(case: Case) -> None:
    """A batch three times as large takes three times the FLOPs."""
    small, large = (
        count_forward_flops(case.family, case.depth, batch_size=b, **case.knobs) for b in (2, 6)
    )
    assert large == 3 * small


@EVERY_CASE
def test_dropout_is_for_training_only(case: Case) -> None:
    """Two passes with dropout differ in training mode and agree in evaluation mode."""
    network = small_network(case, norm="none", dropout=0.5)
    x = example_of(case.family, 4, case.knobs)
    assert not torch.equal(network(x), network(x))
    network.eval()
    assert torch.equal(network(x), network(x))


@EVERY_CASE
def test_no_dropout_is_no_layer(case: Case) -> None:
    """At probability 0 there is none."""
    assert not any(isinstance(m, nn.Dropout) for m in small_network(case, dropout=0.0).modules())


@EVERY_FAMILY
def test_knobs_can_be_read_from_the_signature(family: ModuleType) -> None:
    """Each knob is keyword-only, has a default and a plain annotation, and `build` says what it is
    for unless its name does."""
    plain = (int, float, bool, str, tuple[int, ...])
    allowed = (*plain, *(kind | None for kind in (int, float, tuple[int, ...])))
    depth, *knobs = inspect.signature(family.build).parameters.values()
    assert (depth.name, depth.annotation) == ("depth", int)
    for knob in knobs:
        assert knob.kind is knob.KEYWORD_ONLY
        assert knob.default is not knob.empty
        assert knob.annotation in allowed
        assert knob.name == "classes" or f"- {knob.name}: " in family.build.__doc__


def test_families_load_under_another_package_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """The package needs no name of its own: a user's `models` may be the one that is imported."""
    init = Path(models.__file__)
    spec = importlib.util.spec_from_file_location(
        "families_elsewhere", init, submodule_search_locations=[str(init.parent)]
    )
    assert spec is not None
    monkeypatch.setitem(sys.modules, spec.name, importlib.util.module_from_spec(spec))
    for name in [n for n in sys.modules if n.split(".")[0] == "models"]:
        monkeypatch.delitem(sys.modules, name)
    for case in CASES:
        family = importlib.import_module(f"{spec.name}.{name_of(case.family)}")
        network = family.build(case.depth, **case.knobs)
        assert network(example_of(family, 2, case.knobs)).shape[0] == 2
    assert not any(name.split(".")[0] == "models" for name in sys.modules)
