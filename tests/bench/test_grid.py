"""Cells and trainings of a study."""

import itertools
import math
import sys
from pathlib import Path

import pytest

from bench import families, grid, options
from bench.known_costs import parameters, step_flops
from bench.options import DEFAULT_DEPTHS, Options
from bench.points import PASSES
from bench.specs import InputError
from bench.train.duration import Duration


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


def test_depths_are_alike_in_what_is_asked_for() -> None:
    """Cells and trainings of a depth have the same width, at which its parameters are those of the
    middle depth, and as many steps as the FLOPs allow; the family keeps its name."""
    asked = {"--depths": "2,4,8", "--match": "parameters", "--train-for": "1e9flops"}
    made = grid.make(options.read({**asked, "--task": "digits", "--seeds": "2"}, families=["mlp"]))
    cells = {(c.depth, c.width) for c in made.cells}
    trained = {(t.depth, t.width): t for group in made.trainings for t in group}
    assert cells == trained.keys()
    assert {c.family for c in made.cells} == {"mlp"}
    digits = families.find("mlp").for_task(input_shape=(1, 8, 8), classes=10)
    ours = [digits.at_width(width) for _, width in sorted(cells, key=str)]
    counts = [parameters(each, depth) for each, depth in zip(ours, (2, 4, 8), strict=True)]
    assert counts == pytest.approx([parameters(digits, 4)] * 3, rel=0.02)
    for (depth, width), training in trained.items():
        each = step_flops(digits.at_width(width), depth, 128)
        assert each is not None
        assert training.steps == round(1e9 / each)
        assert training.epochs == math.ceil(training.steps / (1_000 // 128))


def test_without_such_options_no_data_are_made() -> None:
    """A grid is there at once."""
    assert grid.make(Options()).task is None
    assert grid.make(Options(task="digits", tune=True)).task is not None


def test_steps_may_end_within_an_epoch() -> None:
    """Each depth has as many; the epochs are those begun."""
    asked = options.read({"--train-for": "100steps", "--task": "digits", "--depths": "2,4"})
    trained = [training for group in grid.make(asked).trainings for training in group]
    assert {(t.steps, t.epochs, t.match) for t in trained} == {(100, 15, None)}


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
        ({"families": ("wide_resnet",), "match": "flops"}, "wide_resnet has only: input_shape"),
        ({"train_for": Duration(1e3, "flops")}, "is 0 steps of mlp at depth 2"),
        ({"task": "mnist1d:standard", "tune": True}, "chooses on a validation split"),
        ({"match": "flops", "cell_timeout": 1e-6}, "was not counted within 1e-06 s"),
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
