"""The committed baseline of exact counts: a JSON file with one count a line, sorted.

What was counted is a table from (family, depth) to counts by metric: numbers, text, or calls by
operator. Null is unknown.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from ..errors import InputError

SCHEMA = 1

TEXTS = ("output_shapes", "uncounted_ops")
NUMBERS = (
    "parameters",
    "flops_forward",
    "flops_backward",
    "hardware_flops_step",
    "activation_bytes",
)
OPERATORS = ("operators_forward", "operators_training", "operators_backward")
METRICS = (*NUMBERS, *OPERATORS, *TEXTS)
"""As they are listed."""

MOST = 10**30
"""No network has such a count; a quotient of two below it is a number."""

Count = int | str | Mapping[str, int] | None
Counts = Mapping[str, Count]
Place = tuple[str, int]

_T = TypeVar("_T", int, str)

_ACCEPT = "`howdeep check --accept` writes one as things are now"


class UnreadableError(InputError):
    """The baseline is there, but is none: what it was may be worth keeping."""


@dataclass(frozen=True, kw_only=True)
class Counted:
    """What was counted, and with what.

    Attributes:
        torch: the release that dispatched the operators.
        cells: by family and depth.
    """

    torch: str
    batch_size: int
    dtype: str
    cells: Mapping[Place, Counts]

    @property
    def conditions(self) -> dict[str, Any]:
        """What two tables must share for their counts to be compared."""
        return {"batch_size": self.batch_size, "dtype": self.dtype}


def render(counted: Counted) -> str:
    """The text of the file."""
    families: dict[str, dict[str, Counts]] = {}
    for (family, depth), counts in sorted(counted.cells.items()):
        families.setdefault(family, {})[str(depth)] = {m: counts[m] for m in METRICS}
    head = {"schema": SCHEMA, "torch": counted.torch, **counted.conditions, "families": families}
    return _lines(head, levels=4) + "\n"


def _lines(value: Any, *, levels: int, indent: str = "") -> str:
    """JSON whose objects stand on lines of their own down to that many levels."""
    if not levels or not isinstance(value, Mapping):
        return json.dumps(value, sort_keys=True)
    deeper = indent + "  "
    inside = (
        f"{deeper}{json.dumps(key)}: {_lines(each, levels=levels - 1, indent=deeper)}"
        for key, each in value.items()
    )
    return "{\n" + ",\n".join(inside) + f"\n{indent}}}" if value else "{}"


def parse(text: str, name: str) -> Counted:
    """The table of a file; name: for the message.

    Raises:
        UnreadableError: no JSON, not this form, or of a newer howdeep.
    """
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _unreadable(name, f"it is no JSON ({error})") from None
    schema = document.get("schema") if isinstance(document, dict) else None
    if not isinstance(schema, int) or isinstance(schema, bool):
        raise _unreadable(name, "it names no schema")
    if schema > SCHEMA:
        raise _unreadable(name, f"its schema is {schema}, and this howdeep reads up to {SCHEMA}")
    try:
        return Counted(
            torch=_a(str, document["torch"]),
            batch_size=_a(int, document["batch_size"]),
            dtype=_a(str, document["dtype"]),
            cells=dict(_cells(document["families"])),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise _unreadable(name, f"it is damaged ({type(error).__name__}: {error})") from None


def _unreadable(name: str, why: str) -> UnreadableError:
    return UnreadableError(f"{name}: cannot be read as a baseline, {why}; {_ACCEPT}")


def missing(name: str) -> InputError:
    """What is said where there is no baseline."""
    return InputError(f"no baseline {name}; {_ACCEPT}")


def _cells(families: Any) -> Iterable[tuple[Place, Counts]]:
    for family, depths in families.items():
        for depth, counts in depths.items():
            yield (family, int(depth)), {m: _count(m, counts[m]) for m in METRICS}


def _count(metric: str, value: Any) -> Count:
    if value is None and metric not in TEXTS:
        return None
    if metric in OPERATORS:
        return {_a(str, name): _whole(calls) for name, calls in value.items()}
    return _a(str, value) if metric in TEXTS else _whole(value)


def _whole(value: Any) -> int:
    """A count that ratios can be taken of."""
    if not 0 <= _a(int, value) < MOST:
        raise ValueError(f"{str(value)[:20]} is no count")
    return int(value)


def _a(kind: type[_T], value: Any) -> _T:
    if type(value) is not kind:
        raise TypeError(f"expected {kind.__name__}; got {value!r}")
    return value
