"""The landscape's rows, and which optimizers and protocols are tried."""

import math

import torch

from bench.limits import optimization
from bench.limits.remedy import Situation
from bench.train.optimizers import OPTIMIZERS
from tests.bench.train.small import training

from .small import batch, left_alone, network


def tried(knobs: dict[str, object] | None = None, **settings: object) -> dict[str, list[str]]:
    situation = Situation(training=training(**settings), knobs=knobs or {}, n_train=100)
    return {r.name: [str(c) for c in r.changes(situation)] for r in optimization.REMEDIES}


def test_the_landscape_is_measured_and_the_network_left_alone() -> None:
    """Curvature with its residual, slices, and the agreement of minibatches; all finite."""
    model = network(3, norm=True)
    inputs, labels = batch(48)
    batches = list(zip(inputs.split(16), labels.split(16), strict=True))
    with left_alone(model):
        probes = optimization.landscape(model, batches, depth=3)
    quantities = {probe.quantity for probe in probes}
    assert quantities == {
        "hessian_eigenvalue", "hessian_eigenvalue_residual", "negative_curvature_share",
        "hessian_trace", "flatness_loss_increase", "minibatch_gradient_cosine",
        "gradient_noise_scale", "slice_loss", "slice_2d_loss",
    }  # fmt: skip
    assert {probe.limit for probe in probes} == {"optimization"}
    assert all(probe.value is None or math.isfinite(probe.value) for probe in probes)


def test_minibatches_of_the_same_rows_agree() -> None:
    """The cosine of a gradient with itself is 1."""
    probes = optimization.landscape(network(3), [batch(), batch()], depth=3)
    (cosine,) = [p.value for p in probes if p.quantity == "minibatch_gradient_cosine"]
    assert cosine is not None
    torch.testing.assert_close(cosine, 1.0, rtol=0, atol=1e-4)


def test_the_present_optimizer_is_no_remedy() -> None:
    """Nor is Adam for AdamW: at these settings they differ by the decay alone."""
    for present, others in (("adamw", {"rmsprop", "momentum", "sgd"}), ("sgd", {"adamw", "adam"})):
        words = " ".join(tried(optimizer=present)["another optimizer"])
        assert f"optimizer={present}," not in words
        assert all(f"optimizer={name}," in words for name in others)
    assert "optimizer=adam," not in " ".join(tried(optimizer="adamw")["another optimizer"])


def test_every_optimizer_that_is_tried_can_be_trained_with() -> None:
    """Each at the learning rates at which it is commonly tuned."""
    assert set(optimization.RATES) <= set(OPTIMIZERS)
    for change in tried()["another optimizer"]:
        assert "learning_rate=" in change


def test_branches_are_scaled_where_there_may_be_some() -> None:
    """Not in a family whose knob says that there are none."""
    assert tried({"residual": False})["scaled residual branches"] == []
    assert len(tried({"residual": True})["scaled residual branches"]) == 2
    assert len(tried()["scaled residual branches"]) == 2
