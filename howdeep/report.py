"""`howdeep report`: reads what was measured and says how deep the network should be."""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .ending import CANNOT_TELL, NOTHING_FITS, fail
from .output import tolerate, write

if TYPE_CHECKING:
    from reports.findings import Findings


class Unit(StrEnum):
    """The unit of a CSV table's accuracies or errors."""

    PERCENT = "percent"
    FRACTION = "fraction"


def report(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE",
            help="A study (JSON), its store (SQLite), any pytest-benchmark JSON, or a CSV table.",
            show_default=False,
        ),
    ],
    budget: Annotated[
        list[str] | None,
        typer.Option(
            help="The most a depth may cost: latency=5ms, flops=10M, train_flops=1e15, "
            "memory=2GiB, train_time=2h, energy=20mJ. Repeatable, or separated by commas.",
            metavar="NAME=QUANTITY",
            show_default=False,
        ),
    ] = None,
    json_: Annotated[
        bool, typer.Option("--json", help="Print one JSON object and nothing else.")
    ] = False,
    markdown: Annotated[
        str | None,
        typer.Option(help="Also write the report as Markdown; - prints it, and nothing else."),
    ] = None,
    html: Annotated[
        Path | None,
        typer.Option(help="Also write the report as one page: charts, tables, a budget slider."),
    ] = None,
    charts: Annotated[
        Path | None,
        typer.Option(
            help="Also write each chart to this folder, as SVG and PNG; --markdown shows them.",
            metavar="DIR",
        ),
    ] = None,
    text: Annotated[
        Path | None, typer.Option(help="Also write to this file what is printed.")
    ] = None,
    unit: Annotated[
        Unit | None, typer.Option(help="The unit of a CSV table's accuracies or errors.")
    ] = None,
    margin: Annotated[
        str, typer.Option(help="Percentage points of accuracy that are worth having.")
    ] = "1pp",
) -> None:
    """Say how deep the network should be: best and sufficient depth, their costs, what was tried.

    Exit code 0: fine; 1: no depth fits the budgets; 2: the input is wrong;
    3: no result at all, too little evidence for any verdict, or what a budget bounds is unknown.
    """
    with _one_line_errors():
        findings = _find(files, budget or [], unit, margin)
        told = "" if markdown is None else _markdown(findings, markdown, charts)
        if markdown not in (None, "-"):
            write(told, Path(markdown))
        if html:
            write(_page(findings, files), html)
        if charts:
            _draw(findings, charts)
        if text:
            write(_plain(findings), text)
    tolerate(sys.stdout)
    if findings.no_answer:
        typer.echo(f"howdeep report: {findings.no_answer}", err=True)
    if json_:
        typer.echo(json.dumps(findings.as_dict(), indent=2, allow_nan=False))
    elif markdown == "-":
        typer.echo(told, nl=False)
    else:
        _print(findings)
    raise typer.Exit(_exit_code(findings))


def _find(files: list[Path], budget: list[str], unit: Unit | None, margin: str) -> Findings:
    from reports.budget import parse_budgets
    from reports.findings import find
    from reports.margin import parse_margin
    from reports.study import read

    # Before the files: a typing error costs no waiting.
    budgets, least = parse_budgets(budget), parse_margin(margin)
    return find(read(files, unit), budgets, margin=least)


@contextmanager
def _one_line_errors() -> Iterator[None]:
    """Bad input ends the command with one line on standard error and exit code 2."""
    from reports.errors import InputError

    try:
        yield
    except (InputError, OSError) as error:
        fail("report", str(error))


def _markdown(findings: Findings, target: str, charts: Path | None) -> str:
    """With the charts as images, if they are drawn; where they lie from the target's folder."""
    from reports.text import markdown

    if charts is None:
        return markdown(findings)
    from reports.pictures import markdown_parts, pictures

    start = Path() if target == "-" else Path(target).parent
    folder = Path(os.path.relpath(charts, start)).as_posix()
    return markdown(findings, markdown_parts(list(pictures(findings)), folder))


def _page(findings: Findings, files: list[Path]) -> str:
    from reports.page import page

    return page(findings, [str(path) for path in files])


def _draw(findings: Findings, folder: Path) -> None:
    from reports.pictures import pictures

    for picture in pictures(findings):
        write(picture.svg(), folder / f"{picture.name}.svg")
        write(picture.png(), folder / f"{picture.name}.png")


def _plain(findings: Findings) -> str:
    from reports.text import print_report

    drawn = io.StringIO()
    print_report(findings, drawn)
    return drawn.getvalue()


def _print(findings: Findings) -> None:
    from reports.text import print_report

    print_report(findings, sys.stdout)


def _exit_code(findings: Findings) -> int:
    if findings.empty or findings.affordable.fits is None:
        return CANNOT_TELL
    if not findings.affordable.fits:
        return NOTHING_FITS
    return CANNOT_TELL if findings.undetermined else 0
