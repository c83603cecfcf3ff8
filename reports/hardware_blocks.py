"""A comparison of machines as headings, tables and sentences, for the terminal and Markdown."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from .block import Block
from .hardware import Comparison
from .hardware_cells import Series, series_words, told_parts
from .hardware_cost_tables import budget_block, scaling_block, training_block, use_block
from .hardware_pairs import Unshared
from .hardware_tables import (
    WIDE,
    cell_block,
    difference_block,
    machines_block,
    series_block,
    shown_machines,
)
from .hardware_use import deepest
from .hardware_words import budget_sentences, covers_words, scaling_sentence, summary
from .machine_names import names_words, short
from .text import markdown_of

TITLE = "Hardware against hardware"
_RATIO = (
    "time over that of the base: below 1 is faster; faster and slower count the cells whose 95% "
    "interval excludes 1"
)
_LINE = (
    "time = overhead + time a layer x depth, by least squares weighted for relative noise; ±: 95% "
    "interval, from how far the depths lie off the line; 'off the line': the farthest of them"
)
# Lines of a list before it is folded.
MOST_ITEMS = 12


def comparison_blocks(found: Comparison, *, cells: bool = False) -> tuple[Block, ...]:
    """The report; cells: with every cell, and nothing folded."""
    return (
        difference_block(found),
        *mean_blocks(found),
        *(cell_blocks(found) if cells else ()),
        *use_blocks(found, cells),
        *scaling_blocks(found, cells),
        *budget_blocks(found, cells),
        *training_blocks(found, cells),
        *remark_blocks(found, cells),
    )


def comparison_markdown(found: Comparison) -> str:
    """The report as Markdown, the cells under a heading that opens on demand."""
    parts = [markdown_of(TITLE, comparison_blocks(found))]
    if found.pairs:
        cells = markdown_of("All cells", cell_blocks(found)).removeprefix("# All cells\n\n")
        parts.append(f"<details>\n<summary>All cells</summary>\n\n{cells}\n</details>\n")
    return "\n".join(parts)


def told_of(found: Comparison) -> tuple[str, ...]:
    """The parts of the setting in which the shared cells differ."""
    return told_parts([pair.series for pair in found.pairs])


def shared_series(found: Comparison) -> tuple[Series, ...]:
    """Of all cells that the base shares with another machine."""
    return tuple(dict.fromkeys(pair.series for pair in found.pairs))


def mean_blocks(found: Comparison) -> Iterator[Block]:
    """Ratios to the base, and their summary in words."""
    if not found.means:
        return
    many = len(found.machines) > WIDE
    block = machines_block(found) if many else series_block(found, told_of(found))
    overall = [mean for mean in found.means if mean.series is None and mean.pass_ is None]
    ranked = sorted(overall, key=lambda mean: mean.geometric_mean)
    told = [ranked[0], ranked[-1]] if many else overall
    yield replace(
        block,
        captions=tuple(_captions(found)),
        paragraphs=(" ".join(summary(found, mean) for mean in told),),
    )


def _captions(found: Comparison) -> Iterator[str]:
    common = _common(found)
    if common:
        yield f"all cells: {common}"
    yield _RATIO
    yield covers_words(found)


def _common(found: Comparison) -> str:
    """What every shared cell has in common: `batch 32, fp32`."""
    told = told_of(found)
    first = shared_series(found)[0]
    alike = [name for name in ("batch_size", "dtype", "variants", "match") if name not in told]
    return series_words(replace(first, family="", pass_=None), alike).strip(" ()")


def cell_blocks(found: Comparison) -> tuple[Block, ...]:
    """A table a series, every cell in it."""
    told = told_of(found)
    return tuple(cell_block(found, each, told, found.machines) for each in shared_series(found))


def _shown_series(found: Comparison, cells: bool) -> tuple[Series, ...]:
    """All; of many machines the last pass of each family, which is the step where there is one."""
    if cells or len(found.machines) <= WIDE:
        return shared_series(found)
    return tuple({each.family: each for each in shared_series(found)}.values())


def use_blocks(found: Comparison, cells: bool) -> Iterator[Block]:
    """The deepest shared cell of each series, or every cell."""
    if not found.uses:
        return
    machines = found.machines if cells else shown_machines(found)
    series = _shown_series(found, cells)
    rows = [
        use
        for use in (found.uses if cells else deepest(found.uses))
        if use.machine in machines and use.series in series
    ]
    yield use_block(told_of(found), rows, "" if cells else " at the deepest shared depth")


def scaling_blocks(found: Comparison, cells: bool) -> Iterator[Block]:
    """The line of each series and machine, and where two of them cross."""
    if not found.lines:
        return
    machines = found.machines if cells else shown_machines(found)
    told = told_of(found)
    lines = {(line.series, line.machine): line for line in found.lines}
    places = [(series, name) for series in _shown_series(found, cells) for name in machines]
    sentences = [
        (f"{short(each.machine)}: " if len(machines) > 2 else "")
        + scaling_sentence(found, each, told)
        for each in found.crossings
        if (each.series, each.machine) in places
    ]
    block = scaling_block([lines[place] for place in places if place in lines], told)
    yield replace(block, captions=(_LINE,), items=folded(sentences, cells))


def budget_blocks(found: Comparison, cells: bool) -> Iterator[Block]:
    """The best depth of each machine within the budgets, and how it moves."""
    if found.affordable:
        machines = found.machines if cells else shown_machines(found)
        sentences = tuple(budget_sentences(found))
        yield replace(budget_block(found, machines), items=sentences)


def training_blocks(found: Comparison, cells: bool) -> Iterator[Block]:
    """Where anything is priced, or two machines trained the same."""
    machines = {run.machine for run in found.runs}
    priced = any(run.cost is not None for run in found.runs)
    if priced or len(machines) > 1:
        yield training_block(found, found.machines if cells else shown_machines(found))


def remark_blocks(found: Comparison, whole: bool) -> Iterator[Block]:
    """What stayed out, and what should be known of the rest; whole: with every line of it."""
    yield from _list("Not everywhere", [_unshared(found, each) for each in found.unshared], whole)
    yield from _list("Excluded", list(_excluded(found)), whole)
    yield from _list("Notes", [*found.notes, *_warnings(found)], whole)
    yield from _list("Files", list(_files(found)), whole)


def _list(heading: str, items: Sequence[str], whole: bool) -> Iterator[Block]:
    if items:
        yield Block(heading, items=folded(items, whole))


def folded(items: Sequence[str], whole: bool) -> tuple[str, ...]:
    """The items; of many the first, and how many more there are."""
    if whole or len(items) <= MOST_ITEMS:
        return tuple(items)
    shown = items[: MOST_ITEMS - 1]
    more = len(items) - len(shown)
    return (*shown, f"and {more} more (--cells shows them, --json holds them)")


def _unshared(found: Comparison, each: Unshared) -> str:
    """`resnet step (batch 32, fp32), depth 32, 64: only b`."""
    names = [str(point) for point in each.points]
    shown = ", ".join(names[:MOST_ITEMS])
    more = f" and {len(names) - MOST_ITEMS} more" if len(names) > MOST_ITEMS else ""
    kind = "depth " if isinstance(each.points[0], int) else ""
    lacking = [name for name in found.machines if name not in each.only]
    where = (
        f"only {names_words(each.only)}"
        if len(each.only) <= len(lacking)
        else f"not {names_words(lacking)}"
    )
    return f"{series_words(each.series)}, {kind}{shown}{more}: {where}"


def _excluded(found: Comparison) -> Iterator[str]:
    """What is the same on several machines once."""
    yield from _by_machine([(each.machine, f"{each.what}: {each.why}") for each in found.excluded])


def _warnings(found: Comparison) -> Iterator[str]:
    given = []
    for machine, warned in found.warnings.items():
        for each in warned:
            alike = " (and alike)" if each.similar else ""
            given.append((machine, f"{each.rows}: {each.text}{alike}"))
    yield from _by_machine(given)


def _by_machine(given: Sequence[tuple[str, str]]) -> Iterator[str]:
    names: dict[str, list[str]] = {}
    for machine, words in given:
        names.setdefault(words, []).append(machine)
    for words, machines in names.items():
        yield f"{names_words(machines)}: {words}"


def _files(found: Comparison) -> Iterator[str]:
    for machine, files in found.files.items():
        yield f"{short(machine)}: {', '.join(files)}"
