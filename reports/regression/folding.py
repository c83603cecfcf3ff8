"""What a reader need not read twice: cells that repeat what was found of their whole family."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..labels import labels
from .finding import EXACT, Finding
from .quantities import finite


@dataclass(frozen=True)
class Group:
    """A finding, and those that say the same of single depths or of parts of a family's time."""

    finding: Finding
    cells: tuple[Finding, ...] = ()
    parts: tuple[Finding, ...] = ()

    @property
    def depths(self) -> tuple[int, ...]:
        """Of the cells, ascending."""
        return tuple(sorted(cell.depth for cell in self.cells if cell.depth is not None))


def of_all_depths(finding: Finding) -> bool:
    """Is it of a family as a whole? The benchmarks of others have neither depth nor pass."""
    return finding.depth is None and bool(finding.pass_ or finding.task or finding.part)


def named(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """The findings with names of bounded length on one line; those alike then are numbered."""
    families = labels(each.family for each in findings)
    tasks = labels(each.task for each in findings if each.task)
    return tuple(
        replace(each, family=families[each.family], task=each.task and tasks[each.task])
        for each in findings
    )


def folded(findings: Iterable[Finding]) -> tuple[Group, ...]:
    """Whole families first, then cells, the largest change first.

    A cell is folded into the finding of its family with the same verdict, metric and pass, and so
    are the parts of a family's time. Of exact counts, which have no such finding, the depth that
    changed most stands for the others.
    """
    alike: dict[tuple[Any, ...], list[Finding]] = {}
    for each in findings:
        key = (each.lane, each.verdict, each.family, each.task, each.metric, each.pass_)
        alike.setdefault(key, []).append(each)
    groups = (group for members in alike.values() for group in _groups(members))
    return tuple(sorted(groups, key=lambda group: _rank(group.finding)))


def _groups(alike: Sequence[Finding]) -> Iterator[Group]:
    ranked = sorted(alike, key=_rank)
    whole = sorted((each for each in ranked if of_all_depths(each)), key=lambda f: bool(f.part))
    cells = [each for each in ranked if not of_all_depths(each)]
    if not whole and ranked[0].lane == EXACT:
        whole, cells = cells[:1], cells[1:]
    if whole:
        yield Group(whole[0], tuple(cells), tuple(whole[1:]))
    else:
        yield from (Group(each) for each in cells)


def _rank(finding: Finding) -> tuple[bool, float, int, str]:
    """What changed without being a number, such as a shape, stands before all that is one."""
    change = finite(finding.change)
    size = float("inf") if change is None else abs(change)
    return not of_all_depths(finding), -size, finding.depth or 0, finding.place
