"""Runs the real `pytest bench` in a folder of its own, on networks and data that take moments."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]

TASK = """
import numpy as np

def load(n=300):
    generator = np.random.default_rng(0)
    labels = generator.integers(0, 3, 3 * n)
    inputs = generator.normal(size=(3 * n, 1, 8)) + labels[:, None, None]
    cut = {"train": slice(0, n), "validation": slice(n, 2 * n), "test": slice(2 * n, None)}
    return {name: (inputs[rows], labels[rows]) for name, rows in cut.items()}
"""

# Depth 2 behaves; what a deeper network does is its `does`.
FAMILY = """
import os, signal, time
import torch
from torch import nn

class Layer(nn.Module):
    def __init__(self, does):
        super().__init__()
        self.linear = nn.Linear(8, 8)
        self.does = does

    def forward(self, x):
        if not torch.is_grad_enabled() or x.device.type == "meta":
            pass
        elif self.does == "hang":
            time.sleep(600)
        elif self.does == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        elif self.does == "allocate":
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried")
        elif self.does == "fail":
            raise KeyError("planted")
        elif self.does.startswith("late"):
            self.calls = getattr(self, "calls", 0) + 1
            if self.calls > 6:  # in its trial it runs less often
                time.sleep(600 if self.does == "late_hang" else 0)
                raise KeyError("planted late")
        return self.linear(x).relu()

def build(depth, does="nothing"):
    layers = [Layer(does if depth > 2 else "nothing") for _ in range(depth)]
    return nn.Sequential(nn.Flatten(), *layers, nn.Linear(8, 3))

def example_input(batch_size):
    return torch.zeros(batch_size, 1, 8)
"""

SHORT = ("--epochs", "2")
QUICK = ("--task", "task.py:load", "--seeds", "2", "--batch-size", "16")
QUICK += ("--benchmark-max-time", "0.02", "--benchmark-json", "study.json")


def prepare(folder: Path) -> None:
    """The user's files: a task and a family."""
    (folder / "task.py").write_text(TASK)
    (folder / "family.py").write_text(FAMILY)


def command(*arguments: str) -> list[str]:
    """`pytest bench` of this checkout."""
    pytest = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider"]
    epochs = () if "--train-for" in arguments else SHORT
    return [*pytest, str(ROOT / "bench"), *QUICK, *epochs, *arguments]


def environment(**more: str) -> dict[str, str]:
    """This process's, without what tells pytest that it runs beside other tests."""
    ours = {name: value for name, value in os.environ.items() if "XDIST" not in name}
    return {**ours, "PYTHONUNBUFFERED": "1", **more}


def bench(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """`pytest bench` with small settings and these arguments, run in `folder`."""
    return subprocess.run(
        command(*arguments),
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env=environment(),
    )


def howdeep(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The command, run in `folder`."""
    call = [sys.executable, "-m", "howdeep.app", *arguments]
    return subprocess.run(
        call, cwd=folder, capture_output=True, text=True, timeout=120, check=False
    )


def stopped(folder: Path, signal_: signal.Signals, *arguments: str, after: int) -> int:
    """Start `pytest bench`, send it `signal_` once `after` records are kept; its return code."""
    process = subprocess.Popen(
        command(*arguments),
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=environment(),
    )
    wait_for(lambda: len(kept(folder)) >= after or process.poll() is not None)
    assert process.poll() is None, "the session ended before it could be stopped"
    process.send_signal(signal_)
    return process.wait(60)


def kept(folder: Path) -> dict[str, str]:
    """What the store holds: rows (JSON text) by key."""
    path = folder / "results" / "howdeep.sqlite"
    if not path.exists():
        return {}
    try:
        with sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10) as connection:
            return dict(connection.execute("SELECT key, row FROM records"))
    except sqlite3.OperationalError:  # the table is not there yet
        return {}


def study(folder: Path) -> dict[str, Any]:
    """The study's JSON, which may hold no bare NaN."""

    def refuse(name: str) -> None:
        raise AssertionError(f"{name} in a study")

    text = (folder / "study.json").read_text()
    return dict(json.loads(text, parse_constant=refuse))


def wait_for(condition: Callable[[], bool]) -> None:
    """Return once `condition` holds; fail when it does not within two minutes."""
    deadline = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < deadline, "waited for two minutes"
        time.sleep(0.02)
