"""A part of a report before it is drawn: a heading with a table, paragraphs and a list."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from .costs import Setting


@dataclass(frozen=True)
class Bars:
    """A value for each row of a block, drawn as bars where there is room; null is unknown."""

    heading: str
    values: tuple[float | None, ...]
    texts: tuple[str, ...]


@dataclass(frozen=True)
class Block:
    """A heading with a table, its captions, paragraphs and a list, each of which may be empty.

    Attributes:
        header: the columns' headings; one may hold a line break, for drawings where width is
            scarce.
        bars: small charts of the rows, for a wide terminal.
    """

    heading: str
    header: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    captions: tuple[str, ...] = ()
    paragraphs: tuple[str, ...] = ()
    items: tuple[str, ...] = ()
    bars: tuple[Bars, ...] = ()


@dataclass(frozen=True)
class Column:
    """A column of a table: its heading and the text of a row (empty where unknown)."""

    heading: str
    text: Callable[[Any], str]


def header_and_rows(
    columns: Sequence[Column], rows: Sequence[Any]
) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
    """The headings and the text of each row; a column without any text is left out."""
    texts = [(column.heading, [column.text(row) for row in rows]) for column in columns]
    filled = [(heading, column) for heading, column in texts if any(column)]
    lines = zip(*(column for _, column in filled), strict=True)
    return tuple(heading for heading, _ in filled), tuple(lines)


def unrepeated(rows: Sequence[tuple[str, ...]], columns: int) -> tuple[tuple[str, ...], ...]:
    """Of the first columns, those in which a row agrees with the one before it are left empty."""
    found: list[tuple[str, ...]] = []
    last: tuple[str, ...] = ()
    for row in rows:
        alike = next((i for i in range(columns) if row[: i + 1] != last[: i + 1]), columns)
        found.append((*[""] * alike, *row[alike:]))
        last = row
    return tuple(found)


def number(value: float | None, unit: float, digits: str) -> str:
    """`value` in units of `unit` with these digits, or one that counts where they are all zeros;
    empty where it is unknown."""
    if value is None:
        return ""
    text = format(value / unit, digits)
    return text if value == 0 or text.strip("-0.,") else format(value / unit, ".1g")


def setting_words(setting: Setting) -> str:
    """`batch 128, fp32, on cpu, …`: what is known of it."""
    parts = {
        "batch {}": setting.batch_size,
        "{}": setting.dtype,
        "on {}": setting.device,
        "threads: {}": setting.threads,
        "run with {}": setting.variants and setting.variants.replace("+", ", "),
        "{} matched": setting.match,
        "to those of depth {}": setting.match_reference_depth,
        "machine: {}": setting.machine,
    }
    known = (words.format(value) for words, value in parts.items() if value is not None)
    return ", ".join(known).replace("matched, to", "matched to")
