"""A verdict's metric as it is drawn: percent of accuracy, or of error where that was given."""

from collections.abc import Sequence

from ..labels import shortened
from ..verdict import Verdict


def metric_title(verdict: Verdict) -> str:
    """`validation accuracy %`."""
    return f"{verdict.metric.replace('_', ' ')} %"


def percent(verdict: Verdict, accuracy: float | None) -> float | None:
    """An accuracy (a fraction) in percent of the verdict's metric."""
    if accuracy is None:
        return None
    return 100 * (1 - accuracy if verdict.metric == "error" else accuracy)


def name(verdict: Verdict) -> str:
    """The network and its task, shortened."""
    on = f" on {shortened(verdict.task)}" if verdict.task else ""
    return f"{shortened(verdict.family)}{on}"


def judged(verdicts: Sequence[Verdict]) -> list[Verdict]:
    """Those with an accuracy."""
    return [verdict for verdict in verdicts if verdict.best_depth is not None]
