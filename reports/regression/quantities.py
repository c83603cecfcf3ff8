"""Values and changes of a finding as people read them: ms, MB, counts, percent and pp."""

import math

from ..labels import visible
from ..units import unit_of
from .finding import EXACT, Finding


def finite(value: object) -> float | None:
    """The value, if it is a number that can be drawn."""
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        return value
    return None


def is_accuracy(metric: str) -> bool:
    """More is better, and changes are percentage points."""
    return "accuracy" in metric


def metric_words(metric: str) -> str:
    """`peak_bytes` as words."""
    return visible(metric).replace("_", " ")


def sides_words(finding: Finding) -> str:
    """`12.1 -> 13.34 ms`, with one unit for both; empty where neither is known."""
    if finding.base is None and finding.new is None:
        return ""
    base, new = finite(finding.base), finite(finding.new)
    if base is None or new is None or finding.lane == EXACT:
        return f"{_plain(finding.base)} -> {_plain(finding.new)}"
    if is_accuracy(finding.metric):
        return f"{100 * base:.2f} -> {100 * new:.2f}%"
    if finding.metric != "time" and not finding.metric.endswith(("seconds", "bytes")):
        return f"{_plain(base)} -> {_plain(new)}"
    unit = unit_of("seconds" if finding.metric == "time" else finding.metric, (base, new))
    return f"{base / unit.factor:,.4g} -> {new / unit.factor:,.4g} {unit.name}"


def change_words(finding: Finding) -> str:
    """`+10.2%` or `-1.2 pp`; empty where it is no number."""
    change = finite(finding.change)
    return "" if change is None else f"{percent(change, '+')}{_mark(finding.metric)}"


def sides_and_change(finding: Finding) -> str:
    """`4,032 -> 4,096 (+1.6%)`, or what is known of it."""
    sides, change = sides_words(finding), change_words(finding)
    return f"{sides} ({change})" if sides and change else sides or change


def interval_words(finding: Finding) -> str:
    """`+9.1 to +11.4%`; of an open interval `over +9.1%`; empty where it is unknown."""
    low, high, mark = finite(finding.low), finite(finding.high), _mark(finding.metric)
    if low is not None and high is not None:
        return f"{percent(low, '+')} to {percent(high, '+')}{mark}"
    if low is not None:
        return f"over {percent(low, '+')}{mark}"
    return "" if high is None else f"under {percent(high, '+')}{mark}"


def size_words(finding: Finding) -> str:
    """The change without its sign, with its interval where that has one side of zero alone."""
    low, high, mark = finite(finding.low), finite(finding.high), _mark(finding.metric)
    if low is None or high is None:
        return ""
    if low < 0 < high:
        return interval_words(finding)
    return f"{' to '.join(percent(each) for each in sorted((abs(low), abs(high))))}{mark}"


def margin_words(metric: str, margin: float | None) -> str:
    """`3%`, or `0.5 pp` of an accuracy."""
    if finite(margin) is None:
        return ""
    return f"{100 * (margin or 0):g}{_mark(metric)}"


def percent(value: float, sign: str = "") -> str:
    """A fraction in percent without its mark, with digits enough to be no zero."""
    text = f"{100 * value:{sign},.1f}"
    return text if value == 0 or text.strip("+-0.,") else f"{100 * value:{sign}.1g}"


def size(finding: Finding) -> str:
    """`10.2%`: the change without its sign."""
    change = finite(finding.change) or 0.0
    return f"{percent(abs(change))}{_mark(finding.metric)}"


def setting_words(value: object) -> str:
    """A knob or a setting: `none` where there is none, 32 rather than 32.0."""
    if value is None:
        return "none"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _mark(metric: str) -> str:
    return " pp" if is_accuracy(metric) else "%"


def _plain(value: float | int | str | None) -> str:
    if isinstance(value, str):
        return visible(value)
    if value is None or not math.isfinite(value):
        return "unknown"
    return f"{value:,}" if isinstance(value, int) else f"{value:,.6g}"
