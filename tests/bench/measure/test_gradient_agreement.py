"""Agreement of minibatch gradients, against losses whose gradients are known."""

import math
from collections.abc import Sequence

import pytest
import torch
from torch import Tensor, nn

from bench.measure.gradient_agreement import Agreement, gradient_agreement
from bench.measure.loss_slice import Objective

from .test_loss_slice import check_left_as_found, network, squares, weight


class Point(nn.Module):
    """Nothing but a vector of weights."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(size))


def towards(*gradient: float) -> Objective:
    """A linear loss with this gradient."""
    return lambda model: torch.tensor(gradient, dtype=torch.float32) @ weight(model)


def agreement(*gradients: Sequence[float], batch_size: int | None = None) -> Agreement:
    objectives = [towards(*gradient) for gradient in gradients]
    return gradient_agreement(Point(len(gradients[0])), objectives, batch_size=batch_size)


def test_same_batch_agrees_fully() -> None:
    """Cosine 1, also of a real network with dropout and batch statistics: it is in eval mode."""
    found = gradient_agreement(network(), [squares, squares, squares])
    assert found.cosines == pytest.approx([1.0, 1.0, 1.0])
    assert found.mean_cosine == pytest.approx(1.0)


def test_opposite_losses_disagree_fully() -> None:
    """Cosine -1, however their sizes differ."""
    found = gradient_agreement(network(), [squares, lambda m: -3 * squares(m)])
    assert found.cosines == (pytest.approx(-1.0),)


def test_every_pair_counts_once() -> None:
    """Right angle, 45 degrees, 45 degrees."""
    found = agreement([1, 0], [0, 2], [3, 3])
    assert found.pairs == 3
    assert found.cosines == pytest.approx([0, math.sqrt(0.5), math.sqrt(0.5)])
    assert found.mean_cosine == pytest.approx(2 * math.sqrt(0.5) / 3)


def test_vanishing_gradients_keep_their_direction() -> None:
    """Squares of 1e-30 would be zero in single precision."""
    assert agreement([1e-30, 0], [1e-30, 1e-30]).mean_cosine == pytest.approx(math.sqrt(0.5))


@pytest.mark.parametrize("gradients", [[], [[1, 0]], [[1, 0], [0, 0]]])
def test_without_two_directions_nothing_is_known(gradients: list[list[float]]) -> None:
    """No batch, one batch, or only one with a gradient."""
    found = gradient_agreement(Point(2), [towards(*g) for g in gradients])
    assert (found.cosines, found.mean_cosine) == ((), None)


def test_noise_scale_of_a_simulated_quadratic() -> None:
    """Examples pull towards normally distributed targets around a mean: |G|^2 = 4 and tr(S) = 50 x
    1^2, so the scale is 12.5 examples; the estimate of 200 batches of 10 is within 10%."""
    generator = torch.Generator().manual_seed(0)
    mean = torch.zeros(50)
    mean[0] = 2.0
    batches = [mean + torch.randn(10, 50, generator=generator) for _ in range(200)]

    def objective(targets: Tensor) -> Objective:
        return lambda model: (weight(model) - targets).square().sum(dim=1).mean() / 2

    found = gradient_agreement(Point(50), [objective(b) for b in batches], batch_size=10)
    assert found.noise_scale == pytest.approx(12.5, rel=0.1)


def test_noise_scale_of_two_batches_by_hand() -> None:
    """(3, 1) and (3, -1), 4 examples each: |G|^2 = 9 - 1 = 8, tr(S) = 4 x 2 = 8."""
    assert agreement([3, 1], [3, -1], batch_size=4).noise_scale == pytest.approx(1.0)


def test_noise_scale_is_none_where_it_cannot_be_known() -> None:
    """No batch size, one batch, or noise that hides the gradient."""
    assert agreement([3, 1], [3, -1]).noise_scale is None
    assert agreement([3, 1], batch_size=4).noise_scale is None
    assert agreement([1, 0], [-1, 0], batch_size=4).noise_scale is None


def test_same_gradient_everywhere_has_no_noise() -> None:
    """Its scale is 0: a batch of one example would do."""
    assert agreement([1, 2], [1, 2], batch_size=4).noise_scale == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize(
    ("objective", "message"),
    [
        (lambda m: weight(m).sum() / 0, "expected a finite loss; got nan"),
        (lambda m: weight(m).abs().sqrt().sum(), "expected a finite gradient"),
        (lambda m: weight(m).detach().sum(), "depends on a trainable parameter"),
    ],
)
def test_loss_without_a_usable_gradient_is_refused(objective: Objective, message: str) -> None:
    """The message says what was expected and what came."""
    with pytest.raises(ValueError, match=message):
        gradient_agreement(Point(2), [objective])


def test_model_is_left_as_found() -> None:
    """Weights, gradients, buffers, modes, hooks and random states; after errors too."""
    check_left_as_found(lambda model, objective: gradient_agreement(model, [objective] * 2))
