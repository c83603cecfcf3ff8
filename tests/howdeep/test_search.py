"""`howdeep search` on networks and data that take moments: its answer, and what it refuses."""

import json
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from bench import families
from bench.measure import machine
from bench.search import ladder
from bench.specs import InputError
from howdeep.app import app
from reports.study_store import read_store
from tests.bench.sessions import TASK, environment, wait_for

SMALL = ("--task", "small_task.py:load", "--epochs", "1", "--batch-size", "32", "--seeds", "3")
NETWORK = ("mlp:width=8", "--depths", "1,2,4", *SMALL)

MORE_TASKS = """

def nan():
    arrays = load()
    arrays["validation"][0][3, 0, 2] = np.inf
    return arrays
"""

FAMILIES = """
import torch
from torch import nn

def build(depth):
    blocks = (nn.Sequential(nn.Linear(8, 8), nn.ReLU()) for _ in range(depth))
    return nn.Sequential(nn.Flatten(), *blocks, nn.Linear(8, 3))

def exploding(depth):
    network = build(depth)
    if depth > 2:
        nn.init.constant_(network[1][0].weight, 3e38)
    return network

def even(depth):
    if depth % 2: raise ValueError(f"depth must be even; got {depth}")
    return build(depth)

class Fragile(nn.Linear):
    def forward(self, x):
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried")

def fragile(depth):
    network = build(depth)
    if depth > 2:
        network.append(Fragile(3, 3))
    return network

def broken(depth):
    return build(depth).append(Fragile(3, 3))

def sparse(depth):
    if depth % 8 != 1: raise ValueError(f"depth must be 8n+1; got {depth}")
    return build(depth)

def large(depth):
    if depth < 100: raise ValueError("too small")
    return build(depth)

def example_input(batch_size): return torch.zeros(batch_size, 1, 8)
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with a user's files."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "small_task.py").write_text(TASK + MORE_TASKS)
    (tmp_path / "search_net.py").write_text(FAMILIES)
    return tmp_path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["search", *arguments])


def answer(*arguments: str) -> dict[str, Any]:
    result = run(*arguments, "--json")
    assert result.exit_code in (0, 3), result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def refused(*arguments: str, exit_code: int = 2) -> str:
    """The one line that a refusal is: the last of standard error; nothing else is an answer."""
    result = run(*arguments)
    assert result.exit_code == exit_code, result.output
    assert result.stdout == ""
    assert "Traceback" not in result.stderr
    *_, last = result.stderr.splitlines()
    return last


def kept(folder: Path) -> list[str]:
    with sqlite3.connect(folder / "results" / "search.sqlite") as connection:
        return [row[0] for row in connection.execute("SELECT key FROM records")]


def test_it_answers_as_a_report_does(folder: Path) -> None:
    """The verdict's contract, with how it was found; the depths asked for and no others."""
    found = answer(*NETWORK)
    (verdict,) = found["depths"]
    assert verdict["family"] == "mlp:width=8"
    assert verdict["best_depth"] in (1, 2, 4)
    assert found["search"]["runs"] == len(kept(folder))
    assert 0 < found["search"]["train_flops"] <= found["search"]["sweep_train_flops"]


def test_each_step_is_told_beside_the_answer() -> None:
    """On standard error; the answer alone is on standard output."""
    result = run(*NETWORK, "--markdown", "answer.md")
    assert result.stderr.startswith("depth 1: ")
    assert "  best depth 1 (" in result.stderr
    assert "; next: depth 2 with 2 seeds" in result.stderr
    assert result.stderr.splitlines()[-1].partition("; stops: ")[2]
    assert result.stdout.startswith("mlp:width=8 on small_task.py:load\n")
    assert "The search\n" in result.stdout
    assert Path("answer.md").read_text().startswith("# How deep should it be?\n")


def test_nothing_is_trained_twice(folder: Path) -> None:
    """A second search takes what the first one kept; one with more seeds adds to it."""
    first = answer(*NETWORK)
    keys = kept(folder)
    assert answer(*NETWORK) == first
    assert kept(folder) == keys
    answer(*NETWORK, "--seeds", "4")
    assert set(keys) <= set(kept(folder))
    assert len(kept(folder)) == len(set(kept(folder)))


def test_a_report_from_its_store_names_the_machine(folder: Path) -> None:
    """As of a study's store."""
    answer(*NETWORK)
    (environment,) = read_store(folder / "results" / "search.sqlite").environments
    assert environment["cores"] == machine.cores()
    assert environment["threads"] == 1


