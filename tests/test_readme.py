"""Every command that the README and the pages of `docs` show works as it is written there."""

import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from .bench.sessions import TASK, environment
from .reports import machines

ROOT = Path(__file__).parents[1]
PAGES = (
    "README.md",
    "docs/best-depth.md",
    "docs/runs.md",
    "docs/search.md",
    "docs/compare.md",
    "docs/check.md",
    "docs/check-exact.md",
    "docs/check-stored.md",
    "docs/check-ci.md",
    "docs/history.md",
)
README, BEST_DEPTH, RUNS, SEARCH, COMPARE, *CHECKS = ((ROOT / name).read_text() for name in PAGES)

# One trio of processes only: that commands work, not what they find.
CHECKED = """
[tool.howdeep.check]
families = ["path/to/mynet.py:build"]
depths = [2]
passes = ["forward"]
max_minutes = 1e-9
"""

NET = """
import torch

def build(depth, *, width=64):
    layers = [torch.nn.Linear(40 if i == 0 else width, width) for i in range(depth)]
    return torch.nn.Sequential(torch.nn.Flatten(), *layers, torch.nn.Linear(width, 10))

def example_input(batch_size):
    return torch.zeros(batch_size, 1, 40)
"""


def _commands(program: str, page: str = README) -> list[str]:
    """The lines of shell blocks that start with `program`, each once, without comments."""
    blocks = re.findall(r"```sh\n(.*?)```", page, flags=re.S)
    lines = [line.split(" #")[0].strip() for block in blocks for line in block.splitlines()]
    return [line for line in dict.fromkeys(lines) if line.startswith(program + " ")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the files that the README speaks of: a study, a table, a network."""
    folder = tmp_path_factory.mktemp("readme")
    (folder / "path" / "to").mkdir(parents=True)
    (folder / "path" / "to" / "mynet.py").write_text(NET)
    (folder / "task.py").write_text(TASK)
    (folder / "table.csv").write_text("depth,error,n_test\n20,8.75,10000\n56,6.97,10000\n")
    for place, name in enumerate(("cpu", "cpu-again", "gpu", "gpu-again")):
        machines.write(folder, **{name: machines.study(lambda _, k=place: 1.0 + k, runs=not place)})
    for name in ("base", "new"):
        machines.write(folder, **{name: machines.study(lambda _: 1.0)})
    (folder / "pyproject.toml").write_text(CHECKED)
    arguments = "--task task.py:load --family mlp --depths 2 --epochs 1 --passes forward,step"
    _run(f"pytest bench {arguments} --benchmark-json results/study.json", folder)
    for name in ("studies", ".benchmarks"):
        (folder / name).mkdir(exist_ok=True)  # pytest-benchmark makes one
        shutil.copy(folder / "results" / "study.json", folder / name)
    _run("howdeep check --accept", folder)
    for line in ("init -q -b main", "add -A", "commit -q -m one"):
        who = ("-c", "user.name=any", "-c", "user.email=any@localhost")
        subprocess.run(["git", *who, *line.split()], cwd=folder, check=True)
    return folder


def _run(line: str, folder: Path) -> subprocess.CompletedProcess[str]:
    program, *arguments = shlex.split(line, comments=True)
    module = {"pytest": "pytest", "howdeep": "howdeep.app"}[program]
    arguments = [str(ROOT / "bench") if a == "bench" else a for a in arguments]
    call = [sys.executable, "-m", module, *arguments]
    return subprocess.run(
        call,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env=environment(),
    )


ANSWERING = dict.fromkeys(
    line
    for page in (README, BEST_DEPTH, SEARCH, COMPARE, *CHECKS)
    for line in _commands("howdeep", page)
)

# What makes a command that trains one of seconds.
QUICK = {
    "howdeep limits": " --task task.py:load --epochs 1 --quick",
    "howdeep search": " --task task.py:load --epochs 1 --depths 2,4 --seeds 2",
}


@pytest.mark.parametrize("line", ANSWERING)
def test_a_howdeep_command_works(line: str, folder: Path) -> None:
    """It answers, on the study, table and networks named; of a study as small as this one the
    report may say that it cannot tell (3), and of one trio a check."""
    quick = "".join(more for command, more in QUICK.items() if line.startswith(command))
    done = _run(line + quick, folder)
    small = quick or "study.json" in line or "--against" in line
    assert done.returncode in ((0, 3) if small else (0,)), done.stderr
    assert done.stdout.strip()


@pytest.fixture(scope="module")
def searched(folder: Path) -> Path:
    """The folder, with what a search has kept."""
    done = _run(f"howdeep search mlp{QUICK['howdeep search']}", folder)
    assert done.returncode in (0, 3), done.stderr
    return folder


@pytest.mark.parametrize("line", _commands("howdeep", RUNS))
def test_a_command_on_runs_works(line: str, searched: Path) -> None:
    """It answers, on the stores of the study and of a search; `KEY` is one that the list shows."""
    folder = searched
    listed = json.loads(_run("howdeep runs list --json", folder).stdout)
    done = _run(line.replace("KEY", listed["records"][0]["key"][:8]), folder)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()


@pytest.mark.parametrize("line", [*_commands("pytest"), *_commands("pytest", BEST_DEPTH)])
def test_a_pytest_command_is_understood(line: str, folder: Path) -> None:
    """Its options, families and tasks are accepted; a GPU or a library that is not
    there is said in one line."""
    done = _run(f"{line} --collect-only -q", folder)
    missing = {"--device cuda": "no device 'cuda' here", "--cluster": "--cluster needs Ray"}
    for option, said in missing.items():
        if option in line and done.returncode == 2:
            assert said in done.stderr
            return
    assert done.returncode == 0, done.stderr
    assert "bench_" in done.stdout


def test_the_two_commands_are_those_of_tox_and_ci() -> None:
    """The README's lines call environments that tox has, and CI runs the test line as it is."""
    lines = [line for line in _commands("python3") if "tox -e" in line]
    assert [line.rsplit(maxsplit=1)[1] for line in lines] == ["bench", "tests"]
    tox = (ROOT / "tox.ini").read_text()
    assert all(f"[testenv:{line.rsplit(maxsplit=1)[1]}]" in tox for line in lines)
    assert lines[1] in (ROOT / ".ci" / "run").read_text()
