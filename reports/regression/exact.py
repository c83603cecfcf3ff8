"""The exact lane: two tables of counts -> findings. There is no noise, so every change is one."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import groupby

from .baseline import METRICS, OPERATORS, TEXTS, Count, Counted, Counts, Place
from .finding import EQUIVALENT, EXACT, IMPROVED, MISSING, NEW, REGRESSED, Finding
from .over_depths import amount, pattern

ALL_COUNTS = "all counts"
"""The metric of a finding on a whole cell."""

UNITS: Mapping[str, str] = {
    "parameters": "parameters",
    "flops_forward": "FLOPs",
    "flops_backward": "FLOPs",
    "hardware_flops_step": "FLOPs",
    "activation_bytes": "bytes",
    **dict.fromkeys(OPERATORS, "operators"),
}

# Operators that one reason names.
_MOST_NAMED = 8

# What another release of PyTorch changes without the network's doing.
_OF_TORCH = ("activation_bytes", *OPERATORS)


def compare(base: Counted, new: Counted) -> tuple[Finding, ...]:
    """By family, depth and metric; both were counted at the same batch size and dtype.

    More is regressed, less is improved; another output shape and other operators are regressed.
    """
    places = sorted({*base.cells, *new.cells})
    found = [
        finding
        for place in places
        for finding in _of_cell(place, base.cells.get(place), new.cells.get(place))
    ]
    if base.torch != new.torch:
        found = _torch_suspected(found, base.torch, new.torch)
    return tuple(_with_patterns(found))


def _of_cell(place: Place, base: Counts | None, new: Counts | None) -> Iterator[Finding]:
    family, depth = place
    if base is None or new is None:
        yield Finding(
            lane=EXACT,
            verdict=NEW if base is None else MISSING,
            metric=ALL_COUNTS,
            family=family,
            depth=depth,
            reason="not in the baseline" if base is None else "in the baseline, but not asked for",
        )
        return
    for metric in METRICS:
        was, now = base[metric], new[metric]
        yield Finding(
            lane=EXACT,
            verdict=_verdict(metric, was, now),
            metric=metric,
            family=family,
            depth=depth,
            base=_shown(was),
            new=_shown(now),
            change=_relative(was, now),
            margin=None if metric in TEXTS else 0.0,
            reason="" if was == now else _reason(metric, was, now),
        )


def _verdict(metric: str, was: Count, now: Count) -> str:
    if was == now:
        return EQUIVALENT
    if metric == "uncounted_ops":
        return IMPROVED if _names(now) < _names(was) else REGRESSED
    before, after = _shown(was), _shown(now)
    fewer = isinstance(before, int) and isinstance(after, int) and after < before
    return IMPROVED if fewer else REGRESSED


def _names(count: Count) -> set[str]:
    return set(filter(None, str(count).split(", ")))


def _shown(count: Count) -> int | str | None:
    """Of operators their number."""
    return sum(count.values()) if isinstance(count, Mapping) else count


def _relative(was: Count, now: Count) -> float | None:
    before, after = _shown(was), _shown(now)
    if isinstance(before, int) and isinstance(after, int) and before:
        return after / before - 1
    return None


def _reason(metric: str, was: Count, now: Count) -> str:
    if isinstance(was, Mapping) and isinstance(now, Mapping):
        return _operators(was, now)
    before, after = _shown(was), _shown(now)
    if isinstance(before, int) and isinstance(after, int):
        return amount(after - before, UNITS[metric])
    unsaid = "unknown" if metric not in TEXTS else "none"
    return f"{before or unsaid} -> {after or unsaid}"


def _operators(was: Mapping[str, int], now: Mapping[str, int]) -> str:
    """Which came and which went, the most first: `aten.gelu +8, aten.relu -8`."""
    changes = Counter(now)
    changes.subtract(was)
    ranked = sorted(
        ((name, by) for name, by in changes.items() if by), key=lambda each: (-abs(each[1]), each)
    )
    named = ", ".join(f"{name} {by:+}" for name, by in ranked[:_MOST_NAMED])
    rest = len(ranked) - _MOST_NAMED
    return named + (f", and {rest} other operators" if rest > 0 else "")


def _torch_suspected(found: list[Finding], base: str, new: str) -> list[Finding]:
    """In cells where nothing changed but what a release of PyTorch can change."""
    why = f"perhaps by PyTorch ({base} in the baseline, {new} here)"
    changed = [each for each in found if each.verdict in (REGRESSED, IMPROVED)]
    own = {(each.family, each.depth) for each in changed if each.metric not in _OF_TORCH}
    suspects = {id(each) for each in changed if (each.family, each.depth) not in own}
    return [
        replace(each, reason=f"{each.reason}; {why}") if id(each) in suspects else each
        for each in found
    ]


def _with_patterns(found: list[Finding]) -> Iterator[Finding]:
    """A change that follows one rule over the depths of a family says so."""
    rules = {
        key: pattern(dict(map(_difference, group)), UNITS[key[1]])
        for key, group in _by_metric(found)
    }
    for each in found:
        rule = rules.get((each.family, each.metric), "")
        changed = each.verdict in (REGRESSED, IMPROVED)
        yield replace(each, reason=f"{each.reason} ({rule})") if rule and changed else each


def _by_metric(found: list[Finding]) -> Iterator[tuple[tuple[str, str], list[Finding]]]:
    """The findings of a family's metric over its depths, where all are numbers."""

    def key(each: Finding) -> tuple[str, str]:
        return each.family, each.metric

    for name, group in groupby(sorted(found, key=key), key):
        findings = list(group)
        if all(isinstance(each.base, int) and isinstance(each.new, int) for each in findings):
            yield name, findings


def _difference(finding: Finding) -> tuple[int, int]:
    """The depth, and by how much the count changed there."""
    assert isinstance(finding.depth, int)
    assert isinstance(finding.base, int)
    assert isinstance(finding.new, int)
    return finding.depth, finding.new - finding.base
