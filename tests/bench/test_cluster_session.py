"""The real `pytest bench` on a real Ray cluster: several nodes on this machine, one of them lost.

A node is all that Ray starts on one machine; what it runs are its descendants.
"""

import contextlib
import dataclasses
import json
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch

from bench import families
from bench.points import Training
from bench.records import plain
from bench.train import tasks, trainer
from bench.train.ray_session import silent

from .sessions import ROOT, TASK, bench, command, environment, kept, study, wait_for

pytest.importorskip("ray", reason="Ray is not installed: pip install 'howdeep[ray]'")

# Files that Ray's own helper for such tests leaves open, in this process.
pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

# Each training step tells who takes it, and takes a while.
FAMILY = """
import os, pathlib, time
import torch
from torch import nn

class Slow(nn.Module):
    def __init__(self, marks):
        super().__init__()
        self.marks = marks

    def forward(self, x):
        if self.training and torch.is_grad_enabled() and x.device.type != "meta":
            pathlib.Path(self.marks, str(os.getpid())).touch()
            time.sleep(0.03)
        return x

def build(depth, marks):
    layers = [layer for _ in range(depth - 1) for layer in (nn.Linear(8, 8), nn.ReLU())]
    return nn.Sequential(nn.Flatten(), Slow(marks), *layers, nn.Linear(8, 3))

def example_input(batch_size):
    return torch.zeros(batch_size, 1, 8)
"""

README = (ROOT / "README.md").read_text()

N_RUNS = 2 * 2


class Nodes:
    """A Ray cluster whose head trains nothing, and nodes of one core each."""

    def __init__(self) -> None:
        from ray.cluster_utils import Cluster

        self._cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
        self.address = str(self._cluster.address)

    def add(self) -> Any:
        return self._cluster.add_node(num_cpus=1)

    def kill(self, node: Any) -> None:
        self._cluster.remove_node(node, allow_graceful=False)

    def close(self) -> None:
        self._cluster.shutdown()


@contextlib.contextmanager
def _ray_folder() -> Iterator[None]:
    """For what nodes keep, where the path of a socket is not long; they import this checkout."""
    ours = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    with pytest.MonkeyPatch.context() as patch:
        folder = tempfile.mkdtemp(prefix="ray")
        patch.setenv("RAY_TMPDIR", folder)
        patch.setenv("PYTHONPATH", ours)
        yield
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def nodes() -> Iterator[Nodes]:
    """With one node to train on."""
    with _ray_folder():
        nodes = Nodes()
        nodes.add()
        yield nodes
        nodes.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "task.py").write_text(TASK)
    (tmp_path / "family.py").write_text(FAMILY)
    (tmp_path / "marks").mkdir()
    return tmp_path


def _grid(folder: Path) -> tuple[str, ...]:
    family = f"family.py:build:marks={folder / 'marks'}"
    return ("-m", "accuracy", "--family", family, "--depths", "2,3", "--seeds", "2")


def _trainers(folder: Path) -> list[psutil.Process]:
    """The processes that train, or trained, and are there still."""
    pids = [int(mark.name) for mark in (folder / "marks").iterdir()]
    return [psutil.Process(pid) for pid in pids if psutil.pid_exists(pid)]


def _trains_on(node: Any, folder: Path) -> bool:
    raylet = node.all_processes["raylet"][0].process.pid
    return any(raylet in (p.pid for p in trainer.parents()) for trainer in _trainers(folder))


def _started(folder: Path, *arguments: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        command(*_grid(folder), *arguments),
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment(),
    )


def _results(run: dict[str, Any]) -> dict[str, Any]:
    """What a run brings wherever it was trained."""
    return {name: value for name, value in run.items() if name != "train_seconds"}


def _trained_here(run: dict[str, Any]) -> dict[str, Any]:
    """The same run, trained in this process."""
    chosen = [f.name for f in dataclasses.fields(Training) if f.default is dataclasses.MISSING]
    training = Training(**{name: run[name] for name in chosen})
    task = tasks.load(training.task)
    family = families.find(training.family)
    family = family.for_task(input_shape=task.input_shape, classes=task.classes)
    return dict(plain(trainer.train(family, task, training)))


