"""How the best depth under the same budget moves from machine to machine.

Accuracy does not depend on the machine, costs do: a machine without trainings takes the accuracies
of one that has them, and its own costs. All machines' costs are read in one setting (batch size,
dtype, variants), so that the budget is the same one everywhere.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from .best_depth import judge
from .budget import Budget, fits_all
from .costs import CostTable, cost_tables
from .hardware_cells import SETTING
from .machines import Machine
from .sweep import Sweep, sweeps
from .tables import Tables, cells_frame, grouped, records, runs_frame
from .verdict import Verdict


@dataclass(frozen=True)
class UnderBudget:
    """What budgets together leave of one family on one machine; null is unknown.

    Attributes:
        task: null without accuracies.
        best_depth, sufficient_depth: within the budget.
        accuracy: of the best depth within it, a fraction.
        deepest: the deepest depth whose cost is known to fit, also without accuracies.
        cannot_tell: depths of which the noise of their costs hides whether they fit.
        accuracies_of: the machine whose trainings they are.
        setting: of the costs, in words: batch size, dtype, variants.
    """

    machine: str
    family: str
    task: str | None
    budgets: tuple[Budget, ...]
    best_depth: int | None
    sufficient_depth: int | None
    accuracy: float | None
    deepest: int | None
    cannot_tell: tuple[int, ...]
    accuracies_of: str | None
    setting: str

    @property
    def budget(self) -> str:
        """`latency_seconds<=0.005`."""
        return ", ".join(map(str, self.budgets))

    def as_dict(self) -> dict[str, Any]:
        """The entry of `under_budget` in the JSON comparison."""
        given = asdict(self)
        del given["budgets"]
        return {"budget": self.budget, **given}


def affordable(machines: Sequence[Machine], budgets: Sequence[Budget]) -> tuple[UnderBudget, ...]:
    """One of each family, budget and machine with costs of it; of several budgets also together."""
    if not budgets:
        return ()
    asked = [[budget] for budget in budgets] + ([list(budgets)] if len(budgets) > 1 else [])
    found = [
        each
        for machine, table, swept in _in_question(machines)
        for each in _of_machine(machine, table, swept, asked)
    ]
    order = {tuple(each): place for place, each in enumerate(asked)}
    place = {machine.name: number for number, machine in enumerate(machines)}
    return tuple(
        sorted(
            found,
            key=lambda each: (
                each.family, each.task or "", order[each.budgets], place[each.machine]
            ),
        )
    )  # fmt: skip


def standings(machines: Sequence[Machine]) -> tuple[tuple[str, Verdict], ...]:
    """Of each family and task the verdict on every machine with costs of it, without a budget."""
    return tuple(
        (machine, judge(sweep, table, []))
        for machine, table, swept in _in_question(machines)
        for sweep, _ in swept
    )


def _in_question(
    machines: Sequence[Machine],
) -> Iterator[tuple[str, CostTable, list[tuple[Sweep, str]]]]:
    """Each family on each machine: its costs, and its sweeps with the machine that trained them."""
    swept = {machine.name: sweeps(machine.tables) for machine in machines}
    costs = {machine.name: _costs(machine) for machine in machines}
    for family in sorted({family for known in costs.values() for family in known}):
        for machine, table in _in_one_setting(family, costs):
            yield machine, table, _accuracies(machine, family, swept)


# Costs of a machine: by family, and by the values of `SETTING`.
Costs = Mapping[str, Mapping[tuple[object, ...], CostTable]]


def _costs(machine: Machine) -> Costs:
    """Left out where a setting has several devices or numbers of threads: which is meant?"""
    rows = [
        {**row, "machine": machine.name}
        for row in records(machine.tables.cells)
        if row["status"] == "ok"
    ]
    tables: dict[str, dict[tuple[object, ...], list[CostTable]]] = {}
    for (match,), alike in grouped(rows, ("match",)):
        for table in cost_tables(Tables(cells=cells_frame(alike), runs=runs_frame([]))):
            setting = (
                *(getattr(table.setting, name) for name in SETTING if name != "match"),
                match,
            )
            tables.setdefault(table.family, {}).setdefault(setting, []).append(table)
    return {
        family: {setting: found[0] for setting, found in known.items() if len(found) == 1}
        for family, known in tables.items()
    }


def _in_one_setting(family: str, costs: Mapping[str, Costs]) -> Iterator[tuple[str, CostTable]]:
    """Each machine's costs of a family, all in the setting that most of them share, then the one
    with most depths."""
    tables = {machine: known.get(family, {}) for machine, known in costs.items()}
    settings = dict.fromkeys(setting for known in tables.values() for setting in known)

    def rank(setting: tuple[object, ...]) -> tuple[int, int, str]:
        having = [known[setting] for known in tables.values() if setting in known]
        return -len(having), -sum(len(table.depths) for table in having), repr(setting)

    if settings:
        chosen = min(settings, key=rank)
        yield from ((name, known[chosen]) for name, known in tables.items() if chosen in known)


def _of_machine(
    machine: str,
    table: CostTable,
    swept: Sequence[tuple[Sweep, str]],
    asked: Sequence[Sequence[Budget]],
) -> Iterator[UnderBudget]:
    for budgets in asked:
        for sweep, trained_on in swept:
            yield _affordable(machine, table, budgets, judge(sweep, table, budgets), trained_on)
        if not swept:
            yield _affordable(machine, table, budgets, None, None)


def _accuracies(
    machine: str, family: str, swept: Mapping[str, Sequence[Sweep]]
) -> list[tuple[Sweep, str]]:
    """A family's sweeps: the machine's own, else those of the first that has any, without what the
    trainings took there."""
    for other in (machine, *swept):
        found = [sweep for sweep in swept[other] if sweep.family == family]
        if found:
            own = other == machine
            return [(sweep if own else _elsewhere(sweep), other) for sweep in found]
    return []


def _elsewhere(sweep: Sweep) -> Sweep:
    costs = {
        depth: replace(cost, train_seconds=None, bounds={})
        for depth, cost in sweep.training_costs.items()
    }
    return replace(sweep, training_costs=costs)


def _affordable(
    machine: str,
    table: CostTable,
    budgets: Sequence[Budget],
    verdict: Verdict | None,
    trained_on: str | None,
) -> UnderBudget:
    within = verdict.within_all if verdict else None
    costs = [row.cost for row in verdict.rows] if verdict else list(table.depths)
    best = within.depth if within else None
    accuracy = verdict.row(best).accuracy if verdict and best is not None else None
    return UnderBudget(
        machine=machine,
        family=table.family,
        task=verdict.task if verdict else None,
        budgets=tuple(budgets),
        best_depth=best,
        sufficient_depth=within.sufficient_depth if within else None,
        accuracy=accuracy.mean if accuracy else None,
        deepest=max((cost.depth for cost in costs if fits_all(budgets, cost)), default=None),
        cannot_tell=within.cannot_tell if within else (),
        accuracies_of=trained_on,
        setting=_setting(table),
    )


def _setting(table: CostTable) -> str:
    setting = table.setting
    batch = None if setting.batch_size is None else f"batch {setting.batch_size}"
    return ", ".join(filter(None, (batch, setting.dtype, setting.variants)))
