"""`howdeep compare`: one machine's measurements against another's."""

from __future__ import annotations

import io
import json
import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .ending import CANNOT_TELL, fail
from .output import tolerate, write

if TYPE_CHECKING:
    from reports.hardware import Comparison
    from reports.machines import Machine


def compare(
    files: Annotated[
        list[str],
        typer.Argument(
            metavar="[NAME=]FILE",
            help="Studies, stores or any pytest-benchmark JSON, one a machine; the first is the "
            "base. A name given twice joins its files: several processes of one machine.",
            show_default=False,
        ),
    ],
    base: Annotated[
        str | None,
        typer.Option(help="The machine that the others are compared with; default: the first."),
    ] = None,
    cells: Annotated[
        bool, typer.Option("--cells", help="Show every cell, and fold nothing.")
    ] = False,
    budget: Annotated[
        list[str] | None,
        typer.Option(
            help="The most a depth may cost on each machine: latency=5ms, memory=2GiB, …; as in "
            "howdeep report.",
            metavar="NAME=QUANTITY",
            show_default=False,
        ),
    ] = None,
    price: Annotated[
        list[str] | None,
        typer.Option(
            help="What a machine costs: NAME=2.5/h, with a currency or without. Repeatable.",
            metavar="NAME=PRICE",
            show_default=False,
        ),
    ] = None,
    json_: Annotated[
        bool, typer.Option("--json", help="Print one JSON object and nothing else.")
    ] = False,
    markdown: Annotated[
        str | None,
        typer.Option(help="Also write the comparison as Markdown; - prints it, and nothing else."),
    ] = None,
    html: Annotated[
        Path | None,
        typer.Option(help="Also write the comparison as one page: charts, tables, every cell."),
    ] = None,
    text: Annotated[
        Path | None, typer.Option(help="Also write to this file what is printed.")
    ] = None,
) -> None:
    """Compare hardware with hardware: what differs, cell by cell, with depth and under budgets.

    Exit code 0: fine; 2: the input is wrong; 3: the files share nothing.
    """
    from reports.errors import InputError

    try:
        found, machines = _compare(files, base, budget or [], price or [])
        if markdown not in (None, "-"):
            write(_markdown(found), Path(markdown))
        if html:
            options = {"--base": [base] if base else [], "--budget": budget, "--price": price}
            write(_page(found, machines, _command(files, options, html)), html)
        if text:
            write(_plain(found, cells), text)
    except (InputError, OSError) as error:
        fail("compare", str(error))
    _show(found, json_=json_, markdown=markdown == "-", cells=cells)
    if not found.comparable:
        fail("compare", found.nothing_shared, code=CANNOT_TELL)


def _compare(
    files: list[str], base: str | None, budget: list[str], price: list[str]
) -> tuple[Comparison, Sequence[Machine]]:
    from reports.budget import parse_budgets
    from reports.hardware import compare
    from reports.machine_specs import parse_specs
    from reports.machines import read_machines
    from reports.price import parse_prices

    budgets = parse_budgets(budget)
    specs, notes = parse_specs(files)
    prices = parse_prices(price, [spec.name for spec in specs])
    machines = read_machines(specs)
    found = compare(machines, base=base, budgets=budgets, prices=prices, notes=notes)
    return found, machines


def _show(found: Comparison, *, json_: bool, markdown: bool, cells: bool) -> None:
    from reports.hardware_blocks import comparison_blocks
    from reports.text import print_blocks

    tolerate(sys.stdout)
    if json_:
        typer.echo(json.dumps(found.as_dict(), indent=2, allow_nan=False))
    elif markdown:
        typer.echo(_markdown(found), nl=False)
    else:
        print_blocks(comparison_blocks(found, cells=cells), sys.stdout)


def _markdown(found: Comparison) -> str:
    from reports.hardware_blocks import comparison_markdown

    return comparison_markdown(found)


def _page(found: Comparison, machines: Sequence[Machine], command: str) -> str:
    from reports.hardware_page import comparison_page

    return comparison_page(found, machines, command)


def _command(files: list[str], options: Mapping[str, list[str] | None], html: Path) -> str:
    """What is to be typed for the same page."""
    asked = [
        part for name, values in options.items() for each in values or [] for part in (name, each)
    ]
    return shlex.join(["howdeep", "compare", *files, *asked, "--html", str(html)])


def _plain(found: Comparison, cells: bool) -> str:
    from reports.hardware_blocks import comparison_blocks
    from reports.text import print_blocks

    drawn = io.StringIO()
    print_blocks(comparison_blocks(found, cells=cells), drawn)
    return drawn.getvalue()
