"""Hardware against hardware, on machines whose differences are planted."""

from pathlib import Path
from typing import Any

import pytest

from reports.errors import InputError
from reports.hardware import Comparison, compare
from reports.hardware_pairs import Mean
from reports.hardware_words import budget_sentences
from reports.machine_specs import parse_specs
from reports.machines import read_machines

from . import benchmark_files, machines, studies
from .machines import compared, study


def overall(found: Comparison, machine: str) -> Mean:
    """Over all cells."""
    return next(
        mean
        for mean in found.means
        if mean.machine == machine and mean.series is None and mean.pass_ is None
    )


def test_a_machine_of_half_the_speed_loses_every_cell(tmp_path: Path) -> None:
    """All ratios are 2, and so is each geometric mean, whatever the depth and pass."""
    found = compared(tmp_path, a=study(), b=study(lambda _: 2.0))
    mean = overall(found, "b")
    assert (mean.cells, mean.faster, mean.slower, mean.undecided) == (30, 0, 30, 0)
    assert mean.geometric_mean == pytest.approx(2.0)
    assert {each.series.pass_ for each in found.means if each.series} == {
        "forward", "backward", "step",
    }  # fmt: skip
    assert all(each.geometric_mean == pytest.approx(2.0) for each in found.means)


def test_the_mean_of_a_half_and_a_double_is_one(tmp_path: Path) -> None:
    """A geometric mean: half the time at two depths, twice at two, the same at one."""
    factors = {2: 0.5, 4: 0.5, 8: 1.0, 16: 2.0, 32: 2.0}
    mean = overall(compared(tmp_path, a=study(), b=study(factors.__getitem__)), "b")
    assert mean.geometric_mean == pytest.approx(1.0)
    assert (mean.faster, mean.slower, mean.undecided) == (12, 12, 6)
    assert (mean.smallest, mean.largest) == (pytest.approx(0.5), pytest.approx(2.0))


def test_another_base_turns_every_ratio_round(tmp_path: Path) -> None:
    """`base` puts a machine first; an unknown one is refused with those there are."""
    documents = {"a": study(), "b": study(lambda depth: 1 + depth / 32)}
    there = compared(tmp_path, **documents)
    back = compared(tmp_path, base="b", **documents)
    assert back.machines == ("b", "a")
    for one, other in zip(there.pairs, back.pairs, strict=True):
        assert one.key == other.key
        assert one.ratio.value == pytest.approx(1 / other.ratio.value)
    with pytest.raises(InputError, match="no machine 'c'; there are a, b"):
        compared(tmp_path, base="c", **documents)


@pytest.mark.parametrize(
    "change", [{"batch_size": 64}, {"dtype": "bf16"}, {"variants": "compile"}, {"match": "flops"}]
)
def test_what_was_computed_otherwise_is_never_compared(
    tmp_path: Path, change: dict[str, Any]
) -> None:
    """Another batch size, dtype, variant or matching: no pair, and each side's cells are named."""
    other = study(lambda _: 2.0)
    for benchmark in other["benchmarks"]:
        benchmark["params"] |= change
    found = compared(tmp_path, a=study(), b=other)
    assert found.pairs == ()
    assert not found.comparable
    assert {each.only for each in found.unshared} == {("a",), ("b",)}


def test_threads_and_devices_may_differ_and_are_said(tmp_path: Path) -> None:
    """They are what is compared; only what differs is listed."""
    environment = {"cpu_model": "Another CPU", "torch": "2.12.0"}
    other = study(lambda _: 0.5, threads=2, environment=environment)
    for benchmark in other["benchmarks"]:
        benchmark["params"]["device"] = "cuda"
    found = compared(tmp_path, a=study(), b=other)
    assert len(found.pairs) == 30
    assert {each.name: each.values for each in found.differences} == {
        "threads": {"a": "1", "b": "2"},
        "device": {"a": "cpu", "b": "cuda"},
        "CPU": {"a": "Example CPU 2.4GHz", "b": "Another CPU"},
        "PyTorch": {"a": "2.13.0+cpu", "b": "2.12.0"},
    }


