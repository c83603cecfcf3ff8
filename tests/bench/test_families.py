"""Families are found by their spec, and ours stand in nobody's way."""

import importlib.metadata
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from bench import families, sources
from bench.specs import InputError
from tests.bench.fakes import random_state

USER_FILE = """
import torch
from torch import nn

depths = (3, 5)

def build(depth, width=4, classes=2):
    if depth % 2 == 0:
        raise ValueError(f"depth must be odd; got {depth}")
    layers = [nn.Linear(width, width) for _ in range(depth)]
    return nn.Sequential(*layers, nn.Linear(width, classes))

def anything(depth, **knobs):
    return build(depth, **knobs)

def from_numbers(depth):
    rates = torch.linspace(0, 0.1, depth).numpy()
    return nn.Sequential(*(nn.Dropout(float(rate)) for rate in rates))

def from_items(depth):
    rates = [rate.item() for rate in torch.linspace(0, 0.1, depth)]
    return nn.Sequential(*map(nn.Dropout, rates))

def example_input(batch_size, width=4):
    return torch.zeros(batch_size, width)
"""


@pytest.fixture
def user_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A user's family in the working folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.delitem(sys.modules, "user_net", raising=False)
    (tmp_path / "user_net.py").write_text(USER_FILE)
    return "user_net.py"


@pytest.mark.parametrize("name", families.BUILT_IN)
def test_built_ins_are_found_by_name(name: str) -> None:
    """They build, give an input that fits, and name their depths."""
    family = families.find(name)
    assert family.name == name
    assert family.depths
    with torch.device("meta"):
        inputs = family.example_input(2)
        logits = family.build(family.depths[0])(inputs)
        assert family.loss(logits, inputs).shape == ()
    assert logits.shape[0] == 2
    classes = {"gpt": 50257, "resnet_imagenet": 1000, "vgg": 1000, "vit": 1000}.get(name, 10)
    assert logits.shape[-1] == classes


def test_a_family_that_cannot_take_a_tasks_input_keeps_its_own() -> None:
    """Costs need no task: an image network asked for beside signals has its own images."""
    family = families.find("resnet_imagenet")
    assert family.for_task(input_shape=(1, 40), classes=10).knobs == {}
    fitting = family.for_task(input_shape=(1, 64, 64), classes=7)
    assert fitting.knobs == {"input_shape": (1, 64, 64), "classes": 7}
    assert fitting.example_input(2).shape == (2, 1, 64, 64)


def test_a_file_is_a_family(user_file: str) -> None:
    """Its knobs reach the functions that name them, and its depths are taken."""
    family = families.find(f"{user_file}:build:width=6")
    assert family.name == "user_net.py:build:width=6"
    assert family.depths == (3, 5)
    assert family.example_input(2).shape == (2, 6)
    assert family.build(3)(family.example_input(2)).shape == (2, 2)


def test_a_module_is_a_family(user_file: str) -> None:
    """`package.module:build` from the working folder."""
    family = families.find(f"{Path(user_file).stem}:build")
    assert family.name == "user_net:build"
    assert len(family.build(3)) == 4  # type: ignore[arg-type]


def test_names_are_canonical() -> None:
    """One family has one name, however it is typed."""
    texts = ["resnet:norm=none,residual=false", " resnet:residual=FALSE, norm=none"]
    assert {families.find(text).name for text in texts} == {"resnet:norm=none,residual=false"}


def test_code_changes_with_the_source(user_file: str) -> None:
    """What was measured of other source is not taken for this one's."""
    before = families.find(f"{user_file}:build").code
    assert families.find(f"{user_file}:anything").code == before
    other = Path("user_net_changed.py")
    other.write_text(USER_FILE + "\n# changed\n")
    assert families.find(f"{other}:build").code != before


