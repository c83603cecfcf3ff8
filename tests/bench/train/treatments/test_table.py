"""Treatments are found by their specs; what cannot be is refused in one line."""

from pathlib import Path

import pytest
import torch

from bench.specs import InputError
from bench.train.treatments.table import TREATMENTS, find
from bench.train.treatments.treatment import Treatment
from tests.bench.train.treatments import nets


@pytest.mark.parametrize("name", [n for n in TREATMENTS if n != "rows"])
def test_every_treatment_has_defaults_and_changes_one_thing(name: str) -> None:
    """The bare name is a spec."""
    changes = [value for value in vars(find(name)).values() if value is not None]
    assert len(changes) == 1


def test_knobs_stand_in_the_spec() -> None:
    """`l1:strength=0.5` is half the sum of the magnitudes."""
    model = torch.nn.Linear(2, 2)
    penalty = find("l1:strength=0.5").penalty
    assert penalty is not None
    assert torch.isclose(penalty(model), model.weight.abs().sum() / 2)


def test_a_file_gives_a_treatment(tmp_path: Path) -> None:
    """A user's own remedy is a function that returns one."""
    file = tmp_path / "remedy.py"
    file.write_text(
        "from bench.train.treatments.treatment import Treatment\n"
        "def fewer(n=3): return Treatment(rows=n)\n"
        "def nothing(): return 3\n"
    )
    assert find(f"{file}:fewer:n=5") == Treatment(rows=5)
    with pytest.raises(InputError, match="expected a Treatment to be returned; got int"):
        find(f"{file}:nothing")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("dropuot", "unknown treatment 'dropuot'; known: activation, augmentation"),
        ("l1:size=3", "unknown knob 'size' for l1; known: strength"),
        ("l1:strength=-1", "strength must be a number of at least 0; got -1"),
        ("l1:strength", "got True"),
        ("dropout:p=2", "p must be a number of at least 0 and at most 1; got 2"),
        ("clipping:norm=often", "got 'often'"),
        ("augmentation:flip=3", "flip must be true or false; got 3"),
        ("augmentation:shift=2", "shift"),
        ("initialization:scheme=normal", "scheme must be one of lsuv, he, xavier, lecun"),
        ("activation:to=maxout", "to must be one of relu,"),
        ("normalization:kind=group", "kind must be one of batch, layer; got 'group'"),
        ("shortcut:scale=cubic", "scale must be a number, sqrt or linear; got 'cubic'"),
        ("shortcut:scale=a number", "scale must be a number, sqrt or linear; got 'a number'"),
        ("shortcut:scale=-1", "scale must be"),
        ("branch_scale:rule=none", "rule must be one of sqrt, linear"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(text: str, said: str) -> None:
    """With the treatment, the knob and what was found."""
    with pytest.raises(InputError) as caught:
        find(text)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", [n for n in TREATMENTS if n != "rows" and find(n).prepare])
def test_surgery_refuses_in_one_line(name: str) -> None:
    """A network without layers has no place for any remedy."""
    prepare = find(name).prepare
    assert prepare is not None
    with pytest.raises(ValueError, match="found") as caught:
        prepare(torch.nn.Flatten(), nets.batch())
    assert "\n" not in str(caught.value)