def test_a_cell_in_two_settings_of_one_machine_is_left_out(tmp_path: Path) -> None:
    """Which of 1 and 2 threads to compare is not guessed."""
    both = study()
    again = study(lambda _: 0.6, threads=2)
    both["benchmarks"] += [b for b in again["benchmarks"] if b["params"]["depth"] == 2]
    found = compared(tmp_path, a=both, b=study(lambda _: 2.0))
    assert {pair.key.depth for pair in found.pairs} == {4, 8, 16, 32}
    assert {each.machine for each in found.excluded} == {"a"}
    assert all("cpu, 1 thread and cpu, 2 threads" in each.what for each in found.excluded)


def test_several_processes_of_a_machine_widen_the_interval(tmp_path: Path) -> None:
    """Files of one name are its processes: medians a tenth apart decide nothing that their rounds
    alone would; the interval then holds for another process too."""
    files = machines.write(
        tmp_path, a1=study(), a2=study(lambda _: 1.1), b1=study(lambda _: 1.08),
        b2=study(lambda _: 1.18),
    )  # fmt: skip
    names = [f"{name}={path}" for name, path in zip("aabb", files, strict=True)]
    specs, _ = parse_specs(names)
    found = compare(read_machines(specs))
    assert found.machines == ("a", "b")
    assert {pair.ratio.covers for pair in found.pairs} == {"processes"}
    assert overall(found, "b").undecided == 30
    alone = compared(tmp_path, a1=study(), b1=study(lambda _: 1.08))
    assert overall(alone, "b1").slower == 30
    assert {pair.ratio.covers for pair in alone.pairs} == {"rounds"}


def test_lines_cross_where_overhead_and_layers_say(tmp_path: Path) -> None:
    """The planted time of depth d is proportional to d. A machine with 10 layers' worth of overhead
    and layers at half the price takes (10 + d/2)/d of it: they cross at depth 20."""
    found = compared(tmp_path, a=study(), b=study(lambda depth: (10 + depth / 2) / depth))
    assert len(found.crossings) == 6
    for crossing in found.crossings:
        assert crossing.kind == "crosses"
        assert crossing.depth == pytest.approx(20)
        assert (crossing.faster_shallow, crossing.faster_deep) == ("a", "b")


def test_two_depths_have_no_line(tmp_path: Path) -> None:
    """A line needs three."""
    small = study(), study(lambda _: 2.0)
    for document in small:
        document["benchmarks"] = [b for b in document["benchmarks"] if b["params"]["depth"] < 8]
    found = compared(tmp_path, a=small[0], b=small[1])
    assert len(found.pairs) == 12
    assert (found.lines, found.crossings) == ((), ())


def test_what_binds_is_compared_by_its_reference_kernel(tmp_path: Path) -> None:
    """Cells bound by compute on both: twice the FLOP/s is half the time of a matrix product."""
    found = compared(
        tmp_path,
        a=study(kernels=machines.kernels(1e11, 2e10, 1e-6), bound="compute"),
        b=study(lambda _: 0.5, kernels=machines.kernels(2e11, 2e10, 4e-6), bound="compute"),
    )
    causes = {(cause.machine, cause.reference_ratio) for cause in found.causes}
    assert causes == {("a", None), ("b", 0.5)}
    launched = compared(
        tmp_path,
        a=study(kernels=machines.kernels(1e11, 2e10, 1e-6), bound="launches"),
        b=study(kernels=machines.kernels(2e11, 2e10, 4e-6), bound="launches", mfu=0.1),
    )
    assert {each.reference_ratio for each in launched.causes if each.machine == "b"} == {4.0}


def test_throughput_and_energy_are_those_of_a_sample(tmp_path: Path) -> None:
    """Batch over median; joules of a pass over batch; unknown stays null."""
    found = compared(tmp_path, a=study(energy_joules=1.28), b=study(lambda _: 2.0, mfu=0.4))
    uses = {(u.machine, u.series.family, u.series.pass_, u.depth): u for u in found.uses}
    ours, theirs = (uses[name, "mlp", "forward", 8] for name in "ab")
    assert ours.samples_per_second == pytest.approx(128 / 8e-4)
    assert ours.joules_per_sample == pytest.approx(0.01)
    assert theirs.samples_per_second == pytest.approx(64 / 8e-4)
    assert (theirs.joules_per_sample, theirs.mfu, ours.mfu) == (None, 0.4, None)


