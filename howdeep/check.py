"""`howdeep check`: did this revision make depth cost more, or pay less?

One lane a module: `check_exact`, `check_paired` and `check_stored` each return an `Answer`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .ending import fail
from .long_work import own_output
from .output import tolerate

if TYPE_CHECKING:
    from reports.regression.finding import Answer
    from reports.regression.margins import Margins

    from .check_settings import Settings


def check(
    files: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[BASE NEW]", help="Two studies that were measured.", show_default=False
        ),
    ] = None,
    exact: Annotated[
        bool,
        typer.Option(
            "--exact",
            help="FLOPs, parameters, bytes saved for the backward, shapes and operators against "
            "the committed baseline: no statistics.",
        ),
    ] = False,
    accept: Annotated[
        bool, typer.Option("--accept", help="Write the baseline of --exact as it is now.")
    ] = False,
    against: Annotated[
        str | None,
        typer.Option(
            metavar="REV",
            help="Measure time and peak memory of this revision and of the working tree, in "
            "turns, on this machine.",
            show_default=False,
        ),
    ] = None,
    family: Annotated[
        list[str] | None,
        typer.Option(
            help="In place of those in pyproject.toml, [tool.howdeep.check]; repeatable.",
            show_default=False,
        ),
    ] = None,
    depths: Annotated[str | None, typer.Option(help="Such as 8,16,32.", show_default=False)] = None,
    passes: Annotated[
        str | None, typer.Option(help="Of forward,backward,step.", show_default=False)
    ] = None,
    batch_size: Annotated[int | None, typer.Option(min=1, show_default=False)] = None,
    dtype: Annotated[str | None, typer.Option(help="fp32, bf16 or fp16.", show_default=False)] = (
        None
    ),
    device: Annotated[str | None, typer.Option(help="cpu or cuda.", show_default=False)] = None,
    threads: Annotated[
        int | None, typer.Option(min=1, help="CPU threads of one network.", show_default=False)
    ] = None,
    margin: Annotated[
        list[str] | None,
        typer.Option(
            metavar="METRIC=PERCENT",
            help="What is let pass: time=5%, peak_bytes=2%, accuracy=0.5pp; repeatable.",
            show_default=False,
        ),
    ] = None,
    max_minutes: Annotated[
        float | None,
        typer.Option(help="For --against; what is undecided then, is inconclusive."),
    ] = None,
    normalise: Annotated[
        bool,
        typer.Option(
            "--normalise",
            help="Two studies of unlike machines: divide by their reference kernels.",
        ),
    ] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Inconclusive findings end with exit code 3, too.")
    ] = False,
    json_: Annotated[
        bool, typer.Option("--json", help="Print one JSON object and nothing else.")
    ] = False,
    markdown: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FILE",
            help="Also write the answer as Markdown, at the end of GITHUB_STEP_SUMMARY if it is "
            "that file; - prints it, and nothing else. Repeatable.",
            show_default=False,
        ),
    ] = None,
    annotations: Annotated[
        bool,
        typer.Option(
            "--annotations", help="Also annotate the run on GitHub, through standard error."
        ),
    ] = False,
    junit: Annotated[Path | None, typer.Option(help="Also write JUnit XML.")] = None,
    export: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FORMAT=FILE",
            help="Also write the new values for a dashboard: github-action-benchmark (its "
            "customSmallerIsBetter) or bencher. Repeatable.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Check for regressions: exact counts, time and memory against a revision, or two studies.

    Exit code 0: fine; 1: a regression; 2: the input is wrong; 3: cannot tell, or missing.
    """
    from bench.specs import InputError as SpecError
    from reports.errors import InputError
    from reports.regression.finding import INCONCLUSIVE, together

    from .check_outputs import outputs, write_all
    from .check_settings import read, typed

    try:
        asked = outputs(markdown or [], junit, export or [])
        configured = read(Path.cwd())
        settings = typed(
            configured,
            families=tuple(family) if family else None,
            depths=_depths(depths),
            passes=tuple(each.strip() for each in passes.split(",")) if passes else None,
            batch_size=batch_size,
            dtype=dtype,
            device=device,
            threads=threads,
            max_minutes=max_minutes,
            margins=_margins(configured.margins, margin or []),
        )
    except (InputError, SpecError, OSError) as error:
        fail("check", str(error))
    answers: list[Answer] = []
    wrong_input: str | None = None
    try:
        with own_output(), _without_bytecode():
            lanes = _answers(settings, files or [], exact, accept, against, normalise=normalise)
            answers.extend(lanes)
    except (InputError, SpecError, OSError) as error:
        wrong_input = str(error)
    if not answers:
        fail("check", wrong_input or "say what to check: two studies, --exact or --against REV")
    answer = together(answers, wrong_input)
    if family is None:
        answer = replace(answer, notes=(*answer.notes, *_unused_margins(settings, answer)))
    if strict and (open_ := answer.count(INCONCLUSIVE)):
        reason = f"{open_} inconclusive, which --strict does not let pass"
        answer = replace(answer, cannot_tell=(*answer.cannot_tell, reason))
    _show(answer, json_=json_, markdown="-" in (markdown or []))
    if annotations:
        _annotate(answer)
    try:
        write_all(answer, asked)
    except OSError as error:
        fail("check", str(error))
    if wrong_input is not None:
        fail("check", wrong_input)
    raise typer.Exit(answer.exit_code)


