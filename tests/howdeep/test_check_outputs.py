"""What `howdeep check` prints and writes, its lanes stood in by an answer."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from click.testing import Result
from typer.testing import CliRunner

from howdeep.app import app
from reports.regression.blocks import MARKER, check_markdown
from reports.regression.finding import EQUIVALENT, Answer
from tests.reports.regression.answers import answer, mixed, slower, time


class Check:
    """The command in this process; what its lanes would answer, and how often they were asked."""

    def __init__(self) -> None:
        self.answer = slower()
        self.asked = 0

    def __call__(self, *arguments: str | Path) -> Result:
        return CliRunner().invoke(app, ["check", "--exact", *map(str, arguments)])

    def lanes(self, *_: Any, **__: Any) -> Iterator[Answer]:
        """In place of what measures."""
        self.asked += 1
        yield self.answer


@pytest.fixture
def check(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Check:
    """In an empty folder, outside of GitHub."""
    found = Check()
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    monkeypatch.setattr("howdeep.check._answers", found.lanes)
    return found


def written() -> dict[str, str]:
    """Every file below the current folder."""
    return {path.name: path.read_text("utf-8") for path in Path().rglob("*") if path.is_file()}


ALL = (
    "--markdown", "check.md", "--junit", "out/check.xml",
    "--export", "bencher=bmf.json", "--export", "github-action-benchmark=gab.json",
)  # fmt: skip


def test_every_file_is_written_beside_what_is_printed(check: Check) -> None:
    """The report is on standard output as without them, and the exit code is the answer's."""
    done = check(*ALL)
    assert done.exit_code == 1
    assert done.stdout == check().stdout
    assert done.stdout.startswith("1 regression\n\nmlp step is 10.2% slower at every depth")
    files = written()
    assert files.keys() == {"check.md", "check.xml", "bmf.json", "gab.json"}
    assert files["check.md"] == check_markdown(slower())
    assert ElementTree.fromstring(files["check.xml"]).attrib["failures"] == "1"
    assert "latency" in json.loads(files["bmf.json"])["mlp/step"]
    assert json.loads(files["gab.json"])[0]["name"] == "mlp/step/time"


def test_markdown_can_be_printed(check: Check) -> None:
    """`-` prints it and nothing else; files may be written, too."""
    done = check("--markdown", "-", "--markdown", "check.md")
    assert done.stdout == check_markdown(slower()) == written()["check.md"]


def test_a_file_is_overwritten_but_a_steps_summary_is_appended_to(
    check: Check, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever way the path of the summary is written."""
    Path("summary.md").write_text("of another command\n")
    Path("check.md").write_text("of the last check\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(Path("summary.md").absolute()))
    for _ in range(2):
        check("--markdown", "./summary.md", "--markdown", "check.md")
    told = check_markdown(slower())
    assert written() == {"summary.md": f"of another command\n{told}{told}", "check.md": told}
    assert told.startswith(f"{MARKER}\n")


def test_annotations_stand_beside_json(check: Check) -> None:
    """On standard error: standard output is one JSON object."""
    done = check("--annotations", "--json")
    assert json.loads(done.stdout)["exit_code"] == 1
    assert done.stderr.startswith("::error title=howdeep%3A regressed::mlp step is 10.2%25 slower")
    assert check().stderr == ""


def test_json_holds_hostile_names_as_they_are(check: Check) -> None:
    """Names are shortened where they are drawn alone."""
    check.answer = mixed()
    done = check("--json")
    names = {each["family"] for each in json.loads(done.stdout)["findings"]}
    assert names == {each.family for each in mixed().findings}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--export", "codspeed=a.json"), "--export takes github-action-benchmark or bencher"),
        (("--export", "bencher"), "--export takes FORMAT=FILE; got 'bencher'"),
        (("--export", "bencher=a.json", "--junit", "a.json"), "a.json is asked for twice"),
        (("--junit", "folder"), "cannot write folder: it is a folder"),
        (("--markdown", "file/check.md"), "cannot write file/check.md: "),
        (("--export", "bencher=file/a/b.json"), "cannot write file/a/b.json: "),
    ],
)
def test_what_cannot_be_written_is_said_before_anything_is_measured(
    check: Check, arguments: tuple[str, ...], said: str
) -> None:
    """One line, exit code 2, and nothing is left behind."""
    Path("folder").mkdir()
    Path("file").write_text("a file")
    done = check(*arguments)
    assert done.exit_code == 2
    assert done.stderr.startswith(f"howdeep check: {said}")
    assert done.stderr.count("\n") == 1
    assert check.asked == 0
    assert written() == {"file": "a file"}


def test_a_target_that_goes_away_costs_no_other(
    check: Check, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was measured is printed, the other files are whole, and one line names the lost one."""

    def lanes(*_: Any, **__: Any) -> Iterator[Answer]:
        Path("out").rmdir()
        Path("out").write_text("in its way")
        yield slower()

    monkeypatch.setattr("howdeep.check._answers", lanes)
    done = check(*ALL)
    assert done.exit_code == 2
    assert done.stdout.startswith("1 regression")
    assert done.stderr.startswith("howdeep check: cannot write out/check.xml: ")
    assert written().keys() == {"check.md", "bmf.json", "gab.json", "out"}


@pytest.mark.parametrize(
    ("strict", "code", "said"), [((), 0, "No regression"), (("--strict",), 3, "Cannot tell")]
)
def test_inconclusive_findings_end_as_asked(
    check: Check, strict: tuple[str, ...], code: int, said: str
) -> None:
    """With 0 or, strictly, 3, of which all that is written speaks."""
    check.answer = answer(*slower().findings[1:])
    done = check("--markdown", "check.md", "--json", *strict)
    assert done.exit_code == json.loads(done.stdout)["exit_code"] == code
    assert said in written()["check.md"]
    assert ("--strict" in written()["check.md"]) == bool(strict)


def test_without_a_regression_the_first_line_says_so(check: Check) -> None:
    """And no line of it warns."""
    check.answer = answer(time(EQUIVALENT, 0.0, depth=8))
    done = check("--annotations")
    assert done.exit_code == 0
    assert done.stdout.startswith("No regression\n")
    assert done.stderr == ""
