"""Two stored studies: what may be compared, what is a regression, and what is only a session."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from reports.hardware_environment import facts_of
from reports.machine_specs import MachineSpec
from reports.machines import read_machines
from reports.regression.environments import CLOCK, MAY_DIFFER, MUST_MATCH
from reports.regression.finding import CANNOT_TELL, FAILED, FINE
from reports.regression.margins import Margins
from tests.reports import benchmark_files, machines, studies
from tests.reports.regression.stored_files import checked, found, verdicts

CELLS = 30


def noisy(factor: float = 1.0, **changes: Any) -> dict[str, Any]:
    """A study whose cells take `factor` times as long, each its own 1% more or less."""
    study = machines.study(**changes)
    for place, benchmark in enumerate(study["benchmarks"]):
        machines.scale(benchmark, factor * (1 + 0.01 * ((7 * place) % 5 - 2)))
    return study


def cell(study: dict[str, Any], depth: int, pass_: str, family: str = "mlp") -> dict[str, Any]:
    """One benchmark of the study."""
    (only,) = (
        each
        for each in study["benchmarks"]
        if (each["params"]["family"], each["params"]["depth"], each["params"]["pass"])
        == (family, depth, pass_)
    )
    return only


def slower(study: dict[str, Any], factor: float) -> dict[str, Any]:
    """With one cell that takes so many times as long."""
    machines.scale(cell(study, 8, "step"), factor)
    return study


def test_one_cell_that_doubles_regressed(tmp_path: Path) -> None:
    """It alone: exit code 1, with what it moved beyond the rest, and above the margin."""
    answer = checked(tmp_path, machines.study(), slower(noisy(), 2.0))
    regressed = [each for each in answer.findings if each.verdict == "regressed"]
    assert [each.place for each in regressed] == ["mlp/depth 8/step"]
    (only,) = regressed
    assert answer.exit_code == FAILED
    assert only.change == pytest.approx(1.0, abs=0.05)
    assert only.low is not None
    assert only.margin == 0.03
    assert only.margin < only.low < only.change


def test_one_cell_that_halves_improved(tmp_path: Path) -> None:
    """The other direction is no regression."""
    answer = checked(tmp_path, machines.study(), slower(noisy(), 0.5))
    assert verdicts(answer, "time", depth=8, pass_="step", family="mlp") == {"improved"}
    assert answer.exit_code == FINE


@pytest.mark.parametrize("factor", [0.7, 1.3])
def test_a_session_that_moved_as_a_whole_is_no_regression(tmp_path: Path, factor: float) -> None:
    """With the machine's kernels or without: sessions of one machine differ by so much."""
    for kernels in ((), machines.kernels(1e11 / factor, 2e10 / factor, 1e-6 * factor)):
        base = machines.study(kernels=kernels and machines.kernels(1e11, 2e10, 1e-6))
        answer = checked(tmp_path, base, noisy(factor, kernels=kernels))
        assert not verdicts(answer, "time") & {"regressed", "improved"}
        assert answer.exit_code == FINE


def test_everything_three_times_as_slow_regressed_unless_the_kernels_are_too(
    tmp_path: Path,
) -> None:
    """Beyond what sessions differ by all cells together regressed; not where the machine's own
    kernels slowed down alike."""
    base = machines.study(kernels=machines.kernels(1e11, 2e10, 1e-6))
    same = noisy(3.0, kernels=machines.kernels(1e11, 2e10, 1e-6))
    answer = checked(tmp_path, base, same)
    assert verdicts(answer, "time", family="all cells of cpu fp32") == {"regressed"}
    assert answer.exit_code == FAILED
    slow = noisy(3.0, kernels=machines.kernels(1e11 / 3, 2e10 / 3, 3e-6))
    answer = checked(tmp_path, base, slow)
    assert not verdicts(answer, "time") & {"regressed", "improved"}
    assert answer.exit_code == FINE


def test_cells_that_stayed_do_not_regress_where_most_improved(tmp_path: Path) -> None:
    """Three quarters at half the time make the rest look slow beside them, but not beside the
    clock or the kernels."""
    new = noisy()
    for place, benchmark in enumerate(new["benchmarks"]):
        machines.scale(benchmark, 0.5 if place % 4 else 1.0)
    answer = checked(tmp_path, machines.study(), new)
    assert "regressed" not in verdicts(answer, "time")


