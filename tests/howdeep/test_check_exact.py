"""`howdeep check --exact`: what is planted is found, what is not is let pass, and the baseline is
never lost."""

import json
import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from howdeep.app import app

ROOT = Path(__file__).parents[2]
BASELINE = "howdeep-baseline.json"

PERCEPTRON = """
import torch
from torch import nn

class Layer(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(6, 6)
    def forward(self, x):
        x = self.linear(x)
        return torch.tanh(x)

def build(depth): return nn.Sequential(*(Layer() for _ in range(depth)), nn.Linear(6, 10))
def example_input(batch_size): return torch.ones(batch_size, 6)
"""

CONVOLUTIONS = """
import torch
from torch import nn

class Layer(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.norm = nn.Conv1d(4, 4, 3, padding=1), nn.BatchNorm1d(4)
    def forward(self, x):
        branch = x
        x = self.norm(self.conv(x))
        return branch + torch.relu(x)

class Net(nn.Module):
    def __init__(self, depth):
        super().__init__()
        self.layers = nn.Sequential(*(Layer() for _ in range(depth)))
        self.head = nn.Linear(4, 10)
    def forward(self, x):
        return self.head(self.layers(x).mean(2))

def build(depth): return Net(depth)
def example_input(batch_size): return torch.randn(batch_size, 4, 12)
"""

ATTENTION = """
import torch
from torch import nn

class Layer(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm = nn.LayerNorm(8)
        self.attention = nn.MultiheadAttention(8, 2, dropout=0.1, batch_first=True)
    def forward(self, x):
        y = self.norm(x)
        x = x + self.attention(y, y, y, need_weights=False)[0]
        return x

class Net(nn.Module):
    def __init__(self, depth):
        super().__init__()
        self.layers = nn.Sequential(*(Layer() for _ in range(depth)))
        self.head = nn.Linear(8, 10)
    def forward(self, x):
        return self.head(self.layers(x)[:, 0])

def build(depth): return Net(depth)
def example_input(batch_size): return torch.randn(batch_size, 5, 8)
"""

VALUES = """
import torch
from torch import nn

class Layer(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(6, 6)
    def forward(self, x):
        x = self.linear(x)
        print("mean", x.mean().item())
        return torch.sigmoid(x) if x.abs().sum().item() > 0 else x

def build(depth): return nn.Sequential(*(Layer() for _ in range(depth)), nn.Linear(6, 10))
def example_input(batch_size): return torch.randn(batch_size, 6)
"""

NETWORKS = {
    "perceptron": PERCEPTRON,
    "convolutions": CONVOLUTIONS,
    "attention": ATTENTION,
    "values": VALUES,
}

# By what a layer keeps for the backward more than it did.
KEPT = {
    "a product with a tensor": "x = x * torch.ones_like(x)",
    "a second activation": "x = x + torch.sigmoid(x)",
    "a softplus beside it": "x = x + 0.0 * nn.functional.softplus(x)",
    "a copy that is saved": "x = torch.exp(x.clone()) - 1",
}
"""Statements that are put at the start of a layer's forward."""


def project(folder: Path, source: str, *, settings: str = "") -> Path:
    """A folder with `net.py` and a `pyproject.toml` that names it, at depths 2, 3 and 5."""
    folder.mkdir(parents=True)
    (folder / "net.py").write_text(source)
    (folder / "pyproject.toml").write_text(
        f'[tool.howdeep.check]\nfamilies = ["net.py:build"]\ndepths = [2, 3, 5]\n{settings}'
    )
    return folder


def in_layers(source: str, statement: str) -> str:
    """`statement` before anything else in the forward of every layer."""
    head, line, tail = source.partition("    def forward(self, x):\n")
    return f"{head}{line}        {statement}\n{tail}"


@pytest.fixture(autouse=True)
def own_path(monkeypatch: pytest.MonkeyPatch) -> None:
    """What families put in front of `sys.path` goes again."""
    monkeypatch.setattr(sys, "path", list(sys.path))


