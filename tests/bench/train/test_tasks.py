"""Tasks: their sizes, where they come from, and data that cannot be learnt from."""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from mnist1d.data import get_dataset_args, make_dataset

from bench.specs import InputError
from bench.train import tasks
from tests.bench.fakes import random_state

USER_FILE = """
import numpy as np
import torch

X, y = np.arange(60.0).reshape(20, 3), np.arange(20) % 2

def load(n=20, validation=True):
    splits = {"train": (X[:n], y[:n]), "test": (torch.tensor(X), torch.tensor(y))}
    return {**splits, "validation": (X.tolist(), y.tolist())} if validation else splits

def with_nan(): return {"train": (np.where(X == 4, np.nan, X), y), "test": (X, y)}
def with_infinity(): return {"train": (X, y), "test": (np.where(X > 50, np.inf, X), y)}
def one_class(): return {"train": (X, y * 0), "test": (X, y)}
def no_test(): return {"train": (X, y)}
def no_train(): return {"test": (X, y)}
def too_few_labels(): return {"train": (X, y[:-1]), "test": (X, y)}
def empty(): return {"train": (X[:0], y[:0]), "test": (X, y)}
def one_hot(): return {"train": (X, np.eye(2)[y]), "test": (X, y)}
def negative(): return {"train": (X, y - 1), "test": (X, y)}
def huge(): return {"train": (X, y + 10**12), "test": (X, y)}
def fractions(): return {"train": (X, y + 0.5), "test": (X, y)}
def no_label(): return {"train": (X, np.where(y, np.nan, 0.0)), "test": (X, y)}
def other_shape(): return {"train": (X, y), "test": (X[:, :2], y)}
def flat(): return {"train": (y * 1.0, y), "test": (y * 1.0, y)}
def words(): return {"train": (np.array(["a"] * 20), y), "test": (X, y)}
def triple(): return {"train": (X, y, y), "test": (X, y)}
def pair(): return X, y
def nothing(): return None
def refuses(): raise ValueError("two lines:\\nboth matter")
def no_file(): return np.load("no_such_file.npy")
def no_key(): return {}["images"]
"""


@pytest.fixture
def user_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "data.py").write_text(USER_FILE)
    return "data.py"


# --- MNIST-1D ----------------------------------------------------------------------------------


def test_the_standard_split_is_the_authors() -> None:
    """4,000 and 1,000 samples, equal to what their generator gives; nothing to validate on. The
    global random states, which it seeds, are as before."""
    before = random_state()
    task = tasks.load("mnist1d:standard")
    assert random_state() == before
    authors = make_dataset(get_dataset_args())
    assert (len(task.train), task.validation, len(task.test)) == (4000, None, 1000)
    assert (task.input_shape, task.classes) == ((1, 40), 10)
    for split, x, y in ((task.train, "x", "y"), (task.test, "x_test", "y_test")):
        assert np.array_equal(split.inputs[:, 0].numpy(), authors[x].astype(np.float32))
        assert np.array_equal(split.labels.numpy(), authors[y])


def test_less_to_train_on_leaves_the_rest_as_it_was() -> None:
    """Depth is compared on the same validation and test data whatever the training set's size;
    a smaller training set is a part of the larger."""
    sizes = "validation=60,test=40"
    small, large = (tasks.load(f"mnist1d:{sizes},train={n}") for n in (200, 2000))
    assert (len(small.train), len(large.train)) == (200, 2000)
    for a, b in ((small.validation, large.validation), (small.test, large.test)):
        assert a is not None
        assert b is not None
        assert torch.equal(a.inputs, b.inputs)
        assert torch.equal(a.labels, b.labels)
    assert (len(small.test), small.name) == (40, "mnist1d:test=40,train=200,validation=60")
    assert torch.equal(small.train.inputs, large.train.inputs[:200])
    assert small.train.inputs.dtype == torch.float32
    assert small.train.labels.dtype == torch.int64


def test_the_default_sizes_resolve_depth(monkeypatch: pytest.MonkeyPatch) -> None:
    """4,000 to train, 4,000 to validate and 8,000 to test, from one generated set."""

    def generate(n: int) -> tuple[np.ndarray, np.ndarray]:
        return np.arange(n, dtype=float).reshape(n, 1, 1), np.arange(n) % 10

    monkeypatch.setattr(tasks, "_generate_mnist1d", generate)
    task = tasks.load("mnist1d")
    assert task.validation is not None
    splits = (task.train, task.validation, task.test)
    assert [len(split) for split in splits] == [4000, 4000, 8000]
    used = torch.cat([split.inputs.flatten() for split in splits])
    assert len(used.unique()) == 16_000  # no sample stands in two splits


# --- digits ------------------------------------------------------------------------------------


def test_digits_are_all_there_once() -> None:
    """1,797 images of 8 x 8 in [-1, 1], every one in exactly one split, the same each time."""
    task, again = tasks.load("digits"), tasks.load("digits")
    assert task.validation is not None
    splits = (task.train, task.validation, task.test)
    assert [len(split) for split in splits] == [1000, 397, 400]
    assert (task.input_shape, task.classes) == ((1, 8, 8), 10)
    everything = torch.cat([split.inputs for split in splits])
    assert (everything.min(), everything.max()) == (-1, 1)
    assert len(everything.flatten(1).unique(dim=0)) == 1797
    assert torch.equal(task.train.inputs, again.train.inputs)


