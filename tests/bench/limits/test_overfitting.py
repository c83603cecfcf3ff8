"""What early stopping would gain is chosen on one half and judged on the other."""

import pytest

from bench.limits import overfitting
from bench.limits.remedy import Situation
from tests.bench.train.small import training

from .small import run


def tried(**settings: object) -> dict[str, list[str]]:
    knobs = settings.pop("knobs", {})
    situation = Situation(training=training(**settings), knobs=knobs, n_train=100)  # type: ignore[arg-type]
    return {r.name: [str(c) for c in r.changes(situation)] for r in overfitting.REMEDIES}


def test_an_early_stop_is_judged_by_data_that_did_not_choose_it() -> None:
    """The second epoch is the best of one half; there the other half has 2 points more than at
    the end, not the 5 of its own best."""
    watched = run(selection_curve=(0.5, 0.8, 0.7), holdout_curve=(0.75, 0.72, 0.70))
    (probe,) = overfitting.early_stopping([watched])
    assert probe.value == pytest.approx(0.02)
    assert (probe.quantity, probe.at) == ("early_stopping_gain", "evaluation 2 of 3")


def test_of_equal_epochs_the_first_is_chosen() -> None:
    """The shortest training that is as good."""
    (probe,) = overfitting.early_stopping([run(selection_curve=(0.8, 0.8), holdout_curve=(0.9, 1))])
    assert probe.at == "evaluation 1 of 2"


def test_runs_without_curves_say_nothing() -> None:
    """Neither does one that did not end well."""
    failed = run(status="diverged", selection_curve=(0.5,), holdout_curve=(0.5,))
    assert list(overfitting.early_stopping([run(), failed])) == []


def test_the_gap_is_training_less_validation_accuracy() -> None:
    """One a run; none without a validation split."""
    runs = [run(train_accuracy=0.9, validation_accuracy=0.6, seed=2), run()]
    (probe,) = overfitting.gaps(runs)
    assert probe.value == pytest.approx(0.3)
    assert (probe.seed, probe.at) == (2, "epoch 5")


def test_only_stronger_regularisation_is_tried() -> None:
    """Of weight decay and dropout what is above the present."""
    assert tried(weight_decay=0.1)["weight decay (L2)"] == ["weight_decay=0.5"]
    assert tried(knobs={"dropout": 0.1})["dropout"] == ["dropout=0.3"]
    assert tried(knobs={"dropout": 0.5})["dropout"] == []
    assert tried()["dropout"] == ["dropout:p=0.1", "dropout:p=0.3"]


@pytest.mark.parametrize("optimizer", ["adam", "rmsprop"])
def test_the_decay_of_adaptive_optimizers_is_decoupled(optimizer: str) -> None:
    """L2 in the loss is rescaled by Adam: AdamW takes its place (Loshchilov & Hutter 2019)."""
    found = tried(optimizer=optimizer)["weight decay (L2)"]
    assert found[0] == "weight_decay=0.1, optimizer=adamw"
    assert tried(optimizer="sgd")["weight decay (L2)"][0] == "weight_decay=0.1"
