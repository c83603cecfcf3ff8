"""How the best depth under the same budget moves from machine to machine.

Accuracy does not depend on the machine, costs do: a machine without trainings takes the accuracies
of one that has them, and its own costs. All machines' costs are read in one setting (batch size,
dtype, variants), so that the budget is the same one everywhere.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from .best_depth import judge
from .budget import Budget, fits_all
from .costs import CostTable, cost_tables
from .hardware_cells import SETTING
from .machines import Machine
from .sweep import Sweep, sweeps
from .tables import Tables, cells_frame, records, runs_frame
from .verdict import Verdict


@dataclass(frozen=True)
class Affordable:
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


def affordable(machines: Sequence[Machine], budgets: Sequence[Budget]) -> tuple[Affordable, ...]:
    """One of each family, budget and machine with costs of it; of several budgets also together."""
    asked = [[budget] for budget in budgets] + ([list(budgets)] if len(budgets) > 1 else [])
    families = sorted({row["family"] or "" for each in machines for row in _cells(each)})
    found = [
        each
        for family in families
        for machine, table in _tables_of(family, machines)
        for each in _of_machine(machine, family, table, machines, asked)
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


def _cells(machine: Machine) -> list[dict[str, object]]:
    return [row for row in records(machine.tables.cells) if row["status"] == "ok"]


def _tables_of(family: str, machines: Sequence[Machine]) -> Iterator[tuple[Machine, CostTable]]:
    """Each machine's costs of a family, all in the setting that most of them share, then the one
    with most depths."""
    tables = {machine.name: _by_setting(family, machine) for machine in machines}
    settings = dict.fromkeys(setting for known in tables.values() for setting in known)
    if not settings:
        return

    def rank(setting: tuple[object, ...]) -> tuple[int, int, str]:
        having = [known[setting] for known in tables.values() if setting in known]
        return -len(having), -sum(len(table.depths) for table in having), repr(setting)

    chosen = min(settings, key=rank)
    for machine in machines:
        if chosen in tables[machine.name]:
            yield machine, tables[machine.name][chosen]


def _by_setting(family: str, machine: Machine) -> dict[tuple[object, ...], CostTable]:
    """The costs of a family by setting; left out where a setting has several devices or threads."""
    groups: dict[tuple[object, ...], list[dict[str, object]]] = {}
    for row in _cells(machine):
        if (row["family"] or "") == family:
            named = {**row, "machine": machine.name}
            groups.setdefault(tuple(row[name] for name in SETTING), []).append(named)
    tables = {
        setting: cost_tables(Tables(cells=cells_frame(rows), runs=runs_frame([])))
        for setting, rows in groups.items()
    }
    return {setting: found[0] for setting, found in tables.items() if len(found) == 1}


def _of_machine(
    machine: Machine,
    family: str,
    table: CostTable,
    machines: Sequence[Machine],
    asked: Sequence[Sequence[Budget]],
) -> Iterator[Affordable]:
    swept = _accuracies(machine, family, machines)
    for sweep, trained_on in swept or [(None, None)]:
        for budgets in asked:
            verdict = None if sweep is None else judge(sweep, table, budgets)
            yield _affordable(machine.name, table, budgets, verdict, trained_on)


def _accuracies(
    machine: Machine, family: str, machines: Sequence[Machine]
) -> list[tuple[Sweep, str]]:
    """A family's sweeps: the machine's own, else those of the first that has any, without what the
    trainings took there."""
    for other in (machine, *machines):
        found = [sweep for sweep in sweeps(other.tables) if sweep.family == family]
        if found:
            own = other is machine
            return [(sweep if own else _elsewhere(sweep), other.name) for sweep in found]
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
) -> Affordable:
    within = verdict.within_all if verdict else None
    costs = [row.cost for row in verdict.rows] if verdict else list(table.depths)
    best = within.depth if within else None
    accuracy = verdict.row(best).accuracy if verdict and best is not None else None
    return Affordable(
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
