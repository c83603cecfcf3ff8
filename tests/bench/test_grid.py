"""Cells and trainings of a study."""

import itertools
import sys
from pathlib import Path

import pytest

from bench import families, grid, options
from bench.options import DEFAULT_DEPTHS, Options
from bench.records import PASSES
from bench.specs import InputError


def test_the_default_study_is_every_combination_once() -> None:
    """3 families x 5 depths x 3 passes, and 3 seeds of each family and depth."""
    made = grid.make(Options())
    points = list(itertools.product(Options().families, DEFAULT_DEPTHS))
    cells = [(c.family, c.depth, c.pass_) for c in made.cells]
    assert cells == [(*point, pass_) for point in points for pass_ in PASSES]
    seeds = [[(t.family, t.depth, t.seed) for t in group] for group in made.trainings]
    assert seeds == [[(*point, seed) for seed in range(3)] for point in points]


def test_settings_reach_every_cell_and_training() -> None:
    """Cells take each batch size, trainings the smallest; ids are unique."""
    asked = options.read(
        {
            "--depths": "2,4",
            "--batch-size": "64,16",
            "--passes": "step",
            "--dtype": "bf16",
            "--seeds": "2",
            "--epochs": "7",
            "--optimizer": "sgd",
            "--lr": "0.5",
            "--task": "digits:train=200",
        },
        families=["mlp"],
    )
    made = grid.make(asked)
    assert [(c.depth, c.batch_size) for c in made.cells] == [(2, 16), (2, 64), (4, 16), (4, 64)]
    assert len({str(c) for c in made.cells}) == len(made.cells)
    assert {(c.pass_, c.dtype, c.device, c.threads) for c in made.cells} == {
        ("step", "bf16", "cpu", 1)
    }
    trainings = [training for group in made.trainings for training in group]
    assert {(t.batch_size, t.epochs, t.optimizer, t.learning_rate, t.task) for t in trainings} == {
        (16, 7, "sgd", 0.5, "digits:train=200")
    }


def test_a_family_outside_the_default_study_has_its_own_depths() -> None:
    """`cifar_resnet` cannot have depth 4 or 16; what is asked for comes first. A default family by
    itself is no default study."""
    own = families.find("cifar_resnet").depths
    assert own is not None
    made = grid.make(Options(families=("cifar_resnet", "mlp"), passes=("step",)))
    assert [(c.family, c.depth) for c in made.cells] == [
        *(("cifar_resnet", depth) for depth in own),
        *(("mlp", depth) for depth in families.find("mlp").depths or ()),
    ]
    asked = grid.make(Options(families=("cifar_resnet",), passes=("step",), depths=(20,)))
    assert [c.depth for c in asked.cells] == [20]


def test_a_family_named_twice_is_measured_once() -> None:
    """Two ways to write a spec are one family."""
    made = grid.make(Options(families=("resnet:residual=false", " resnet:residual=FALSE")))
    assert [family.name for family in made.families] == ["resnet:residual=false"]
    assert len(made.cells) == len(set(made.cells))


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"families": ("mpl",)}, "unknown family 'mpl'"),
        ({"families": ("mlp:wdith=3",)}, "unknown knob 'wdith'"),
        ({"families": ("mlp:activation=rleu",)}, "unknown activation 'rleu'"),
        ({"families": ("cifar_resnet",), "depths": (20, 21)}, "6n+2"),
        ({"families": ("mlp", "resnet"), "depths": (3,)}, "got 3"),
        ({"task": "mnist2d"}, "unknown task 'mnist2d'"),
        ({"task": "mnist1d:trian=3"}, "unknown knob 'trian'"),
    ],
)
def test_what_cannot_be_measured_is_refused_before_anything_is(
    asked: dict[str, object], said: str
) -> None:
    """One line, whichever point of the grid it concerns."""
    with pytest.raises(InputError) as caught:
        grid.make(Options(**asked))  # type: ignore[arg-type]
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_build_without_end_does_not_hold_up_the_session(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even one that handles every exception: its child will tell."""
    path = tmp_path / "endless.py"
    path.write_text(
        "import time, torch\n"
        "def build(depth):\n"
        "    while True:\n"
        "        try: time.sleep(60)\n"
        "        except Exception: pass\n"
        "def example_input(batch_size): return torch.zeros(batch_size, 1)\n"
    )
    monkeypatch.setattr(sys, "path", list(sys.path))
    asked = Options(families=(f"{path}:build",), depths=(2,), cell_timeout=0.1)
    assert len(grid.make(asked).cells) == 3
