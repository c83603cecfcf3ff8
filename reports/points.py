"""Accuracies and their bounds in words; accuracies are fractions, points are percentage points."""


def points(accuracy: float) -> str:
    """`1.5 points`."""
    return f"{100 * accuracy:.1f} points"


def asked_points(accuracy: float) -> str:
    """`1 point` or `0.25 points`: a margin, with the digits that it was given with."""
    text = f"{100 * accuracy:g}"
    return f"{text} point" if text == "1" else f"{text} points"


def bounds(low: float, high: float) -> str:
    """Each of which holds alone with 95% confidence."""
    return f"one-sided 95% bounds {100 * low:.1f} and {100 * high:.1f}"
