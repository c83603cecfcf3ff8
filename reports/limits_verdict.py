"""What a verdict on limits is: frozen records, and their JSON form (design, section 3)."""

from dataclasses import dataclass
from typing import Any

from .paired import Paired
from .remedies import RemedyFinding


@dataclass(frozen=True)
class LimitFinding:
    """One limit.

    Attributes:
        binds: None where it could not be tested.
        p_value: of its test; adjusted for their number where its metric has stopped improving and
            its symptom fires, so that it may bind.
        remedy: that which the seed that chose preferred, or early stopping; tried on fresh seeds.
        share: of the loss that this remedy recovers.
    """

    name: str
    binds: bool | None
    symptoms: tuple[str, ...]
    p_value: float | None
    remedy: str | None
    share: Paired | None

    def as_dict(self) -> dict[str, Any]:
        """The entry of `limits` in the JSON verdict."""
        symptoms = list(self.symptoms)
        return {"binds": self.binds, "symptoms": symptoms, "p_value": self.p_value}


@dataclass(frozen=True)
class LimitsVerdict:
    """The answer for one network on one task.

    Attributes:
        reference_depth: the best shallower depth by accuracy on data held out.
        name: of the limit, `none` or `undetermined`.
        confidence: `strong` or `weak`; None where nothing is named.
        settle: what would settle an undetermined or weak verdict.
        outlook: what further depth, other learning rates and more data would change.
        hints: what the structure says, beside the limits.
    """

    family: str
    depth: int
    reference_depth: int | None
    task: str
    name: str
    confidence: str | None
    evidence: tuple[str, ...]
    limits: tuple[LimitFinding, ...]
    remedies: tuple[RemedyFinding, ...]
    settle: tuple[str, ...]
    outlook: tuple[str, ...]
    hints: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """The JSON object of `howdeep limits`."""
        limit = {
            "name": self.name,
            "confidence": self.confidence,
            "evidence": list(self.evidence),
        }
        return {
            "family": self.family,
            "depth": self.depth,
            "reference_depth": self.reference_depth,
            "task": self.task,
            "limit": limit,
            "limits": {each.name: each.as_dict() for each in self.limits},
            "remedies": [each.as_dict() for each in self.remedies],
            "settle": list(self.settle),
            "outlook": list(self.outlook),
            "hints": list(self.hints),
        }
