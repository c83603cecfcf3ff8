"""`howdeep search`: goes deeper until it stops paying."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .ending import CANNOT_TELL, NOTHING_FITS, STOPPED, fail
from .long_work import check_writable, own_output, stoppable
from .output import tolerate, write
from .training_options import (
    BatchSize,
    Device,
    Dtype,
    Family,
    Json,
    Markdown,
    Optimizer,
    Task,
    Threads,
    WeightDecay,
)

if TYPE_CHECKING:
    from bench.options import Options

    from .climb import Bounds, Found, NothingFits

DEFAULT_STORE = Path("results/search.sqlite")
DEFAULT_SEEDS = 5


def search(
    family: Family,
    task: Task = "mnist1d",
    depths: Annotated[
        str | None, typer.Option(help="Such as 8,16,32; default: those the family names.")
    ] = None,
    max_depth: Annotated[
        str | None, typer.Option(help="The deepest to try; default: the deepest named, or 64.")
    ] = None,
    refine: Annotated[
        bool, typer.Option(help="Also try depths between those, around the answer.")
    ] = True,
    seeds: Annotated[str | None, typer.Option(help="The most of a depth; default: 5.")] = None,
    margin: Annotated[
        str, typer.Option(help="Points of accuracy that a doubling of depth must bring.")
    ] = "1pp",
    budget: Annotated[
        list[str] | None,
        typer.Option(
            help="The most a depth may cost: latency=5ms, flops=10M, train_flops=1e15, "
            "memory=2GiB. Repeatable, or separated by commas.",
            metavar="NAME=QUANTITY",
            show_default=False,
        ),
    ] = None,
    max_train_time: Annotated[
        str | None, typer.Option(help="Of the whole search, such as 2h.")
    ] = None,
    max_train_flops: Annotated[
        str | None, typer.Option(help="Of the whole search, such as 1e15.")
    ] = None,
    match: Annotated[
        str | None,
        typer.Option(help="parameters or flops: alike at all depths, by the family's width."),
    ] = None,
    epochs: Annotated[str | None, typer.Option(help="Default: 10.")] = None,
    train_for: Annotated[
        str | None, typer.Option(help="10epochs, 3000steps or 1e12flops, at each depth.")
    ] = None,
    batch_size: BatchSize = None,
    optimizer: Optimizer = None,
    lr: Annotated[
        str | None,
        typer.Option(
            help="Peak of the one-cycle schedule; default: 0.01; tune: chosen at each depth."
        ),
    ] = None,
    weight_decay: WeightDecay = None,
    dtype: Dtype = None,
    device: Device = None,
    threads: Threads = None,
    cluster: Annotated[
        str | None, typer.Option(help="Of Ray, where trainings execute, such as auto or HOST:6379.")
    ] = None,
    store: Annotated[
        Path, typer.Option(help="Where finished trainings are kept; they are not trained again.")
    ] = DEFAULT_STORE,
    markdown: Markdown = None,
    json_: Json = False,
) -> None:
    """Find how deep a network should be: go deeper until it stops paying, and train no depth and no
    seed that decides nothing.

    What is believed and what comes next is told on standard error. Exit codes: 1, no depth fits the
    budgets; 2, the input is wrong; 3, no depth can be told from another.
    """
    from bench.specs import InputError
    from reports.errors import InputError as ReportError

    from . import climb

    texts = {
        "--task": task,
        "--depths": depths,
        "--seeds": seeds or str(DEFAULT_SEEDS),
        "--match": match,
        "--epochs": epochs,
        "--train-for": train_for,
        "--batch-size": batch_size,
        "--optimizer": optimizer,
        "--lr": lr,
        "--weight-decay": weight_decay,
        "--dtype": dtype,
        "--device": device,
        "--threads": threads,
        "--cluster": cluster,
    }
    try:
        with stoppable(), own_output():
            check_writable(markdown)
            bounds = _bounds(budget or [], margin, max_depth, max_train_time, max_train_flops)
            found = climb.climb(_options(family, texts, store), bounds, refine=refine, tell=_tell)
    except (InputError, ReportError) as error:
        fail("search", str(error))
    except KeyboardInterrupt:
        fail("search", "stopped; the same command goes on where it was", code=STOPPED)
    if isinstance(found, climb.NothingFits):
        fail("search", _nothing_fits(found), code=NOTHING_FITS)
    _show(found, json_=json_, markdown=markdown)
    told = not found.findings.empty and not found.findings.undetermined
    raise typer.Exit(0 if told else CANNOT_TELL)


def _tell(line: str) -> None:
    typer.echo(line, err=True)


def _nothing_fits(found: NothingFits) -> str:
    words = f"no depth fits {found.budget}"
    if found.nearest is None:
        return f"{words}: what it bounds is not known of any depth"
    depth, need = found.nearest
    return f"{words}; depth {depth} comes nearest with {need:.4g}"


def _bounds(
    budget: list[str],
    margin: str,
    depth: str | None,
    seconds: str | None,
    flops: str | None,
) -> Bounds:
    from bench.specs import InputError
    from reports.budget import parse_budgets
    from reports.margin import parse_margin

    from .climb import KNOWN_BEFORE, Bounds

    budgets = parse_budgets(budget)
    late = [each.name for each in budgets if each.name not in KNOWN_BEFORE]
    if late:
        raise InputError(
            f"--budget {late[0]}: not known before a depth is trained; known: "
            f"{', '.join(KNOWN_BEFORE)}"
        )
    return Bounds(
        budgets=budgets,
        margin=parse_margin(margin),
        most_depth=None if depth is None else _depth(depth),
        most_seconds=_quantity("--max-train-time", seconds, "seconds"),
        most_flops=_quantity("--max-train-flops", flops, "flops"),
    )


def _depth(text: str) -> int:
    from bench.specs import InputError

    if not text.strip().isdecimal() or int(text) < 1:
        raise InputError(f"--max-depth takes one whole number of at least 1; got {text!r}")
    return int(text)


def _quantity(flag: str, text: str | None, unit: str) -> float | None:
    from bench.specs import InputError
    from reports.errors import InputError as QuantityError
    from reports.quantity import parse_quantity

    if text is None:
        return None
    try:
        return parse_quantity(text, unit)
    except QuantityError as error:
        raise InputError(f"{flag}: {error}") from None


def _options(family: str, texts: dict[str, str | None], store: Path) -> Options:
    from bench import families, options
    from bench.specs import InputError

    asked = replace(options.read(texts, families=[families.find(family).name]), store=store)
    if len(asked.batch_sizes) > 1:
        raise InputError("--batch-size takes one whole number here")
    return asked


def _show(found: Found, *, json_: bool, markdown: Path | None) -> None:
    from reports.blocks import blocks
    from reports.text import markdown_of, print_blocks

    drawn = (*blocks(found.findings), found.block())
    if markdown is not None:
        write(markdown_of("How deep should it be?", drawn), markdown)
    tolerate(sys.stdout)
    if json_:
        typer.echo(json.dumps(found.as_dict(), indent=2, allow_nan=False))
    else:
        print_blocks(drawn, sys.stdout)