@contextmanager
def _without_bytecode() -> Iterator[None]:
    """Importing a family leaves no `__pycache__` in the user's working tree."""
    before = sys.dont_write_bytecode
    sys.dont_write_bytecode = True
    try:
        yield
    finally:
        sys.dont_write_bytecode = before


def _answers(
    settings: Settings,
    files: list[Path],
    exact: bool,
    accept: bool,
    against: str | None,
    *,
    normalise: bool,
) -> Iterator[Answer]:
    """The lanes that were asked for, the cheapest first."""
    if exact or accept:
        from . import check_exact

        yield check_exact.answer(settings, accept=accept)
    if files:
        from . import check_stored

        yield check_stored.answer(settings, files, normalise=normalise)
    if against is not None:
        from . import check_paired

        yield check_paired.answer(settings, against)


def _depths(text: str | None) -> tuple[int, ...] | None:
    from bench import options

    return None if text is None else options.read({"--depths": text}).depths


def _margins(configured: Margins, given: list[str]) -> Margins:
    """Typed margins hold for every family; metrics that were not typed stay as configured."""
    from reports.regression.margins import parse_margins

    pairs = dict(each.partition("=")[::2] for each in given)
    return configured.with_typed(parse_margins(pairs, "--margin"))


def _unused_margins(settings: Settings, answer: Answer) -> Iterator[str]:
    """Of families that were not checked: their names may be mistyped."""
    checked = sorted({each.family for each in answer.findings})
    for name in settings.margins.families:
        if checked and name not in checked:
            yield f"margins of {name} are not used: what was checked is {', '.join(checked)}"


def _show(answer: Answer, *, json_: bool, markdown: bool) -> None:
    from reports.regression.blocks import check_blocks, check_markdown
    from reports.text import print_blocks

    tolerate(sys.stdout)
    if json_:
        typer.echo(json.dumps(answer.as_dict(), indent=2, allow_nan=False))
    elif markdown:
        typer.echo(check_markdown(answer), nl=False)
    else:
        print_blocks(check_blocks(answer), sys.stdout)


def _annotate(answer: Answer) -> None:
    """On standard error, which GitHub's runner reads too: standard output may hold JSON."""
    from reports.regression.annotations import annotations

    tolerate(sys.stderr)
    for line in annotations(answer):
        typer.echo(line, err=True)