def test_what_does_not_fit_is_left_out() -> None:
    """And said so; the deepest that fits may be the best."""
    found = answer(*NETWORK, "--budget", "flops=400")
    assert found["search"]["left_out"].keys() == {"4"}
    assert found["search"]["left_out"]["4"] == "it does not fit flops<=400"


def test_a_latency_is_measured_before_anything_is_trained() -> None:
    """A generous one leaves nothing out; the samples tell how sure that is."""
    found = answer(*NETWORK, "--budget", "latency=10min")
    assert found["search"]["left_out"] == {}
    (under,) = found["depths"][0]["under_budget"]
    assert (under["budget"], under["cannot_tell"]) == ("latency_seconds<=600", [])
    assert not any("noise" in note for note in found["depths"][0]["notes"])
    assert refused(*NETWORK, "--budget", "latency=1ns", exit_code=1).startswith(
        "howdeep search: no depth fits latency_seconds<=1e-09; depth "
    )


def test_budgets_are_answered_as_in_a_report() -> None:
    """Each alone and all together, from what is known before the training and what it counted."""
    found = answer(*NETWORK, "--budget", "memory=1GB,flops=1G", "--budget", "train_flops=1G")
    (verdict,) = found["depths"]
    asked = ["peak_bytes<=1000000000", "flops<=1000000000", "train_flops<=1000000000"]
    assert [each["budget"] for each in verdict["under_budget"]] == asked
    assert {each["depth"] for each in verdict["under_budget"]} == {verdict["best_depth"]}
    assert verdict["under_all_budgets"]["depth"] == verdict["best_depth"]
    assert "peak_bytes" in verdict["pareto"]


def test_a_budget_that_nothing_meets_names_the_nearest() -> None:
    """Exit code 1."""
    line = refused(*NETWORK, "--budget", "flops=10", exit_code=1)
    assert line == "howdeep search: no depth fits flops<=10; depth 1 comes nearest with 48"


def test_what_is_not_finite_at_initialisation_is_left_out() -> None:
    """By the layer where it begins."""
    network = ("search_net.py:exploding", "--depths", "1,2,4", *SMALL)
    assert answer(*network)["search"]["left_out"] == {
        "4": "1 is not finite at initialisation"
    }  # fmt: skip


def test_a_depth_that_cannot_be_surveyed_is_left_out() -> None:
    """And said so, as it happens and in the answer; the others are searched."""
    result = run("search_net.py:fragile", "--depths", "1,2,4", *SMALL, "--json")
    why = "it cannot be surveyed (oom: RuntimeError: DefaultCPUAllocator: can't allocate memory"
    assert result.stderr.startswith(f"depth 4 is left out: {why}")
    found = json.loads(result.stdout)
    assert found["search"]["left_out"]["4"].startswith(why)
    assert found["depths"][0]["best_depth"] in (1, 2)


def test_a_family_of_which_no_depth_can_be_surveyed_is_refused() -> None:
    """With what happens at the shallowest."""
    line = refused("search_net.py:broken", "--depths", "1,2", *SMALL)
    assert line.startswith(
        "howdeep search: search_net.py:broken can be surveyed at no depth; at 1: oom: RuntimeError"
    )
    line = refused("search_net.py:broken", "--depths", "2", *SMALL)
    assert line.startswith("howdeep search: search_net.py:broken at depth 2 cannot be surveyed: ")


def test_a_budget_is_not_blamed_for_what_cannot_be_trained() -> None:
    """Depths that fit it, and are left out for another reason, are no answer that nothing fits."""
    network = ("search_net.py:exploding", "--depths", "4,8", *SMALL)
    line = "howdeep search: no depth can be trained; depth 4: 1 is not finite at initialisation"
    assert refused(*network) == line
    assert refused(*network, "--budget", "flops=1G") == line