MACHINES: dict[str, tuple[dict[str, Any], str]] = {
    "CPU": ({"cpu_model": "Another CPU"}, "CPU: Example CPU 2.4GHz -> Another CPU"),
    "cores": ({"cores": 4}, "cores: 2 -> 4"),
    "GPU": ({"gpu": [{"name": "H100", "driver": "570.1"}]}, "GPU: none -> H100"),
    "PyTorch": ({"torch": "2.12.0+cpu"}, "PyTorch: 2.13.0+cpu -> 2.12.0+cpu"),
    "Python": ({"python": "3.12.0"}, "Python: 3.11.2 -> 3.12.0"),
    "OS": ({"platform": "Linux-6.8"}, "OS: Linux-6.1 -> Linux-6.8"),
    "unknown": ({"cpu_model": None}, "CPU: Example CPU 2.4GHz -> not said"),
}


@pytest.mark.parametrize("name", MACHINES)
def test_another_machine_cannot_be_told(tmp_path: Path, name: str) -> None:
    """Every time is incomparable, with what differs, though it be slower: exit code 3."""
    changes, words = MACHINES[name]
    answer = checked(tmp_path, machines.study(), slower(noisy(environment=changes), 5.0))
    assert verdicts(answer, "time") == {"incomparable"}
    assert len(found(answer, "time")) == CELLS
    assert answer.exit_code == CANNOT_TELL
    assert words in answer.cannot_tell[0]
    assert not found(answer, "peak_bytes")


def test_every_fact_of_a_machine_is_in_a_table(tmp_path: Path) -> None:
    """It must match, or it may differ, or it is one of a cell: nothing is forgotten."""
    (path,) = machines.write(tmp_path, base=machines.study())
    (machine,) = read_machines([MachineSpec("base", (Path(path),))])
    of_cells = {"threads", "dtype", "batch size", "device", "variants"}
    assert facts_of(machine).keys() <= {*MUST_MATCH, *MAY_DIFFER, CLOCK, *of_cells}
    assert not MUST_MATCH.keys() & set(MAY_DIFFER)


def test_what_may_differ_is_let_pass(tmp_path: Path) -> None:
    """Commit, memory, load, and patch versions of Python, kernel and driver."""
    gpu = {"name": "H100"}
    base = {"gpu": [{**gpu, "driver": "570.1"}], "git_commit": "a", "load": [0.1]}
    new = {
        "gpu": [{**gpu, "driver": "570.86"}], "git_commit": "b", "load": [2.0],
        "memory_bytes": 2**30, "python": "3.11.9", "platform": "Linux-6.1.0-20",
    }  # fmt: skip
    answer = checked(tmp_path, machines.study(environment=base), noisy(environment=new))
    assert answer.exit_code == FINE
    assert any("Python: 3.11.2 -> 3.11.9" in note for note in answer.notes)


def test_a_count_is_compared_on_any_machine(tmp_path: Path) -> None:
    """More parameters regressed, fewer FLOPs improved, exactly, though times cannot be told."""
    new = machines.study(environment={"cpu_model": "Another CPU"})
    cell(new, 8, "step")["extra_info"]["parameters"] += 1
    cell(new, 8, "step")["extra_info"]["flops"] -= 1
    answer = checked(tmp_path, machines.study(), new)
    assert [each.place for each in found(answer, "parameters")] == ["mlp/depth 8/step"]
    assert verdicts(answer, "parameters") == {"regressed"}
    assert verdicts(answer, "flops") == {"improved"}
    assert answer.exit_code == FAILED


@pytest.mark.parametrize(
    ("factor", "verdict"), [(1.009, "equivalent"), (1.02, "regressed"), (0.98, "improved")]
)
def test_peak_memory_has_its_margin(tmp_path: Path, factor: float, verdict: str) -> None:
    """1% by default, of the family where it has its own."""
    new = noisy()
    peak = cell(new, 8, "step")["extra_info"]
    peak["peak_bytes"] = round(factor * peak["peak_bytes"])
    answer = checked(tmp_path, machines.study(), new)
    assert verdicts(answer, "peak_bytes", family="mlp", depth=8, pass_="step") == {verdict}
    margins = Margins(families={"mlp": {"peak_bytes": 0.05}})
    answer = checked(tmp_path, machines.study(), new, margins=margins)
    assert verdicts(answer, "peak_bytes") == {"equivalent"}


def test_peaks_of_two_kinds_are_not_compared(tmp_path: Path) -> None:
    """An allocator's peak is not a process's."""
    answer = checked(tmp_path, machines.study(), noisy(peak_source="CPU allocator"))
    assert verdicts(answer, "peak_bytes") == {"incomparable"}


