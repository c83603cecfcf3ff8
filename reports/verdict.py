"""What a verdict is: frozen records of the answer, and their JSON form (design, section 3)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .confidence_set import Candidate
from .costs import DepthCost, Setting
from .estimates import Estimate
from .fits import Fit, best_fit
from .gains import Gain
from .held_equal import Held
from .pareto import FrontPoint
from .separation import Separation
from .trained import Trained
from .within_budget import Within


@dataclass(frozen=True)
class Limit:
    """Which of the six limits stops the network, `none` or `undetermined`: accuracies and costs
    alone cannot tell."""

    name: str = "undetermined"
    confidence: str | None = None
    evidence: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """The entry `limit` in the JSON verdict."""
        return {"name": self.name, "confidence": self.confidence, "evidence": list(self.evidence)}


@dataclass(frozen=True)
class DepthRow:
    """All that is known of one depth: a line of the report's table.

    Attributes:
        train, accuracy: on the training split, and of the verdict's metric.
        gain: from the depth before it.
        candidate: as the best of all; null where nothing is known of the noise.
        decline_p: that no shallower depth is truly better, for all depths together; null as well.
    """

    cost: DepthCost
    train: Estimate | None
    accuracy: Estimate | None
    gain: Gain | None
    candidate: Candidate | None
    decline_p: float | None

    @property
    def depth(self) -> int:
        """The depth that the line is about."""
        return self.cost.depth


@dataclass(frozen=True)
class Verdict:
    """The answer for one family on one task. Unknown is null, also the sufficient depth.

    Attributes:
        knobs: what the family was built with, defaults included; empty where that is unknown.
        confidence_set: the depths that cannot be told from the best; empty if nothing can be.
        margin: accuracy (a fraction) that the user cares for.
        within_margin: the depths shown to be less than it behind the best; see `within_margin`.
        to_separate: what it takes to tell the confidence set's others from the best.
        declines_from: the shallowest depth from which on accuracy is significantly worse.
        censored: the best depth is the deepest that was tried.
        doubling_of: what the gains are per doubling of, `FLOPs` or `depth`.
        within_all: within all budgets together; null without budgets.
        fits: curves of error against depth; they decide nothing.
        pareto: the depths against each cost that is known.
        held: what the depths have in common, and what not.
        setting: of the costs in `rows`; null without costs.
        failed: the depths without an accuracy, and how their runs ended.
        trained: the runs behind the accuracies, one by one.
    """

    family: str
    knobs: Mapping[str, Any]
    task: str | None
    metric: str
    n_depths: int
    best_depth: int | None
    sufficient_depth: int | None
    confidence_set: tuple[int, ...]
    confidence: float | None
    margin: float
    within_margin: tuple[int, ...]
    to_separate: tuple[Separation, ...]
    shape: str
    declines_from: int | None
    censored: bool
    gains: tuple[Gain, ...]
    doubling_of: str
    under_budget: tuple[Within, ...]
    within_all: Within | None
    fits: tuple[Fit, ...]
    pareto: Mapping[str, tuple[FrontPoint, ...]]
    held: tuple[Held, ...]
    limit: Limit
    notes: tuple[str, ...]
    rows: tuple[DepthRow, ...]
    setting: Setting | None
    failed: dict[int, str]
    trained: tuple[Trained, ...]

    def as_dict(self) -> dict[str, Any]:
        """The JSON verdict of the design, section 3."""
        best = best_fit(self.fits)
        return {
            "family": self.family,
            "task": self.task,
            "metric": self.metric,
            "n_depths": self.n_depths,
            "best_depth": self.best_depth,
            "sufficient_depth": self.sufficient_depth,
            "confidence_set": list(self.confidence_set),
            "confidence": self.confidence,
            "shape": self.shape,
            "declines_from": self.declines_from,
            "censored": self.censored,
            "gain_per_doubling": [gain.as_dict() for gain in self.gains],
            "under_budget": [within.as_dict() for within in self.under_budget],
            "limit": self.limit.as_dict(),
            "notes": list(self.notes),
            "margin": self.margin,
            "within_margin": list(self.within_margin),
            "to_separate": [each.as_dict() for each in self.to_separate],
            "under_all_budgets": self.within_all.as_dict() if self.within_all else None,
            "fits": [each.as_dict() for each in self.fits],
            "best_fit": best.form,
            "best_fit_reason": best.reason,
            "pareto": {
                cost: [each.as_dict() for each in points] for cost, points in self.pareto.items()
            },
            "held_equal": {each.name: each.as_dict() for each in self.held},
        }

    def row(self, depth: int) -> DepthRow:
        """The line of one depth."""
        return next(row for row in self.rows if row.depth == depth)
