"""`howdeep limits` on networks and data that take moments: its answer, and what it refuses."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest
import torch
from click.testing import Result
from typer.testing import CliRunner

from bench.limits import experiment
from bench.specs import InputError
from howdeep.app import app
from reports.study_store import read_store
from tests.bench.sessions import TASK, environment, wait_for

SMALL = ("--task", "small_task.py:load", "--epochs", "1", "--batch-size", "32")
NETWORK = ("mlp:width=8", "--depth", "4", *SMALL)

MORE_TASKS = """

def nan():
    arrays = load()
    arrays["train"][0][3, 0, 2] = np.nan
    return arrays

def one_class():
    arrays = load()
    return {**arrays, "train": (arrays["train"][0], 0 * arrays["train"][1])}
"""

# Prints wherever it can; what a network does besides is its family's name.
FAMILIES = """
import os, signal
import torch
from torch import nn

print("loading")

def build(depth):
    print("building", depth)
    blocks = (nn.Sequential(nn.Linear(8, 8), nn.ReLU()) for _ in range(depth))
    return nn.Sequential(nn.Flatten(), *blocks, nn.Linear(8, 3))

def frozen(depth): return build(depth).requires_grad_(False)

class Empty(nn.Module):
    def forward(self, x): return x.flatten(1)[:, :3]

def empty(depth): return Empty()

class Around(nn.Module):
    def __init__(self, depth):
        super().__init__()
        self.network = build(depth)

class Answering(Around):
    def forward(self, x): return self.network(x), None

def answering(depth): return Answering(depth)

class Dying(Around):
    def forward(self, x):
        if torch.is_grad_enabled() and x.device.type != "meta":
            os.kill(os.getpid(), signal.SIGKILL)
        return self.network(x)

def dying(depth): return Dying(depth)

def shallow_dying(depth): return Dying(depth) if depth < 4 else build(depth)

def only_four(depth):
    if depth != 4: raise ValueError(f"depth must be 4; got {depth}")
    return build(depth)

class Pair(nn.Module):
    def __init__(self, wrap):
        super().__init__()
        self.linear, self.wrap = nn.Linear(8, 8), wrap

    def forward(self, x): return self.wrap(self.linear(x).relu())

class Pairs(nn.Module):
    def __init__(self, depth, wrap, unwrap):
        super().__init__()
        self.blocks = nn.ModuleList(Pair(wrap) for _ in range(depth))
        self.head, self.unwrap = nn.Linear(8, 3), unwrap

    def forward(self, x):
        x = x.flatten(1)
        for block in self.blocks:
            x = self.unwrap(block(x))
        return self.head(x)

class Box:
    def __init__(self, content): self.content = content

def boxes(depth): return Pairs(depth, Box, lambda box: box.content)

def images(depth): return nn.Sequential(nn.Flatten(), nn.Linear(64, 3))

def example_input(batch_size): return torch.zeros(batch_size, 1, 8)
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with a user's files."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    _write_files(tmp_path)
    return tmp_path


def _write_files(folder: Path) -> None:
    (folder / "small_task.py").write_text(TASK + MORE_TASKS)
    (folder / "limits_net.py").write_text(FAMILIES)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["limits", *arguments])


def refused(*arguments: str, exit_code: int = 2) -> str:
    """The one line that a refusal is: the last of standard error; nothing else is an answer."""
    result = run(*arguments)
    assert result.exit_code == exit_code, result.output
    assert result.stdout == ""
    assert "Traceback" not in result.stderr
    *_, last = result.stderr.splitlines()
    assert last.startswith("howdeep limits: ")
    return last