def test_the_training_allowed_is_kept() -> None:
    """What was found so far is the answer; where that is nothing, it cannot tell."""
    whole = answer(*NETWORK)["search"]["train_flops"]
    found = answer(*NETWORK, "--max-train-flops", str(whole / 2))["search"]
    assert found["train_flops"] <= whole / 2
    assert not found["complete"]
    result = run(*NETWORK, "--max-train-flops", "1")
    assert result.exit_code == 3
    assert "would need more than the training allowed" in result.stdout
    late = answer(*NETWORK, "--max-train-time", "1us")["search"]
    assert (late["runs"], late["complete"]) == (0, False)


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (("--depths", "0"), "--depths"),
        (("--max-depth", "x"), "--max-depth takes one whole number of at least 1; got 'x'"),
        (("--max-depth", "0"), "--max-depth takes one whole number of at least 1; got '0'"),
        (("--budget", "train_time=1h"), "--budget train_time: not known before a depth is trained"),
        (("--budget", "speed=1"), "--budget: one of "),
        (("--max-train-time", "soon"), "--max-train-time: a number of seconds was expected"),
        (("--max-train-flops", "-1"), "--max-train-flops: a number of flops was expected"),
        (("--seeds", "0"), "--seeds"),
        (("--batch-size", "8,16"), "--batch-size takes one whole number here"),
        (("--task", "none"), "unknown task"),
        (
            ("--task", "small_task.py:nan"),
            "task small_task.py:nan: validation: 1 of 300 inputs hold NaN or infinity",
        ),
        (("--markdown", "small_task.py/a"), "cannot write small_task.py/a"),
        (("--depths", "4,8", "--max-depth", "2"), "no depth of --depths is at most 2"),
    ],
)
def test_wrong_input_is_one_line(options: tuple[str, ...], line: str) -> None:
    """Exit code 2."""
    assert refused(*NETWORK, *options).startswith(f"howdeep search: {line}")


def test_depths_that_a_family_refuses_are_told() -> None:
    """In its own words."""
    line = refused("search_net.py:even", "--depths", "2,3", *SMALL)
    assert line == "howdeep search: search_net.py:even: ValueError: depth must be even; got 3"


def test_a_stopped_search_goes_on_where_it_was(folder: Path) -> None:
    """It leaves no half of an answer; the line says how to go on."""
    call = [sys.executable, "-m", "howdeep.app", "search", *NETWORK, "--epochs", "400"]
    process = subprocess.Popen(
        call, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env=environment(OMP_NUM_THREADS="1"),
    )  # fmt: skip
    wait_for(lambda: (folder / "results" / "search.sqlite").exists() or process.poll() is not None)
    process.send_signal(signal.SIGTERM)
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert output == ""
    last = "howdeep search: stopped; the same command goes on where it was"
    assert errors.splitlines()[-1] == last


# --- the depths ------------------------------------------------------------------------------


def test_named_depths_are_taken_and_doubled_on() -> None:
    """Beyond the deepest that is named only where that is asked for."""
    resnet = families.find("resnet")
    assert ladder(resnet, most=None, between=False) == (2, 4, 8, 16, 32, 64)
    assert ladder(resnet, most=130, between=False) == (2, 4, 8, 16, 32, 64, 128)
    assert ladder(resnet, most=20, between=True) == (2, 4, 6, 8, 12, 16)


def test_a_family_that_names_none_is_doubled_from_its_shallowest() -> None:
    """With depths that it has."""
    even = families.find("search_net.py:even")
    assert ladder(even, most=None, between=False) == (2, 4, 8, 16, 32, 64)
    assert ladder(even, most=16, between=True) == (2, 4, 6, 8, 12, 16)


def test_where_no_depth_is_that_near_the_next_is_taken() -> None:
    """A doubling that the family does not have ends nothing."""
    sparse = families.find("search_net.py:sparse")
    assert ladder(sparse, most=30, between=False) == (1, 9, 17)


def test_a_family_without_a_depth_that_shallow_is_refused() -> None:
    """With the shallowest that it has."""
    with pytest.raises(InputError, match="the shallowest depth of resnet is 2, above 1"):
        ladder(families.find("resnet"), most=1, between=True)


# --- what is held equal ----------------------------------------------------------------------


def test_depths_can_be_made_alike() -> None:
    """In parameters, by their widths, and in steps."""
    alike = ("--match", "parameters", "--train-for", "20steps")
    network = ("mlp:width=16", "--depths", "2,4", *SMALL[:2], *SMALL[4:])
    (verdict,) = answer(*network, *alike)["depths"]
    assert verdict["held_equal"]["steps"] == {"equal": True, "value": 20}


def test_learning_rates_can_be_chosen_at_each_depth(folder: Path) -> None:
    """Their trials count as training, and as no runs."""
    plain = answer(*NETWORK, "--store", "plain.sqlite")["search"]
    tuned = answer(*NETWORK, "--lr", "tune")["search"]
    assert tuned["sweep_train_flops"] == pytest.approx(plain["sweep_train_flops"] * (3 + 5) / 3)
    with sqlite3.connect(folder / "results" / "search.sqlite") as connection:
        kinds = dict(connection.execute("SELECT kind, count(*) FROM records GROUP BY kind"))
    assert kinds["run"] == tuned["runs"]
    assert kinds["tuning"] % 5 == 0
