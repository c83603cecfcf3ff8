"""`howdeep history`: since when has it been so? Many studies, and the commits that changed them."""

from __future__ import annotations

import json
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .ending import fail
from .output import tolerate, write

if TYPE_CHECKING:
    from reports.regression.history import History


def history(
    paths: Annotated[
        list[Path],
        typer.Argument(
            metavar="PATH...",
            help="Folders of studies (any pytest-benchmark JSON, at any depth), files, or stores.",
            show_default=False,
        ),
    ],
    metric: Annotated[
        list[str] | None,
        typer.Option(
            help="Of time, peak_bytes, flops, accuracy; repeatable; default: all.",
            show_default=False,
        ),
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(metavar="DATE", help="Studies from 2026-01-31 on.", show_default=False),
    ] = None,
    json_: Annotated[
        bool, typer.Option("--json", help="Print one JSON object and nothing else.")
    ] = False,
    markdown: Annotated[
        str | None,
        typer.Option(help="Also write the history as Markdown; - prints it, and nothing else."),
    ] = None,
    charts: Annotated[
        Path | None,
        typer.Option(help="Also draw a chart a family into this folder, as SVG and PNG."),
    ] = None,
) -> None:
    """Find changes in many studies, and the commit that each starts at.

    Exit code 0: it could read, whatever it found (`howdeep check` is the gate); 2: the
    input is wrong.
    """
    from reports.errors import InputError

    try:
        found = _find(paths, metric or [], since)
        told = _markdown(found, markdown, charts) if markdown else ""
        if markdown and markdown != "-":
            write(told, Path(markdown))
        if charts:
            _draw(found, charts)
    except (InputError, OSError) as error:
        fail("history", str(error))
    tolerate(sys.stdout)
    if json_:
        typer.echo(json.dumps(found.as_dict(), indent=2, allow_nan=False))
    elif markdown == "-":
        typer.echo(told, nl=False)
    else:
        _print(found)


def _find(paths: list[Path], metrics: list[str], since: str | None) -> History:
    from reports.regression.history import find
    from reports.regression.history_files import chosen, read_history

    start = _start(since)
    studies, notes = read_history(paths)
    return find(chosen(studies, metrics, start), notes)


def _start(since: str | None) -> datetime | None:
    from reports.errors import InputError

    if since is None:
        return None
    try:
        found = datetime.fromisoformat(since)
    except ValueError:
        raise InputError(f"--since takes a date such as 2026-01-31; got {since!r}") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _markdown(found: History, target: str, charts: Path | None) -> str:
    """With the charts as images, if they are drawn; where they lie from the target's folder."""
    from reports.regression.history_blocks import history_blocks
    from reports.text import markdown_of

    if charts is None:
        return markdown_of("History", history_blocks(found))
    from reports.pictures import markdown_parts
    from reports.regression.history_charts import pictures

    start = Path() if target == "-" else Path(target).parent
    folder = Path(os.path.relpath(charts, start)).as_posix()
    drawn = markdown_parts(list(pictures(found)), folder)
    return markdown_of("History", history_blocks(found), drawn)


def _draw(found: History, folder: Path) -> None:
    from reports.regression.history_charts import pictures

    for picture in pictures(found):
        write(picture.svg(), folder / f"{picture.name}.svg")
        write(picture.png(), folder / f"{picture.name}.png")


def _print(found: History) -> None:
    from reports.regression.history_blocks import history_blocks
    from reports.text import print_blocks

    print_blocks(history_blocks(found), sys.stdout)