def refused(status: str) -> dict[str, Any]:
    """A study in which one cell ended so."""
    study = noisy()
    gone = cell(study, 8, "step")
    study["benchmarks"].remove(gone)
    study["howdeep"]["cells"] = [
        {**gone["params"], "threads": 1, "status": status, "reason": "7.9 GiB"}
    ]
    return study


@pytest.mark.parametrize(
    ("status", "verdict", "code"),
    [
        ("oom", "regressed", FAILED),
        ("diverged", "regressed", FAILED),
        ("error", "regressed", FAILED),
        ("timeout", "missing", CANNOT_TELL),
        ("skipped", "missing", CANNOT_TELL),
    ],
)
def test_a_cell_that_ends_badly_is_no_pass(
    tmp_path: Path, status: str, verdict: str, code: int
) -> None:
    """Out of memory is worse; what was not waited for cannot be told. Said with the reason."""
    answer = checked(tmp_path, machines.study(), refused(status))
    (only,) = found(answer, "status")
    assert (only.verdict, answer.exit_code) == (verdict, code)
    assert only.reason == f"ok -> {status}: 7.9 GiB"


def test_a_cell_that_fits_again_improved(tmp_path: Path) -> None:
    """Out of memory in the base, and no longer."""
    answer = checked(tmp_path, refused("oom"), noisy())
    assert verdicts(answer, "status") == {"improved"}


def test_a_missing_cell_is_never_a_pass(tmp_path: Path) -> None:
    """It is named, and the exit code is 3; a cell that only the new study has is new."""
    new = noisy()
    new["benchmarks"].remove(cell(new, 8, "step"))
    answer = checked(tmp_path, machines.study(), new)
    assert [each.place for each in answer.findings if each.verdict == "missing"] == [
        "mlp/depth 8/step"
    ]
    assert answer.exit_code == CANNOT_TELL
    answer = checked(tmp_path, new, machines.study())
    assert [each.place for each in answer.findings if each.verdict == "new"] == ["mlp/depth 8/step"]
    assert answer.exit_code == FINE


@pytest.mark.parametrize(
    ("name", "value"), [("batch_size", 64), ("dtype", "bf16"), ("variants", "compile")]
)
@pytest.mark.parametrize("normalise", [False, True])
def test_another_setting_is_incomparable(
    tmp_path: Path, name: str, value: Any, normalise: bool
) -> None:
    """Never across dtype, batch size or variants, normalised or not; what differs is said."""
    new = noisy()
    for benchmark in new["benchmarks"]:
        benchmark["params"][name] = value
    answer = checked(tmp_path, machines.study(), new, normalise=normalise)
    assert verdicts(answer, "time") == {"incomparable"}
    assert all(name in each.reason for each in found(answer, "time"))
    assert answer.exit_code == CANNOT_TELL


def test_threads_are_a_setting_unless_normalised(tmp_path: Path) -> None:
    """Two threads against one: incomparable; on demand divided by the kernels."""
    base = machines.study(kernels=machines.kernels(1e11, 2e10, 1e-6))
    new = noisy(0.5, threads=2, kernels=machines.kernels(2e11, 4e10, 5e-7))
    answer = checked(tmp_path, base, new)
    assert {each.reason for each in found(answer, "time")} == {"threads: 1 -> 2"}
    answer = checked(tmp_path, base, new, normalise=True)
    assert not verdicts(answer, "time") & {"incomparable", "regressed"}


def test_normalised_machines_are_compared_and_said_to_be(tmp_path: Path) -> None:
    """A machine of half the speed: one cell that takes four times as long regressed by two; the
    notes say that the machines differ, and what was divided by."""
    base = machines.study(kernels=machines.kernels(2e11, 4e10, 1e-6))
    new = noisy(
        2.0, kernels=machines.kernels(1e11, 2e10, 2e-6), environment={"cpu_model": "Another CPU"}
    )
    answer = checked(tmp_path, base, slower(new, 2.0), normalise=True)
    (only,) = (each for each in answer.findings if each.verdict == "regressed")
    assert only.change == pytest.approx(1.0, abs=0.05)
    assert answer.exit_code == FAILED
    assert any("in spite of unlike machines: CPU" in note for note in answer.notes)
    assert any("divided by the reference kernels" in note for note in answer.notes)


def test_a_cell_is_divided_by_the_kernel_that_bounds_it(tmp_path: Path) -> None:
    """A machine of half the bandwidth: cells bound by memory take twice as long, no finding."""
    base = machines.study(kernels=machines.kernels(1e11, 4e10, 1e-6), bound="memory")
    new = noisy(2.0, kernels=machines.kernels(1e11, 2e10, 1e-6), bound="memory")
    answer = checked(tmp_path, base, new, normalise=True)
    (session,) = answer.details["stored"]["sessions"]
    assert session["change_of_all"] == pytest.approx(0.0, abs=0.02)
    assert not verdicts(answer, "time") & {"regressed", "improved"}


