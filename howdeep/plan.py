"""`howdeep plan`: what each depth would cost, counted before anything is run."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

if TYPE_CHECKING:
    from torch import nn

    from bench.families import Family

BAD_INPUT = 2

# Above this, a number is drawn with a prefix.
_PREFIXES = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))


def plan(
    family: Annotated[
        str,
        typer.Argument(
            help="mlp, resnet, cifar_resnet, package.module:build or file.py:build, "
            "with :knob=value,…",
            show_default=False,
        ),
    ],
    depths: Annotated[
        str | None, typer.Option(help="Such as 8,16,32; default: those the family names.")
    ] = None,
    batch_size: Annotated[str, typer.Option(help="Rows of the input.")] = "1",
    per_module: Annotated[
        bool, typer.Option(help="fvcore's table of each depth's modules, too.")
    ] = False,
    json_: Annotated[
        bool, typer.Option("--json", help="Print one JSON object and nothing else.")
    ] = False,
) -> None:
    """Count parameters, FLOPs and saved activations of each depth; nothing is computed.

    One multiply-add is two FLOPs and one MAC. Exit code 2: the input is wrong.
    """
    from bench.specs import InputError

    try:
        found, planned, rows = _asked(family, depths, batch_size)
        cells = [_cell(found, depth, rows) for depth in planned]
        wanted = planned if per_module and not json_ else ()
        tables = [_per_module(found, depth) for depth in wanted]
    except InputError as error:
        _fail(str(error))
    except Exception as error:  # whatever a user's network raises
        _fail(f"{family}: {type(error).__name__}: {error}")
    if json_:
        typer.echo(json.dumps({"cells": cells, "deepest_that_fits": None}, indent=2))
    else:
        typer.echo("\n\n".join([_table(cells), *tables]))


def _fail(message: str) -> NoReturn:
    typer.echo(f"howdeep plan: {' '.join(message.split())}", err=True)
    raise typer.Exit(BAD_INPUT)


def _asked(family: str, depths: str | None, batch_size: str) -> tuple[Family, tuple[int, ...], int]:
    """The family, the depths it is planned at and the rows of its input."""
    from bench import families, grid, options
    from bench.specs import InputError

    found = families.find(family)
    texts = {"--depths": depths, "--batch-size": batch_size}
    asked = options.read(texts, families=[family])
    if len(asked.batch_sizes) > 1:
        raise InputError("--batch-size takes one whole number here")
    for depth in grid.depths(found, asked):
        found.check_depth(depth)
    return found, grid.depths(found, asked), asked.batch_sizes[0]


def _cell(family: Family, depth: int, batch_size: int) -> dict[str, Any]:
    """One depth, counted on the meta device; with real weights, which is said, where the network
    cannot be built or run there."""
    import torch

    try:
        with torch.device("meta"):
            model, inputs = family.build(depth), family.example_input(batch_size)
        return _counted(family, depth, batch_size, model, inputs)
    except Exception:
        model, inputs = family.build(depth), family.example_input(batch_size)
        cell = _counted(family, depth, batch_size, model, inputs)
    note = f"{family.name} at depth {depth} does not run on the meta device: built for real"
    typer.echo(f"howdeep plan: {note}", err=True)
    return cell


def _counted(
    family: Family, depth: int, batch_size: int, model: nn.Module, inputs: Any
) -> dict[str, Any]:
    """The contract of the plan's JSON. What is not predicted yet is null."""
    from bench.measure import operations

    counted = operations.count(model, inputs)
    return {
        "family": family.name,
        "depth": depth,
        "batch_size": batch_size,
        "parameters": operations.parameter_count(model),
        "flops_forward": counted.flops("forward"),
        "macs_forward": counted.forward_flops // 2,
        "flops_backward": counted.flops("backward"),
        "flops_step": counted.flops("step"),
        "uncounted_ops": list(counted.uncounted_ops),
        "activation_bytes": _saved_bytes(model, inputs),
        "peak_bytes": None,
        "peak_by_kind": None,
        "fits": None,
    }


def _saved_bytes(model: nn.Module, inputs: Any) -> int | None:
    """In train mode; unknown where that cannot be, as with a batch norm that gets one value."""
    from bench.measure import memory

    try:
        return memory.saved_bytes(model.train(), inputs)
    except ValueError:
        return None


def _per_module(family: Family, depth: int) -> str:
    from bench.measure import cross_check, operations

    model, inputs = family.build(depth), family.example_input(1)
    counted = operations.count(model, inputs)
    macs = cross_check.fvcore_macs(model, inputs)
    verdict = cross_check.compare(counted, macs) or (
        f"fvcore's matrix products and convolutions: {macs:,} MACs, within 2% of "
        f"{counted.forward_flops // 2:,} counted here"
    )
    heading = f"{family.name}, depth {depth}, one row; fvcore's FLOPs are multiply-adds, norms too"
    return f"{heading}\n{cross_check.per_module_table(model, inputs)}\n{verdict}"


def _table(cells: list[dict[str, Any]]) -> str:
    from tabulate import tabulate

    header = ["depth", "parameters", "MACs\nforward", "FLOPs\nforward", "FLOPs\nbackward"]
    header += ["FLOPs\nstep", "saved for\nbackward"]
    names = ["macs_forward", "flops_forward", "flops_backward", "flops_step"]
    rows = [
        [
            str(cell["depth"]),
            f"{cell['parameters']:,}",
            *(_short(cell[name]).strip() for name in names),
            _short(cell["activation_bytes"]) + "B",
        ]
        for cell in cells
    ]
    first = cells[0]
    title = f"{first['family']}, batch {first['batch_size']}; one multiply-add is two FLOPs"
    uncounted = sorted({name for cell in cells for name in cell["uncounted_ops"]})
    table = tabulate(rows, header, disable_numparse=True, stralign="right")
    notes = [f"Not counted, for want of a formula: {', '.join(uncounted)}"] if uncounted else []
    return "\n".join([title, "", table, *notes])


def _short(number: int | None) -> str:
    """1814073344 -> `1.814 G`, 12 -> `12 `; unknown -> `? `."""
    if number is None:
        return "? "
    for size, prefix in _PREFIXES:
        if number >= size:
            return f"{number / size:,.3f} {prefix}"
    return f"{number} "
