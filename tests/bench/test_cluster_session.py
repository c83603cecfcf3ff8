"""The real `pytest bench` on a real Ray cluster: several nodes on this machine, one of them lost.

A node is all that Ray starts on one machine; what it runs are its descendants.
"""

import dataclasses
import json
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from bench import families
from bench.records import Training, plain
from bench.train import tasks, trainer

from .sessions import ROOT, TASK, bench, command, environment, kept, study, wait_for

pytest.importorskip("ray", reason="Ray is not installed: pip install 'howdeep[ray]'")

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

N_RUNS = 2 * 2


class Nodes:
    """A Ray cluster whose head trains nothing, and nodes of one core each."""

    def __init__(self, folder: str) -> None:
        from ray.cluster_utils import Cluster

        self._cluster = Cluster(
            initialize_head=True, head_node_args={"num_cpus": 0, "temp_dir": folder}
        )
        self.address = str(self._cluster.address)

    def add(self) -> Any:
        return self._cluster.add_node(num_cpus=1)

    def kill(self, node: Any) -> None:
        self._cluster.remove_node(node, allow_graceful=False)

    def close(self) -> None:
        self._cluster.shutdown()


@pytest.fixture(scope="module")
def nodes() -> Iterator[Nodes]:
    """With one node to train on; the path of a socket may not be long."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]))
        folder = tempfile.mkdtemp(prefix="ray")
        nodes = Nodes(folder)
        nodes.add()
        yield nodes
        nodes.close()
        shutil.rmtree(folder, ignore_errors=True)


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


def _started(folder: Path, address: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        command(*_grid(folder), "--cluster", address),
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
    names = [field.name for field in dataclasses.fields(Training) if field.name in run]
    training = Training(**{**{name: run[name] for name in names}, "treatments": ()})
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
    with _started(folder, nodes.address) as driver:
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


def test_where_nothing_answers_the_session_ends(folder: Path) -> None:
    """In one line, with exit code 2; nothing is measured or written."""
    done = bench(folder, *_grid(folder), "--cluster", "127.0.0.1:1")
    assert done.returncode == 2
    assert done.stdout.count("nothing answers at --cluster 127.0.0.1:1") == 1
    assert "Traceback" not in done.stdout + done.stderr
    assert not (folder / "results").exists()


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGKILL], ids=lambda end: end.name)
def test_an_ended_session_leaves_no_training(
    nodes: Nodes, folder: Path, end: signal.Signals
) -> None:
    """On no machine, whether it was interrupted or killed."""
    with _started(folder, nodes.address) as driver:
        wait_for(lambda: bool(_trainers(folder)))
        driver.send_signal(end)
        output = driver.communicate(timeout=60)[0]
    assert driver.returncode == (pytest.ExitCode.INTERRUPTED if end == signal.SIGINT else -end), (
        output
    )
    wait_for(lambda: not _trainers(folder))
