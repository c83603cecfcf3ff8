"""`howdeep plan`: the table, the JSON of the contract, what fits, and what is refused."""

import itertools
import json
import math
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from bench.families import Family
from bench.train.optimizers import OPTIMIZERS
from howdeep import forecast, plan_table
from howdeep.app import app
from howdeep.fit import Fit

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

def leaving(depth): raise SystemExit("no such network")

def frozen(depth): return nn.Linear(6, 6).requires_grad_(False)

def ignoring(depth): return nn.Linear(6, 6)

def narrowing(depth): return nn.Sequential(nn.Linear(6, 6), nn.Linear(6, 60000 // depth))

def limited(depth):
    if depth > 12: raise ValueError(f"depth must be at most 12; got {depth}")
    return nn.Sequential(*(nn.Linear(6, 6) for _ in range(depth)))

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
    """A working folder with a user's files, and time enough for every prediction."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(forecast, "LONGEST_SECONDS", math.inf)
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "plan_net.py").write_text(USER_FILE)
    (tmp_path / "plan_keywords.py").write_text(KEYWORDS)
    return tmp_path


@pytest.fixture
def few_depths(monkeypatch: pytest.MonkeyPatch) -> None:
    """Families name no depths above 19, so that a plan of all of them has few rows."""
    named = vars(Family)["depths"].fget
    few = property(lambda family: tuple(depth for depth in named(family) if depth < 20))
    monkeypatch.setattr(Family, "depths", few)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["plan", *arguments])


def cells(*arguments: str) -> list[dict[str, Any]]:
    result = run(*arguments, "--json")
    assert result.exit_code == 0, result.output
    plan = json.loads(result.stdout)
    assert set(plan) == {"cells", "deepest_that_fits"}
    assert plan["deepest_that_fits"] is None
    return list(plan["cells"])


def fitting(*arguments: str, exit_code: int = 0) -> dict[str, Any]:
    """The JSON object of a plan with a limit."""
    result = run(*arguments, "--json")
    assert result.exit_code == exit_code, result.output
    plan: dict[str, Any] = json.loads(result.stdout)
    assert set(plan) == {
        *("cells", "deepest_that_fits", "memory_bytes", "need_bytes", "extrapolated", "at_least")
    }
    return plan


def drawn(plan: dict[str, Any]) -> str:
    """What is printed of a plan with a limit where no JSON is asked for."""
    answer = {name: plan[name] for name in ("need_bytes", "extrapolated", "at_least")}
    deepest = Fit(value=plan["deepest_that_fits"], **answer)
    return plan_table.text(plan["cells"], plan["memory_bytes"], deepest)


def test_published_sizes_are_planned_exactly() -> None:
    """CIFAR ResNet-20 and 56 as in He et al. 2015, with the keys of the contract."""
    planned = cells("cifar_resnet", "--depths", "20,56")
    assert [(c["depth"], c["parameters"], c["macs_forward"]) for c in planned] == [
        (20, 269_722, 40_551_040),
        (56, 853_018, 125_485_696),
    ]
    assert set(planned[0]) == {
        *("family", "depth", "batch_size", "parameters", "flops_forward", "macs_forward"),
        *("flops_backward", "flops_step", "uncounted_ops", "activation_bytes", "peak_bytes"),
        *("peak_by_kind", "fits", "hardware_flops_step", "warnings"),
    }
    for cell in planned:
        assert cell["flops_forward"] == 2 * cell["macs_forward"]
        assert cell["flops_step"] == cell["flops_forward"] + cell["flops_backward"]
        assert cell["flops_step"] == 6 * cell["macs_forward"] - 884_736
        assert cell["hardware_flops_step"] == cell["flops_step"]
        assert cell["peak_bytes"] == sum(cell["peak_by_kind"].values())
        assert cell["fits"] is None
        assert cell["warnings"] == []


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
    assert [c["depth"] for c in cells("vgg:width=2")] == [11, 13, 16, 19]


def test_the_table_has_a_row_a_depth() -> None:
    """With units, and MACs beside FLOPs."""
    lines = run("cifar_resnet", "--depths", "8,20").stdout.splitlines()
    assert "one multiply-add is two FLOPs" in lines[0]
    eight, twenty = (
        [line.split() for line in lines if line.split()[:1] == [depth]] for depth in ("8", "20")
    )
    assert eight[0][:4] == ["8", "75,290", "12.239", "M"]
    assert twenty[0][:4] == ["20", "269,722", "40.551", "M"]
    assert twenty[1][3:5] == ["1.03", "MiB"]


def test_per_module_is_fvcores_table() -> None:
    """Beside the count, which agrees with it."""
    text = run("mlp", "--depths", "2", "--per-module").stdout
    assert "head.weight" in text
    assert "counted here: 5,000" in text


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
        (("plan_net.py:frozen", "--depths", "2"), "nothing to train"),
        (("plan_net.py:leaving", "--depths", "2"), "no such network"),
        (("mlp", "--memory", "much"), "--memory: a number of bytes was expected"),
        (("mlp", "--memory", "0GiB"), "--memory: a finite quantity above 0"),
        (("mlp", "--memory=-3GiB"), "--memory"),
        (("mlp", "--memory", "24GiB/s"), "--memory"),
        (("mlp", "--largest-batch"), "--largest-batch needs a limit: add --memory, such as 24GiB"),
        (("mlp", "--optimizer", "newton"), "unknown optimizer 'newton'; known: adam, adamw"),
        (("mlp", "--dtype", "int8"), "int8"),
        (("mlp", "--device", "tpu"), "unknown --device 'tpu'; known here: cpu, cuda"),
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
    """Where fake tensors do not do, it is measured on real ones, which is said once."""
    arguments = (f"plan_net.py:{function}", "--depths", "2,3", "--batch-size", "5")
    result = run(*arguments, "--json")
    planned = json.loads(result.stdout)["cells"]
    for cell in planned:
        assert cell["flops_forward"] == 2 * 5 * 6 * 6
        assert cell["parameters"] == 6 * 6 + 6
        assert cell["peak_by_kind"]["parameters"] == 4 * (6 * 6 + 6)
    (warning,) = planned[0]["warnings"]
    assert "does not run on fake tensors" in warning
    assert result.stderr == f"howdeep plan: {warning}\n"


# --- memory ------------------------------------------------------------------------------------


def weights(depth: int, width: int = 100) -> int:
    """Bytes of a perceptron's parameters: (40 + 1) width, (width + 1) width, and a head of 10."""
    return 4 * (41 * width + (depth - 2) * (width + 1) * width + 10 * (width + 1))


@pytest.mark.parametrize(
    ("optimizer", "numbers_a_weight"),
    [("sgd", 0), ("momentum", 1), ("rmsprop", 1), ("adam", 2), ("adamw", 2)],
)
def test_each_optimizer_keeps_its_state(optimizer: str, numbers_a_weight: int) -> None:
    """None, one or two numbers a weight, and where it counts steps a counter for each of 2 depth
    tensors; weights of half the size take half as much."""
    arguments = ("mlp", "--depths", "8", "--optimizer", optimizer)
    (full,), (half,) = cells(*arguments), cells(*arguments, "--dtype", "bf16")
    counters = 0 if optimizer in ("sgd", "momentum") else 4 * 2 * 8
    assert full["peak_by_kind"]["optimizer_state"] == numbers_a_weight * weights(8) + counters
    assert half["peak_by_kind"]["optimizer_state"] == numbers_a_weight * weights(8) // 2 + counters
    assert half["peak_by_kind"]["parameters"] == weights(8) // 2


def test_checkpointing_is_planned() -> None:
    """Less memory for more FLOPs, in the table as well; what is saved is unknown there."""
    arguments = ("cifar_resnet", "--depths", "20", "--batch-size", "16")
    (plain,), (less,) = cells(*arguments), cells(*arguments, "--checkpointing")
    assert less["peak_bytes"] < 0.6 * plain["peak_bytes"]
    assert less["hardware_flops_step"] > less["flops_step"] == plain["flops_step"]
    assert less["activation_bytes"] is None
    assert "FLOPs run" in plan_table.text([less], None, None)


def test_on_cuda_memory_is_given_out_in_blocks() -> None:
    """Of 512 bytes; without a GPU."""
    (cell,) = cells("resnet", "--depths", "4", "--device", "cuda")
    assert all(n_bytes % 512 == 0 for n_bytes in cell["peak_by_kind"].values())


def needs(*arguments: str) -> int:
    (cell,) = cells(*arguments)
    return int(cell["peak_bytes"])


@pytest.mark.parametrize(
    ("spec", "limit", "step"), [("mlp", 2_000_000, 1), ("vgg:width=4", 17_800_000, 3)]
)
@pytest.mark.usefixtures("few_depths")
def test_the_deepest_that_fits_is_found(spec: str, limit: int, step: int) -> None:
    """It is within the limit, the family's next depth is not, and it has a row of its own."""
    plan = fitting(spec, "--memory", str(limit))
    deepest = plan["deepest_that_fits"]
    assert plan["memory_bytes"] == limit
    assert not plan["extrapolated"]
    assert not plan["at_least"]
    assert plan["need_bytes"] == needs(spec, "--depths", str(deepest)) <= limit
    assert needs(spec, "--depths", str(deepest + step)) > limit
    assert deepest in [cell["depth"] for cell in plan["cells"]]
    assert all(cell["fits"] == (cell["depth"] <= deepest) for cell in plan["cells"])


def test_of_depths_that_are_asked_for_the_deepest_that_fits_is_one() -> None:
    """No other is looked at."""
    plan = fitting("mlp", "--depths", "4,8,16", "--memory", "2MB")
    assert plan["deepest_that_fits"] == 8
    assert [(cell["depth"], cell["fits"]) for cell in plan["cells"]] == [
        *((4, True), (8, True), (16, False))
    ]


@pytest.mark.usefixtures("few_depths")
def test_what_would_take_too_long_is_read_off_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """A perceptron that fills 80 GiB with AdamW: at its deepest, with one row, four numbers a
    weight. On this clock every prediction takes a second, so that a million layers take hours."""
    clock = SimpleNamespace(perf_counter=itertools.count().__next__)
    monkeypatch.setattr(forecast, "time", clock)
    monkeypatch.setattr(forecast, "LONGEST_SECONDS", 10)
    plan = fitting("mlp", "--memory", "80GiB")
    assert plan["extrapolated"]
    assert plan["need_bytes"] <= 80 * 2**30
    assert 4 * weights(plan["deepest_that_fits"]) == pytest.approx(80 * 2**30, rel=1e-3)
    assert "read off a line through shallower ones" in drawn(plan)


@pytest.mark.parametrize("depth", [2, 8])
def test_the_largest_batch_is_found(depth: int) -> None:
    """Of each depth, whether or not the batch asked for fits; one row more does not."""
    arguments = ("mlp:width=20", "--depths", str(depth))
    plan = fitting(*arguments, "--memory", "300kB", "--largest-batch")
    (cell,) = plan["cells"]
    largest = cell["largest_batch"]
    assert needs(*arguments, "--batch-size", str(largest)) <= 300_000
    assert needs(*arguments, "--batch-size", str(largest + 1)) > 300_000


@pytest.mark.usefixtures("few_depths")
def test_nothing_fits() -> None:
    """Exit code 1, and the smallest need: the shallowest network's."""
    arguments = ("mlp", "--memory", "9KiB", "--largest-batch")
    plan = fitting(*arguments, exit_code=1)
    smallest = needs("mlp", "--depths", "1")
    assert plan["deepest_that_fits"] is None
    assert plan["need_bytes"] == smallest
    assert not any(cell["fits"] for cell in plan["cells"])
    assert all(cell["largest_batch"] is None for cell in plan["cells"])
    few = (*arguments, "--depths", "1,2")
    result = run(*few)
    assert result.exit_code == 1
    assert "peak" in result.stdout
    assert result.stderr.startswith("howdeep plan: nothing fits in ")
    assert f"the smallest need is {smallest / 2**10:.2f} KiB ({smallest:,} bytes)" in result.stderr
    assert run(*few, "--json").stderr == result.stderr


@pytest.mark.parametrize(
    ("function", "depths", "deepest", "at_least"),
    [
        # its depths end at 12
        ("limited", (2, 4, 12), 12, False),
        # every depth takes the same
        ("ignoring", (2,), 2**20, True),
        # the shallowest is the largest: of those that are shown, the deepest
        ("narrowing", (3, 9), 9, False),
    ],
)
def test_odd_families_have_an_answer(
    folder: Path, function: str, depths: tuple[int, ...], deepest: int, at_least: bool
) -> None:
    """The search ends, and says what it does not know."""
    (folder / "plan_odd.py").write_text(f"{USER_FILE}\ndepths = {depths}\n")
    for name in [name for name in sys.modules if name.startswith("plan_odd")]:
        del sys.modules[name]
    plan = fitting(f"plan_odd.py:{function}", "--memory", "5MiB")
    assert plan["deepest_that_fits"] == deepest
    assert plan["at_least"] == at_least
    assert ("deeper ones may fit too" in drawn(plan)) == at_least


def test_a_limit_beyond_all_measure_has_an_answer() -> None:
    """As far as numbers go."""
    plan = fitting("mlp", "--depths", "2", "--memory", "1e30", "--largest-batch")
    assert plan["cells"][0]["largest_batch"] > 10**24


PEAK_OF_RESIDENT_MEMORY = """
import sys
from pathlib import Path
from howdeep.app import app
for arguments in sys.argv[1:]:
    app(arguments.split(), standalone_mode=False)
lines = Path("/proc/self/status").read_text().splitlines()
print(next(line.split()[1] for line in lines if line.startswith("VmHWM")), file=sys.stderr)
"""

LARGE = {
    # 12 of the 48 blocks of GPT-2 xl as published, each of 12 w^2 + 13 w weights, w being 1600
    "gpt:size=xl --depths 12": 1_557_611_200 - 36 * (12 * 1600**2 + 13 * 1600),
    # ResNet-20 of He et al. 2015, on more images than it is ever trained on at once
    "cifar_resnet --depths 20 --batch-size 16384": 269_722,
}


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_large_networks_are_planned_in_little_memory() -> None:
    """Right, and below 2 GiB of resident memory where a step takes more than 6: most of it for
    weights, or for activations."""
    command = [sys.executable, "-c", PEAK_OF_RESIDENT_MEMORY]
    command += [f"plan {arguments} --json" for arguments in LARGE]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    plans = json.loads("[" + done.stdout.replace("}\n{", "},{") + "]")
    for plan, parameters in zip(plans, LARGE.values(), strict=True):
        (cell,) = plan["cells"]
        assert cell["parameters"] == parameters
        assert cell["peak_by_kind"]["parameters"] == 4 * parameters
        assert cell["peak_bytes"] > max(6 * 2**30, 4 * 4 * parameters)
    assert int(done.stderr.splitlines()[-1]) * 1024 < 2 * 2**30


def test_help_names_the_options() -> None:
    """What can be typed stands in `--help`, optimizers by name."""
    text = CliRunner(env={"COLUMNS": "200", "TERM": "dumb"}).invoke(app, ["plan", "--help"]).stdout
    for option in (
        *("--depths", "--batch-size", "--memory", "--largest-batch", "--optimizer", "--dtype"),
        *("--device", "--checkpointing", "--per-layer", "--timed", "--per-module", "--json"),
    ):
        assert option in text
    words = re.findall(r"\w+", text)
    assert set(OPTIMIZERS) <= set(words)


def test_what_a_network_prints_is_no_part_of_the_answer(folder: Path) -> None:
    """Standard output is the JSON alone."""
    (folder / "chatty.py").write_text(
        "import torch\n"
        "def build(depth):\n"
        "    print('building')\n"
        "    return torch.nn.Linear(4, 4)\n"
        "def example_input(batch_size): return torch.ones(batch_size, 4)\n"
    )
    result = run("chatty.py:build", "--depths", "2", "--json")
    assert json.loads(result.stdout)["cells"][0]["parameters"] == 20
    assert "building" in result.stderr


def test_a_network_that_needs_values_has_parts_as_well() -> None:
    """Counted and weighed on real tensors, as its plan is."""
    (cell,) = cells("plan_net.py:picky", "--depths", "2", "--batch-size", "5", "--per-layer")
    assert sum(part["forward_flops"] for part in cell["parts"]) == cell["flops_forward"]
    assert sum(part["saved_bytes"] for part in cell["parts"]) == cell["activation_bytes"]


def test_a_long_error_is_cut(folder: Path) -> None:
    """One line that can be read."""
    (folder / "long.py").write_text(
        "def build(depth): raise KeyError('x' * 5000)\ndef example_input(batch_size): return None\n"
    )
    result = run("long.py:build", "--depths", "2")
    assert result.exit_code == 2
    assert len(result.stderr) < 500
