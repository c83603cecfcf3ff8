"""The GitHub action, its scripts with stand-ins for `howdeep` and `gh`, and the workflow."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from howdeep.app import app
from reports.regression.blocks import MARKER

ROOT = Path(__file__).parents[2]
SCRIPTS = ROOT / ".github" / "action"


def document(name: str) -> Any:
    """A YAML file of the repository, parsed."""
    return yaml.safe_load((ROOT / name).read_text("utf-8"))


ACTION = document("action.yml")
STEPS = ACTION["runs"]["steps"]
JOB = document(".github/workflows/check.yml")["jobs"]["check"]


def options() -> set[str]:
    """Of `howdeep check`."""
    command = typer.main.get_command(app).commands["check"]  # type: ignore[attr-defined]
    return {name for parameter in command.params for name in parameter.opts}


def test_the_options_that_the_action_and_the_workflow_name_exist() -> None:
    """In the action's default, in its script, and in the workflow."""
    (use,) = [step for step in JOB["steps"] if step["uses"] == "./"]
    call = re.search(r"howdeep check (.*\n.*)\|", (SCRIPTS / "check.sh").read_text())
    assert call
    for text in (ACTION["inputs"]["args"]["default"], use["with"]["args"], call[1]):
        named = re.findall(r"--[a-z][a-z-]*", text)
        assert named
        assert set(named) <= options()


def test_the_workflow_gives_inputs_that_the_action_has() -> None:
    """And enough history to compare with, and the right to comment."""
    checkout, use = JOB["steps"]
    assert set(use["with"]) <= set(ACTION["inputs"])
    assert checkout["with"]["fetch-depth"] == 0
    permissions = document(".github/workflows/check.yml")["permissions"]
    assert permissions == {"contents": "read", "pull-requests": "write"}


def test_every_reference_of_the_action_is_there() -> None:
    """Inputs, outputs of steps, and scripts; every `run` names its shell, as composites must."""
    text = (ROOT / "action.yml").read_text()
    assert set(re.findall(r"inputs\.([a-z-]+)", text)) == set(ACTION["inputs"])
    written = re.findall(r'echo "([a-z-]+)=', (SCRIPTS / "check.sh").read_text())
    assert set(re.findall(r"steps\.check\.outputs\.([a-z-]+)", text)) == set(written)
    for name in re.findall(r"\$GITHUB_ACTION_PATH/([\w./-]+)", text):
        assert (ROOT / name).is_file()
    assert all("shell" in step for step in STEPS if "run" in step)


def test_no_expression_stands_within_a_script() -> None:
    """What a pull request can choose reaches the shell by the environment, never as its text."""
    assert not any("${{" in step.get("run", "") for step in STEPS)


SHELL = [path.read_text() for path in SCRIPTS.glob("*.sh")]
SHELL += [step["run"] for step in STEPS if "run" in step]


