"""Charts as files, SVG and PNG, drawn without a browser; and how Markdown refers to them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import vl_convert

from .charts.figure import Figure
from .charts.sections import SECTIONS
from .charts.style import CONFIG, EXPORT_WIDTH
from .findings import Findings
from .labels import escaped

SCALE = 2
"""Pixels of a PNG for each of the drawing's."""


@dataclass(frozen=True)
class Picture:
    """A drawn chart.

    Attributes:
        name: of the file, without its ending.
        section: the heading that it stands under.
        title, words: what it is, and what it shows.
    """

    name: str
    section: str
    title: str
    words: str
    spec: dict[str, Any]

    def svg(self) -> str:
        """As text."""
        return str(vl_convert.vegalite_to_svg(self.spec))

    def png(self) -> bytes:
        """On white, for readers in the dark too."""
        return bytes(vl_convert.vegalite_to_png(self.spec, scale=SCALE))


def pictures(findings: Findings) -> Iterator[Picture]:
    """Every chart of the page, in its order."""
    for section in SECTIONS:
        for part in section.draw(findings):
            if isinstance(part, Figure):
                words = ": ".join(filter(None, (part.group, part.title)))
                yield Picture(part.key, section.heading, words, part.words, _exported(part.spec))


def markdown_parts(drawn: Sequence[Picture], folder: str) -> list[tuple[str, str]]:
    """Title and Markdown of each picture; folder: as the Markdown's reader finds it."""
    before = ["", *(each.section for each in drawn)]
    return [
        (each.title, _heading(each, section) + _image(each, folder))
        for each, section in zip(drawn, before, strict=False)
    ]


def _heading(picture: Picture, section_before: str) -> str:
    """Above the first picture of its section."""
    return "" if picture.section == section_before else f"## {picture.section}\n\n"


def _image(picture: Picture, folder: str) -> str:
    image = f"![{escaped(picture.words)}](<{folder}/{picture.name}.png>)"
    return f"**{escaped(picture.title)}**\n\n{image}"


def _exported(spec: dict[str, Any]) -> dict[str, Any]:
    return spec | {"width": EXPORT_WIDTH, "background": "white", "config": CONFIG}
