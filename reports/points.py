"""Accuracies and their bounds in words; accuracies are fractions, points are percentage points."""


def points(accuracy: float) -> str:
    """`1.5 points`."""
    return f"{100 * accuracy:.1f} points"


def bounds(low: float, high: float) -> str:
    """Each of which holds alone with 95% confidence."""
    return f"one-sided 95% bounds {100 * low:.1f} and {100 * high:.1f}"
