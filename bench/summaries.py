"""What is said of a finished cell or of the trainings of one depth: a line, and a row's facts."""

from collections.abc import Callable, Mapping, Sequence
from statistics import fmean, median, quantiles
from typing import Any

from .limits import evidence
from .limits.evidence import Trial
from .records import CellRecord, RunRecord


def cell_words(record: CellRecord) -> str:
    """`3.21 ms, IQR 2%`, or the status and its reason."""
    if record.status != "ok":
        return f"{record.status}: {record.reason}"
    if not record.samples:
        return "ok, not timed"
    middle = median(record.samples)
    low, _, high = quantiles(record.samples, n=4) if len(record.samples) > 1 else (middle,) * 3
    return f"{1e3 * middle:.3g} ms, IQR {(high - low) / middle:.0%}"


def runs_words(runs: Sequence[RunRecord]) -> str:
    """`validation accuracy 97.5%` (the mean; test where there is no validation split), which runs
    did not end well, what was chosen for the depth, and what should be known of the choice."""
    ok = [run for run in runs if run.status == "ok"]
    failed = [run.status for run in runs if run.status != "ok"]
    words = [f"{failed.count(status)} of {len(runs)} {status}" for status in sorted(set(failed))]
    split = "test" if any(run.validation_accuracy is None for run in ok) else "validation"
    scores = [getattr(run, f"{split}_accuracy") for run in ok]
    words += [f"{split} accuracy {fmean(scores):.1%}"] if scores else []
    return "; ".join([", ".join([*words, *_chosen_words(runs[0])]), *runs[0].warnings])


# What is chosen for each depth by itself.
_CHOSEN = ("match", "width", "match_reference_depth", "match_ratio", "tuned_from", "learning_rate")


def _chosen(run: RunRecord) -> dict[str, Any]:
    values = {name: getattr(run, name) for name in _CHOSEN if getattr(run, name)}
    if not run.tuned_from:
        del values["learning_rate"]
    return values


def _chosen_words(run: RunRecord) -> list[str]:
    """`learning rate 0.032`, `width 53`."""
    chosen = _chosen(run)
    names = {"learning_rate": "learning rate", "width": "width"}
    return [f"{words} {chosen[name]:g}" for name, words in names.items() if name in chosen]


def training_info(runs: Sequence[RunRecord]) -> dict[str, Any]:
    """The `extra_info` of a training's benchmark; each run stands whole in the study's `runs`."""
    failed = [f"seed {run.seed}: {run.status}: {run.reason}" for run in runs if run.status != "ok"]
    first = runs[0]
    return {
        "status": "ok" if len(failed) < len(runs) else first.status,
        "parameters": first.parameters,
        "train_flops": first.train_flops,
        **_chosen(first),
        "validation_accuracy": [run.validation_accuracy for run in runs],
        "test_accuracy": [run.test_accuracy for run in runs],
        "warnings": [*failed, *first.warnings],
    }


class Phases:
    """Says how far an experiment is: a line whenever another kind of trial begins."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._role: str | None = None
        self._number = 0

    def finished(self, trial: Trial) -> None:
        """A trial is finished."""
        self._number += 1
        if trial.plan.role != self._role:
            self._role = trial.plan.role
            self._say(f"{trial.plan.role} (training {self._number})")


Rows = Sequence[Mapping[str, Any]]


def evidence_words(rows: Rows) -> str:
    """`63 trainings, 412 probes`, or why the network as asked cannot be trained."""
    failure = evidence.failed(rows)
    if failure is not None:
        return ": ".join(failure)
    trials = sum(row["kind"] == "trial" for row in rows)
    return f"{trials} trainings, {len(rows) - trials} probes"


def evidence_info(rows: Rows) -> dict[str, Any]:
    """The `extra_info` of an experiment; its rows stand whole in the study's `limits`."""
    asked = [row for row in rows if row.get("role") == "asked"]
    failed = [f"seed {r['seed']}: {r['status']}: {r['reason']}" for r in asked if r["reason"]]
    return {
        "status": "ok" if len(failed) < len(asked) else asked[0]["status"],
        "validation_accuracy": [row["validation_accuracy"] for row in asked],
        "rows": len(rows),
        "warnings": failed,
    }


def asked_seconds(rows: Rows) -> list[float]:
    """Training times of the network as asked."""
    asked = [row for row in rows if row.get("role") == "asked" and row["status"] == "ok"]
    return [row["train_seconds"] for row in asked if row["train_seconds"]]
