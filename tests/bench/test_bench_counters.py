"""The benchmark of counters as it is run, and the document that shows what it found."""

import json
import re
import shlex
from pathlib import Path

import pytest

from bench.counted import NETWORKS
from bench.counters import COUNTERS

from .sessions import ROOT, bench, prepare

DOCUMENT = (ROOT / "docs" / "counting.md").read_text()
TRUTHS = {
    "MACs forward": [network.macs for network in NETWORKS],
    "FLOPs forward and backward": [network.step_flops for network in NETWORKS],
    "parameters": [network.parameters for network in NETWORKS],
}


def commands() -> list[str]:
    blocks = re.findall(r"```sh\n(.*?)```", DOCUMENT, flags=re.S)
    return [line for block in blocks for line in block.splitlines() if line.startswith("pytest")]


def numbers(row: str) -> list[int]:
    """The cells of a table's row but for its name."""
    return [int(cell.replace(",", "")) for cell in row.strip("|").split("|")[1:]]


def table(title: str) -> dict[str, str]:
    """The rows of the table under a title of the document, by their names."""
    _, _, after = DOCUMENT.partition(f"\n{title}:\n\n")
    rows = after.partition("\n\n")[0].splitlines()[2:]
    return {row.strip("|").split("|")[0].strip(): row for row in rows}


def test_a_session_records_judges_and_prints(tmp_path: Path) -> None:
    """Counts with truth, error and verdict in the JSON, and the tables at the end; what a counter
    cannot do is skipped with a reason and stands in the table."""
    prepare(tmp_path)
    chosen = "counters and mobilenet_v2 and (howdeep or torch_meta)"
    done = bench(tmp_path, "-m", "harness", "-k", chosen, "-rs")
    assert done.returncode == 0, done.stdout + done.stderr
    infos = {
        row["name"]: row["extra_info"]
        for row in json.loads((tmp_path / "study.json").read_text())["benchmarks"]
    }
    ours = infos["bench_counters_step[mobilenet_v2-howdeep]"]
    theirs = infos["bench_counters_step[mobilenet_v2-torch_meta]"]
    assert (ours["verdict"], ours["error"]) == ("exact", 0)
    assert theirs["verdict"] == "wrong"
    assert theirs["counted"] > 6 * theirs["truth"] == 6 * ours["counted"]
    assert len(theirs["ratios"]) > 1
    assert "torch_meta counts no parameters" in done.stdout
    assert "**+588.72%**" in done.stdout
    assert re.search(r"torch_meta +\| +cannot \|", done.stdout)


@pytest.mark.parametrize("line", commands())
def test_documented_command_is_understood(line: str, tmp_path: Path) -> None:
    """It selects this benchmark, every network and every counter."""
    prepare(tmp_path)
    arguments = shlex.split(line)[2:]
    done = bench(tmp_path, *arguments, "--collect-only", "-q")
    assert done.returncode == 0, done.stderr
    assert all(network.name in done.stdout for network in NETWORKS)
    assert all(counter.name in done.stdout for counter in COUNTERS)


@pytest.mark.parametrize("quantity", TRUTHS)
def test_document_has_the_truth_and_ours_equal_to_it(quantity: str) -> None:
    """In the table of counts and in that of errors."""
    counts = table(f"Counted {quantity}")
    assert numbers(counts["truth"]) == numbers(counts["howdeep"]) == TRUTHS[quantity]
    assert numbers(table(f"Error of {quantity}")["howdeep"]) == [0] * len(NETWORKS)


def test_document_has_every_counter() -> None:
    """In each of its tables of counts."""
    for quantity in TRUTHS:
        assert [*table(f"Counted {quantity}")] == ["truth", *(c.name for c in COUNTERS)]


def test_every_wrong_count_of_the_document_has_its_reason() -> None:
    """A row with a bold error is named in the part that gives reasons."""
    reasons = DOCUMENT.partition("## Why")[2]
    for quantity in TRUTHS:
        for name, row in table(f"Error of {quantity}").items():
            assert "**" not in row or f"`{name}`" in reasons
