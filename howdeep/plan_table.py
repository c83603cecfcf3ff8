"""The tables that `howdeep plan` prints: costs of each depth, what holds the memory, what fits."""

from collections.abc import Callable
from typing import Any

from tabulate import tabulate

from .fit import Fit

# Above this, a number is drawn with a prefix.
_PREFIXES = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))
_BINARY = (
    *((2**60, "EiB"), (2**50, "PiB"), (2**40, "TiB"), (2**30, "GiB"), (2**20, "MiB")),
    *((2**10, "KiB"), (1, "B")),
)

# Always shown, in this order; buffers and input have a column of their own where they count.
_KINDS = {
    "parameters": "parameters",
    "gradients": "gradients",
    "optimizer_state": "optimizer\nstate",
    "activations": "activations",
    "temporaries": "temporaries",
}
_NEGLIGIBLE = 0.01


def text(cells: list[dict[str, Any]], limit: int | None, deepest: Fit | None) -> str:
    """All tables and answers, with units."""
    first = cells[0]
    title = f"{first['family']}, batch {first['batch_size']}; one multiply-add is two FLOPs"
    uncounted = sorted({name for cell in cells for name in cell["uncounted_ops"]})
    notes = [f"Not counted, for want of a formula: {', '.join(uncounted)}"] if uncounted else []
    memory = (
        "Memory at the peak of a training step, by what holds it: tensors alone; workspaces of\n"
        "kernels and what an allocator loses to fragmentation come on top"
    )
    answers = [_answer(first, limit, deepest)] if deepest and deepest.value and limit else []
    paragraphs = [title, "\n".join([_costs(cells), *notes]), memory, _memory(cells), *answers]
    return "\n\n".join(paragraphs)


def smallest_need(deepest: Fit, limit: int | None) -> str:
    return (
        f"nothing fits in {size_text(limit)}: the smallest need is {size_text(deepest.need_bytes)} "
        f"({deepest.need_bytes:,} bytes)"
    )


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
            *(flops_text(cell[name]) for name in names),
            size_text(cell["activation_bytes"]),
        ]
        for cell in cells
    ]
    return table(rows, [*header, "saved for\nbackward"])


def _memory(cells: list[dict[str, Any]]) -> str:
    """A column a kind, and what the limit leaves open."""
    columns: dict[str, Callable[[dict[str, Any]], str]] = {
        "depth": lambda cell: str(cell["depth"]),
        "peak": lambda cell: size_text(cell["peak_bytes"]),
        **{title: _held_by(kind) for kind, title in _KINDS.items()},
    }
    if any(_others(cell) > _NEGLIGIBLE * cell["peak_bytes"] for cell in cells):
        columns["buffers,\ninput"] = lambda cell: size_text(_others(cell))
    if any(cell["fits"] is not None for cell in cells):
        columns["fits"] = lambda cell: "yes" if cell["fits"] else "no"
    if any("largest_batch" in cell for cell in cells):
        columns["largest\nbatch"] = lambda cell: str(cell["largest_batch"] or "none")
    rows = [[column(cell) for column in columns.values()] for cell in cells]
    return table(rows, list(columns))


def _held_by(kind: str) -> Callable[[dict[str, Any]], str]:
    return lambda cell: size_text(cell["peak_by_kind"][kind])


def _others(cell: dict[str, Any]) -> int:
    """Bytes of the kinds that have no column of their own."""
    return sum(n for kind, n in cell["peak_by_kind"].items() if kind not in _KINDS)


def _answer(first: dict[str, Any], limit: int | None, deepest: Fit) -> str:
    how = ", read off a line through shallower ones" if deepest.extrapolated else ""
    if deepest.at_least:
        how = "; deeper ones may fit too, but were not predicted"
    return (
        f"The deepest that fits in {size_text(limit)} at batch {first['batch_size']}: "
        f"depth {deepest.value}, which needs {size_text(deepest.need_bytes)}{how}."
    )


def table(rows: list[list[str]], header: list[str]) -> str:
    """Columns as wide as what stands in them."""
    widths = [
        max(map(len, "\n".join(column).split("\n"))) for column in zip(header, *rows, strict=True)
    ]
    ruler = ["-" * width for width in widths]
    lines = [header, ruler, *rows]
    return str(tabulate(lines, tablefmt="plain", disable_numparse=True, stralign="right"))


def flops_text(number: int | None) -> str:
    """1814073344 -> `1.814 G`, 12 -> `12`; unknown -> `?`."""
    if number is None:
        return "?"
    for size, prefix in _PREFIXES:
        if number >= size:
            return f"{number / size:,.3f} {prefix}"
    return str(number)


def size_text(n_bytes: int | None) -> str:
    """Three digits: 3221225472 -> `3.00 GiB`, 200000 -> `195 KiB`, 12 -> `12 B`; unknown -> `?`."""
    if n_bytes is None:
        return "?"
    size, unit = next(((size, unit) for size, unit in _BINARY if n_bytes >= size), _BINARY[-1])
    number = n_bytes / size
    digits = 0 if size == 1 or number >= 99.95 else 1 if number >= 9.995 else 2
    return f"{number:,.{digits}f} {unit}"
