"""`howdeep limits`: why this depth does not pay, remedy by remedy."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from .ending import BAD_INPUT, CANNOT_TELL, STOPPED, fail
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
    from bench.limits.evidence import Trial
    from bench.options import Options
    from bench.points import Training
    from reports.block import Block
    from reports.limits_verdict import LimitsVerdict

DEFAULT_STORE = Path("results/limits.sqlite")
DEFAULT_SEEDS, QUICK_SEEDS = 3, 1

# What to do about a training that this machine cannot carry out.
SMALLER_STEPS = {
    "oom": "; try a smaller --batch-size or --depth",
    "timeout": "; try fewer --epochs or a smaller --depth",
}


def limits(
    family: Family,
    depth: Annotated[str, typer.Option(help="Of the network asked about.")],
    task: Task = "mnist1d",
    quick: Annotated[
        bool,
        typer.Option(
            "--quick",
            help="Only the screen, the quick remedies of gradients and degradation, and two more "
            "learning rates, with two seeds.",
        ),
    ] = False,
    seeds: Annotated[
        str | None,
        typer.Option(
            help="Beside the one that chooses; default: 3, quick 1; twice as many where "
            "seeds differ much."
        ),
    ] = None,
    epochs: Annotated[
        str | None, typer.Option(help="Default: 10, or as many as make 300 steps.")
    ] = None,
    batch_size: BatchSize = None,
    optimizer: Optimizer = None,
    lr: Annotated[
        str | None, typer.Option(help="Peak of the one-cycle schedule; default: 0.01.")
    ] = None,
    weight_decay: WeightDecay = None,
    margin: Annotated[str, typer.Option(help="Points of accuracy that are worth having.")] = "1pp",
    dtype: Dtype = None,
    device: Device = None,
    threads: Threads = None,
    store: Annotated[Path, typer.Option(help="Where finished trainings are kept.")] = DEFAULT_STORE,
    resume: Annotated[
        bool, typer.Option("--resume", help="Train only what is missing in the store.")
    ] = False,
    markdown: Markdown = None,
    rows: Annotated[
        Path | None, typer.Option(help="Also write the evidence rows to this JSON file.")
    ] = None,
    json_: Json = False,
) -> None:
    """Say which of the six limits stops a network from going deeper, and which remedy recovers how
    much.

    It trains: the network as asked, shallower ones, and each remedy alone. Exit codes: 2, the input
    is wrong; 3, the evidence does not tell.
    """
    from bench.limits.evidence import failed
    from bench.specs import InputError
    from reports.errors import InputError as ReportError
    from reports.limits import judge
    from reports.limits_block import limits_blocks
    from reports.margin import parse_margin

    texts = {
        "--epochs": epochs,
        "--batch-size": batch_size,
        "--optimizer": optimizer,
        "--lr": lr,
        "--weight-decay": weight_decay,
        "--dtype": dtype,
        "--device": device,
        "--threads": threads,
        "--task": task,
        "--depths": depth,
        "--seeds": seeds,
    }
    try:
        with stoppable(), own_output():
            least = parse_margin(margin)
            check_writable(rows, markdown)
            asked, training = _asked(family, texts, store, resume)
            number = asked.seeds if seeds else QUICK_SEEDS if quick else DEFAULT_SEEDS
            found = _evidence(training, asked, seeds=number, quick=quick)
    except (InputError, ReportError) as error:
        fail("limits", str(error))
    except KeyboardInterrupt:
        fail("limits", "stopped; --resume goes on where it was", code=STOPPED)
    if rows is not None:
        write(json.dumps(found, allow_nan=False), rows)
    failure = failed(found)
    if failure is not None:
        _fail_to_train(training, *failure)
    verdict = judge(found, margin=least)
    _show(verdict, limits_blocks(verdict), json_=json_, markdown=markdown)
    raise typer.Exit(CANNOT_TELL if verdict.name == "undetermined" else 0)


def _fail_to_train(training: Training, status: str, reason: str) -> NoReturn:
    """A network that is too large for this machine is no wrong input."""
    network = f"{training.family} at depth {training.depth} on {training.task}"
    code = CANNOT_TELL if status in SMALLER_STEPS else BAD_INPUT
    advice = SMALLER_STEPS.get(status, "")
    fail("limits", f"{network} cannot be trained: {status}: {reason}{advice}", code=code)


def _asked(
    family: str, texts: dict[str, str | None], store: Path, resume: bool
) -> tuple[Options, Training]:
    """The options as read and the training asked about, checked before anything is trained."""
    from dataclasses import replace

    from bench import families, options
    from bench.limits.run import checked_training
    from bench.specs import InputError

    depth = texts["--depths"] or ""
    if not depth.strip().isdecimal() or int(depth) < 1:
        raise InputError(f"--depth takes one whole number of at least 1; got {depth!r}")
    found = families.find(family)
    asked = options.read(texts, families=[found.name])
    asked = replace(asked, store=store, resume=resume)
    if len(asked.batch_sizes) > 1:
        raise InputError("--batch-size takes one whole number here")
    return asked, checked_training(asked)


def _evidence(
    training: Training, asked: Options, *, seeds: int, quick: bool
) -> list[dict[str, Any]]:
    from bench.limits.run import evidence
    from bench.measure import machine
    from bench.train.store import Store

    def document() -> dict[str, Any]:
        return {"environment": {"before": machine.environment(threads=asked.threads)}}

    store = Store(asked.store, document=document, resume=asked.resume)
    with _telling() as tell:
        return evidence(
            training,
            asked,
            store,
            seeds=seeds,
            quick=quick,
            tell=tell,
        )


@contextlib.contextmanager
def _telling() -> Iterator[Callable[[Trial], None]]:
    """Shows what is finished: one moving line in a terminal, plain lines in a pipe."""
    from rich.console import Console

    from bench.limits.progress import line

    console = Console(stderr=True, highlight=False, markup=False, emoji=False)
    if not console.is_terminal:
        yield lambda trial: typer.echo(line(trial), err=True)
        return
    with console.status("training the network as asked and shallower ones") as status:
        yield lambda trial: status.update(line(trial))


def _show(
    verdict: LimitsVerdict, blocks: Sequence[Block], *, json_: bool, markdown: Path | None
) -> None:
    from reports.text import markdown_of, print_blocks

    if markdown is not None:
        write(markdown_of("What stops it going deeper?", blocks), markdown)
    tolerate(sys.stdout)
    if json_:
        typer.echo(json.dumps(verdict.as_dict(), indent=2, allow_nan=False))
    else:
        print_blocks(blocks, sys.stdout)