def test_the_best_depth_moves_with_the_machine(tmp_path: Path) -> None:
    """Within 1 ms of forward: the planted 0.1 ms a layer allow depth 8, twice the speed 16, a
    quarter 2. Machines without trainings take the accuracies of the one that has them."""
    found = compared(
        tmp_path, budgets=("latency=1ms",), a=study(runs=True), b=study(lambda _: 0.5),
        c=study(lambda _: 4.0),
    )  # fmt: skip
    resnet = {each.machine: each for each in found.affordable if each.family == "resnet"}
    assert {name: each.best_depth for name, each in resnet.items()} == {"a": 8, "b": 16, "c": 2}
    assert {name: each.deepest for name, each in resnet.items()} == {"a": 8, "b": 16, "c": 2}
    assert {each.accuracies_of for each in resnet.values()} == {"a"}
    assert "The accuracies of a stand for b and c too: there were no trainings." in found.notes
    plain = {each.machine: each for each in found.affordable if each.family == "mlp"}
    assert plain["b"].best_depth == 8, "the MLP's best depth is 8, which fits already"


def test_training_times_stay_where_they_were_measured(tmp_path: Path) -> None:
    """Lent accuracies come without training times: a budget on these is unknown elsewhere."""
    found = compared(
        tmp_path, budgets=("train_time=5s",), a=study(runs=True), b=study(lambda _: 0.5)
    )
    deepest = {each.machine: each.deepest for each in found.affordable if each.family == "mlp"}
    assert deepest == {"a": 8, "b": None}
    assert next(iter(budget_sentences(found))).endswith("8 on a; none known to fit on b.")


def test_without_accuracies_the_deepest_that_fits_is_said(tmp_path: Path) -> None:
    """And that there are none."""
    found = compared(tmp_path, budgets=("latency=1ms",), a=study(), b=study(lambda _: 0.5))
    assert {(each.machine, each.best_depth, each.deepest) for each in found.affordable} == {
        ("a", None, 8),
        ("b", None, 16),
    }
    assert any("only the deepest depth that fits is said" in note for note in found.notes)


def test_costs_of_another_batch_size_answer_no_budget(tmp_path: Path) -> None:
    """The budget is read in the setting that most machines have: one without it is not judged."""
    other = study(lambda _: 0.1)
    for benchmark in other["benchmarks"]:
        benchmark["params"]["batch_size"] = 1
    found = compared(tmp_path, budgets=("latency=1ms",), a=study(), b=study(lambda _: 0.5), c=other)
    assert {each.machine for each in found.affordable} == {"a", "b"}


def test_a_training_run_has_its_price(tmp_path: Path) -> None:
    """0.5 s a layer at 3600 an hour cost 4 at depth 8; without a price only the time is known."""
    found = compared(
        tmp_path, prices=("a=$3600/h",), a=study(runs=True), b=study(lambda _: 0.5, runs=True)
    )
    runs = {(run.machine, run.family, run.depth): run for run in found.runs}
    assert runs["a", "mlp", 8].cost == pytest.approx(4.0)
    assert runs["a", "mlp", 8].currency == "$"
    assert (runs["b", "mlp", 8].seconds, runs["b", "mlp", 8].cost) == (2.0, None)
    assert [d for d in (2, 4, 8, 16, 32) if runs["a", "mlp", d].best] == [8]


def test_trainings_with_other_settings_are_not_set_side_by_side(tmp_path: Path) -> None:
    """Half the epochs take half the time on any machine."""
    other = study(lambda _: 0.5, runs=True)
    for run in other["howdeep"]["runs"]:
        run["epochs"] = 5
    found = compared(tmp_path, a=study(runs=True), b=other)
    assert {run.machine for run in found.runs} == {"a"}
    assert any("they differ from those on a in epochs" in note for note in found.notes)


def test_cells_that_only_one_has_are_named(tmp_path: Path) -> None:
    """By series, with their depths and who has them."""
    fewer = study(lambda _: 2.0)
    fewer["benchmarks"] = [
        b for b in fewer["benchmarks"]
        if b["params"]["family"] == "mlp" or b["params"]["depth"] < 16
    ]  # fmt: skip
    found = compared(tmp_path, a=study(), b=fewer)
    assert {(each.series.pass_, each.points, each.only) for each in found.unshared} == {
        (pass_, (16, 32), ("a",)) for pass_ in ("forward", "backward", "step")
    }


