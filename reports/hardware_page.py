"""A comparison of machines as a page: the answer, what differs, charts, and all of the numbers."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from .block import Block
from .charts.hardware_names import drawn as drawn_machines
from .charts.hardware_names import some
from .charts.hardware_sections import SECTIONS
from .frame import drawn, rendered
from .hardware import Comparison
from .hardware_blocks import (
    budget_blocks,
    cell_blocks,
    mean_blocks,
    remark_blocks,
    scaling_blocks,
    training_blocks,
    use_blocks,
)
from .hardware_budgets import standings
from .hardware_pairs import Mean
from .hardware_tables import difference_block
from .hardware_words import budget_sentences, ratio_words, summary
from .labels import shortened, visible
from .machines import Machine
from .reproduce import reproduction
from .slider import sliders
from .verdict import Verdict

TABLES: Mapping[str, Callable[[Comparison], Iterable[Block]]] = {
    "ratios": lambda found: [replace(each, paragraphs=()) for each in mean_blocks(found)],
    "layers": lambda found: scaling_blocks(found, cells=False),
    "use": lambda found: use_blocks(found, cells=False),
    "budgets": lambda found: [
        replace(each, items=()) for each in budget_blocks(found, cells=False)
    ],
    "training": lambda found: training_blocks(found, cells=False),
}
"""The tables of a section, by its key, without the sentences that stand in the answer."""


@dataclass(frozen=True)
class MachineCard:
    """A machine against the base, as it is shown on top."""

    machine: str
    ratio: str
    spread: str
    counts: str
    words: str


@dataclass(frozen=True)
class NetworkCard:
    """A network whose best depth the slider moves: a line a machine, with its place among the
    slider's networks."""

    family: str
    task: str | None
    machines: tuple[tuple[int, str], ...]


def comparison_page(found: Comparison, machines: Sequence[Machine], command: str) -> str:
    """The page.

    Args:
        machines: those that were compared.
        command: that makes this page again.
    """
    placed = _placed(found, sorted(machines, key=lambda each: found.machines.index(each.name)))
    sections = [drawn(section, found) for section in SECTIONS]
    tables = {key: list(blocks(found)) for key, blocks in TABLES.items()}
    looked_up = sliders([_named(found, *each) for each in placed])
    environments = [each for machine in machines for each in machine.tables.environments]
    return rendered(
        "compare.html.j2",
        [each for each in sections if each.groups or tables.get(each.key)],
        data={"sliders": looked_up},
        sources=[name for machine in machines for name in machine.files],
        names=list(drawn_machines(found).values()),
        base=shortened(found.base),
        nothing_shared="" if found.comparable else found.nothing_shared,
        cards=[_card(found, mean) for mean in _overall(found)],
        folded=some(found).strip(),
        budgets=list(budget_sentences(found)),
        sliders=looked_up,
        networks=_networks(found, placed),
        differences=difference_block(found),
        tables=tables,
        cells=cell_blocks(found) if found.pairs else (),
        remarks=list(remark_blocks(found, whole=True)),
        command=visible(command),
        reproductions=[reproduction(each) for each in environments],
    )


def _overall(found: Comparison) -> list[Mean]:
    """Of the machines that are drawn, over all cells."""
    return [
        mean
        for mean in found.means
        if mean.series is None and mean.pass_ is None and mean.machine in drawn_machines(found)
    ]


def _card(found: Comparison, mean: Mean) -> MachineCard:
    return MachineCard(
        machine=drawn_machines(found)[mean.machine],
        ratio=ratio_words(mean.geometric_mean),
        spread=f"{ratio_words(mean.smallest)} to {ratio_words(mean.largest)}, cell by cell",
        counts=f"{mean.faster} / {mean.slower} / {mean.undecided}",
        words=summary(found, mean),
    )


def _placed(found: Comparison, machines: Sequence[Machine]) -> list[tuple[str, Verdict]]:
    """The verdicts that the slider moves: of the machines that are drawn."""
    return [each for each in standings(machines) if each[0] in drawn_machines(found)]


def _named(found: Comparison, machine: str, verdict: Verdict) -> Verdict:
    """Under the name that the slider speaks."""
    return replace(
        verdict, family=f"{shortened(verdict.family, 24)} on {drawn_machines(found)[machine]}"
    )


def _networks(found: Comparison, placed: Sequence[tuple[str, Verdict]]) -> list[NetworkCard]:
    keys = dict.fromkeys((verdict.family, verdict.task) for _, verdict in placed)
    return [
        NetworkCard(
            family=shortened(family),
            task=task and shortened(task),
            machines=tuple(
                (place, drawn_machines(found)[machine])
                for place, (machine, verdict) in enumerate(placed)
                if (verdict.family, verdict.task) == (family, task)
            ),
        )
        for family, task in keys
    ]
