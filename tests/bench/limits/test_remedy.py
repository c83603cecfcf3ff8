"""A remedy changes one thing of a training, and says in words what."""

import pytest

from bench.limits.experiment import REMEDIES
from bench.limits.remedy import Change, Situation
from bench.train.treatments import table
from tests.bench.train.small import training

KNOBS = {"activation": "tanh", "norm": "none", "init": "normal", "residual": False, "dropout": 0.0}


def situation(knobs: dict[str, object], **changes: object) -> Situation:
    return Situation(training=training(**changes), knobs=knobs, n_train=320)


def test_a_change_replaces_only_what_it_names() -> None:
    """A knob goes into the spec of the family or the task, treatments are added, settings are
    replaced; the rest of the training stays."""
    asked = training(family="mlp:width=8", task="mnist1d", treatments=("augmentation",))
    change = Change(
        knobs={"residual": True}, treatments=("dense",), settings={"learning_rate": 0.1},
        task={"train": 80},
    )  # fmt: skip
    changed = vars(change.applied(asked))
    different = {
        name: changed[name] for name, value in vars(asked).items() if value != changed[name]
    }
    assert different == {
        "family": "mlp:residual=true,width=8",
        "task": "mnist1d:train=80",
        "treatments": ("augmentation", "dense"),
        "learning_rate": 0.1,
    }


def test_a_knob_of_none_leaves_the_spec() -> None:
    """It goes back to the family's default, which the words say."""
    change = Change(knobs={"init": "he", "init_scale": None})
    assert change.applied(training(family="mlp:init_scale=2.0")).family == "mlp:init=he"
    assert str(change) == "init=he, init_scale as by default"


def test_a_file_of_the_user_keeps_its_target() -> None:
    """A knob is added behind `file.py:build`."""
    changed = Change(knobs={"norm": "batch"}).applied(training(family="net.py:build"))
    assert changed.family == "net.py:build:norm=batch"


def test_nothing_changed_is_the_training_as_asked() -> None:
    """An empty change has no words either."""
    assert Change().applied(training()) == training()
    assert str(Change()) == ""


def test_settings_are_added_to_a_change() -> None:
    """A learning rate that goes with it; the words name both."""
    change = Change(treatments=("shortcut",)).also(learning_rate=0.001)
    assert change.applied(training()).learning_rate == 0.001
    assert str(change) == "shortcut, learning_rate=0.001"


@pytest.mark.parametrize("remedy", REMEDIES, ids=lambda remedy: str(remedy.name))
@pytest.mark.parametrize("knobs", [{}, KNOBS], ids=["no knobs", "knobs"])
def test_every_change_differs_and_exists(remedy: object, knobs: dict[str, object]) -> None:
    """None is the training as asked, none comes twice, and its treatments are known."""
    asked = training(weight_decay=0.0)
    changes = remedy.changes(situation(knobs, weight_decay=0.0))  # type: ignore[attr-defined]
    applied = [change.applied(asked) for change in changes]
    assert asked not in applied
    assert len(set(applied)) == len(applied)
    for each in applied:
        for text in each.treatments:
            table.find(text)


def test_a_family_without_knobs_is_treated() -> None:
    """Where a family has no knob for a remedy, its networks are operated on."""
    for remedy in REMEDIES:
        for change in remedy.changes(situation({})):
            assert not change.knobs
            assert change.treatments or change.settings


def test_a_knob_goes_before_a_treatment() -> None:
    """A family that has knobs for norm, init, activation, shortcuts and dropout gets those."""
    changed = {
        knob for remedy in REMEDIES for c in remedy.changes(situation(KNOBS)) for knob in c.knobs
    }
    assert changed == {"norm", "init", "init_scale", "activation", "residual", "dropout"}
