"""The real `pytest bench` from end to end, in processes of its own."""

import json
import os
import pty
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest

from bench.train.store import Store

from .sessions import bench, command, environment, howdeep, kept, prepare, stopped, study, wait_for

GRID = ("--family", "mlp:width=8", "--family", "family.py:build", "--depths", "2,3")
N_CELLS, N_RUNS = 2 * 2 * 3, 2 * 2 * 2

PARAMS = {"family", "depth", "pass", "batch_size", "dtype", "device"}
EXTRA_INFO = {
    "status", "parameters", "flops", "macs", "uncounted_ops", "activation_bytes", "peak_bytes",
    "peak_source", "samples_per_second", "mfu", "energy_joules", "warnings",
}  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    prepare(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a finished study of the small grid."""
    folder = tmp_path_factory.mktemp("measured")
    prepare(folder)
    done = bench(folder, *GRID)
    assert done.returncode == 0, done.stdout + done.stderr
    (folder / "output.txt").write_text(done.stdout)
    return folder


def _costs(document: dict[str, Any]) -> list[dict[str, Any]]:
    return [row for row in document["benchmarks"] if "pass" in row["params"]]


def _samples(document: dict[str, Any]) -> dict[str, list[float]]:
    return {row["fullname"]: row["stats"]["data"] for row in document["benchmarks"]}


def test_a_study_holds_every_cell_and_run(measured: Path) -> None:
    """One benchmark a cell and one a training; a row a cell asked for and a row a run."""
    document = study(measured)
    assert len(_costs(document)) == N_CELLS
    assert len(document["benchmarks"]) == N_CELLS + 4
    assert [cell["status"] for cell in document["howdeep"]["cells"]] == ["ok"] * N_CELLS
    assert [run["status"] for run in document["howdeep"]["runs"]] == ["ok"] * N_RUNS


def test_rows_keep_the_contract(measured: Path) -> None:
    """Parameters are the six scalars; every name of `extra_info` is there; what nobody measures
    is null, never 0."""
    for row in _costs(study(measured)):
        assert set(row["params"]) == PARAMS
        assert all(isinstance(value, str | int) for value in row["params"].values())
        assert set(row["extra_info"]) >= EXTRA_INFO
        assert row["extra_info"]["energy_joules"] is None
        assert row["extra_info"]["macs"] * 2 == row["extra_info"]["flops"] > 0
        assert row["extra_info"]["samples_per_second"] == pytest.approx(
            row["params"]["batch_size"] / row["stats"]["median"]
        )


def test_names_are_stable(measured: Path) -> None:
    """The id of a benchmark is made of what it measures, so that histories match by name."""
    names = [row["name"] for row in study(measured)["benchmarks"]]
    assert "bench_cost[mlp:width=8-2-forward-16-fp32-cpu]" in names
    assert "bench_accuracy[family.py:build-3-task.py:load-fp32-cpu]" in names


def test_counts_are_those_of_the_network(measured: Path) -> None:
    """An MLP 8-8-3 has 99 parameters; forward 2·16·(64+24) FLOPs, a step three times that less
    the first layer's, whose input needs no gradient."""
    rows = {row["name"]: row["extra_info"] for row in _costs(study(measured))}
    forward = rows["bench_cost[mlp:width=8-2-forward-16-fp32-cpu]"]
    step = rows["bench_cost[mlp:width=8-2-step-16-fp32-cpu]"]
    assert forward["parameters"] == 99
    assert forward["flops"] == 2 * 16 * (64 + 24)
    assert step["flops"] == 3 * forward["flops"] - 2 * 16 * 64
    assert forward["activation_bytes"] == 0 < step["activation_bytes"]


def test_the_environment_is_told_before_and_after(measured: Path) -> None:
    """Both hold the machine; the reference kernels its own speed."""
    document = study(measured)["howdeep"]
    assert document["schema"] == 1
    for moment in ("before", "after"):
        assert {"cpu_model", "cores", "threads", "torch", "load"} <= set(
            document["environment"][moment]
        )
    kernels = {row["kernel"]: row for row in document["reference_kernels"]}
    assert set(kernels) == {"matmul", "copy", "launch"}
    assert kernels["matmul"]["flops_per_second"] > 0


def test_a_round_of_a_training_is_a_seed(measured: Path) -> None:
    """The samples of a training's benchmark are the training times of its runs."""
    document = study(measured)
    row = next(r for r in document["benchmarks"] if r["name"].startswith("bench_accuracy[mlp"))
    runs = [r for r in document["howdeep"]["runs"] if r["family"] == "mlp:width=8"]
    assert row["stats"]["data"] == [r["train_seconds"] for r in runs if r["depth"] == 2]


def test_pytest_benchmark_reads_our_files(measured: Path) -> None:
    """Its own `compare` lists every benchmark of a study."""
    call = [Path(sys.executable).with_name("pytest-benchmark"), "compare", "study.json"]
    done = subprocess.run(call, cwd=measured, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("bench_cost[") == N_CELLS


def test_a_pipe_gets_plain_lines(measured: Path) -> None:
    """A line an item, numbered, without escape codes, and no dots."""
    output = (measured / "output.txt").read_text()
    assert "\x1b" not in output
    assert "[ 1/16] cost     mlp:width=8-2-forward-16-fp32-cpu" in output
    assert "[16/16] accuracy family.py:build-3-task.py:load-fp32-cpu  validation acc" in output


def test_a_terminal_gets_a_bar(folder: Path) -> None:
    """In a terminal a bar shows how many are finished."""
    ours, theirs = pty.openpty()
    arguments = command("--family", "mlp:width=8", "--depths", "2", "-m", "cost")
    terminal = environment(TERM="xterm", COLUMNS="120")
    with subprocess.Popen(
        arguments, cwd=folder, stdout=theirs, stderr=theirs, env=terminal
    ) as process:
        os.close(theirs)
        output = _read_all(ours)
    assert process.returncode == 0, output
    assert "━" in output
    assert "2/3" in output


def _read_all(descriptor: int) -> str:
    parts = []
    while True:
        try:
            part = os.read(descriptor, 65536)
        except OSError:  # the other end is closed
            part = b""
        if not part:
            os.close(descriptor)
            return b"".join(parts).decode(errors="replace")
        parts.append(part)


def test_a_resumed_study_measures_nothing_twice(measured: Path) -> None:
    """With everything kept, `--resume` writes the same study, to the last sample."""
    before, rows = study(measured), kept(measured)
    done = bench(measured, *GRID, "--resume")
    assert done.returncode == 0, done.stdout + done.stderr
    after = study(measured)
    assert kept(measured) == rows
    assert _samples(after).keys() == _samples(before).keys()
    for name, samples in _samples(before).items():
        assert _samples(after)[name] == pytest.approx(samples, rel=1e-12)
    for name in ("cells", "runs", "reference_kernels"):
        assert after["howdeep"][name] == before["howdeep"][name]
    assert after["howdeep"]["environment"]["before"] == before["howdeep"]["environment"]["before"]


def test_a_half_is_chosen_by_its_marker(measured: Path) -> None:
    """`-m cost` measures no accuracy and `-m accuracy` no cost."""
    done = bench(measured, *GRID, "--resume", "-m", "accuracy")
    assert done.returncode == 0, done.stdout + done.stderr
    document = study(measured)
    assert not _costs(document)
    assert document["howdeep"]["cells"] == []
    assert len(document["howdeep"]["runs"]) == N_RUNS


@pytest.mark.parametrize("after", [2, N_CELLS + 2])
def test_a_killed_session_is_finished_by_resume(folder: Path, after: int) -> None:
    """After `kill -9` among the cells, or among the runs, what was kept is reported meanwhile and
    is not measured again; the study ends whole, and no child is left behind."""
    assert stopped(folder, signal.SIGKILL, *GRID, after=after) == -signal.SIGKILL
    rows = kept(folder)
    assert len(rows) >= after
    meanwhile = howdeep(folder, "report", "results/howdeep.sqlite", "--json")
    assert meanwhile.returncode in (0, 3), meanwhile.stderr
    assert json.loads(meanwhile.stdout)["notes"]
    done = bench(folder, *GRID, "--resume")
    assert done.returncode == 0, done.stdout + done.stderr
    assert rows.items() <= kept(folder).items()
    document = study(folder)
    assert len(_costs(document)) == N_CELLS
    assert len(document["howdeep"]["runs"]) == N_RUNS
    wait_for(lambda: not _working_in(folder))


def _working_in(folder: Path) -> list[int]:
    """Processes that still work in `folder`."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.cwd() == str(folder):
                found.append(process.pid)
        except (psutil.AccessDenied, psutil.NoSuchProcess, psutil.ZombieProcess):
            continue
    return found


def test_an_interrupt_writes_what_there_is(folder: Path) -> None:
    """Ctrl-C ends the session with pytest's exit code 2; the study says which cells are missing."""
    assert stopped(folder, signal.SIGINT, *GRID, after=4) == pytest.ExitCode.INTERRUPTED
    document = study(folder)
    statuses = [cell["status"] for cell in document["howdeep"]["cells"]]
    assert len(statuses) == N_CELLS
    assert statuses[:4] == ["ok"] * 4
    assert "skipped" in statuses
    wait_for(lambda: not _working_in(folder))


@pytest.mark.parametrize(
    ("does", "status"),
    [("hang", "timeout"), ("late_hang", "timeout"), ("die", "oom"), ("allocate", "oom")],
)
def test_a_cell_that_cannot_be_measured_becomes_a_row(folder: Path, does: str, status: str) -> None:
    """It has a status and a reason, deeper cells are skipped, other families go on, and the
    session ends well."""
    arguments = ("--family", f"family.py:build:does={does}", "--family", "mlp:width=8")
    done = bench(
        folder, *arguments, "--depths", "2,3,4", "--passes", "step", "-m", "cost",
        "--cell-timeout", "5s",
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    cells = study(folder)["howdeep"]["cells"]
    assert [cell["status"] for cell in cells] == ["ok", status, "skipped", "ok", "ok", "ok"]
    assert cells[1]["reason"]
    timed = [row["params"]["depth"] for row in study(folder)["benchmarks"]]
    assert timed == [2, 2, 3, 4]
    assert cells[2]["reason"].startswith(f"{status} at depth 3: ")


@pytest.mark.parametrize("does", ["fail", "late_fail"])
def test_an_error_of_a_network_fails_that_cell_only(folder: Path, does: str) -> None:
    """In its trial or while it is timed. The exit code says that something failed; the other
    cells are measured."""
    family = f"family.py:build:does={does}"
    arguments = ("--family", family, "--depths", "2,3", "--passes", "step")
    done = bench(folder, *arguments, "-m", "cost")
    assert done.returncode == 1
    assert "error: KeyError: 'planted" in done.stdout
    cells = study(folder)["howdeep"]["cells"]
    assert [cell["status"] for cell in cells] == ["ok", "error"]


def test_a_study_without_statistics_is_still_written(folder: Path) -> None:
    """When no cell could be measured, the JSON tells why."""
    arguments = ("--family", "family.py:build:does=die", "--depths", "3", "--passes", "step")
    bench(folder, *arguments, "-m", "cost")
    document = study(folder)
    assert document["benchmarks"] == []
    assert document["howdeep"]["cells"][0]["status"] == "oom"


def test_a_diverged_run_is_recorded(folder: Path) -> None:
    """A learning rate that no network survives gives runs with that status, and no failure."""
    done = bench(folder, *GRID, "-m", "accuracy", "--lr", "1e20", "--optimizer", "sgd")
    assert done.returncode == 0, done.stdout + done.stderr
    runs = study(folder)["howdeep"]["runs"]
    assert len(runs) == N_RUNS
    assert {run["status"] for run in runs} == {"diverged"}
    assert runs[0]["reason"] == "the training loss was not finite in epoch 1"
    assert runs[0]["test_accuracy"] is None


def test_a_family_that_does_not_fit_the_task_is_skipped(folder: Path) -> None:
    """Its cost is measured; its runs are rows that say why there are none."""
    arguments = ("--family", "cifar_resnet:width=2", "--depths", "8", "--passes", "forward")
    done = bench(folder, *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    document = study(folder)["howdeep"]
    assert [cell["status"] for cell in document["cells"]] == ["ok"]
    assert {run["status"] for run in document["runs"]} == {"skipped"}
    assert "takes inputs of shape (3, 32, 32)" in document["runs"][0]["reason"]


def test_variants_are_part_of_a_cell(folder: Path) -> None:
    """They stand in its name and parameters; recomputed FLOPs are told apart; what is asked for
    without them is another cell."""
    grid = ("--family", "cifar_resnet:width=2", "--depths", "14", "--passes", "step", "-m", "cost")
    done = bench(folder, *grid, "--channels-last", "--checkpointing")
    assert done.returncode == 0, done.stdout + done.stderr
    (measured,) = study(folder)["benchmarks"]
    info = measured["extra_info"]
    assert measured["name"].endswith("fp32-cpu-channels_last-checkpointing]")
    assert measured["params"]["variants"] == "channels_last+checkpointing"
    assert info["hardware_flops"] > info["flops"]
    assert info["activation_bytes"] is None
    assert info["bound"] in ("compute", "memory", "launches")
    assert bench(folder, *grid, "--resume").returncode == 0
    (plain,) = study(folder)["benchmarks"]
    assert "variants" not in plain["params"]
    assert plain["extra_info"]["hardware_flops"] == plain["extra_info"]["flops"] == info["flops"]


def test_a_language_model_is_measured_beside_any_task(folder: Path) -> None:
    """Its input has nothing of the task, and its step has a loss of its own."""
    gpt = "gpt:width=8,heads=2,context=4,vocabulary=11"
    done = bench(folder, "--family", gpt, "--depths", "1", "--passes", "step", "-m", "cost")
    assert done.returncode == 0, done.stdout + done.stderr
    assert [cell["status"] for cell in study(folder)["howdeep"]["cells"]] == ["ok"]


def test_depths_are_matched_and_tuned(folder: Path) -> None:
    """Cells and runs have the width that was solved for: 243 parameters are 9 x 20 + 3 x 21, and
    9 x 8 + 2 x 8 x 9 + 3 x 9. The rate of each depth is the best of its trials, which are none of
    the study's runs. All of it is kept."""
    grid = ("--family", "mlp:width=20", "--depths", "2,4", "--passes", "forward")
    asked = (*grid, "--match", "parameters", "--lr", "tune")
    done = bench(folder, *asked)
    assert done.returncode == 0, done.stdout + done.stderr
    before = study(folder)
    infos = {b["params"]["depth"]: b["extra_info"] for b in _costs(before)}
    facts = ("width", "parameters", "match_ratio")
    assert [infos[2][name] for name in facts] == [20, 243, 1.0]
    assert [infos[4][name] for name in facts] == [8, 243, 1.0]
    runs, tried = before["howdeep"]["runs"], before["howdeep"]["tuning"]
    assert (len(runs), len(tried)) == (4, 10)
    for run in runs:
        same = [trial for trial in tried if trial["depth"] == run["depth"]]
        best = max(same, key=lambda t: (t["validation_accuracy"], -t["validation_loss"]))
        assert run["learning_rate"] == best["learning_rate"]
        assert run["tuned_from"] == [0.001, 0.0032, 0.01, 0.032, 0.1]
        assert (run["family"], run["knobs"]["width"]) == ("mlp:width=20", 20)
        assert all(run[name] == infos[run["depth"]][name] for name in facts)
    names = [row["name"] for row in before["benchmarks"]]
    assert "bench_cost[mlp:width=20-2-forward-16-fp32-cpu-parameters]" in names
    rows = kept(folder)
    assert bench(folder, *asked, "--resume").returncode == 0
    assert kept(folder) == rows
    assert study(folder)["howdeep"]["runs"] == runs
    report = howdeep(folder, "report", "study.json", "--json")
    (verdict,) = json.loads(report.stdout)["depths"]
    assert verdict["n_depths"] == 2


def test_depths_are_trained_for_equal_flops(folder: Path) -> None:
    """Deeper networks take fewer steps, and none a look at the epochs."""
    grid = ("--family", "mlp:width=8", "--depths", "2,8", "-m", "accuracy")
    done = bench(folder, *grid, "--train-for", "2Mflops")
    assert done.returncode == 0, done.stdout + done.stderr
    runs = study(folder)["howdeep"]["runs"]
    assert [run["train_flops"] for run in runs] == pytest.approx([2e6] * 4, rel=0.05)
    assert {run["epochs"] for run in runs} == {None}
    assert runs[0]["steps"] > runs[-1]["steps"]
    report = howdeep(folder, "report", "study.json", "--json")
    (verdict,) = json.loads(report.stdout)["depths"]
    assert verdict["n_depths"] == 2


BAD = [
    (("--cuda-graphs",), "--cuda-graphs needs a GPU: add --device cuda"),
    (("--flush-l2",), "--flush-l2 needs a GPU: add --device cuda"),
    (("--family", "nope"), "unknown family 'nope'; known: cifar_resnet, densenet, gpt, mlp"),
    (("--family", "mlp:activation=swish"), "known: relu, leaky_relu"),
    (("--family", "cifar_resnet", "--depths", "21"), "depth must be 6n+2 for cifar_resnet"),
    (("--depths", "-3"), "--depths takes whole numbers of at least 1; got '-3'"),
    (("--device", "cuda"), "no device 'cuda' here"),
    (("--task", "imagenet"), "unknown task 'imagenet'; known: digits, mnist1d"),
    (("--cluster", "here"), "--cluster takes auto or HOST:PORT, as `ray start` prints it"),
    (("--lr", "fast"), "--lr takes a number; got 'fast'"),
    (("--lr", "tune", "--task", "mnist1d:standard"), "chooses on a validation split"),
    (("--match", "depth"), "unknown --match 'depth'; known: width, parameters, flops"),
    (("--family", "densenet", "--match", "flops"), "densenet has only: layout, input_shape"),
    (("--train-for", "100flops", "--depths", "2"), "is 0 steps of mlp at depth 2"),
    (("--epochs", "3", "--train-for", "4"), "--epochs 3 and --train-for 4epochs contradict"),
]


@pytest.mark.parametrize(("arguments", "line"), BAD, ids=[" ".join(a) for a, _ in BAD])
def test_bad_input_is_one_line_and_exit_code_2(
    folder: Path, arguments: tuple[str, ...], line: str
) -> None:
    """Nothing is measured or written, and a study that was there stays."""
    (folder / "study.json").write_text("was here")
    done = bench(folder, *arguments)
    assert done.returncode == 2
    assert line in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert "Traceback" not in done.stdout + done.stderr
    assert (folder / "study.json").read_text() == "was here"
    assert not (folder / "results").exists()


def test_limits_are_not_measured_at_solved_widths(folder: Path) -> None:
    """It is said before anything is run, which is known once the benchmarks are chosen."""
    done = bench(folder, "--family", "mlp", "--depths", "2", "-m", "limits", "--match", "flops")
    assert done.returncode == 2
    assert "limits are measured at the family's own width" in done.stdout + done.stderr
    assert not (folder / "results").exists()


def test_a_damaged_store_is_set_aside_in_one_line(folder: Path) -> None:
    """The session begins a new one and goes on."""
    store = folder / "results" / "howdeep.sqlite"
    Store(store, document=dict, resume=False)
    damaged = store.read_bytes()[:100] + bytes(3996)
    store.write_bytes(damaged)
    grid = ("--family", "mlp:width=8", "--depths", "2", "--passes", "forward", "-m", "cost")
    done = bench(folder, *grid, "--resume")
    assert done.returncode == 0, done.stdout + done.stderr
    (aside,) = [p for p in store.parent.glob("*.damaged-*") if not p.name.endswith(("wal", "shm"))]
    assert aside.read_bytes() == damaged
    (line,) = [line for line in done.stderr.splitlines() if "damaged" in line]
    assert str(aside.relative_to(folder)) in line
    assert len(kept(folder)) == 1


def test_a_file_that_is_no_store_is_one_line_and_exit_code_2(folder: Path) -> None:
    """It is not touched; the line names it."""
    store = folder / "results" / "howdeep.sqlite"
    store.parent.mkdir()
    store.write_text("this is no database" * 100)
    done = bench(folder, *GRID)
    assert done.returncode == 2
    assert "cannot use the store" in done.stdout + done.stderr
    assert store.read_text() == "this is no database" * 100


def test_collecting_only_measures_and_writes_nothing(folder: Path) -> None:
    """`--collect-only` lists the ids."""
    done = bench(folder, *GRID, "--collect-only", "-q")
    assert done.returncode == 0
    assert "bench_cost[mlp:width=8-3-step-16-fp32-cpu]" in done.stdout
    assert not (folder / "results").exists()
