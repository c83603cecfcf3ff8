"""Findings as text: for the terminal (rich) and as Markdown (tabulate).

Both draw the same blocks, so that they cannot say different things. Names come from other people's
files and may hold markup: they are shown as they are and never interpreted.
"""

from __future__ import annotations

import io
import textwrap
from collections.abc import Sequence
from typing import IO, TYPE_CHECKING

from .bars import WIDE, bars_table
from .block import Block
from .blocks import blocks
from .findings import Findings
from .labels import escaped, shortened, visible
from .trim import MOST_CHARACTERS, fitted

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

# A pipe has no width; this one fits a terminal, a mail and a CI log.
PIPE_WIDTH = 100
LONGEST_HEADING = 200
MOST_ITEMS = 200
"""Of one list in Markdown."""


def print_report(findings: Findings, file: IO[str]) -> None:
    """The report on a terminal, or in a pipe as plain lines without trailing blanks."""
    print_blocks(blocks(findings), file)


def print_blocks(drawn: Sequence[Block], file: IO[str]) -> None:
    """Blocks on a terminal, or in a pipe as plain lines without trailing blanks."""
    from rich.console import Console

    terminal = Console(file=file, highlight=False, markup=False, emoji=False)
    if terminal.is_terminal:
        _draw(terminal, drawn)
        return
    plain = io.StringIO()
    _draw(
        Console(file=plain, width=PIPE_WIDTH, markup=False, emoji=False, color_system=None),
        drawn,
    )
    file.writelines(f"{line.rstrip()}\n" for line in plain.getvalue().splitlines())


def _draw(console: Console, drawn: Sequence[Block]) -> None:
    for place, block in enumerate(drawn):
        if place:
            console.print()
        _draw_block(console, block)


def _draw_block(console: Console, block: Block) -> None:
    _draw_lines(console, block.heading, style="bold cyan")
    if block.rows:
        console.print(_rich_table(block))
        for caption in block.captions:
            _draw_lines(console, caption, style="dim")
        if block.bars and console.is_terminal and console.width >= WIDE:
            console.print()
            console.print(bars_table([row[0] for row in block.rows], block.bars))
    for words in block.paragraphs:
        console.print()
        _draw_lines(console, words)
    if block.rows and block.items:
        console.print()
    for item in block.items:
        _draw_lines(console, item, first="  - ", then="    ")


def _draw_lines(
    console: Console, words: str, *, style: str = "", first: str = "", then: str = ""
) -> None:
    from rich.text import Text

    lines = textwrap.wrap(
        visible(words), console.width, initial_indent=first, subsequent_indent=then,
        break_on_hyphens=False,
    )  # fmt: skip
    for line in lines:
        console.print(Text(line, style=style))


def _rich_table(block: Block) -> Table:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), show_edge=False)
    for place, heading in enumerate(block.header):
        # Headings keep their line breaks here: width is scarce.
        table.add_column(Text(heading), justify="right" if place else "left", vertical="bottom")
    for row in block.rows:
        table.add_row(*(Text(visible(text)) for text in row))
    return table


def markdown(findings: Findings, pictures: Sequence[tuple[str, str]] = ()) -> str:
    """The report as Markdown; pictures: the name and the Markdown of each, which come last."""
    return markdown_of("How deep?", blocks(findings), pictures)


def markdown_of(
    title: str,
    drawn: Sequence[Block],
    pictures: Sequence[tuple[str, str]] = (),
    *,
    most: int = MOST_CHARACTERS,
    whole: str = "howdeep report --html",
) -> str:
    """Blocks as Markdown under a title; see `trim` for what does not fit."""
    parts = [*((block.heading, _markdown_block(block)) for block in drawn), *pictures]
    return fitted(title, parts, most, whole)


def _markdown_block(block: Block) -> str:
    heading = shortened(block.heading, LONGEST_HEADING)
    parts = [f"## {escaped(heading)}", _markdown_table(block)]
    parts += [escaped(words) for words in (*block.captions, *block.paragraphs)]
    items = [f"- {escaped(item)}" for item in block.items[:MOST_ITEMS]]
    more = len(block.items) - MOST_ITEMS
    parts.append("\n".join([*items, *([f"- … and {more:,} more"] if more > 0 else [])]))
    return "\n\n".join(part for part in parts if part)


def _markdown_table(block: Block) -> str:
    from tabulate import tabulate

    if not block.rows:
        return ""
    rows = [[escaped(text) for text in row] for row in block.rows]
    header = [escaped(text) for text in block.header]
    align = ["left", *["right"] * (len(header) - 1)]
    table = tabulate(rows, header, tablefmt="github", disable_numparse=True, colalign=align)
    return str(table)
