"""What binds each depth's step: one table a family and setting, drawn with its shares."""

import json
from typing import Any

from reports.block import Block, number
from reports.blocks import blocks
from reports.efficiency import DepthEfficiency, efficiency_tables
from reports.findings import find
from reports.study_json import read_json
from reports.tables import Tables
from tests.reports import studies

SHARES = {
    "mfu": 0.25,
    "mfu_published": 0.2,
    "bound": "memory",
    "flops_per_byte": 3.5,
    "compute_share": 0.3,
    "memory_share": 0.6,
    "launch_share": 0.05,
    "launch_seconds_per_layer": 2e-6,
    "energy_joules": 64.0,
}


def tables(*benchmarks: dict[str, Any]) -> Tables:
    return read_json("study.json", json.dumps(studies.document(benchmarks=benchmarks)))


def efficiency_blocks(of: Tables) -> list[Block]:
    return [block for block in blocks(find(of)) if block.heading.startswith("What binds")]


def test_each_depths_step_is_a_row() -> None:
    """Shallowest first, with every figure as it stands in the study; other passes stay out."""
    measured = [
        studies.cost_benchmark("resnet", depth, pass_, **SHARES)
        for depth in (8, 2)
        for pass_ in ("forward", "step")
    ]
    (table,) = efficiency_tables(tables(*measured))
    assert table.family == "resnet"
    assert [row.depth for row in table.depths] == [2, 8]
    assert table.depths[0] == DepthEfficiency(depth=2, **SHARES)


def test_variants_have_tables_of_their_own() -> None:
    """A compiled step is not mixed with one that is run as written."""
    plain, compiled = (studies.cost_benchmark("resnet", 2, "step", **SHARES) for _ in range(2))
    compiled["params"]["variants"] = "checkpointing+compile"
    found = efficiency_tables(tables(plain, compiled))
    assert {table.setting.variants for table in found} == {None, "checkpointing+compile"}
    captions = [block.captions[0] for block in efficiency_blocks(tables(plain, compiled))]
    assert any("run with checkpointing, compile" in caption for caption in captions)


def test_figures_have_their_units() -> None:
    """Shares in percent, launches in microseconds a layer, joules a sample of the batch of 128."""
    (block,) = efficiency_blocks(tables(studies.cost_benchmark("mlp", 4, "step", **SHARES)))
    row = dict(zip([" ".join(h.split()) for h in block.header], block.rows[0], strict=True))
    assert row == {
        "depth": "4",
        "MFU %": "25.0",
        "MFU % of published": "20.0",
        "FLOPs a byte": "3.5",
        "compute %": "30.0",
        "memory %": "60.0",
        "launches %": "5.0",
        "bound by": "memory",
        "launch µs a layer": "2.0",
        "joules a sample": "0.5",
    }


def test_a_small_figure_is_not_drawn_as_zero() -> None:
    """One digit that counts; a zero is a zero."""
    assert number(0.0004, 0.01, ".1f") == "0.04"
    assert number(0.0, 0.01, ".1f") == "0.0"
    assert number(None, 1, ".1f") == ""


def test_a_study_that_knows_nothing_of_it_has_no_such_table() -> None:
    """Files of other tools, and of earlier versions."""
    assert efficiency_tables(tables(studies.cost_benchmark("mlp", 4, "step"))) == ()