@pytest.mark.usefixtures("user_file")
def test_code_changes_with_the_version_of_what_it_imports(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of installed packages, by the name that they are imported by or installed under; the standard
    library comes with Python."""
    file = Path("user_net_importing.py")
    file.write_text(USER_FILE + "\nimport json, sklearn.base\n")
    before = families.find(f"{file}:build").code
    version = importlib.metadata.version

    def newer(name: str) -> str:
        return "99.0" if name == "scikit-learn" else version(name)

    monkeypatch.setattr(importlib.metadata, "version", newer)
    assert families.find(f"{file}:build").code != before
    assert sources.versions(["sklearn", "json", "no_such_package"]) == {"sklearn": "99.0"}


def test_a_task_fills_the_open_knobs_only(user_file: str) -> None:
    """What the spec says stays, and a knob that the family does not have is not invented."""
    shape = {"input_shape": (3, 8, 8), "classes": 7}
    assert families.find("mlp").for_task(**shape).knobs == shape  # type: ignore[arg-type]
    closed = families.find("mlp:classes=2").for_task(**shape)  # type: ignore[arg-type]
    assert closed.knobs == {"input_shape": (3, 8, 8), "classes": 2}
    assert closed.name == "mlp:classes=2"
    assert closed.example_input(1).shape == (1, 3, 8, 8)
    own = families.find(f"{user_file}:build").for_task(**shape)  # type: ignore[arg-type]
    assert own.knobs == {"classes": 7}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("mpl", "known: cifar_resnet, densenet, gpt, mlp, preact_resnet, resnet"),
        ("mlp:wdith=3", "known: input_shape, classes, width"),
        ("missing.py:build", "no file 'missing.py'"),
        ("user_net.py:make", "no function 'make'"),
        ("user_net.py:depths", "no function 'depths'"),
        ("user_net.py:build:height=3", "known: width, classes"),
        ("no_such_package.nets:build", "no_such_package"),
        ("./user_net:build", "./user_net"),
        (":build", ":build"),
        ("json:loads", "example_input"),
    ],
)
def test_what_is_no_family_is_refused_in_one_line(user_file: str, text: str, said: str) -> None:
    """With what is known or missing."""
    assert Path(user_file).exists()
    with pytest.raises(InputError) as caught:
        families.find(text)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_family_that_takes_any_knob_is_not_second_guessed(user_file: str) -> None:
    """`**knobs` are its own to refuse."""
    assert families.find(f"{user_file}:anything:width=5").knobs == {"width": 5}


@pytest.mark.parametrize(
    ("text", "depth", "said"),
    [
        ("cifar_resnet", 21, "depth must be 6n+2 for cifar_resnet (8, 14, 20, …); got 21"),
        ("resnet", 3, "got 3"),
        ("mlp:norm=bach", 2, "known: none, batch, layer, group"),
        ("mlp:width=ten", 2, "width must be an integer of at least 1"),
        ("user_net.py:build", 4, "depth must be odd; got 4"),
    ],
)
def test_a_depth_or_value_that_cannot_be_is_refused(
    user_file: str, text: str, depth: int, said: str
) -> None:
    """In the family's own words, under its name."""
    assert Path(user_file).exists()
    with pytest.raises(InputError) as caught:
        families.find(text).check_depth(depth)
    assert said in str(caught.value)
    assert str(caught.value).startswith(text)


@pytest.mark.parametrize("function", ["build", "from_numbers", "from_items"])
def test_a_depth_that_can_be_is_let_pass(user_file: str, function: str) -> None:
    """Also where the meta device is what stops the family, which says nothing of its depth."""
    families.find(f"{user_file}:{function}").check_depth(3)


def test_checking_allocates_nothing_and_draws_nothing() -> None:
    """A network of terabytes is checked on a laptop, and random states are as before."""
    before = random_state()
    families.find("mlp:width=1000000").check_depth(3)
    assert random_state() == before


# --- the user's own package `models` -----------------------------------------------------------

SCRIPT = """
import json, sys
from bench import families
families.find("resnet").build(4)
ours = [name for name in sys.modules if name == "models" or name.startswith("models.")]
family = families.find("net.py:build")
import models
print(json.dumps({"ours": ours, "theirs": models.__file__, "layers": len(family.build(3))}))
"""


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a process sees that takes a built-in and then a file beside a package `models`."""
    folder = tmp_path_factory.mktemp("repository")
    (folder / "models").mkdir()
    (folder / "models" / "__init__.py").write_text("")
    (folder / "models" / "layers.py").write_text("from torch.nn import Identity as Layer\n")
    (folder / "net.py").write_text(
        "from torch import nn, zeros\n"
        "from models.layers import Layer\n"
        "def build(depth): return nn.Sequential(*(Layer() for _ in range(depth)))\n"
        "def example_input(batch_size): return zeros(batch_size, 1)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return {**json.loads(done.stdout), "folder": str(folder)}


def test_built_ins_leave_the_name_models_free(told: dict[str, Any]) -> None:
    """After a built-in was found and built, `models` is not among the imported modules."""
    assert told["ours"] == []


def test_a_user_file_imports_its_own_models(told: dict[str, Any]) -> None:
    """Not ours, though ours is installed."""
    assert told["theirs"].startswith(told["folder"])
    assert told["layers"] == 3
