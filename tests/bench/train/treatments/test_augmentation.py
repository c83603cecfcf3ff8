"""Augmentation of signals, images and vectors."""

from typing import Any

import pytest
import torch
from torch import Tensor

from bench.train.treatments.augmentation import augmentation
from tests.bench.fakes import random_state

SHAPES = [(64, 6), (64, 2, 40), (64, 3, 16, 8)]


def _augmented(inputs: Tensor, seed: int = 0, **knobs: Any) -> Tensor:
    augment = augmentation(**{"noise": 0.0, "scale": 0.0, **knobs}).augment
    assert augment is not None
    return augment(inputs, torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("shape", SHAPES)
def test_the_generator_alone_determines_the_draws(shape: tuple[int, ...]) -> None:
    """The global random state and the inputs are left as they are."""
    x, before = torch.randn(shape), random_state()
    kept = x.clone()
    one, again, other = (_augmented(x, seed, noise=0.1, scale=0.1) for seed in (0, 0, 1))
    assert torch.equal(one, again)
    assert not torch.equal(one, other)
    assert one.shape == x.shape
    assert one.dtype == x.dtype
    assert torch.equal(x, kept)
    assert str(random_state()) == str(before)


def test_a_signal_is_shifted_in_a_circle() -> None:
    """Each sample by its own number of steps, from -length/8 to length/8, all channels alike."""
    x = torch.randn(500, 2, 40)
    shifted = _augmented(x)
    steps = []
    for before, after in zip(x, shifted, strict=True):
        fits = [k for k in range(-20, 20) if torch.equal(before.roll(k, -1), after)]
        assert len(fits) == 1
        steps += fits
    assert set(steps) == set(range(-5, 6))


def test_an_image_is_padded_and_cropped() -> None:
    """By up to an eighth of each size, with zeros where nothing was."""
    x = torch.randn(500, 3, 16, 8)
    cropped = _augmented(x)
    padded = torch.nn.functional.pad(x, (1, 1, 2, 2))
    found = set()
    for before, after in zip(padded, cropped, strict=True):
        places = [(i, j) for i in range(5) for j in range(3)]
        fits = [p for p in places if torch.equal(before[:, p[0] :, p[1] :][:, :16, :8], after)]
        assert len(fits) == 1
        found |= set(fits)
    assert len(found) == 15


def test_half_of_the_images_are_mirrored_if_asked() -> None:
    """Left to right; never by default."""
    x = torch.randn(1000, 1, 2, 3)
    mirrored = _augmented(x, shift=0.0, flip=True)
    same = (mirrored == x).flatten(1).all(1)
    assert torch.equal(mirrored[~same], x[~same].flip(-1))
    assert same.float().mean().item() == pytest.approx(0.5, abs=0.05)
    assert torch.equal(_augmented(x, shift=0.0), x)


@pytest.mark.parametrize("shape", [(2000, 6), (2000, 1, 40)])
def test_amplitudes_change_by_at_most_the_scale(shape: tuple[int, ...]) -> None:
    """One factor a sample, uniform in 1 ± scale."""
    x = torch.rand(shape) + 1
    ratio = (_augmented(x, shift=0.0, scale=0.2) / x).flatten(1)
    assert torch.allclose(ratio, ratio[:, :1].expand_as(ratio))
    assert ratio.min().item() == pytest.approx(0.8, abs=0.002)
    assert ratio.max().item() == pytest.approx(1.2, abs=0.002)


@pytest.mark.parametrize("shape", [(2000, 6), (2000, 1, 40)])
def test_noise_is_measured_in_deviations_of_the_batch(shape: tuple[int, ...]) -> None:
    """Its deviation is the knob times the deviation of all values."""
    x = 7 * torch.randn(shape)
    noise = _augmented(x, shift=0.0, noise=0.3) - x
    assert (noise.std() / x.std()).item() == pytest.approx(0.3, rel=0.03)


def test_defaults_depend_on_what_a_sample_is() -> None:
    """Signals and vectors get noise and scale; images are cropped only."""
    augment = augmentation(shift=0.0).augment
    assert augment is not None
    changed = [not torch.equal(augment(x, torch.Generator()), x) for x in map(torch.randn, SHAPES)]
    assert changed == [True, True, False]


@pytest.mark.parametrize(
    ("inputs", "flip", "said"),
    [
        (torch.zeros(2, 5, dtype=torch.int64), False, "torch.int64"),
        (torch.zeros(2, 1, 2, 2, 2), False, "2 to 4 dimensions"),
        (torch.zeros(2, 1, 40), True, "flip is for images"),
    ],
)
def test_other_inputs_are_refused(inputs: Tensor, flip: bool, said: str) -> None:
    """In one line that says what was found."""
    with pytest.raises(ValueError, match=said) as caught:
        _augmented(inputs, flip=flip)
    assert "\n" not in str(caught.value)
