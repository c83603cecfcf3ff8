"""The evidence rows of a study: what was probed of a network, and trainings that were tried.

Pure measurement: no row says what it means. Rows are flat, so that a study's JSON holds them and
a table shows them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..points import Training
from ..records import SETTLED, RunRecord, plain

# What a training is in the experiment: the network as asked, shallower ones, other learning rates,
# the best shallower one at its own, remedies on the seed that chooses among them, other numbers of
# training samples, and the chosen remedies on seeds that did not choose.
ROLES = ("asked", "shallower", "window", "reference", "screening", "data", "confirmation")


@dataclass(frozen=True, kw_only=True)
class Subject:
    """What the evidence is about: one network on one task."""

    family: str
    depth: int
    task: str


@dataclass(frozen=True, kw_only=True)
class Probe:
    """One number about one network.

    Attributes:
        depth: of the network that was probed: that of the subject or a shallower one.
        limit: the limit that it speaks of, or `structure`.
        quantity: a name with its unit, such as `step_seconds`.
        at: where or when: a layer, an epoch, a number of samples.
        value: None where it could not be known, and `note` says why.
    """

    limit: str
    quantity: str
    depth: int
    value: float | None
    at: str | None = None
    seed: int | None = None
    low: float | None = None
    high: float | None = None
    note: str | None = None

    def row(self, subject: Subject) -> dict[str, Any]:
        """The JSON form, beside the subject."""
        about = {"kind": "probe", "family": subject.family, "task": subject.task}
        return {**about, "asked_depth": subject.depth, **plain(self)}


@dataclass(frozen=True, kw_only=True)
class Planned:
    """A training of the experiment and what it is for.

    Attributes:
        role: of `ROLES`.
        limit, remedy: that it tries; None for trainings without a remedy.
        change: what differs from the network and training as asked, in words.
    """

    role: str
    training: Training
    limit: str | None = None
    remedy: str | None = None
    change: str | None = None


@dataclass(frozen=True)
class Trial:
    """A planned training that has ended."""

    plan: Planned
    run: RunRecord

    def row(self, subject: Subject) -> dict[str, Any]:
        """The JSON form, beside the subject."""
        run = plain(self.run)
        about = {
            "kind": "trial", "family": subject.family, "task": subject.task,
            "asked_depth": subject.depth, "role": self.plan.role, "limit": self.plan.limit,
            "remedy": self.plan.remedy, "change": self.plan.change,
        }  # fmt: skip
        kept = {name: value for name, value in run.items() if name not in ("family", "task")}
        return {**kept, **about, "network": run["family"], "data": run["task"]}


def failed(rows: Sequence[Mapping[str, Any]]) -> tuple[str, str] | None:
    """Status and reason of the network as asked where none of its trainings came to its end or
    diverged: then there is nothing to judge."""
    asked = [row for row in rows if row.get("role") == "asked"]
    if any(row["status"] in SETTLED for row in asked):
        return None
    return next(((row["status"], row["reason"]) for row in asked), ("skipped", "nothing was run"))