def test_a_sweep_outlives_the_loss_of_a_machine(
    nodes: Nodes, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run that is lost with it is trained again on another; each brings what it brings here,
    the store has it once, and nothing of Ray is in what is printed."""
    lost = nodes.add()
    with _started(folder, "--cluster", nodes.address, "--reproducible") as driver:
        wait_for(lambda: _trains_on(lost, folder))
        nodes.kill(lost)
        output = driver.communicate(timeout=300)[0]
    assert driver.returncode == 0, output
    assert "raylet" not in output
    rows = [json.loads(row) for row in kept(folder).values()]
    assert [row["status"] for row in rows] == ["ok"] * N_RUNS
    assert len({(row["depth"], row["seed"]) for row in rows}) == N_RUNS
    assert len(list((folder / "marks").iterdir())) > N_RUNS
    monkeypatch.chdir(folder)
    monkeypatch.setattr("time.sleep", lambda _: None)
    for run in study(folder)["howdeep"]["runs"]:
        assert _results(run) == _results(_trained_here(run))


NO_GPU = pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("--cluster", "127.0.0.1:1"), "nothing answers at --cluster 127.0.0.1:1"),
        pytest.param(
            ("--cluster", "auto", "--device", "cuda", "-m", "cost"),
            "only trainings go to --cluster: add -m accuracy",
            marks=NO_GPU,
        ),
    ],
    ids=["address", "device"],
)
def test_a_session_that_cannot_be_ends(folder: Path, arguments: tuple[str, ...], line: str) -> None:
    """In one line, with exit code 2; nothing is measured or written."""
    done = bench(folder, *_grid(folder), *arguments)
    assert done.returncode == 2
    assert done.stdout.count(line) == 1
    assert "Traceback" not in done.stdout + done.stderr
    assert not (folder / "results").exists()


def _ended(driver: "subprocess.Popen[str]", folder: Path, end: signal.Signals) -> int:
    """Its return code, once it has trained for a moment and no training is left."""
    with driver:
        wait_for(lambda: bool(_trainers(folder)) or driver.poll() is not None)
        driver.send_signal(end)
        driver.communicate(timeout=300)
    wait_for(lambda: not _trainers(folder))
    return driver.returncode


def test_a_killed_session_leaves_no_training(nodes: Nodes, folder: Path) -> None:
    """On no machine, though it could end nothing itself."""
    driver = _started(folder, "--cluster", nodes.address)
    assert _ended(driver, folder, signal.SIGKILL) == -signal.SIGKILL


def _readme(program: str) -> list[str]:
    """The arguments of the README's first line that starts so, without its comment."""
    lines = (line for line in README.splitlines() if line.startswith(program))
    return next(shlex.split(line, comments=True) for line in lines)


@pytest.fixture
def readme_head() -> Iterator[str]:
    """The address of a head, started as the README says; what more is said keeps it small and
    apart from others."""
    with _ray_folder(), socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
        free.close()
        apart = ["--block", "--num-cpus=1", f"--port={port}"]
        ray = str(Path(sys.executable).with_name("ray"))
        start = [ray, *_readme("ray start --head")[1:], *apart]
        nowhere = subprocess.DEVNULL
        with subprocess.Popen(start, stdout=nowhere, stderr=nowhere) as head:
            yield f"127.0.0.1:{port}"
            head.terminate()


def test_the_readmes_set_up_is_all_there_is(
    readme_head: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With it a session trains; `auto` finds the cluster; Ctrl-C ends what runs there too."""
    monkeypatch.setenv("RAY_ADDRESS", readme_head)  # others may run on this machine
    wait_for(lambda: silent(readme_head) is None)
    driver = _started(folder, *_readme("pytest bench -m accuracy --cluster")[4:])
    assert _ended(driver, folder, signal.SIGINT) == pytest.ExitCode.INTERRUPTED
