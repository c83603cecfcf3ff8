"""May the times of two studies be set side by side?

A stored time holds for the machine and the builds it was measured with: what must be the same
is one table, and so is what may differ. Device, dtype, threads, batch size, pass and variants are
no facts of a machine but of a cell: cells are matched by them.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ..hardware_environment import Facts, facts_of
from ..machines import Machine

CLOCK_TOLERANCE = 0.05
"""Of the advertised clock: some tools derive it from the actual one, which drifts."""


def _whole(value: str) -> str:
    return value


def _leading(numbers: int) -> Callable[[str], str]:
    """The first so many numbers of each version, with the words before them."""
    pattern = re.compile(r"\d+" + r"\.\d+" * (numbers - 1))

    def kept(value: str) -> str:
        found = (
            each[: match.end()] if (match := pattern.search(each)) else each
            for each in value.split(", ")
        )
        return ", ".join(found).replace("-", " ")

    return kept


MUST_MATCH: Mapping[str, Callable[[str], str]] = {
    "CPU": _whole,
    "cores": _whole,
    "architecture": _whole,
    "GPU": _whole,
    "GPU driver": _leading(1),
    "PyTorch": _whole,
    "CUDA": _whole,
    "Python": _leading(2),
    "OS": _leading(2),
}
"""Facts, and what of each must be the same: of a driver its major version, of Python and the kernel
major and minor."""

CLOCK = "advertised clock"

MAY_DIFFER = ("memory", "commit", "measured product", "measured copy", "measured launch")
"""What was under test, and what the machine's own kernels reached: the latter is made use of."""


@dataclass(frozen=True)
class Match:
    """The environments of two studies.

    Attributes:
        differing: what must be the same and is not, in words.
        unknown: what neither says.
        partial: what must be the same, differs in a part that may: a patch version.
    """

    differing: tuple[str, ...]
    unknown: tuple[str, ...]
    partial: tuple[str, ...]

    @property
    def alike(self) -> bool:
        """Whether times may be compared as they are."""
        return not self.differing


def match_environments(base: Machine, new: Machine) -> Match:
    """What must be the same, on both sides; what only one side says is a difference."""
    first, second = facts_of(base), facts_of(new)
    differing, unknown, partial = [], [], []
    for name, kept in MUST_MATCH.items():
        one, other = first.get(name), second.get(name)
        if one is None and other is None:
            unknown.append(name)
        elif one is None or other is None or kept(one) != kept(other):
            differing.append(f"{name}: {_said(one)} -> {_said(other)}")
        elif one != other:
            partial.append(f"{name}: {one} -> {other}")
    differing += _clocks(first, second)
    if "CPU" not in unknown:  # whose name says it
        unknown = [name for name in unknown if name != "architecture"]
    return Match(tuple(differing), tuple(unknown), tuple(partial))


def _said(value: str | None) -> str:
    return "not said" if value is None else value


def _clocks(first: Facts, second: Facts) -> list[str]:
    """Not every file says it: unknown on one side is let pass."""
    one, other = (_gigahertz(each.get(CLOCK)) for each in (first, second))
    if one is None or other is None or abs(other / one - 1) <= CLOCK_TOLERANCE:
        return []
    return [f"{CLOCK}: {first[CLOCK]} -> {second[CLOCK]}"]


def _gigahertz(value: str | None) -> float | None:
    found = re.fullmatch(r"([0-9.]+) GHz", value or "")
    return float(found[1]) if found else None
