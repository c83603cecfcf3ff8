"""The studies that are kept in `reports/studies` can be read, and say what their page says."""

from pathlib import Path

import pytest

from reports.budget import parse_budgets
from reports.hardware import compare
from reports.machine_specs import parse_specs
from reports.machines import read_machines
from reports.study import read

FOLDER = Path(__file__).parents[2] / "reports" / "studies"
STUDIES = sorted(FOLDER.glob("*.json"))


def test_each_study_is_told_in_the_folder_s_page() -> None:
    """How each was made stands in README.md, and of none that is not there."""
    page = (FOLDER / "README.md").read_text()
    assert len(STUDIES) >= 4
    for path in STUDIES:
        assert path.name in page


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.stem)
def test_each_study_is_whole(path: Path) -> None:
    """Every cell that was asked for was measured, in the dtype and with the threads of its name,
    and the machine is known."""
    tables = read([path])
    dtype, threads = path.stem.split("-")[-2:]
    assert len(tables.cells) == 45
    assert set(tables.cells["status"]) == {"ok"}
    assert set(tables.cells["dtype"]) == {dtype}
    assert set(tables.cells["threads"]) == {int(threads.rstrip("threads"))}
    (environment,) = tables.environments
    assert environment["cpu_model"]
    assert environment["torch"]


def test_more_threads_move_the_best_depth() -> None:
    """What the page says of 2 ms."""
    budgets = parse_budgets(["latency=2ms"])
    specs, _ = parse_specs([str(FOLDER / f"epyc-fp32-{n}.json") for n in ("1thread", "2threads")])
    found = compare(read_machines(specs), budgets=budgets)
    assert "threads" in [each.name for each in found.differences]
    assert len(found.pairs) == 45
    depths = {each.machine: each.best_depth for each in found.affordable if each.family == "resnet"}
    assert depths == {"epyc-fp32-1thread": 4, "epyc-fp32-2threads": 8}


def test_another_dtype_is_never_compared() -> None:
    """fp32 and bf16 share nothing."""
    specs, _ = parse_specs(
        [str(FOLDER / f"epyc-{dtype}-1thread.json") for dtype in ("fp32", "bf16")]
    )
    assert not compare(read_machines(specs)).comparable