def test_fewer_digits_leave_the_rest_as_it_was() -> None:
    """As for MNIST-1D."""
    few, all_ = tasks.load("digits:train=200"), tasks.load("digits")
    assert len(few.train) == 200
    assert few.validation is not None
    assert all_.validation is not None
    assert torch.equal(few.validation.inputs, all_.validation.inputs)
    assert torch.equal(few.test.inputs, all_.test.inputs)


# --- a user's file -----------------------------------------------------------------------------


def test_a_file_gives_arrays_tensors_or_lists(user_file: str) -> None:
    """All become float32 inputs and int64 labels; knobs reach the function."""
    task = tasks.load(f"{user_file}:load:n=10")
    assert task.name == "data.py:load:n=10"
    assert task.validation is not None
    assert [len(s) for s in (task.train, task.validation, task.test)] == [10, 20, 20]
    assert torch.equal(task.validation.inputs, task.test.inputs)
    assert task.train.inputs.dtype == torch.float32
    assert (task.input_shape, task.classes) == ((3,), 2)


def test_validation_may_be_left_out(user_file: str) -> None:
    """Only train and test are needed."""
    assert tasks.load(f"{user_file}:load:validation=false").validation is None


def test_a_changed_file_is_another_task(user_file: str) -> None:
    """Its code tells runs on other data apart."""
    Path("data_changed.py").write_text(USER_FILE + "\nX = X + 1\n")
    codes = {tasks.load(f"{name}:load").code for name in (user_file, "data_changed.py")}
    assert len(codes) == 2


@pytest.mark.usefixtures("user_file")
def test_other_data_are_another_task() -> None:
    """Also where the code is the same, as when a file that it reads has changed."""
    Path("reads.py").write_text(
        "import numpy as np\n"
        "def load():\n"
        "    X = np.loadtxt('values.txt').reshape(-1, 1)\n"
        "    return {'train': (X, [0, 1]), 'test': (X, [0, 1])}\n"
    )
    codes = []
    for values in ("1 2", "1 2", "1 3"):
        Path("values.txt").write_text(values)
        codes.append(tasks.load("reads.py:load").code)
    assert codes[0] == codes[1] != codes[2]


def test_checking_makes_no_data(user_file: str) -> None:
    """A spec is checked before anything is measured; only loading runs the function."""
    tasks.check(f"{user_file}:refuses")
    tasks.check("mnist1d:train=1000000")
    with pytest.raises(InputError):
        tasks.load(f"{user_file}:refuses")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("mnist2d", "unknown task 'mnist2d'; known: digits, mnist1d"),
        ("mnist1d:trian=3", "known: train, validation, test, standard"),
        ("mnist1d:train=0", "at least 1 of each"),
        ("mnist1d:standard,train=200", "standard"),
        ("digits:train=1001", "1797"),
        ("digits:validation=797", "1797"),
        ("digits:train=0", "at least 1 of each"),
        ("digits:train=-5", "at least 1 of each"),
        ("digits:train=many", "digits:train=many"),
        ("digits:train=10.5", "digits:train=10.5"),
        ("data.py:missing", "no function 'missing'"),
        ("data.py:load:size=3", "known: n, validation"),
        ("nowhere.py:load", "nowhere.py"),
        ("data.py:with_nan", "1 of 20 inputs hold NaN"),
        ("data.py:with_infinity", "3 of 20 inputs hold NaN or infinity"),
        ("data.py:one_class", "only one class"),
        ("data.py:no_test", "train and test; got ['train']"),
        ("data.py:no_train", "train and test; got ['test']"),
        ("data.py:too_few_labels", "(20, 3) and (19,)"),
        ("data.py:empty", "with n > 0; got (0, 3)"),
        ("data.py:one_hot", "(20, 2)"),
        ("data.py:negative", "found -1"),
        ("data.py:huge", "found 1e+12"),
        ("data.py:fractions", "label"),
        ("data.py:no_label", "label"),
        ("data.py:other_shape", "(2,)"),
        ("data.py:flat", "(20,)"),
        ("data.py:words", "data.py:words"),
        ("data.py:triple", "data.py:triple"),
        ("data.py:pair", "data.py:pair"),
        ("data.py:nothing", "data.py:nothing"),
        ("data.py:refuses", "two lines: both matter"),
        ("data.py:no_file", "no_such_file.npy"),
        ("data.py:no_key", "images"),
    ],
)
def test_what_cannot_be_learnt_from_is_refused_in_one_line(
    user_file: str, monkeypatch: pytest.MonkeyPatch, text: str, said: str
) -> None:
    """With the task, the split and what was found."""
    assert Path(user_file).exists()
    monkeypatch.setattr(
        tasks, "_generate_mnist1d", lambda n: (np.zeros((n, 1, 40)), np.arange(n) % 10)
    )
    with pytest.raises(InputError) as caught:
        tasks.load(text)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_more_of_mnist1d_keeps_what_less_of_it_has() -> None:
    """The same validation and test data, and the same first training samples."""
    less, more = (tasks.load(f"mnist1d:train={n},validation=20,test=20") for n in (100, 4_100))
    assert torch.equal(more.train.inputs[:100], less.train.inputs)
    assert torch.equal(more.validation.inputs, less.validation.inputs)
    assert torch.equal(more.test.inputs, less.test.inputs)
    assert not torch.equal(more.train.inputs[4_000:], more.train.inputs[:100])