@pytest.fixture
def one_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few trainings, where remedies are beside the point."""
    clipping = [remedy for remedy in experiment.REMEDIES if remedy.name == "gradient clipping"]
    monkeypatch.setattr(experiment, "REMEDIES", tuple(clipping))


@pytest.fixture(scope="module")
def answered(
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """The answer on a small network, by the command itself."""
    folder = tmp_path_factory.mktemp("answered")
    _write_files(folder)
    done = howdeep(
        folder, "limits_net.py:build", "--depth", "4", *SMALL, "--quick", "--json",
        "--rows", "out/rows.json", "--markdown", "out/answer.md",
    )  # fmt: skip
    assert done.returncode in (0, 3), done.stderr
    return folder, done


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "howdeep.app", "limits", *arguments]


def howdeep(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*arguments), cwd=folder, capture_output=True, text=True, timeout=300, check=False,
        env=environment(OMP_NUM_THREADS="1"),
    )  # fmt: skip


def rows_of(path: Path) -> list[dict[str, Any]]:
    return list(json.loads(path.read_text()))


# --- the answer --------------------------------------------------------------------------------


def test_json_is_one_object_and_nothing_else(answered: tuple[Any, Any]) -> None:
    """With the keys of the contract, though the network prints: that goes to standard error."""
    _, done = answered
    verdict = json.loads(done.stdout)
    assert set(verdict) >= {
        "family", "depth", "reference_depth", "task", "limit", "limits", "remedies"
    }  # fmt: skip
    assert (verdict["family"], verdict["depth"]) == ("limits_net.py:build", 4)
    assert set(verdict["limit"]) == {"name", "confidence", "evidence"}
    assert set(verdict["limits"]) == {
        "gradients", "overfitting", "degradation", "compute", "optimization", "data"
    }  # fmt: skip
    assert "building 4" in done.stderr
    assert done.returncode == (3 if verdict["limit"]["name"] == "undetermined" else 0)


def test_progress_is_a_line_a_training(answered: tuple[Path, Any]) -> None:
    """On standard error, where it is a pipe."""
    folder, done = answered
    trials = [row for row in rows_of(folder / "out" / "rows.json") if row["kind"] == "trial"]
    assert sum(", seed " in line for line in done.stderr.splitlines()) == len(trials)
    assert "as asked, depth 4, seed 0: training accuracy" in done.stderr


@pytest.mark.usefixtures("one_remedy")
def test_rows_are_the_evidence() -> None:
    """Of every role but the confirmation, which needs a winner, and of probes of every limit and
    the structure; no instrument failed."""
    result = run(*NETWORK, "--seeds", "1", "--rows", "rows.json")
    assert result.exit_code in (0, 3), result.output
    rows = rows_of(Path("rows.json"))
    roles = {row["role"] for row in rows if row["kind"] == "trial"}
    assert roles >= {"asked", "shallower", "window", "screening", "data"}
    probes = [row for row in rows if row["kind"] == "probe"]
    assert {row["limit"] for row in probes} >= {
        "gradients", "overfitting", "degradation", "compute", "optimization", "structure"
    }  # fmt: skip
    assert [row for row in probes if row["quantity"] == "failed"] == []


def test_its_store_names_the_machine(answered: tuple[Path, Any]) -> None:
    """As a study's does."""
    folder, _ = answered
    (environment,) = read_store(folder / "results" / "limits.sqlite").environments
    assert environment["torch"] == torch.__version__


def test_markdown_is_written_too(answered: tuple[Path, Any]) -> None:
    """The same answer, under a heading."""
    folder, done = answered
    text = (folder / "out" / "answer.md").read_text()
    assert "# What stops it going deeper?" in text
    assert json.loads(done.stdout)["limit"]["name"] in text


@pytest.mark.usefixtures("one_remedy")
def test_resume_trains_nothing_again() -> None:
    """Times of trainings are those that were kept; none is missing."""

    def seconds(*more: str) -> list[float]:
        result = run(*NETWORK, "--quick", "--rows", "rows.json", *more)
        assert result.exit_code in (0, 3), result.output
        trials = [row for row in rows_of(Path("rows.json")) if row["kind"] == "trial"]
        return [row["train_seconds"] for row in trials]

    first, again = seconds(), seconds("--resume")
    assert again == first
    assert None not in first


@pytest.mark.parametrize(("name", "code"), [("none", 0), ("gradients", 0), ("undetermined", 3)])
def test_the_exit_code_says_whether_there_is_an_answer(
    name: str, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """3 where the evidence does not tell."""
    verdict = SimpleNamespace(name=name, as_dict=lambda: {"limit": {"name": name}})
    monkeypatch.setattr("reports.limits_block.limits_blocks", lambda _verdict: ())
    monkeypatch.setattr("reports.limits.judge", lambda _rows, **_: verdict)
    monkeypatch.setattr("howdeep.limits._evidence", lambda *_, **__: ASKED)
    assert run(*NETWORK, "--json").exit_code == code


ASKED = [{"kind": "trial", "role": "asked", "status": "ok", "reason": None}]


# --- what is refused ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("nope", "--depth", "4"), "unknown family 'nope'; known: cifar_resnet"),
        (("mlp", "--depth", "0"), "--depth takes one whole number of at least 1; got '0'"),
        (("mlp", "--depth", "4,8"), "--depth takes one whole number of at least 1; got '4,8'"),
        (("cifar_resnet", "--depth", "21"), "depth must be 6n+2 for cifar_resnet"),
        (("limits_net.py:only_four", "--depth", "5"), "depth must be 4; got 5"),
        (("limits_net.py:nothing", "--depth", "4"), "has no function 'nothing'"),
        ((*NETWORK, "--seeds", "0"), "--seeds takes whole numbers of at least 1; got '0'"),
        ((*NETWORK, "--batch-size", "8,16"), "--batch-size takes one whole number here"),
        ((*NETWORK, "--lr", "fast"), "--lr takes a number; got 'fast'"),
        (
            (*NETWORK, "--margin", "-1"),
            "--margin takes 0 to 100 percentage points of accuracy, such as 0.5pp; got '-1'",
        ),
        ((*NETWORK, "--rows", "small_task.py/x"), "cannot write small_task.py/x: "),
        ((*NETWORK, "--markdown", "."), "cannot write .: Is a directory"),
        ((*NETWORK, "--store", "small_task.py"), "cannot use the store small_task.py"),
        ((*NETWORK, "--task", "small_task.py:nan"), "train: 1 of 300 inputs hold NaN or infinity"),
        ((*NETWORK, "--task", "small_task.py:one_class"), "only one class in the training set"),
        ((*NETWORK, "--task", "small_task.py:load:n=9"), "at least 20 training samples are needed"),
    ],
)
def test_bad_input_is_refused_in_one_line(arguments: tuple[str, ...], words: str) -> None:
    """Before anything is trained: what was expected, what was found."""
    assert words in refused("--task", "small_task.py:load", *arguments)