def test_impossible_statistics_are_named_and_left_out(tmp_path: Path) -> None:
    """A minimum above the median and a median of null: these two cells, and no other."""
    broken = study(lambda _: 2.0)
    broken["benchmarks"][0]["stats"]["min"] = 1.0
    broken["benchmarks"][1]["stats"]["median"] = None
    found = compared(tmp_path, a=study(), b=broken)
    assert len(found.pairs) == 28
    assert [(each.what, each.why) for each in found.excluded] == [
        ("bench_cost[mlp-2-forward]", "its min (1 s) is above its median (0.0004 s)"),
        ("bench_cost[mlp-2-backward]", "its median is null or no finite number"),
    ]


def test_cells_without_a_result_are_excluded_with_their_reason(tmp_path: Path) -> None:
    """As in `howdeep report`."""
    other = study(lambda _: 2.0)
    other["howdeep"]["cells"] = [
        {"family": "mlp", "depth": 64, "pass": "step", **studies.SETTING, "status": "oom",
         "reason": "killed at 7.9 GiB"}
    ]  # fmt: skip
    (excluded,) = compared(tmp_path, a=study(), b=other).excluded
    assert (excluded.machine, excluded.why) == ("b", "oom (killed at 7.9 GiB)")


@pytest.mark.parametrize("old", benchmark_files.VERSIONS)
@pytest.mark.parametrize("new", benchmark_files.VERSIONS)
def test_files_of_any_pytest_benchmark_are_compared(tmp_path: Path, old: str, new: str) -> None:
    """Each version with each, itself included: twice the time in both benchmarks, decided, since
    each version holds at least quartiles and rounds."""
    found = compared(
        tmp_path,
        old=benchmark_files.VERSIONS[old](),
        new=benchmark_files.VERSIONS[new](2.0),
    )
    assert [pair.ratio.value for pair in found.pairs] == pytest.approx([2.0, 2.0])
    assert [pair.ratio.verdict for pair in found.pairs] == ["slower", "slower"]
    assert [pair.key.name for pair in found.pairs] == [
        "tests/test_sort.py::test_sort[1000]",
        "tests/test_sort.py::test_sort[10]",
    ]
    assert [mean.series.family for mean in found.means if mean.series] == ["no group"]
    assert found.lines == ()


def test_benchmarks_from_another_folder_are_matched_by_name(tmp_path: Path) -> None:
    """`tests/test_sort.py::test_sort[10]` and `test_sort.py::test_sort[10]` are one benchmark."""
    moved = benchmark_files.version_5(2.0)
    for benchmark in moved["benchmarks"]:
        benchmark["fullname"] = benchmark["fullname"].removeprefix("tests/")
    found = compared(tmp_path, a=benchmark_files.version_5(), b=moved)
    assert [pair.key.name for pair in found.pairs] == ["test_sort[1000]", "test_sort[10]"]


def test_a_study_is_compared_with_another_file_by_name(tmp_path: Path) -> None:
    """One that a tool stripped of its object `howdeep` still has its benchmarks' names."""
    stripped = study(lambda _: 2.0)
    del stripped["howdeep"]
    found = compared(tmp_path, a=study(), b=stripped)
    assert overall(found, "b").cells == 30
    assert any("matched by their names" in note for note in found.notes)


def test_a_file_without_machine_info_is_said_to_be_silent(tmp_path: Path) -> None:
    """Nothing is taken to be the same because nothing is known."""
    silent = benchmark_files.version_5(2.0)
    del silent["machine_info"]
    found = compared(tmp_path, a=benchmark_files.version_5(), b=silent)
    assert (found.silent, found.differences) == (("b",), ())
    assert len(found.pairs) == 2


def test_the_cpu_is_found_under_its_old_and_its_new_name(tmp_path: Path) -> None:
    """`brand` until cpuinfo 6, `brand_raw` since; the clock is the advertised one."""
    found = compared(tmp_path, a=benchmark_files.version_3(), b=benchmark_files.version_5(2.0))
    assert found.environments["a"]["CPU"] == "Old CPU"
    assert found.environments["b"]["CPU"] == "New CPU"
    assert found.environments["b"]["advertised clock"] == "2.60 GHz"


