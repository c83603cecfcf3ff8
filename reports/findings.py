"""All that a report says: verdicts, other costs, what stayed out, warnings, machines."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from .affordable import Affordable, affordable
from .best_depth import judge
from .budget import Budget, fits_all
from .costs import CostTable, DepthCost, best_match, cost_tables
from .efficiency import EfficiencyTable, efficiency_tables
from .evidence import Evidence, evidence
from .limits import judge as judge_limits
from .limits import subjects
from .limits_verdict import LimitsVerdict
from .margin import MARGIN
from .passes import PassTable, pass_tables
from .roof import Roof, roofs
from .sweep import Sweep, sweeps
from .tables import CELL_KEY, Row, Tables, records, unknown_as_none
from .twins import twin_sentences
from .verdict import Limit, Verdict
from .warned import Warned, count_warnings

EXCLUDED_FIELDS = {
    "cell": (*CELL_KEY, "status", "reason"),
    "run": ("family", "depth", "task", "seed", "status", "reason"),
}


@dataclass(frozen=True)
class Findings:
    """What is shown.

    Attributes:
        limits: what stops a network, for those whose limits were measured.
        costs: the tables of settings and families that no verdict shows.
        efficiency: what binds the steps of each family and setting.
        passes: what each pass costs, for each family and setting.
        roofs: how near to each device's peaks the cells come.
        evidence: on what stops a network, as it may be looked at; beside `limits`.
        excluded: cells and runs without a result.
        warnings: of cells and runs.
        environments: the machine of each file.
        affordable: whether some depth fits all budgets; one does without budgets.
    """

    verdicts: tuple[Verdict, ...]
    limits: tuple[LimitsVerdict, ...]
    costs: tuple[CostTable, ...]
    efficiency: tuple[EfficiencyTable, ...]
    passes: tuple[PassTable, ...]
    roofs: tuple[Roof, ...]
    evidence: tuple[Evidence, ...]
    notes: tuple[str, ...]
    excluded: tuple[Mapping[str, Any], ...]
    warnings: tuple[Warned, ...]
    environments: tuple[Mapping[str, Any], ...]
    affordable: Affordable

    @property
    def undetermined(self) -> bool:
        """Whether no verdict could be given, for want of evidence."""
        shapes = {verdict.shape for verdict in self.verdicts}
        names = {verdict.name for verdict in self.limits}
        return shapes | names == {"undetermined"}

    @property
    def empty(self) -> bool:
        """Has no cell and no run a result, so that there is nothing to report?"""
        measured = self.costs or any(verdict.setting for verdict in self.verdicts)
        return not self._judged and not measured and not self.limits

    @property
    def no_answer(self) -> str | None:
        """Why nothing can be said of depth, or why no depth fits the budgets; null where one
        does."""
        ends = Counter(row["status"] for row in self.excluded if row["kind"] == "run")
        if self.verdicts and set(ends) == {"diverged"} and not self._judged:
            return (
                f"all {ends['diverged']} runs diverged, so nothing can be said of depth: "
                "try a lower learning rate (--lr)"
            )
        if self.empty:
            return "nothing to report: no cell and no run has a result"
        return self.affordable.why

    @property
    def _judged(self) -> bool:
        return any(verdict.best_depth is not None for verdict in self.verdicts)

    def as_dict(self) -> dict[str, Any]:
        """The JSON object that `howdeep report --json` prints."""
        return {
            "depths": [verdict.as_dict() for verdict in self.verdicts],
            "limits": [verdict.as_dict() for verdict in self.limits],
            "efficiency": [asdict(table) for table in self.efficiency],
            "notes": list(self.notes),
            "excluded": [dict(row) for row in self.excluded],
            "warnings": [warned.as_dict() for warned in self.warnings],
        }


def find(tables: Tables, budgets: Sequence[Budget] = (), *, margin: float = MARGIN) -> Findings:
    """All findings of these tables.

    Args:
        margin: the least accuracy (a fraction) that the user cares for.
    """
    costs = cost_tables(tables)
    found = sweeps(tables)
    chosen = [_costs_for(sweep, costs) for sweep in found]
    limits = tuple(judge_limits(rows, margin=margin) for rows in subjects(tables.limits))
    verdicts = tuple(
        _limited(judge(sweep, table, budgets, margin=margin), limits)
        for sweep, table in zip(found, chosen, strict=True)
    )
    others = tuple(table for table in costs if table not in chosen)
    passes = pass_tables(tables)
    return Findings(
        verdicts=verdicts,
        limits=limits,
        costs=others,
        efficiency=efficiency_tables(tables),
        passes=passes,
        roofs=roofs(passes),
        evidence=tuple(evidence(rows) for rows in subjects(tables.limits)),
        notes=(
            *twin_sentences(verdicts),
            *tables.notes,
            *_setting_notes(verdicts, others),
            *_unjudged_notes(verdicts, others, budgets),
        ),
        excluded=excluded(tables),
        warnings=count_warnings(tables),
        environments=tables.environments,
        affordable=_affordable(verdicts, others, budgets),
    )


def _limited(verdict: Verdict, limits: Sequence[LimitsVerdict]) -> Verdict:
    """The verdict with what stops its family on its task at the deepest depth that was asked."""
    ours = [each for each in limits if (each.family, each.task) == (verdict.family, verdict.task)]
    if not ours:
        return verdict
    deepest = max(ours, key=lambda each: each.depth)
    limit = Limit(deepest.name, deepest.confidence, deepest.evidence)
    return replace(verdict, limit=limit)


def _costs_for(sweep: Sweep, costs: Sequence[CostTable]) -> CostTable | None:
    candidates = [table for table in costs if table.family == sweep.family]
    parameters = {depth: cost.parameters for depth, cost in sweep.training_costs.items()}
    return best_match(candidates, sweep.tried, sweep.protocol, parameters)


def _setting_notes(verdicts: Sequence[Verdict], others: Sequence[CostTable]) -> list[str]:
    judged = {verdict.family for verdict in verdicts}
    return [
        f"The costs of {family} were measured in other settings too: they have tables of their own."
        for family in sorted(judged & {table.family for table in others})
    ]


def _unjudged_notes(
    verdicts: Sequence[Verdict], costs: Sequence[CostTable], budgets: Sequence[Budget]
) -> list[str]:
    """Without accuracies a budget can still be held against costs: the deepest that fits."""
    if verdicts or not budgets:
        return []
    notes = ["There are no accuracies, so which depth is best within a budget cannot be said."]
    for table in costs:
        depth = _deepest_affordable(table, budgets)
        told = "no depth" if depth is None else f"depth {depth} at most"
        asked = ", ".join(map(str, budgets))
        notes.append(f"Of {table.family}, {told} is known to fit {asked}.")
    return notes


def _deepest_affordable(table: CostTable, budgets: Sequence[Budget]) -> int | None:
    return max((cost.depth for cost in table.depths if fits_all(budgets, cost)), default=None)


def _affordable(
    verdicts: Sequence[Verdict], costs: Sequence[CostTable], budgets: Sequence[Budget]
) -> Affordable:
    """Does some depth fit all budgets, of those with an accuracy where there are runs? One does
    without budgets, and where no depth has an accuracy."""
    if verdicts:
        judged = [each for each in verdicts if each.best_depth is not None]
        asked = [(v.family, [r.cost for r in v.rows if r.accuracy is not None]) for v in judged]
    else:
        asked = [(table.family, list(table.depths)) for table in costs]
    if not budgets or not asked:
        return Affordable(fits=True)
    by_family: dict[str, list[DepthCost]] = {}
    for family, depths in asked:
        by_family.setdefault(family, []).extend(depths)
    return affordable(budgets, by_family)


def excluded(tables: Tables) -> tuple[Mapping[str, Any], ...]:
    """Cells and runs without a result, with their status and reason, in a fixed order."""
    named = {"cell": tables.cells, "run": tables.runs}
    rows = [
        {"kind": kind} | {name: _plain(row[name]) for name in EXCLUDED_FIELDS[kind]}
        for kind, table in named.items()
        for row in records(table)
        if row["status"] != "ok"
    ]
    return tuple(sorted(rows, key=_place))


def _place(row: Row) -> tuple[str, ...]:
    return row["kind"], str(row["family"]), f"{row['depth']:012d}", repr(row)


def _plain(value: Any) -> Any:
    """A whole number without its decimal point, unknown as null."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return unknown_as_none(value)