def test_unlike_machines_as_wholes_are_not_judged(tmp_path: Path) -> None:
    """That all cells take five times as long as their kernels say is a note; four cells alone are
    incomparable."""
    base = machines.study(kernels=machines.kernels(1e11, 2e10, 1e-6))
    new = noisy(
        5.0, kernels=machines.kernels(1e11, 2e10, 1e-6), environment={"cpu_model": "Another CPU"}
    )
    answer = checked(tmp_path, base, new, normalise=True)
    assert not verdicts(answer, "time") & {"regressed", "improved"}
    assert any("all cells +400.0% after division" in note for note in answer.notes)
    for study in (base, new):
        study["benchmarks"] = study["benchmarks"][:4]
    assert verdicts(checked(tmp_path, base, new, normalise=True), "time") == {"incomparable"}


def test_without_kernels_nothing_is_normalised(tmp_path: Path) -> None:
    """Times are incomparable, with the reason."""
    new = noisy(1.001, environment={"cpu_model": "Another CPU"})
    answer = checked(tmp_path, machines.study(), new, normalise=True)
    assert verdicts(answer, "time") == {"incomparable"}
    assert answer.exit_code == CANNOT_TELL


def test_the_same_study_twice_is_equivalent(tmp_path: Path) -> None:
    """One measurement on both sides is not two: everything is equivalent, with a note."""
    study = studies.default_study()
    answer = checked(tmp_path, study, copy.deepcopy(study))
    assert {each.verdict for each in answer.findings} == {"equivalent"}
    assert answer.exit_code == FINE
    assert any("same measurement" in note for note in answer.notes)


def test_few_cells_have_no_rest(tmp_path: Path) -> None:
    """Four cells that are 20% slower say nothing that a session does not; three times do."""
    base, new = machines.study(), noisy()
    for study in (base, new):
        study["benchmarks"] = study["benchmarks"][:4]
    some, much = copy.deepcopy(new), copy.deepcopy(new)
    for place in range(4):
        machines.scale(some["benchmarks"][place], 1.2)
        machines.scale(much["benchmarks"][place], 3.0)
    assert verdicts(checked(tmp_path, base, some), "time") == {"inconclusive"}
    assert verdicts(checked(tmp_path, base, much), "time") == {"regressed"}


def test_no_common_cell_cannot_be_told(tmp_path: Path) -> None:
    """One line says what each file has."""
    base, new = (studies.document(studies.costs(family)) for family in ("mlp", "resnet"))
    answer = checked(tmp_path, base, new)
    assert answer.exit_code == CANNOT_TELL
    (line,) = answer.cannot_tell
    assert "No benchmark is in both" in line
    assert "mlp" in line
    assert "resnet" in line


@pytest.mark.parametrize("old", benchmark_files.VERSIONS.values())
def test_any_pytest_benchmark_file_is_matched_by_full_name(
    tmp_path: Path, old: Callable[..., dict[str, Any]]
) -> None:
    """Of 2.5 to 5.x, of one machine: times three times as long regressed, 10% does not."""
    answer = checked(tmp_path, old(), old(3.0))
    assert verdicts(answer, "time") == {"regressed"}
    assert {each.family for each in answer.findings} == set(benchmark_files.SECONDS)
    assert not verdicts(checked(tmp_path, old(), old(1.1)), "time") & {"regressed"}


def test_files_of_two_versions_may_not_say_the_same_machine(tmp_path: Path) -> None:
    """What only one side says of its machine is a difference."""
    answer = checked(tmp_path, benchmark_files.version_2_5(), benchmark_files.version_5())
    assert answer.exit_code == CANNOT_TELL
    assert "CPU: not said -> New CPU" in answer.cannot_tell[0]


def test_impossible_statistics_are_named_and_never_a_pass(tmp_path: Path) -> None:
    """A median of 0 s in the new study: incomparable, exit code 3, and a note says why."""
    new = noisy()
    cell(new, 8, "step")["stats"]["median"] = 0.0
    cell(new, 8, "step")["fullname"] = "bench_cost.py::planted"
    answer = checked(tmp_path, machines.study(), new)
    assert verdicts(answer, "time", depth=8, pass_="step", family="mlp") == {"incomparable"}
    assert answer.exit_code == CANNOT_TELL
    assert any("planted (its median is 0 s" in note for note in answer.notes)
