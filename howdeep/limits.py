"""`howdeep limits`: why this depth does not pay, remedy by remedy."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from .long_work import check_writable, own_output, stoppable

if TYPE_CHECKING:
    from bench.limits.evidence import Trial
    from bench.options import Options
    from bench.records import Training
    from reports.block import Block
    from reports.limits_verdict import LimitsVerdict

BAD_INPUT = 2
CANNOT_TELL = 3
STOPPED = 130

DEFAULT_STORE = Path("results/limits.sqlite")
DEFAULT_SEEDS, QUICK_SEEDS = 3, 1

# What to do about a training that this machine cannot carry out.
SMALLER_STEPS = {
    "oom": "; try a smaller --batch-size or --depth",
    "timeout": "; try fewer --epochs or a smaller --depth",
}

# Characters; what PyTorch raises can be a page.
LONGEST_MESSAGE = 400


def limits(
    family: Annotated[
        str,
        typer.Argument(
            help="A built-in such as resnet or mlp, package.module:build or file.py:build, "
            "with :knob=value,…",
            show_default=False,
        ),
    ],
    depth: Annotated[str, typer.Option(help="Of the network asked about.")],
    task: Annotated[
        str, typer.Option(help="mnist1d, digits or file.py:load, with :knob=value,…")
    ] = "mnist1d",
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
    batch_size: Annotated[str | None, typer.Option(help="Default: 128.")] = None,
    optimizer: Annotated[
        str | None,
        typer.Option(help="adamw, adam, rmsprop, momentum, sgd or lion; default: adamw."),
    ] = None,
    lr: Annotated[
        str | None, typer.Option(help="Peak of the one-cycle schedule; default: 0.01.")
    ] = None,
    weight_decay: Annotated[str | None, typer.Option(help="Default: 0.01.")] = None,
    margin: Annotated[str, typer.Option(help="Points of accuracy that are worth having.")] = "1pp",
    dtype: Annotated[str | None, typer.Option(help="fp32, bf16 or fp16.")] = None,
    device: Annotated[str | None, typer.Option(help="cpu, cuda or cuda:N.")] = None,
    threads: Annotated[str | None, typer.Option(help="CPU threads of one training.")] = None,
    store: Annotated[Path, typer.Option(help="Where finished trainings are kept.")] = DEFAULT_STORE,
    resume: Annotated[
        bool, typer.Option("--resume", help="Train only what is missing in the store.")
    ] = False,
    markdown: Annotated[
        Path | None, typer.Option(help="Also write the answer as Markdown.")
    ] = None,
    rows: Annotated[
        Path | None, typer.Option(help="Also write the evidence rows to this JSON file.")
    ] = None,
    json_: Annotated[
        bool, typer.Option("--json", help="Print one JSON object and nothing else.")
    ] = False,
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
        _fail(str(error))
    except KeyboardInterrupt:
        typer.echo("howdeep limits: stopped; --resume goes on where it was", err=True)
        raise typer.Exit(STOPPED) from None
    if rows is not None:
        rows.write_text(json.dumps(found, allow_nan=False), encoding="utf-8")
    failure = failed(found)
    if failure is not None:
        _fail_to_train(training, *failure)
    verdict = judge(found, margin=least)
    _show(verdict, limits_blocks(verdict), json_=json_, markdown=markdown)
    raise typer.Exit(CANNOT_TELL if verdict.name == "undetermined" else 0)


def _fail(message: str, *, code: int = BAD_INPUT) -> NoReturn:
    typer.echo(f"howdeep limits: {' '.join(message.split())[:LONGEST_MESSAGE]}", err=True)
    raise typer.Exit(code)


def _fail_to_train(training: Training, status: str, reason: str) -> NoReturn:
    """A network that is too large for this machine is no wrong input."""
    network = f"{training.family} at depth {training.depth} on {training.task}"
    code = CANNOT_TELL if status in SMALLER_STEPS else BAD_INPUT
    advice = SMALLER_STEPS.get(status, "")
    _fail(f"{network} cannot be trained: {status}: {reason}{advice}", code=code)


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
    from bench.train.store import Store

    store = Store(asked.store, document=dict, resume=asked.resume)
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
        markdown.write_text(markdown_of("What stops it going deeper?", blocks), encoding="utf-8")
    if json_:
        typer.echo(json.dumps(verdict.as_dict(), indent=2, allow_nan=False))
    else:
        print_blocks(blocks, sys.stdout)
