"""The tables that `howdeep plan` prints: costs of each depth, what holds the memory, what fits."""

from typing import Any

from tabulate import tabulate

from bench.families import Family

from .fit import Fit

# Above this, a number is drawn with a prefix.
_PREFIXES = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))
_BINARY = ((2**40, "TiB"), (2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB"))

_MEMORY_HEADER = {
    "parameters": "parameters",
    "buffers": "buffers",
    "input": "input",
    "gradients": "gradients",
    "optimizer_state": "optimizer\nstate",
    "activations": "activations",
    "temporaries": "temporaries",
}


def text(cells: list[dict[str, Any]], limit: int | None, deepest: Fit | None) -> str:
    """All tables and answers, with units."""
    first = cells[0]
    title = f"{first['family']}, batch {first['batch_size']}; one multiply-add is two FLOPs"
    uncounted = sorted({name for cell in cells for name in cell["uncounted_ops"]})
    notes = [f"Not counted, for want of a formula: {', '.join(uncounted)}"] if uncounted else []
    memory = "Memory at the peak of a training step, by what holds it"
    answers = [_answer(first, limit, deepest)] if deepest and deepest.value and limit else []
    paragraphs = [title, "\n".join([_costs(cells), *notes]), memory, _memory(cells), *answers]
    return "\n\n".join(paragraphs)


def smallest_need(deepest: Fit, limit: int | None) -> str:
    return (
        f"nothing fits in {_size(limit)}: the smallest need is {_size(deepest.need_bytes)} "
        f"({deepest.need_bytes:,} bytes)"
    )


def per_module(family: Family, depth: int) -> str:
    """fvcore's table of one depth, and its total beside ours."""
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


def _costs(cells: list[dict[str, Any]]) -> str:
    header = ["depth", "parameters", "MACs\nforward", "FLOPs\nforward", "FLOPs\nbackward"]
    names = ["macs_forward", "flops_forward", "flops_backward", "flops_step"]
    header.append("FLOPs\nstep")
    if any(cell["hardware_flops_step"] != cell["flops_step"] for cell in cells):
        header.append("FLOPs run\nin a step")
        names.append("hardware_flops_step")
    rows = [
        [
            str(cell["depth"]),
            f"{cell['parameters']:,}",
            *(_short(cell[name]) for name in names),
            _size(cell["activation_bytes"]),
        ]
        for cell in cells
    ]
    return _table(rows, [*header, "saved for\nbackward"])


def _memory(cells: list[dict[str, Any]]) -> str:
    """A column a kind that holds anything at any depth, and what the limit leaves open."""
    kinds = [kind for kind in _MEMORY_HEADER if any(cell["peak_by_kind"][kind] for cell in cells)]
    header = ["depth", "peak", *(_MEMORY_HEADER[kind] for kind in kinds)]
    columns: dict[str, Any] = {}
    if any(cell["fits"] is not None for cell in cells):
        columns["fits"] = lambda cell: "yes" if cell["fits"] else "no"
    if any("largest_batch" in cell for cell in cells):
        columns["largest\nbatch"] = lambda cell: str(cell["largest_batch"] or "none")
    rows = [
        [
            str(cell["depth"]),
            _size(cell["peak_bytes"]),
            *(_size(cell["peak_by_kind"][kind]) for kind in kinds),
            *(column(cell) for column in columns.values()),
        ]
        for cell in cells
    ]
    return _table(rows, [*header, *columns])


def _answer(first: dict[str, Any], limit: int | None, deepest: Fit) -> str:
    how = ", read off a line through shallower ones" if deepest.extrapolated else ""
    return (
        f"The deepest that fits in {_size(limit)} at batch {first['batch_size']}: "
        f"depth {deepest.value}, which needs {_size(deepest.need_bytes)}{how}."
    )


def _table(rows: list[list[str]], header: list[str]) -> str:
    return str(tabulate(rows, header, disable_numparse=True, stralign="right"))


def _short(number: int | None) -> str:
    """1814073344 -> `1.814 G`, 12 -> `12`; unknown -> `?`."""
    return _scaled(number, _PREFIXES, ".3f")


def _size(n_bytes: int | None) -> str:
    """3221225472 -> `3.00 GiB`; unknown -> `?`."""
    return _scaled(n_bytes, _BINARY, ".2f")


def _scaled(number: int | None, units: tuple[tuple[float, str], ...], digits: str) -> str:
    if number is None:
        return "?"
    for size, unit in units:
        if number >= size:
            return f"{number / size:,{digits}} {unit}"
    return str(number)
