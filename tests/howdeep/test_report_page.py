"""`howdeep report --html` and `--charts`: what is written, and what is not."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.reports import studies

from .test_report import howdeep_report


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Costs and runs of one family, as `study.json` in the current folder."""
    monkeypatch.chdir(tmp_path)
    document = studies.document(studies.costs("mlp"), studies.runs("mlp", studies.MLP))
    return studies.write(Path("study.json"), document)


def test_the_page_is_one_file(study: Path) -> None:
    """Written beside what is printed; it names its source and refers to no other file."""
    result = howdeep_report(study, "--html", "out/report.html")
    assert result.exit_code == 0
    assert "The best depth is 8" in result.output
    assert [path.name for path in Path("out").iterdir()] == ["report.html"]
    page = Path("out/report.html").read_text(encoding="utf-8")
    assert page.startswith("<!DOCTYPE html>")
    assert "Read from <bdi>study.json</bdi>." in page
    assert len(page.encode()) < 3_000_000
    body = re.sub(r"<script>.*?</script>", "", page, flags=re.S)
    assert re.findall(r'(?:src|href)="(?!#|data:)', body) == []
    assert not re.search(r"https?://", body)


def test_charts_are_drawn_without_a_browser(study: Path) -> None:
    """SVG and PNG of each; Markdown shows them as images, from the folder where it lies."""
    result = howdeep_report(study, "--charts", "out/charts", "--markdown", "out/text/report.md")
    assert result.exit_code == 0
    drawn = {path.name for path in Path("out/charts").iterdir()}
    assert {"accuracy-1.svg", "accuracy-1.png", "cost-1-latency.svg", "front-1.png"} <= drawn
    assert Path("out/charts/accuracy-1.png").read_bytes().startswith(b"\x89PNG")
    assert "<svg" in Path("out/charts/accuracy-1.svg").read_text(encoding="utf-8")
    shown = re.findall(r"!\[.+\]\(<(.+)>\)", Path("out/text/report.md").read_text(encoding="utf-8"))
    assert "../charts/accuracy-1.png" in shown
    assert {f"{Path(path).stem}.svg" for path in shown} | {
        Path(path).name for path in shown
    } == drawn


def test_markdown_alone_has_no_images(study: Path) -> None:
    """Nothing is drawn that was not asked for."""
    assert "![" not in howdeep_report(study, "--markdown", "-").output


@pytest.mark.parametrize("option", ["--html", "--charts"])
def test_an_unwritable_target_is_one_line_and_nothing_half_written(
    study: Path, option: str
) -> None:
    """Exit code 2; what was there stays as it was."""
    Path("file").write_text("old")
    result = howdeep_report(study, option, "file/inside")
    assert result.exit_code == 2
    (line,) = result.stderr.splitlines()
    assert line.startswith("howdeep report: cannot write file/inside")
    assert result.stdout == ""
    assert Path("file").read_text() == "old"
    assert sorted(path.name for path in Path().iterdir()) == ["file", "study.json"]


def test_an_old_page_survives_bad_input(study: Path) -> None:
    """Nothing is written before everything was read."""
    Path("report.html").write_text("old")
    assert howdeep_report(study, "missing.json", "--html", "report.html").exit_code == 2
    assert Path("report.html").read_text() == "old"


def test_charts_are_imported_only_where_they_are_drawn(study: Path) -> None:
    """A report in the terminal waits for neither Altair nor Jinja2."""
    program = (
        "import sys, typer, howdeep.report\n"
        "app = typer.Typer()\n"
        "app.command()(howdeep.report.report)\n"
        f"app(['{study}'], standalone_mode=False)\n"
        "assert not {'altair', 'vl_convert', 'jinja2', 'reports.page'} & set(sys.modules)\n"
    )
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(
        [sys.executable, "-c", program],
        check=False, capture_output=True, text=True, env=environment,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