def test_a_setting_that_is_unknown_everywhere_is_said(tmp_path: Path) -> None:
    """Cells without a dtype are matched with each other, and never with those that have one."""
    silent, again = study(), study(lambda _: 2.0)
    for benchmark in (*silent["benchmarks"], *again["benchmarks"]):
        del benchmark["params"]["dtype"]
    found = compared(tmp_path, a=silent, b=again)
    assert (
        "The dtype of cells is unknown on a and b: they are compared as if it were the same."
        in (found.notes)
    )
    assert not any("is unknown on" in note for note in compared(tmp_path, a=study(), b=again).notes)


def test_parameters_of_other_benchmarks_are_said_first(tmp_path: Path) -> None:
    """A name need not hold the dtype: where the parameters differ, that is listed."""
    one, two = benchmark_files.version_5(), benchmark_files.version_5(2.0)
    for document, dtype in ((one, "fp32"), (two, "bf16")):
        for benchmark in document["benchmarks"]:
            benchmark["params"] = {"dtype": dtype}
    found = compared(tmp_path, a=one, b=two)
    assert {each.name: each.values for each in found.differences} == {
        "dtype": {"a": "fp32", "b": "bf16"}
    }


@pytest.mark.parametrize("memory", ["lots", -1, None, [1]])
def test_a_strange_size_of_memory_is_unknown(tmp_path: Path, memory: object) -> None:
    """Files are written by others; it is no reason not to compare."""
    found = compared(tmp_path, a=study(), b=study(environment={"memory_bytes": memory}))
    assert found.environments["b"]["memory"] is None


def test_a_kernel_of_no_time_has_no_speed(tmp_path: Path) -> None:
    """A launch of 5e-324 s would be infinitely fast: the ratio is unknown."""
    kernels = machines.kernels(1e11, 2e10, 5e-324)
    found = compared(
        tmp_path,
        a=study(kernels=kernels, bound="launches"),
        b=study(lambda _: 2.0, kernels=kernels, bound="launches"),
    )
    assert {cause.reference_ratio for cause in found.causes} == {None}


def test_a_bound_of_another_name_is_compared_by_no_kernel(tmp_path: Path) -> None:
    """It is said as it stands."""
    kernels = machines.kernels(1e11, 2e10, 1e-6)
    found = compared(
        tmp_path,
        a=study(kernels=kernels, bound="network"),
        b=study(lambda _: 2.0, kernels=kernels, bound="network"),
    )
    assert {cause.reference_ratio for cause in found.causes} == {None}
    assert {cause.deepest for cause in found.causes} == {"network"}


def test_what_each_has_tells_them_apart_at_any_length(tmp_path: Path) -> None:
    """What widths were matched in is part of it; a long name leaves room for the other machine."""
    matched = study()
    for benchmark in matched["benchmarks"]:
        benchmark["params"] |= {"match": "parameters", "dtype": None}
    words = compared(tmp_path, a=study(), b=matched).nothing_shared
    assert "batch 128; fp32); b has" in words
    assert words.endswith("batch 128; unknown dtype; parameters matched)")
    for benchmark in matched["benchmarks"]:
        benchmark["params"]["family"] = 10_000 * "n"
    words = compared(tmp_path, b=matched, a=study()).nothing_shared
    assert len(words) < 360
    assert "; a has mlp, resnet (" in words


def test_files_that_share_nothing_with_the_base_alone_name_it(tmp_path: Path) -> None:
    """Two others may share everything: another base compares them."""
    apart = study()
    for benchmark in apart["benchmarks"]:
        benchmark["params"]["batch_size"] = 7
    documents = {"a": apart, "b": study(), "c": study(lambda _: 2.0)}
    words = compared(tmp_path, **documents).nothing_shared
    assert words.startswith("nothing is shared with the base, a: a has ")
    assert compared(tmp_path, base="b", **documents).comparable


def test_a_store_is_read_as_its_study_is(tmp_path: Path) -> None:
    """SQLite on one side, JSON on the other."""
    studies.write_store(tmp_path / "b.sqlite", study(lambda _: 2.0))
    (path,) = machines.write(tmp_path, a=study())
    specs, _ = parse_specs([path, str(tmp_path / "b.sqlite")])
    found = compare(read_machines(specs))
    assert overall(found, "b").geometric_mean == pytest.approx(2.0)
