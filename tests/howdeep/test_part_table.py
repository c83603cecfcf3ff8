"""`howdeep plan --per-layer`: a row a part, equal neighbours together, timed on request."""

import json
from typing import Any

from click.testing import Result
from typer.testing import CliRunner

from howdeep import part_table
from howdeep.app import app


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["plan", *arguments])


def part(name: str, **changes: Any) -> dict[str, Any]:
    costs = {"parameters": 10, "forward_flops": 2_000, "backward_flops": 4_000, "saved_bytes": 512}
    unknown = {"forward_seconds": None, "backward_seconds": None}
    return {"name": name, **costs, **unknown, **changes}


def rows(*parts: dict[str, Any]) -> list[list[str]]:
    cell = {"family": "mlp", "depth": 3, "batch_size": 1, "parts": list(parts)}
    return [line.split() for line in part_table.text(cell).splitlines()[5:]]


def test_equal_neighbours_share_a_row_and_a_sum() -> None:
    """Costs are those of each, shares those of all."""
    blocks = [part(f"blocks.{i}") for i in range(3)]
    head = part("head", forward_flops=0, backward_flops=2_000, saved_bytes=512)
    together, alone = rows(*blocks, head)
    assert together[:4] == ["blocks.0", "…", "blocks.2,", "each"]
    assert together[4:] == ["10", "2.000", "k", "4.000", "k", "90.0%", "512", "B", "75.0%"]
    assert (alone[0], alone[-4], alone[-1]) == ("head", "10.0%", "25.0%")


def test_timed_parts_have_rows_of_their_own() -> None:
    """Equal costs need not take equal times."""
    times = [{"forward_seconds": 0.001 * i, "backward_seconds": 0.003} for i in (1, 2)]
    found = rows(*(part(f"blocks.{i}", **time) for i, time in enumerate(times)))[1:]
    assert [row[0] for row in found] == ["blocks.0", "blocks.1"]
    assert [row[-2:] for row in found] == [["1", "3"], ["2", "3"]]


def test_parts_of_a_plan_add_up_to_its_cell() -> None:
    """In the JSON, on fake tensors: FLOPs and parameters of each part."""
    result = run(
        "gpt:width=16,heads=2,context=8,vocabulary=20", "--depths", "2", "--per-layer", "--json"
    )
    assert result.exit_code == 0, result.output
    (cell,) = json.loads(result.stdout)["cells"]
    parts = cell["parts"]
    assert [p["name"] for p in parts][:3] == ["stem", "blocks.0", "blocks.1"]
    assert sum(p["forward_flops"] for p in parts) == cell["flops_forward"]
    assert sum(p["backward_flops"] for p in parts) == cell["flops_backward"]
    assert sum(p["parameters"] for p in parts) == cell["parameters"]
    assert sum(p["saved_bytes"] for p in parts) == cell["activation_bytes"]
    assert all(p["forward_seconds"] is None for p in parts)


def test_timed_parts_are_run() -> None:
    """Each with its seconds forward and backward; the table says how they were taken."""
    result = run("mlp", "--depths", "3", "--per-layer", "--timed")
    assert result.exit_code == 0, result.output
    assert "median of 7 passes on one CPU thread" in result.stdout
    assert "blocks.1" in result.stdout
