"""The files that `howdeep check` writes beside what it prints: Markdown, JUnit XML, dashboards.

Targets and formats are looked at before anything is measured, so that a typing error costs no
waiting; what cannot be written in the end keeps nothing else from being written.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from .output import write

if TYPE_CHECKING:
    from reports.regression.finding import Answer

SUMMARY = "GITHUB_STEP_SUMMARY"
"""The environment variable that holds the file of a step's summary, which other commands write to,
too."""


@dataclass(frozen=True, kw_only=True)
class Outputs:
    """The files that were asked for; `exports` are formats with theirs."""

    markdown: tuple[Path, ...] = ()
    junit: Path | None = None
    exports: tuple[tuple[str, Path], ...] = ()

    @property
    def paths(self) -> tuple[Path, ...]:
        """Every file that will be written."""
        junit = (self.junit,) if self.junit else ()
        return (*self.markdown, *junit, *(path for _, path in self.exports))


def outputs(markdown: list[str], junit: Path | None, exports: list[str]) -> Outputs:
    """What was asked for.

    Raises:
        InputError: an unknown format, or two contents for one file.
        OSError: a file that cannot be written.
    """
    from reports.errors import InputError

    asked = Outputs(
        markdown=tuple(Path(each) for each in markdown if each != "-"),
        junit=junit,
        exports=tuple(_export(each) for each in exports),
    )
    twice = [path for path in asked.paths if asked.paths.count(path) > 1]
    if twice:
        raise InputError(f"{twice[0]} is asked for twice: name a file for each output")
    for path in asked.paths:
        _try(path)
    return asked


def _export(text: str) -> tuple[str, Path]:
    from reports.errors import InputError
    from reports.regression.exports import check_format

    name, _, path = text.partition("=")
    check_format(name)
    if not path:
        raise InputError(f"--export takes FORMAT=FILE; got {text!r}")
    return name, Path(path)


def _try(path: Path) -> None:
    """Raises OSError where a file cannot be written; what is there is left as it is."""
    if path.is_dir():
        raise OSError(f"cannot write {path}: it is a folder")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise OSError(f"cannot write {path}: {error.strerror}") from error


def write_all(answer: Answer, asked: Outputs) -> None:
    """Every file that was asked for.

    Raises:
        OSError: the first that could not be written, after all others were.
    """
    failed: list[OSError] = []
    for path, content in _contents(answer, asked):
        try:
            put = _append if _is_summary(path) else write
            put(content, path)
        except OSError as error:
            failed.append(error)
    if failed:
        raise failed[0]


def _contents(answer: Answer, asked: Outputs) -> Iterator[tuple[Path, str]]:
    from reports.regression.blocks import check_markdown
    from reports.regression.exports import export
    from reports.regression.junit import junit_xml

    for path in asked.markdown:
        yield path, check_markdown(answer)
    if asked.junit:
        yield asked.junit, junit_xml(answer)
    for name, path in asked.exports:
        yield path, export(name, answer)


def _is_summary(path: Path) -> bool:
    summary = os.environ.get(SUMMARY)
    return summary is not None and path.resolve() == Path(summary).resolve()


def _append(content: str, path: Path) -> None:
    """In one piece; nothing of what other commands wrote is touched."""
    try:
        with path.open("a", encoding="utf-8") as file:
            file.write(content)
    except OSError as error:
        raise OSError(f"cannot write {path}: {error.strerror}") from error