@pytest.mark.parametrize("script", SHELL)
def test_the_shell_parts_are_bash(script: str) -> None:
    """`bash -n` finds nothing."""
    done = subprocess.run(["bash", "-n"], input=script, text=True, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


class Runner:
    """A step of a job: its folders, its environment, and programs that stand in for others'."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.programs = folder / "bin"
        self.programs.mkdir()
        self.stand_in("python", f'exec "{sys.executable}" "$@"')

    def stand_in(self, name: str, script: str) -> None:
        """A program of that name, in bash."""
        path = self.programs / name
        path.write_text(f"#!/usr/bin/env bash\n{script}\n")
        path.chmod(0o755)

    def run(self, script: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """One of the action's scripts."""
        return subprocess.run(
            ["bash", str(SCRIPTS / script)],
            cwd=self.folder,
            env={
                "PATH": f"{self.programs}{os.pathsep}{os.environ['PATH']}",
                "RUNNER_TEMP": str(self.folder),
                "GITHUB_STEP_SUMMARY": str(self.folder / "summary"),
                "GITHUB_OUTPUT": str(self.folder / "output"),
                "GITHUB_REPOSITORY": "owner/name",
                "CALLS": str(self.folder / "calls"),
                **environment,
            },
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def read(self, name: str) -> str:
        """A file that was written; empty if none was."""
        path = self.folder / name
        return path.read_text("utf-8") if path.exists() else ""

    def output(self, name: str) -> str:
        """An output of the step."""
        return dict(line.split("=", 1) for line in self.read("output").splitlines())[name]


@pytest.fixture
def runner(tmp_path: Path) -> Runner:
    return Runner(tmp_path)


HOWDEEP = """
printf '<%s>' "$@" >"$CALLS"
echo "1 regression"
echo "    ::add-mask::of a name"
echo "::error title=howdeep%3A regressed::mlp" >&2
[ "$CODE" = 2 ] && { echo "howdeep check: 100% wrong" >&2; exit 2; }
while [ $# -gt 0 ]; do
  [ "$1" = --markdown ] && printf '%s\\n' "$MARKDOWN" >>"$2"
  shift
done
exit "$CODE"
"""


@pytest.mark.parametrize("code", ["0", "1", "3"])
def test_the_check_hands_on_its_answer_and_its_exit_code(runner: Runner, code: str) -> None:
    """The script ends well, so that the answer can be a comment before the step fails."""
    runner.stand_in("howdeep", HOWDEEP)
    done = runner.run("check.sh", ARGS="--exact", CODE=code, MARKDOWN="told")
    assert done.returncode == 0, done.stderr
    assert runner.output("exit-code") == code
    assert Path(runner.output("markdown")).read_text() == "told\n" == runner.read("summary")


def test_nothing_that_is_printed_can_be_a_command_but_annotations(runner: Runner) -> None:
    """Commands are off while the report is printed, and the annotations come after it."""
    runner.stand_in("howdeep", HOWDEEP)
    done = runner.run("check.sh", ARGS="--exact", CODE="1", MARKDOWN="told")
    stop, *report, resume, annotation = done.stdout.splitlines()
    assert stop == f"::stop-commands::{resume.strip(':')}"
    assert len(resume) > len("::howdeep-::")
    assert report == ["1 regression", "    ::add-mask::of a name"]
    assert annotation == "::error title=howdeep%3A regressed::mlp"


def test_arguments_are_split_as_by_a_shell_and_never_run(runner: Runner) -> None:
    """Quotes keep a name in one piece, line breaks part words; no substitution takes place."""
    runner.stand_in("howdeep", HOWDEEP)
    args = "--exact\n--family 'my net.py:build' --against $(touch ran) *"
    assert runner.run("check.sh", ARGS=args, CODE="0", MARKDOWN="told").returncode == 0
    given = "<--exact><--family><my net.py:build><--against><$(touch><ran)><*>"
    assert runner.read("calls").endswith(f"<--annotations>{given}")
    assert not (runner.folder / "ran").exists()


def test_no_arguments_are_none(runner: Runner) -> None:
    """Not one empty argument."""
    runner.stand_in("howdeep", HOWDEEP)
    runner.run("check.sh", ARGS="", CODE="0", MARKDOWN="told")
    assert runner.read("calls").endswith("<--annotations>")


def test_an_open_quote_is_said(runner: Runner) -> None:
    """As an annotation, and nothing is run."""
    runner.stand_in("howdeep", HOWDEEP)
    done = runner.run("check.sh", ARGS="--family 'a", CODE="0", MARKDOWN="told")
    assert done.returncode == 2
    assert "::error title=howdeep::args cannot be split" in done.stdout
    assert not runner.read("calls")


def test_a_check_that_could_not_run_replaces_the_last_answer(runner: Runner) -> None:
    """Its line is in the comment, the summary and an annotation."""
    runner.stand_in("howdeep", HOWDEEP)
    done = runner.run("check.sh", ARGS="--exact", CODE="2")
    assert runner.output("exit-code") == "2"
    body = Path(runner.output("markdown")).read_text()
    assert body == runner.read("summary")
    assert body.startswith(f"{MARKER}\n")
    assert "    howdeep check: 100% wrong\n" in body
    assert "could not run: howdeep check: 100%25 wrong" in done.stdout


@pytest.mark.parametrize(
    ("code", "reason"), [("2", "howdeep check: the base: no module"), ("137", "its log says why")]
)
def test_what_is_being_measured_is_no_reason(runner: Runner, code: str, reason: str) -> None:
    """The line of an error is the last one; a check that is killed has none."""
    told = 'echo "howdeep check: trio 1 of at most 14 measures 8 cells (0 s)" >&2'
    error = '[ "$CODE" = 2 ] && echo "howdeep check: the base: no module" >&2'
    runner.stand_in("howdeep", f'{told}\n{error}\nexit "$CODE"')
    runner.run("check.sh", ARGS="--against main", CODE=code)
    assert runner.output("exit-code") == code
    assert Path(runner.output("markdown")).read_text().splitlines()[-1] == f"    {reason}"


GH = """
printf '%s\\n' "$*" >>"$CALLS"
case "$*" in
  *--paginate*) printf '%s' "$FOUND"; exit "$MAY_READ" ;;
  *) exit "$MAY_WRITE" ;;
esac
"""


def comment(runner: Runner, found: str, *, read: int = 0, write: int = 0) -> tuple[str, list[str]]:
    """What the script prints and what it asks GitHub, where those comments are found."""
    runner.stand_in("gh", GH)
    body = runner.folder / "body.md"
    body.write_text(f"{MARKER}\n# howdeep check\n")
    done = runner.run(
        "comment.sh", PULL_REQUEST="7", BODY=str(body),
        FOUND=found, MAY_READ=str(read), MAY_WRITE=str(write),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout, runner.read("calls").splitlines()


def test_the_first_check_of_a_pull_request_posts_a_comment(runner: Runner) -> None:
    """After it looked for one of its own that begins with the marker."""
    printed, (look, post) = comment(runner, "")
    assert printed == ""
    assert "repos/owner/name/issues/7/comments" in look
    assert f'startswith("{MARKER}")' in look
    assert "github-actions[bot]" in look
    assert "--method POST repos/owner/name/issues/7/comments --field body=@" in post


def test_later_checks_update_it(runner: Runner) -> None:
    """The first, should there be several."""
    _, (_, patch) = comment(runner, "11\n12\n")
    assert "--method PATCH repos/owner/name/issues/comments/11 --field body=@" in patch


@pytest.mark.parametrize("refused", [{"read": 1}, {"write": 1}])
def test_a_fork_gets_a_notice(runner: Runner, refused: dict[str, int]) -> None:
    """Its token may not write: the check goes on, with the answer in the summary."""
    printed, _ = comment(runner, "", **refused)
    assert printed.startswith("::notice title=howdeep::no comment was written")
    assert printed.count("\n") == 1


def test_the_marker_is_the_one_of_the_command() -> None:
    """Also in what is told where the command gave no answer."""
    assert f"'{MARKER}'" in (SCRIPTS / "check.sh").read_text()
