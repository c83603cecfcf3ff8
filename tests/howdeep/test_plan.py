"""`howdeep plan`: the table, the JSON of the contract, and what is refused."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from howdeep.app import app

USER_FILE = """
import torch
from torch import nn

class Picky(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(6, 6)
    def forward(self, x):
        y = self.linear(x)
        return y[y > 0]

def picky(depth): return Picky()

def rates(depth):
    drops = [nn.Dropout(rate.item()) for rate in torch.linspace(0, 0.1, depth)]
    return nn.Sequential(nn.Linear(6, 6), *drops)

def broken(depth): return {}[depth]

def example_input(batch_size): return torch.ones(batch_size, 6)
"""

KEYWORDS = """
import torch
from torch import nn
def build(depth): return nn.Linear(6, 6)
def example_input(batch_size): return {"input": torch.ones(batch_size, 6)}
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with a user's files."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "plan_net.py").write_text(USER_FILE)
    (tmp_path / "plan_keywords.py").write_text(KEYWORDS)
    return tmp_path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["plan", *arguments])


def cells(*arguments: str) -> list[dict[str, Any]]:
    result = run(*arguments, "--json")
    assert result.exit_code == 0, result.output
    plan = json.loads(result.stdout)
    assert set(plan) == {"cells", "deepest_that_fits"}
    return list(plan["cells"])


def test_published_sizes_are_planned_exactly() -> None:
    """CIFAR ResNet-20, 56 and 110 as in He et al. 2015, with the keys of the contract."""
    planned = cells("cifar_resnet", "--depths", "20,56,110")
    assert [(c["depth"], c["parameters"], c["macs_forward"]) for c in planned] == [
        (20, 269_722, 40_551_040),
        (56, 853_018, 125_485_696),
        (110, 1_727_962, 252_887_680),
    ]
    assert set(planned[0]) == {
        *("family", "depth", "batch_size", "parameters", "flops_forward", "macs_forward"),
        *("flops_backward", "flops_step", "uncounted_ops", "activation_bytes", "peak_bytes"),
        *("peak_by_kind", "fits"),
    }
    for cell in planned:
        assert cell["flops_forward"] == 2 * cell["macs_forward"]
        assert cell["flops_step"] == cell["flops_forward"] + cell["flops_backward"]
        assert cell["flops_step"] == 6 * cell["macs_forward"] - 884_736


def test_costs_grow_with_the_batch() -> None:
    """FLOPs and saved bytes are proportional to it, parameters are not."""
    (four,), (twelve,) = (
        cells("resnet", "--depths", "8", "--batch-size", size) for size in ("4", "12")
    )
    for name in ("flops_forward", "flops_backward", "flops_step"):
        assert twelve[name] == 3 * four[name]
    assert twelve["parameters"] == four["parameters"]


def test_saved_bytes_are_the_closed_form() -> None:
    """A perceptron saves each layer's input: 4 n (40 + 100 (depth - 1)) bytes."""
    planned = cells("mlp", "--depths", "2,3,5", "--batch-size", "6")
    assert [c["activation_bytes"] for c in planned] == [
        4 * 6 * (40 + 100 * (depth - 1)) for depth in (2, 3, 5)
    ]


@pytest.mark.parametrize("spec", ["mlp:norm=batch", "resnet", "cifar_resnet"])
def test_a_batch_norm_is_planned_for_one_row(spec: str) -> None:
    """The default batch of one is no obstacle, with fvcore's table neither."""
    result = run(spec, "--depths", "8", "--per-module")
    assert result.exit_code == 0, result.output


def test_depths_are_the_familys_where_none_are_asked() -> None:
    """It knows which make sense."""
    assert [c["depth"] for c in cells("cifar_resnet")] == [8, 14, 20, 32, 44, 56, 110]


def test_the_table_has_a_row_a_depth() -> None:
    """With units, and MACs beside FLOPs."""
    lines = run("cifar_resnet", "--depths", "20,56").stdout.splitlines()
    assert "one multiply-add is two FLOPs" in lines[0]
    rows = [line.split() for line in lines if line.strip()[:2] in ("20", "56")]
    assert [row[:4] for row in rows] == [
        ["20", "269,722", "40.551", "M"],
        ["56", "853,018", "125.486", "M"],
    ]


def test_per_module_is_fvcores_table() -> None:
    """Beside the count, which agrees with it."""
    text = run("mlp", "--depths", "2", "--per-module").stdout
    assert "head.weight" in text
    assert "within 2%" in text


def test_json_is_all_that_is_printed() -> None:
    """One object that any reader can read, also with `--per-module`."""
    result = run("mlp", "--depths", "2", "--json", "--per-module")
    assert json.loads(result.stdout)["cells"]
    assert result.stderr == ""


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("mpl",), "unknown family 'mpl'"),
        (("mlp:wdith=3",), "unknown knob 'wdith'"),
        (("mlp:norm=bach",), "known: none, batch, layer, group"),
        (("cifar_resnet", "--depths", "21"), "6n+2"),
        (("mlp", "--depths", "0"), "--depths"),
        (("mlp", "--depths=-3"), "--depths"),
        (("mlp", "--depths", "abc"), "--depths"),
        (("mlp", "--batch-size", "none"), "--batch-size"),
        (("mlp", "--batch-size", "2,4"), "--batch-size"),
        (("missing.py:build",), "missing.py"),
        (("plan_net.py:broken", "--depths", "2"), "plan_net.py:broken"),
        (("./plan_net:picky", "--depths", "2"), "./plan_net"),
        (("plan_keywords.py:build", "--depths", "2", "--per-module"), "dict"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(arguments: tuple[str, ...], said: str) -> None:
    """Never a traceback, and nothing on standard output."""
    result = run(*arguments)
    assert result.exit_code == 2, result.exception
    assert result.stdout == ""
    assert said in result.stderr
    assert result.stderr.startswith("howdeep plan: ")
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize("function", ["picky", "rates"])
def test_a_network_that_needs_values_is_planned(function: str) -> None:
    """Where the meta device does not do, it is counted on the CPU."""
    (cell,) = cells(f"plan_net.py:{function}", "--depths", "2", "--batch-size", "5")
    assert cell["flops_forward"] == 2 * 5 * 6 * 6
    assert cell["parameters"] == 6 * 6 + 6


def test_help_names_the_options() -> None:
    """What can be typed stands in `--help`."""
    text = CliRunner(env={"COLUMNS": "200", "TERM": "dumb"}).invoke(app, ["plan", "--help"]).stdout
    for option in ("--depths", "--batch-size", "--per-module", "--json"):
        assert option in text
