"""Networks run other than as written: what each variant does, and when it cannot be had."""

import importlib.util
from typing import Any

import pytest
import torch
from torch import nn
from torch._inductor import cpp_builder

from bench.measure import variants


def network() -> nn.Sequential:
    block = (nn.Sequential(nn.Conv2d(4, 4, 3, padding=1), nn.BatchNorm2d(4)) for _ in range(2))
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.Sequential(*block))


IMAGES = torch.ones(2, 3, 8, 8)


def test_channels_last_puts_the_channels_innermost() -> None:
    """Of weights and images, with the same values and the same answer."""
    model, plain = network().eval(), network().eval()
    plain.load_state_dict(model.state_dict())
    model, images = variants.apply(["channels_last"], model, IMAGES)  # type: ignore[assignment]
    assert images.is_contiguous(memory_format=torch.channels_last)
    weights = [p for p in model.parameters() if p.dim() == 4]
    assert all(w.is_contiguous(memory_format=torch.channels_last) for w in weights)
    assert torch.allclose(model(images), plain(IMAGES), atol=1e-6)


def test_channels_last_needs_images() -> None:
    """A batch of vectors or signals has no such format."""
    with pytest.raises(ValueError, match="--channels-last needs images"):
        variants.apply(["channels_last"], nn.Linear(4, 4), torch.ones(2, 4))


def test_checkpointing_recomputes_the_blocks() -> None:
    """In the backward each block runs forward a second time."""
    model, images = variants.apply(["checkpointing"], network(), IMAGES)
    calls: list[nn.Module] = []
    model[1][0][0].register_forward_hook(lambda module, *_: calls.append(module))  # type: ignore[index]
    model(images).sum().backward()
    assert len(calls) == 2


def test_nothing_asked_for_changes_nothing() -> None:
    """The same objects come back."""
    model = network()
    assert variants.apply([], model, IMAGES) == (model, IMAGES)


@pytest.mark.parametrize(
    ("asked", "device", "said"),
    [
        (["cuda_graphs"], "cpu", "--cuda-graphs needs a GPU"),
        (["compile", "cuda_graphs"], "cuda", "exclude each other"),
        (["compile"], "cuda", "Triton"),
        (["compile"], "cpu", "C++ compiler"),
    ],
)
def test_what_cannot_be_had_is_told_in_one_line(
    asked: list[str], device: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No GPU, no Triton, no compiler."""

    def missing(name: str, *_: Any) -> None:
        assert name == "triton"

    def no_compiler() -> None:
        raise RuntimeError("none of g++, clang++ works")

    monkeypatch.setattr(cpp_builder, "get_cpp_compiler", no_compiler)
    monkeypatch.setattr(importlib.util, "find_spec", missing)
    error = variants.variant_error(asked, device)
    assert error is not None
    assert said in error
    assert "\n" not in error


@pytest.mark.parametrize("asked", [[], ["channels_last", "checkpointing"]])
def test_what_can_be_had_is_no_error(asked: list[str]) -> None:
    """On any device."""
    assert variants.variant_error(asked, "cpu") is None
    assert variants.variant_error(asked, "cuda") is None
