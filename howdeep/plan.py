"""`howdeep plan`: what each depth would cost, and what fits, before anything is run."""

from __future__ import annotations

import contextlib
import json
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .ending import NOTHING_FITS, fail

if TYPE_CHECKING:
    from bench.families import Family
    from bench.options import Options

    from .fit import Fit
    from .forecast import Forecast


def plan(
    family: Annotated[
        str,
        typer.Argument(
            help="A built-in such as resnet or gpt, package.module:build or file.py:build, "
            "with :knob=value,…",
            show_default=False,
        ),
    ],
    depths: Annotated[
        str | None, typer.Option(help="Such as 8,16,32; default: those the family names.")
    ] = None,
    batch_size: Annotated[str, typer.Option(help="Rows of the input.")] = "1",
    memory: Annotated[
        str | None,
        typer.Option(
            help="Such as 24GiB: says what fits, and without --depths finds the deepest that does."
        ),
    ] = None,
    largest_batch: Annotated[
        bool, typer.Option("--largest-batch", help="Of each depth, within --memory.")
    ] = False,
    optimizer: Annotated[
        str | None, typer.Option(help="adamw, adam, rmsprop, momentum, sgd, lion; default: adamw.")
    ] = None,
    dtype: Annotated[
        str, typer.Option(help="Of weights and activations: fp32, bf16 or fp16.")
    ] = "fp32",
    device: Annotated[
        str, typer.Option(help="How memory is given out: cpu, or cuda, which need not be there.")
    ] = "cpu",
    checkpointing: Annotated[
        bool, typer.Option("--checkpointing", help="Blocks keep only their inputs.")
    ] = False,
    per_layer: Annotated[
        bool, typer.Option("--per-layer", help="What each part costs, by its position in depth.")
    ] = False,
    timed: Annotated[
        bool, typer.Option("--timed", help="With --per-layer: run and time each part, on the CPU.")
    ] = False,
    per_module: Annotated[
        bool, typer.Option(help="fvcore's table of each depth's modules, too.")
    ] = False,
    json_: Annotated[
        bool, typer.Option("--json", help="Print one JSON object and nothing else.")
    ] = False,
) -> None:
    """Predict parameters, FLOPs and the peak memory of a training step without running it (unless
    --timed asks for it, or the network needs real values).

    One multiply-add is two FLOPs and one MAC. Exit codes: 1, nothing fits --memory; 2, the input
    is wrong.
    """
    from bench.specs import InputError

    from . import module_table, part_table, plan_table

    texts = {"--depths": depths, "--batch-size": batch_size, "--optimizer": optimizer}
    try:
        # What a network prints while it is built is no part of the answer.
        with contextlib.redirect_stdout(sys.stderr):
            limit = _bytes(memory, needed=largest_batch)
            found, asked, forecast = _asked(family, texts, dtype, device, checkpointing)
            deepest = None if limit is None else _deepest(found, asked, forecast, limit)
            shown = _shown(found, asked, deepest)
            batch = asked.batch_sizes[0]
            cells = [_cell(forecast, depth, batch, limit, largest_batch) for depth in shown]
            if per_layer or timed:
                for cell in cells:
                    cell["parts"] = [
                        asdict(part) for part in forecast.parts(cell["depth"], batch, timed)
                    ]
            wanted = shown if per_module and not json_ else ()
            tables = [part_table.text(cell) for cell in cells if "parts" in cell]
            tables += [module_table.text(found, depth) for depth in wanted]
    except InputError as error:
        fail("plan", str(error))
    except (Exception, SystemExit) as error:  # whatever a user's network raises
        fail("plan", f"{family}: {type(error).__name__}: {error}")
    for warning in dict.fromkeys(warning for cell in cells for warning in cell["warnings"]):
        typer.echo(f"howdeep plan: {warning}", err=True)
    if json_:
        typer.echo(json.dumps(_document(cells, limit, deepest), indent=2))
    else:
        typer.echo("\n\n".join([plan_table.text(cells, limit, deepest), *tables]))
    if deepest is not None and deepest.value is None:
        fail("plan", plan_table.smallest_need(deepest, limit), code=NOTHING_FITS)


def _bytes(memory: str | None, *, needed: bool) -> int | None:
    from bench.specs import InputError
    from reports.errors import InputError as QuantityError
    from reports.quantity import parse_quantity

    if memory is None:
        if needed:
            raise InputError("--largest-batch needs a limit: add --memory, such as 24GiB")
        return None
    try:
        return int(parse_quantity(memory, "bytes"))
    except QuantityError as error:
        raise InputError(f"--memory: {error}") from None


def _asked(
    family: str, texts: dict[str, str | None], dtype: str, device: str, checkpointing: bool
) -> tuple[Family, Options, Forecast]:
    """The family, the options as read, and what predicts with them."""
    from bench import families, grid, options
    from bench.measure.passes import DTYPES
    from bench.points import Cell
    from bench.specs import InputError

    from .forecast import Forecast

    found = families.find(family)
    asked = options.read(texts, families=[family])
    if len(asked.batch_sizes) > 1:
        raise InputError("--batch-size takes one whole number here")
    if device not in ("cpu", "cuda"):
        raise InputError(f"unknown --device {device!r}; known here: cpu, cuda")
    if dtype not in DTYPES:
        raise InputError(f"unknown --dtype {dtype!r}; known: {', '.join(DTYPES)}")
    planned = grid.depths(found, asked)
    for depth in planned:
        found.check_depth(depth)
    step = Cell(
        family=found.name,
        depth=planned[0],
        pass_="step",
        batch_size=asked.batch_sizes[0],
        dtype=dtype,
        device=device,
        threads=asked.threads,
        variants=("checkpointing",) if checkpointing else (),
    )
    return found, asked, Forecast(found, asked.optimizer, step)


def _deepest(family: Family, asked: Options, forecast: Forecast, limit: int) -> Fit:
    """Of the depths asked for; of all that the family has when none were."""
    from bench import grid

    batch_size = asked.batch_sizes[0]
    if asked.depths is None:
        deepest = forecast.deepest(limit, batch_size)
        if deepest.value is not None:
            return deepest
    # Where the shallowest needs more than a deeper one, those that are shown are all there is.
    return forecast.deepest_of(grid.depths(family, asked), limit, batch_size)


def _shown(family: Family, asked: Options, deepest: Fit | None) -> list[int]:
    """The depths asked for or named by the family, and the deepest that fits, if predicted."""
    from bench import grid

    shown = set(grid.depths(family, asked))
    if deepest is not None and deepest.value is not None and not deepest.extrapolated:
        shown.add(deepest.value)
    return sorted(shown)


def _cell(
    forecast: Forecast, depth: int, batch_size: int, limit: int | None, largest_batch: bool
) -> dict[str, Any]:
    cell = forecast.cell(depth, batch_size)
    if limit is not None:
        cell["fits"] = cell["peak_bytes"] <= limit
    if limit is not None and largest_batch:
        cell["largest_batch"] = forecast.largest_batch(depth, limit).value
    return cell


def _document(
    cells: list[dict[str, Any]], limit: int | None, deepest: Fit | None
) -> dict[str, Any]:
    """The contract of the command's JSON, and what the answer rests on."""
    document: dict[str, Any] = {"cells": cells, "deepest_that_fits": None}
    if deepest is not None:
        document["deepest_that_fits"] = deepest.value
        document["memory_bytes"] = limit
        document["need_bytes"] = deepest.need_bytes
        document["extrapolated"] = deepest.extrapolated
        document["at_least"] = deepest.at_least
    return document
