"""A chart with its words and its table; a section of them; what is said where there are none."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

Told = TypeVar("Told")
"""What a page tells of: the findings of a report, a comparison."""


@dataclass(frozen=True)
class Figure:
    """One chart.

    Attributes:
        key: of letters, digits and dashes; unlike that of any other figure.
        group: the heading that it stands under, together with its neighbours of the same group.
        title: what is drawn; the axes say the units.
        words: what it shows, for those who do not see it.
        spec: Vega-Lite, without a width and a style.
        header, rows: the numbers that are drawn, as text.
    """

    key: str
    group: str
    title: str
    words: str
    spec: dict[str, Any]
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Missing:
    """What stands in the place of figures: the command that measures what they would show."""

    group: str
    words: str
    command: str


@dataclass(frozen=True)
class Section(Generic[Told]):
    """Figures under one heading, or why there are none.

    Attributes:
        draw: the figures of what is told, and what is missing.
    """

    key: str
    heading: str
    intro: str
    draw: Callable[[Told], Iterable[Figure | Missing]]
