"""What a search says: a line a step as it goes, and how it went."""

from collections.abc import Mapping

from .block import Block
from .search import Step, Stop
from .search_table import Table, Tried


def belief(table: Table) -> str:
    """`best depth 16 (97.8%, 5 seeds), depth 8 may be as good`."""
    best, sufficient = table.best, table.sufficient
    if best is None:
        return "no depth has an accuracy yet"
    words = f"best depth {best.depth} ({best.mean:.1%}, {_seeds(best.n_seeds)})"
    if sufficient is None or sufficient == best.depth:
        return f"{words}, and no shallower one may be as good"
    return f"{words}; depth {sufficient} may be as good"


def intent(found: Step | Stop, table: Table) -> str:
    """`next: depth 32 with 2 seeds`, with the reason where seeds are added."""
    if isinstance(found, Stop):
        return f"stops: {found.why}"
    added = " and ".join(_added(d, n, table.runs(d)) for d, n in found.seeds.items())
    new = any(not table.runs(depth) for depth in found.seeds)
    return f"next: {added}" + ("" if new else f", to tell {found.why}")


def _added(depth: int, seeds: int, runs: int) -> str:
    more = seeds - runs
    if runs:
        return f"{_seeds(more, 'more ')} at depth {depth}"
    return f"depth {depth} with {_seeds(more)}"


def _seeds(count: int, more: str = "") -> str:
    return f"{count} {more}seed{'' if count == 1 else 's'}"


def outcome(found: Tried) -> str:
    """`depth 16: 97.8%, 97.6%`; runs without an accuracy are counted."""
    shown = [f"{accuracy:.1%}" for accuracy in found.accuracies]
    lost = [f"{found.lost} without an accuracy"] if found.lost else []
    return f"depth {found.depth}: {', '.join([*shown, *lost])}"


def block(
    stop: Stop, *, runs: int, share: float, most_seeds: int, left_out: Mapping[int, str]
) -> Block:
    """How the answer was found, as a part of a report.

    Args:
        share: of the training FLOPs of all depths with all seeds.
    """
    ended = "It stopped" if stop.complete else "It did not end"
    cost = (
        f"{runs} trainings, {share:.0%} of the training FLOPs of every depth with {most_seeds} "
        f"seeds. {ended}: {stop.why}."
    )
    items = tuple(f"Depth {depth} was left out: {why}." for depth, why in left_out.items())
    return Block("The search", paragraphs=(cost,), items=items)