@pytest.mark.parametrize(
    ("family", "exit_code", "words"),
    [
        ("frozen", 2, "no parameter needs a gradient: there is nothing to train"),
        ("empty", 2, "no parameter needs a gradient: there is nothing to train"),
        ("answering", 2, "expected logits of shape (batch, classes) from the network; got tuple"),
        ("images", 2, "error: RuntimeError: mat1 and mat2 shapes cannot be multiplied"),
        ("dying", 3, "when memory runs out; try a smaller --batch-size or --depth"),
    ],
)
def test_a_network_that_cannot_be_trained_is_told_in_one_line(
    family: str, exit_code: int, words: str
) -> None:
    """After its own trainings have failed; its evidence is written for whoever asks for it."""
    arguments = (f"limits_net.py:{family}", "--depth", "4", *SMALL, "--quick", "--json")
    line = refused(*arguments, "--rows", "rows.json", exit_code=exit_code)
    assert words in line
    assert f"limits_net.py:{family} at depth 4 on small_task.py:load cannot be trained" in line
    trials = [row for row in rows_of(Path("rows.json")) if row["kind"] == "trial"]
    assert [row["role"] for row in trials] == ["asked", "asked"]


def test_a_family_that_cannot_take_the_inputs_says_which_it_takes() -> None:
    """Both shapes stand in the line."""
    line = refused("cifar_resnet:width=2", "--depth", "8", *SMALL, "--quick")
    assert "takes inputs of shape (3, 32, 32); those of small_task.py:load are (1, 8)" in line


@pytest.mark.usefixtures("one_remedy")
@pytest.mark.parametrize("family", ["only_four", "boxes"])
def test_unusual_networks_have_an_answer(family: str) -> None:
    """One depth only, or layers that return no tensor: no instrument fails, and the answer
    comes."""
    arguments = (f"limits_net.py:{family}", "--depth", "4", *SMALL, "--quick", "--rows", "r.json")
    result = run(*arguments)
    assert result.exit_code in (0, 3), result.output
    assert f"What stops limits_net.py:{family} at depth 4" in result.stdout
    assert [row for row in rows_of(Path("r.json")) if row.get("quantity") == "failed"] == []


@pytest.mark.usefixtures("one_remedy")
def test_a_child_that_dies_is_a_row() -> None:
    """The shallower network kills its process: its screen and its trainings say so, and the
    network as asked has its answer."""
    arguments = ("limits_net.py:shallow_dying", "--depth", "4", *SMALL, "--quick")
    result = run(*arguments, "--rows", "r.json")
    assert result.exit_code in (0, 3), result.output
    rows = rows_of(Path("r.json"))
    (screen,) = [
        row for row in rows if row.get("quantity") == "failed" and row["limit"] != "compute"
    ]
    assert (screen["depth"], screen["note"][:5]) == (2, "oom: ")
    shallower = [row for row in rows if row.get("role") == "shallower"]
    assert {(row["depth"], row["status"]) for row in shallower} == {(2, "oom")}


# --- the process -------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_killed_command_leaves_nothing_behind(folder: Path, number: signal.Signals) -> None:
    """No process and no half of an answer; the line says how to go on."""
    process = subprocess.Popen(
        command(*NETWORK, "--epochs", "1000", "--rows", "rows.json"), cwd=folder,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env=environment(OMP_NUM_THREADS="1"),
    )  # fmt: skip
    wait_for(lambda: len(_descendants(process.pid)) >= 3 or process.poll() is not None)
    children = _descendants(process.pid)
    process.send_signal(number)
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert output == ""
    assert errors.splitlines()[-1] == "howdeep limits: stopped; --resume goes on where it was"
    assert not (folder / "rows.json").exists()
    wait_for(lambda: not any(_runs(child) for child in children))


def _descendants(pid: int) -> list[psutil.Process]:
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def _runs(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_the_process_is_left_as_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Handlers of signals and the standard output, also after an error."""

    def failing(*_: object, **__: object) -> object:
        raise InputError("planted")

    monkeypatch.setattr("howdeep.limits._evidence", failing)
    numbers = (signal.SIGTERM, signal.SIGHUP)
    before, output = [signal.getsignal(number) for number in numbers], os.fstat(1)
    assert refused(*NETWORK) == "howdeep limits: planted"
    assert [signal.getsignal(number) for number in numbers] == before
    assert os.path.samestat(os.fstat(1), output)
