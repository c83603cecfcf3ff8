"""`howdeep compare` as it is typed: what it prints, what it writes, how it ends."""

import json
import math
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer
from click.testing import Result
from typer.testing import CliRunner

from howdeep.compare import compare
from tests.reports import benchmark_files, machines

from .test_report import check_golden

ROOT = Path(__file__).parents[2]


def howdeep_compare(*arguments: str | Path) -> Result:
    """The command in this process, its output in a pipe."""
    app = typer.Typer()
    app.command()(compare)
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture(autouse=True)
def two_machines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`cpu.json`, with trainings, and `gpu.json`, in the current folder: the second has 10 layers'
    worth of overhead, and layers at half the price, within 3%."""
    monkeypatch.chdir(tmp_path)
    gpu = {"cpu_model": "Another CPU", "gpu": [{"name": "H100", "driver": "570.1"}]}
    documents = {
        "cpu": machines.study(
            runs=True, kernels=machines.kernels(1e11, 2e10, 1e-6), bound="compute", mfu=0.3
        ),
        "gpu": machines.study(
            lambda depth: (10 + depth / 2) / depth * (1 + 0.03 * math.sin(depth)),
            environment=gpu,
            kernels=machines.kernels(2e11, 4e10, 4e-6),
            bound="launches",
            mfu=0.1,
            energy_joules=2.56,
        ),
    }
    del documents["gpu"]["benchmarks"][-3:]
    machines.write(Path(), **documents)


ASKED = ("cpu.json", "gpu.json", "--budget", "latency=1.5ms", "--price", "cpu=$3600/h")


def test_the_comparison_in_a_pipe() -> None:
    """Plain lines of at most 100 columns, without escape codes or trailing blanks."""
    result = howdeep_compare(*ASKED)
    assert result.exit_code == 0, result.output
    lines = result.output.splitlines()
    assert max(map(len, lines)) <= 100
    assert all(line == line.rstrip() and "\x1b" not in line for line in lines)
    check_golden("compare.txt", result.output)


def test_the_comparison_as_markdown() -> None:
    """With every cell under a heading that opens; `-` prints it alone."""
    result = howdeep_compare(*ASKED, "--markdown", "out/compare.md")
    assert result.exit_code == 0
    written = Path("out/compare.md").read_text(encoding="utf-8")
    check_golden("compare.md", written)
    assert [path.name for path in Path("out").iterdir()] == ["compare.md"]
    assert howdeep_compare(*ASKED, "--markdown", "-").output == written


def test_json_is_one_object_and_nothing_else() -> None:
    """Strict JSON that holds every cell with its interval and verdict."""

    def refuse(token: str) -> None:
        raise AssertionError(token)

    found = json.loads(howdeep_compare(*ASKED, "--json").output, parse_constant=refuse)
    assert found["base"] == "cpu"
    assert len(found["cells"]) == 27
    first = found["cells"][0]
    assert {"machine", "family", "pass", "depth", "batch_size", "dtype", "ratio", "verdict"} <= (
        first.keys()
    )
    assert first["ratio"]["low"] < first["ratio"]["value"] < first["ratio"]["high"]
    assert [each["faster_deep"] for each in found["crossings"]] == ["gpu"] * len(found["crossings"])


def test_every_cell_is_shown_when_asked_for() -> None:
    """`--cells` adds a table a series; without it there is none."""
    assert "one by one" not in howdeep_compare("cpu.json", "gpu.json").output
    shown = howdeep_compare("cpu.json", "gpu.json", "--cells").output
    assert shown.count("one by one") == 6


def test_the_text_is_written_as_it_is_printed() -> None:
    """`--text` holds what a pipe gets."""
    result = howdeep_compare("cpu.json", "gpu.json", "--text", "out/compare.txt")
    assert Path("out/compare.txt").read_text(encoding="utf-8") == result.output


def test_the_page_is_one_file() -> None:
    """Written beside what is printed; it says how it is made again and refers to no other file."""
    result = howdeep_compare(*ASKED, "--base", "gpu", "--html", "out/compare.html")
    assert result.exit_code == 0
    assert [path.name for path in Path("out").iterdir()] == ["compare.html"]
    page = Path("out/compare.html").read_text(encoding="utf-8")
    assert len(page.encode()) < 3_000_000
    command = "howdeep compare cpu.json gpu.json --base gpu --budget latency=1.5ms --price "
    assert command in page
    body = re.sub(r"<script>.*?</script>", "", page, flags=re.S)
    assert re.findall(r'(?:src|href)="(?!#|data:)', body) == []
    assert not re.search(r"https?://", body)


def test_a_page_of_files_that_share_nothing_says_so() -> None:
    """The page is written all the same, and the exit code is 3."""
    shares_nothing(Path("other.json"))
    result = howdeep_compare("cpu.json", "other.json", "--html", "none.html")
    assert result.exit_code == 3
    assert "Nothing is shared: cpu has mlp" in Path("none.html").read_text(encoding="utf-8")


def test_forty_files_fold(tmp_path: Path) -> None:
    """A row a machine, the fastest first; other tables show four machines, lists end with how many
    more there are. No line is longer than 100 columns."""
    documents = {
        f"m{place:02}": benchmark_files.version_5(1 + place / 10) for place in range(39)
    } | {"slow": benchmark_files.version_2_5(9.0)}
    files = machines.write(tmp_path, **documents)
    result = howdeep_compare(*files, "--base", "m20")
    assert result.exit_code == 0
    lines = result.output.splitlines()
    assert max(map(len, lines)) <= 100
    assert len(lines) < 110
    names = [line.split()[0] for line in lines if re.match(r"(m\d\d|slow) +\d", line)]
    assert names == [*(f"m{place:02}" for place in range(39) if place != 20), "slow"]
    assert "and 29 more (--cells shows them, --json holds them)" in result.output
    assert len(json.loads(howdeep_compare(*files, "--json").output)["cells"]) == 78


def test_many_studies_show_a_choice_of_machines(tmp_path: Path) -> None:
    """Base, the two fastest and the slowest; `--cells` shows all."""
    documents = {f"m{place}": machines.study(lambda _, p=place: 1.0 + p / 10) for place in range(6)}
    files = machines.write(tmp_path, **documents)
    table = howdeep_compare(*files).output.partition("Time against depth")[2]
    shown = re.findall(r"^mlp step.*|^ {6,}m\d.*", table, flags=re.M)
    assert [re.findall(r"m\d", line)[0] for line in shown[:4]] == ["m0", "m1", "m2", "m5"]
    assert "m3" not in table.partition("Notes")[0].partition("Files")[0]
    assert "m3" in howdeep_compare(*files, "--cells").output.partition("Time against depth")[2]


def test_names_may_hold_markup() -> None:
    """Rich tags, escape codes and Markdown marks in a name are shown, not interpreted, and a long
    one is cut."""
    hostile = "[red]x|y[/red]<b>\x1b[31m"
    result = howdeep_compare("cpu.json", f"{hostile}=gpu.json", "--cells")
    assert result.exit_code == 0
    assert "\x1b" not in result.output
    assert "[red]x|y[/red]<b>" in result.output
    drawn = howdeep_compare("cpu.json", f"{hostile}=gpu.json", "--markdown", "-").output
    assert r"\[red\]x\|y\[/red\]\<b\>" in drawn
    long = howdeep_compare("cpu.json", f"{'n' * 10_000}=gpu.json").output
    assert max(map(len, long.splitlines())) <= 100


def test_names_may_hold_half_a_character() -> None:
    """JSON can hold one of a pair of surrogates, which UTF-8 cannot: `?` stands for it."""
    halved = machines.study(lambda _: 2.0, environment={"cpu_model": "\ud800 CPU"})
    halved["benchmarks"][0]["extra_info"]["warnings"] = ["\ud800 warned"]
    machines.write(Path(), halved=halved)
    written = ("--html", "out.html", "--markdown", "out.md", "--text", "out.txt")
    result = howdeep_compare("cpu.json", "halved.json", *written)
    assert result.exit_code == 0, result.output
    assert all("CPU" in Path(name).read_text(encoding="utf-8") for name in written[1::2])


def test_the_line_of_an_error_steers_no_terminal() -> None:
    """Names in it come from files: marks that turn the direction of writing are left out."""
    other = machines.study(lambda _: 2.0)
    for benchmark in other["benchmarks"]:
        benchmark["params"]["family"] = "\x1b[31mev\u202eil"
    machines.write(Path(), other=other)
    stderr = howdeep_compare("cpu.json", "other.json").stderr
    assert "evil (forward" in stderr
    assert not {"\x1b", "\u202e"} & set(stderr)


def test_the_same_file_twice_is_said() -> None:
    """By its content; the rest is compared."""
    Path("again.json").write_bytes(Path("cpu.json").read_bytes())
    result = howdeep_compare("cpu.json", "again.json", "gpu.json")
    assert result.exit_code == 0
    assert "again.json has the same content as cpu.json: it is left out." in result.output


def shares_nothing(path: Path) -> None:
    """The study of the first machine at another batch size."""
    other = machines.study(lambda _: 2.0)
    for benchmark in other["benchmarks"]:
        benchmark["params"]["batch_size"] = 7
    path.write_text(json.dumps(other))


def test_files_that_share_nothing_are_exit_code_3() -> None:
    """One line on what each has; the report says what differs; JSON is still one object."""
    shares_nothing(Path("other.json"))
    result = howdeep_compare("cpu.json", "other.json")
    assert result.exit_code == 3
    (line,) = result.stderr.splitlines()
    assert line == (
        "howdeep compare: nothing is shared: cpu has mlp, resnet (forward, backward, step; depth 2 "
        "to 32; batch 128; fp32); other has mlp, resnet (forward, backward, step; depth 2 to 32; "
        "batch 7; fp32)"
    )
    assert re.search(r"batch size +128 +7", result.stdout)
    found = howdeep_compare("cpu.json", "other.json", "--json")
    assert found.exit_code == 3
    assert json.loads(found.stdout)["cells"] == []


def test_files_of_other_benchmarks_share_nothing() -> None:
    """The names that each has are said."""
    machines.write(Path(), old=benchmark_files.version_2_5())
    result = howdeep_compare("cpu.json", "old.json")
    assert result.exit_code == 3
    assert "old has test_sort[1000], test_sort[10]" in result.stderr


def study_of(**changes: Any) -> Callable[[Path], object]:
    """A study with these changes to its object `howdeep`."""
    return lambda path: path.write_text(json.dumps({"benchmarks": [], "howdeep": changes}))


def text(content: str) -> Callable[[Path], object]:
    """A file with this text."""
    return lambda path: path.write_text(content)


BAD_FILES = {
    "nothing there": (lambda _: None, "no such file"),
    "a folder": (lambda path: path.mkdir(), "is a folder"),
    "empty": (text(""), "is empty"),
    "not JSON": (text("hello"), "is not JSON: it begins with 'hello'"),
    "cut off": (text('{"benchmarks": [{"na'), "cut off"),
    "a list": (text("[1, 2]"), "no pytest-benchmark file"),
    "another object": (text('{"a": 1}'), "no pytest-benchmark file"),
    "no list": (text('{"benchmarks": 7}'), "`benchmarks` must be a list"),
    "newer": (study_of(schema=2), "upgrade howdeep"),
    "kernels": (study_of(schema=1, reference_kernels=3), "`reference_kernels` must be a list"),
}


@pytest.mark.parametrize("case", BAD_FILES)
def test_a_bad_file_is_one_line_and_exit_code_2(case: str) -> None:
    """The line names the file; nothing is printed and nothing written."""
    make, expected = BAD_FILES[case]
    make(Path("bad.json"))
    result = howdeep_compare("cpu.json", "bad.json", "--markdown", "out.md", "--text", "out.txt")
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    assert line.startswith("howdeep compare: bad.json: ")
    assert re.search(expected, line), line
    assert not list(Path().glob("*out*"))


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["cpu.json"], "at least two files were expected"),
        (["cpu.json", "cpu.json"], "has the same content"),
        (["x=cpu.json", "x=gpu.json"], "all files are of one machine"),
        (["cpu.json", "gpu.json", "--base", "tpu"], "no machine 'tpu'; there are cpu, gpu"),
        (["cpu.json", "gpu.json", "--price", "tpu=1/h"], "no machine 'tpu'"),
        (["cpu.json", "gpu.json", "--price", "cpu=free"], "NAME=2.5/h was expected"),
        (["cpu.json", "gpu.json", "--price", f"cpu={400 * '9'}/h"], "up to 1e+12 was expected"),
        (["cpu.json", "gpu.json", "--html", "."], "cannot write .: the name of a file"),
        (["cpu.json", "gpu.json", "--text", "/"], "cannot write /: the name of a file"),
        (["cpu.json", "gpu.json", "--budget", "speed=5"], "--budget"),
        (["no.json", "gpu.json", "--budget", "latency=fast"], "--budget"),
    ],
)
def test_bad_usage_is_one_line_and_exit_code_2(arguments: list[str], expected: str) -> None:
    """What was expected and what there is."""
    result = howdeep_compare(*arguments)
    assert result.exit_code == 2
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    assert expected in line


def test_null_and_impossible_statistics_are_left_out_by_name() -> None:
    """NaN as pytest-benchmark writes it, null, and a minimum above the median."""
    document = machines.study(lambda _: 2.0)
    first, second, third, *_ = document["benchmarks"]
    first["stats"]["median"], second["stats"]["median"] = float("nan"), None
    third["stats"]["min"] = 5.0
    machines.write(Path(), broken=document)
    result = howdeep_compare("cpu.json", "broken.json")
    assert result.exit_code == 0
    words = " ".join(result.output.split())
    assert "broken: bench_cost[mlp-2-forward]: its median is null or no finite number" in words
    assert "broken: bench_cost[mlp-2-backward]: its median is null or no finite number" in words
    assert "broken: bench_cost[mlp-2-step]: its min (5 s) is above its median (0.0012 s)" in words
    assert "(geometric mean of 27 cells that both have)" in words


def test_an_empty_name_of_a_file_is_told() -> None:
    """As a variable that is not set in a script leaves one."""
    result = howdeep_compare("cpu.json", "gpu.json", "--markdown", "")
    assert result.exit_code == 2
    assert "the name of a file was expected" in result.stderr


@pytest.mark.parametrize("option", ["--markdown", "--html"])
def test_an_unwritable_target_leaves_nothing_half_written(option: str) -> None:
    """One line that names it; an old file stays as it was."""
    Path("kept.md").write_text("old")
    result = howdeep_compare("cpu.json", "gpu.json", option, "kept.md/inside.md")
    assert result.exit_code == 2
    assert result.stdout == ""
    assert "cannot write kept.md/inside.md" in result.stderr
    assert Path("kept.md").read_text() == "old"


def test_the_command_imports_no_torch() -> None:
    """The help loads no table library; a comparison neither torch nor the rooms that measure."""
    program = (
        "import sys, howdeep.compare\n"
        "assert not {'pandas', 'scipy', 'torch', 'rich.table'} & set(sys.modules)\n"
        "import typer\n"
        "app = typer.Typer()\n"
        "app.command()(howdeep.compare.compare)\n"
        "app(['cpu.json', 'gpu.json'], standalone_mode=False)\n"
        "assert not {'torch', 'bench', 'models'} & set(sys.modules)\n"
    )
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, env=environment
    )