@pytest.fixture
def check(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Runs `howdeep check` in a folder."""

    def run(folder: Path, *arguments: str) -> Result:
        monkeypatch.chdir(folder)
        return CliRunner().invoke(app, ["check", *arguments])

    return run


@pytest.fixture
def changed(tmp_path: Path, check: Callable[..., Result]) -> Callable[..., dict[str, Any]]:
    """The JSON of a check after `source` became `new`; the exit code is in it."""

    def run(source: str, new: str, *, settings: str = "") -> dict[str, Any]:
        base = project(tmp_path / "base", source, settings=settings)
        accepted = check(base, "--accept")
        assert accepted.exit_code == 0, accepted.output
        head = project(tmp_path / "head", new, settings=settings)
        shutil.copy(base / BASELINE, head)
        result = check(head, "--exact", "--json")
        document: dict[str, Any] = json.loads(result.stdout)
        assert result.exit_code == document["exit_code"]
        return document

    return run


def regressed(document: dict[str, Any], metric: str) -> list[dict[str, Any]]:
    """By depth."""
    assert document["exit_code"] == 1
    return [
        each
        for each in document["findings"]
        if each["metric"] == metric and each["verdict"] == "regressed"
    ]


@pytest.mark.parametrize("network", NETWORKS)
def test_nothing_planted_is_let_pass(changed: Callable[..., dict[str, Any]], network: str) -> None:
    """Exit code 0, also where the text of the file is another."""
    source = NETWORKS[network]
    document = changed(source, "# a comment\n" + source)
    assert document["exit_code"] == 0
    assert {each["verdict"] for each in document["findings"]} == {"equivalent"}
    assert document["notes"] == []


@pytest.mark.parametrize("kept", KEPT)
@pytest.mark.parametrize("network", NETWORKS)
def test_an_extra_saved_tensor_a_layer_is_always_found(
    changed: Callable[..., dict[str, Any]], network: str, kept: str
) -> None:
    """At every depth, in bytes that grow by as much with every layer."""
    source = NETWORKS[network]
    found = regressed(changed(source, in_layers(source, KEPT[kept])), "activation_bytes")
    assert [each["depth"] for each in found] == [2, 3, 5]
    growth = {(each["new"] - each["base"]) / each["depth"] for each in found}
    assert min(growth) > 0
    if len(growth) == 1:
        assert f"(+{growth.pop():,.0f} bytes a layer)" in found[0]["reason"]


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize(
    ("statement", "operator"), [("x = x * 1.0", "aten.mul"), ("x = x.clone()", "aten.clone")]
)
def test_an_extra_kernel_a_layer_is_named(
    changed: Callable[..., dict[str, Any]], network: str, statement: str, operator: str
) -> None:
    """Though it saves nothing: one more a layer of forward and of training."""
    source = NETWORKS[network]
    document = changed(source, in_layers(source, statement))
    for metric in ("operators_forward", "operators_training"):
        found = regressed(document, metric)
        assert [each["new"] - each["base"] for each in found] == [2, 3, 5]
        assert [each["reason"] for each in found] == [
            f"{operator} +{depth} (+1 operator a layer)" for depth in (2, 3, 5)
        ]


def test_one_parameter_more_is_found(changed: Callable[..., dict[str, Any]]) -> None:
    """Of a network, not of a layer."""
    new = PERCEPTRON.replace("nn.Linear(6, 10))", "nn.Linear(6, 10), nn.PReLU())")
    found = regressed(changed(PERCEPTRON, new), "parameters")
    assert [each["reason"] for each in found] == ["+1 parameter (+1 parameter at every depth)"] * 3


def test_another_output_is_found(changed: Callable[..., dict[str, Any]]) -> None:
    """Its shape, and a second one beside it."""
    new = CONVOLUTIONS.replace(
        "return self.head(self.layers(x).mean(2))",
        "x = self.layers(x); return {'logits': self.head(x.mean(2)), 'map': x}",
    )
    found = regressed(changed(CONVOLUTIONS, new), "output_shapes")
    assert {each["reason"] for each in found} == {"8x10 -> {logits: 8x10, map: 8x4x12}"}


def test_less_must_be_accepted_too(
    changed: Callable[..., dict[str, Any]], tmp_path: Path, check: Callable[..., Result]
) -> None:
    """An improvement ends with exit code 1 until it is accepted, which says what changed."""
    document = changed(in_layers(PERCEPTRON, "x = x.clone()"), PERCEPTRON)
    assert document["verdicts"]["improved"] > 0
    assert document["verdicts"]["regressed"] == 0
    assert document["exit_code"] == 1
    assert document["notes"] == [
        "exact counts differ from the baseline: if they should, run `howdeep check --accept`"
    ]
    accepted = json.loads(check(tmp_path / "head", "--accept", "--json").stdout)
    assert (
        "accepted: net.py:build/depth 2 operators_forward 10 -> 8: aten.clone -2 "
        "(-1 operator a layer)" in accepted["notes"]
    )
    assert check(tmp_path / "head", "--exact").exit_code == 0
    again = json.loads(check(tmp_path / "head", "--accept", "--json").stdout)
    assert again["notes"] == ["nothing changed"]


def test_depths_that_go_are_missing_and_those_that_come_are_new(
    tmp_path: Path, check: Callable[..., Result]
) -> None:
    """What the settings ask for no more is no pass (exit code 3); what was typed is no loss."""
    folder = project(tmp_path / "net", PERCEPTRON)
    check(folder, "--accept")
    typed = check(folder, "--exact", "--depths", "3", "--json")
    assert typed.exit_code == 0
    assert json.loads(typed.stdout)["notes"] == ["2 cells of the baseline were not asked for"]
    new = json.loads(check(folder, "--exact", "--depths", "3,4", "--json").stdout)
    assert (new["exit_code"], new["verdicts"]["new"]) == (0, 1)
    assert "--accept" in new["notes"][-1]
    settings = folder / "pyproject.toml"
    settings.write_text(settings.read_text().replace("[2, 3, 5]", "[3]"))
    missing = json.loads(check(folder, "--exact", "--json").stdout)
    assert (missing["exit_code"], missing["verdicts"]["missing"]) == (3, 2)


def test_what_was_not_asked_for_stays_in_the_baseline(
    tmp_path: Path, check: Callable[..., Result]
) -> None:
    """`--accept --depths 4` adds a depth to the others."""
    folder = project(tmp_path / "net", PERCEPTRON)
    check(folder, "--accept")
    assert check(folder, "--accept", "--depths", "4").exit_code == 0
    document = json.loads((folder / BASELINE).read_text())
    assert list(document["families"]["net.py:build"]) == ["2", "3", "4", "5"]


def test_another_batch_size_is_refused(tmp_path: Path, check: Callable[..., Result]) -> None:
    """It says which one the baseline has; accepting one depth of it would mix the two."""
    folder = project(tmp_path / "net", PERCEPTRON)
    check(folder, "--accept")
    before = (folder / BASELINE).read_text()
    refused = check(folder, "--exact", "--batch-size", "4")
    assert refused.exit_code == 2
    assert "its batch_size is 8, and 4 was asked for: give --batch-size 8" in refused.stderr
    mixed = check(folder, "--accept", "--batch-size", "4", "--depths", "3")
    assert mixed.exit_code == 2
    assert "batch_size 8 -> 4" in mixed.stderr
    assert (folder / BASELINE).read_text() == before
    whole = json.loads(check(folder, "--accept", "--batch-size", "4", "--json").stdout)
    assert whole["notes"] == ["accepted: batch_size 8 -> 4"]


def test_no_baseline_is_one_line(tmp_path: Path, check: Callable[..., Result]) -> None:
    """Exit code 2, and what writes one."""
    result = check(project(tmp_path / "net", PERCEPTRON), "--exact")
    assert result.exit_code == 2
    assert result.stdout == ""
    assert "no baseline" in result.stderr
    assert "`howdeep check --accept` writes one" in result.stderr


@pytest.mark.parametrize("content", [b"", b"<<<<<<< HEAD\n{}", b"\xff\xfe", b'{"schema": 99}'])
def test_a_damaged_baseline_is_kept_aside(
    tmp_path: Path, check: Callable[..., Result], content: bytes
) -> None:
    """A check refuses it; accepting writes a new one, and the old one stays, twice if need be."""
    folder = project(tmp_path / "net", PERCEPTRON)
    for kept in (f"{BASELINE}.unreadable", f"{BASELINE}.unreadable2"):
        (folder / BASELINE).write_bytes(content)
        refused = check(folder, "--exact")
        assert (refused.exit_code, refused.stderr.count("\n")) == (2, 1)
        assert "cannot be read as a baseline" in refused.stderr
        assert (folder / BASELINE).read_bytes() == content
        accepted = json.loads(check(folder, "--accept", "--json").stdout)
        assert kept in accepted["notes"][0]
        assert (folder / kept).read_bytes() == content
    assert (folder / f"{BASELINE}.unreadable").read_bytes() == content
    assert check(folder, "--exact").exit_code == 0


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (PERCEPTRON.replace("build(depth): ", "build(depth): assert depth < 3; "), "at depth 3"),
        (PERCEPTRON.replace("build(depth): ", "build(depth): raise SystemExit(9); "), "at depth 2"),
        (PERCEPTRON.replace("nn.Linear(6, 10)", "nn.Linear(7, 10)"), "at depth 2: RuntimeError"),
        (PERCEPTRON.replace("import torch\n", "import torch, no_such_module\n"), "cannot load"),
        (PERCEPTRON + "raise SystemExit(0)\n", "cannot load"),
        ("", "no function 'build'"),
    ],
)
def test_a_family_that_fails_is_one_line(
    tmp_path: Path, check: Callable[..., Result], source: str, message: str
) -> None:
    """Exit code 2, nothing is written, and the baseline that is there stays."""
    folder = project(tmp_path / "net", source)
    (folder / BASELINE).write_text("precious")
    result = check(folder, "--accept")
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert message in result.stderr
    assert [path.name for path in folder.glob(f"*{BASELINE}*")] == [BASELINE]
    assert (folder / BASELINE).read_text() == "precious"


def test_a_name_that_is_typed_otherwise_is_the_same_family(
    tmp_path: Path, check: Callable[..., Result]
) -> None:
    """A knob of text may be spelled in several ways; the baseline has one of them."""
    source = PERCEPTRON.replace("build(depth)", "build(depth, bias=True)")
    folder = project(tmp_path / "net", source)
    check(folder, "--accept", "--family", "net.py:build:bias=true")
    result = check(folder, "--exact", "--family", "net.py:build:bias=TRUE", "--json")
    assert {each["verdict"] for each in json.loads(result.stdout)["findings"]} == {"equivalent"}


@pytest.mark.parametrize("emptied", [True, False])
def test_a_baseline_of_other_networks_is_no_pass(
    tmp_path: Path, check: Callable[..., Result], emptied: bool
) -> None:
    """Where everything is new, nothing was compared: exit code 3."""
    folder = project(tmp_path / "net", PERCEPTRON)
    check(folder, "--accept", "--depths", "7")
    if emptied:
        document = json.loads((folder / BASELINE).read_text())
        (folder / BASELINE).write_text(json.dumps({**document, "families": {}}))
    result = check(folder, "--exact", "--depths", "2", "--json")
    assert result.exit_code == 3
    assert "none of the families and depths" in json.loads(result.stdout)["cannot_tell"][0]


def test_files_are_looked_for_beside_the_settings(
    tmp_path: Path, check: Callable[..., Result]
) -> None:
    """Also from a folder below."""
    folder = project(tmp_path / "net", PERCEPTRON)
    check(folder, "--accept")
    (folder / "below").mkdir()
    assert check(folder / "below", "--exact").exit_code == 0


def test_what_a_network_prints_is_no_part_of_the_json(
    changed: Callable[..., dict[str, Any]],
) -> None:
    """And a network that needs values is counted on real ones."""
    assert changed(VALUES, VALUES)["exit_code"] == 0


def command(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own."""
    return subprocess.run(
        [sys.executable, "-c", "from howdeep.app import main; main()", "check", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_package_models_of_the_users_is_counted(tmp_path: Path) -> None:
    """`models.resnet:build` in their folder is theirs, and not the built-in."""
    folder = tmp_path / "theirs"
    (folder / "models").mkdir(parents=True)
    (folder / "models" / "__init__.py").touch()
    (folder / "models" / "resnet.py").write_text(PERCEPTRON)
    asked = ("--family", "models.resnet:build", "--depths", "3", "--json")
    assert command(folder, "--accept", *asked).returncode == 0
    done = command(folder, "--exact", *asked)
    assert done.returncode == 0, done.stderr
    (parameters,) = [e for e in json.loads(done.stdout)["findings"] if e["metric"] == "parameters"]
    assert parameters["new"] == 3 * 42 + 70


def test_the_project_is_as_its_own_baseline_says() -> None:
    """Every family of `pyproject.toml`: what changes on purpose is accepted by
    `howdeep check --accept` and committed. With another PyTorch only what does not depend on it
    must be the same."""
    done = command(ROOT, "--exact", "--json")
    assert done.returncode in (0, 1), done.stderr
    document = json.loads(done.stdout)
    details = document["details"]["exact"]
    changed = [each for each in document["findings"] if each["verdict"] != "equivalent"]
    if details["torch"] != details["baseline_torch"]:
        changed = [each for each in changed if "perhaps by PyTorch" not in each["reason"]]
    assert changed == []
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["howdeep"]["check"]
    assert details["cells"] == 3 * len(settings["families"])
