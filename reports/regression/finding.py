"""What a check of one revision against another says: findings, and what they come to."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

REGRESSED = "regressed"
IMPROVED = "improved"
EQUIVALENT = "equivalent"
INCONCLUSIVE = "inconclusive"
INCOMPARABLE = "incomparable"
MISSING = "missing"
NEW = "new"

VERDICTS = (REGRESSED, MISSING, INCOMPARABLE, IMPROVED, INCONCLUSIVE, NEW, EQUIVALENT)
"""The worst first, as they are listed."""

EXACT, PAIRED, STORED, ACCURACY = "exact", "paired", "stored", "accuracy"
"""The lanes: how a finding was made."""

PER_LAYER, OVERHEAD = "per layer", "overhead"
"""The parts of a family's time."""

FINE, FAILED, WRONG_INPUT, CANNOT_TELL = 0, 1, 2, 3
"""Exit codes."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that was compared; null is unknown or does not apply.

    Attributes:
        lane: of `exact`, `paired`, `stored`, `accuracy`.
        verdict: of `VERDICTS`.
        metric: such as `time`, `peak_bytes`, `flops_forward`, `validation_accuracy`, `best_depth`.
        family: or the full name of a benchmark that is no cell of ours.
        depth: null: of all depths of the family together.
        part: of a finding on all depths: `PER_LAYER` or `OVERHEAD`.
        base, new: the values of both sides, in the unit that the metric's name says (`time`:
            seconds).
        change: new over base, less 1 (a stored time's: beyond what its session moved by); of an
            accuracy the difference in fractions; null where a value is no number.
        low, high: of the change, an interval at the lane's level.
        margin: the change that was let pass.
        p_value: after the correction for everything that was looked at.
        reason: in words, what a number does not say.
    """

    lane: str
    verdict: str
    metric: str
    family: str
    depth: int | None = None
    pass_: str | None = None
    task: str | None = None
    part: str | None = None
    base: float | int | str | None = None
    new: float | int | str | None = None
    change: float | None = None
    low: float | None = None
    high: float | None = None
    margin: float | None = None
    p_value: float | None = None
    reason: str = ""

    @property
    def place(self) -> str:
        """Family, depth and pass, stable from one check to the next: `mlp/depth 8/step`."""
        depth = None if self.depth is None else f"depth {self.depth}"
        parts = (self.family, self.task, depth, self.pass_, self.part)
        return "/".join(part for part in parts if part)

    @property
    def fails(self) -> bool:
        """Does it alone make the check fail? Of what has no noise any change must be accepted."""
        return self.verdict == REGRESSED or (self.lane == EXACT and self.verdict == IMPROVED)

    def as_dict(self) -> dict[str, Any]:
        """One entry of `findings` in the command's JSON."""
        return {"pass" if k == "pass_" else k: _known(v) for k, v in asdict(self).items()}


def beyond(change: float, margin: float) -> str:
    """The verdict on a change of something without noise, where more is worse."""
    if abs(change) <= margin:
        return EQUIVALENT
    return REGRESSED if change > 0 else IMPROVED


def _known(value: Any) -> Any:
    """JSON has no infinity, which two numbers of a file may divide to."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


@dataclass(frozen=True, kw_only=True)
class Answer:
    """All that a check found.

    Attributes:
        base, new: the two sides, as the user named them.
        cannot_tell: reasons why the check as a whole says nothing, as a canary that flagged.
        wrong_input: whether one of several lanes could not be run, for the first of those reasons.
        notes: what a reader should know beside the findings.
        details: by lane, how the findings were made: numbers and words, for the JSON.
    """

    base: str
    new: str
    findings: tuple[Finding, ...]
    cannot_tell: tuple[str, ...] = ()
    wrong_input: bool = False
    notes: tuple[str, ...] = ()
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def exit_code(self) -> int:
        """1: something regressed (or an exact count changed); 2: wrong input; 3: that cannot be
        told, or something is missing; else 0."""
        if self.wrong_input:
            return WRONG_INPUT
        if any(finding.fails for finding in self.findings):
            return FAILED
        untold = any(each.verdict in (MISSING, INCOMPARABLE) for each in self.findings)
        return CANNOT_TELL if self.cannot_tell or untold or not self.findings else FINE

    def count(self, verdict: str) -> int:
        """How many findings have that verdict."""
        return sum(each.verdict == verdict for each in self.findings)

    def as_dict(self) -> dict[str, Any]:
        """The JSON object that `howdeep check --json` prints."""
        return {
            "base": self.base,
            "new": self.new,
            "exit_code": self.exit_code,
            "verdicts": {verdict: self.count(verdict) for verdict in VERDICTS},
            "findings": [each.as_dict() for each in self.findings],
            "cannot_tell": list(self.cannot_tell),
            "notes": list(self.notes),
            "details": dict(self.details),
        }


def together(answers: Sequence[Answer], wrong_input: str | None = None) -> Answer:
    """The lanes of one check as one answer.

    Args:
        answers: at least one.
        wrong_input: why a further lane could not be run.
    """
    reasons = tuple(each for answer in answers for each in answer.cannot_tell)
    return Answer(
        base=answers[0].base,
        new=answers[0].new,
        findings=tuple(each for answer in answers for each in answer.findings),
        cannot_tell=reasons if wrong_input is None else (wrong_input, *reasons),
        wrong_input=wrong_input is not None,
        notes=tuple(dict.fromkeys(note for answer in answers for note in answer.notes)),
        details={name: value for answer in answers for name, value in answer.details.items()},
    )
