"""Checks of depth and knobs: a ValueError says what was expected and what was found.

Each knob is checked by its name, by one rule for all families that have it.
"""

import functools
import inspect
import math
from collections.abc import Callable, Collection, Mapping
from typing import NamedTuple, ParamSpec, TypeGuard

from torch import nn

from .blocks import ACTIVATIONS, NORMS
from .weights import INITS

_Arguments = ParamSpec("_Arguments")


class Rule(NamedTuple):
    """`expected` says in words what `holds` tests."""

    expected: str
    holds: Callable[[object], bool]


def is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


_COUNT = Rule("an integer of at least 1", is_count)
_SWITCH = Rule("true or false", lambda value: isinstance(value, bool))
_PROBABILITY = Rule("a number in [0, 1)", lambda value: _is_number(value) and 0 <= value < 1)
_SCALE = Rule(
    "a finite number above 0",
    lambda value: value is None or (_is_number(value) and 0 < value < math.inf),
)

CHOICES: Mapping[str, Collection[str]] = {"activation": ACTIVATIONS, "norm": NORMS, "init": INITS}
RULES: Mapping[str, Rule] = {
    "classes": _COUNT,
    "width": _COUNT,
    "init_scale": _SCALE,
    "residual": _SWITCH,
    "dropout": _PROBABILITY,
}


def checked(build: Callable[_Arguments, nn.Module]) -> Callable[_Arguments, nn.Module]:
    """`build(depth, *, knob=default, …)`, which first checks every knob that a rule names.

    The family is called by its module's name in what a ValueError says.
    """
    family = build.__module__.rpartition(".")[2]
    signature = inspect.signature(build)

    @functools.wraps(build)
    def check_and_build(*args: _Arguments.args, **kwargs: _Arguments.kwargs) -> nn.Module:
        arguments = signature.bind(*args, **kwargs)
        arguments.apply_defaults()
        for knob, value in arguments.arguments.items():
            _check(family, knob, value)
        return build(*args, **kwargs)

    return check_and_build


def _check(family: str, knob: str, value: object) -> None:
    known = CHOICES.get(knob)
    if known is not None and not (isinstance(value, str) and value in known):
        raise ValueError(f"unknown {knob} {value!r} for {family}; known: {', '.join(known)}")
    rule = RULES.get(knob)
    if rule is not None and not rule.holds(value):
        raise ValueError(f"{knob} must be {rule.expected} for {family}; got {value!r}")


def check_depth(family: str, depth: int, *, rule: str, smallest: int, step: int = 1) -> None:
    """Depths are `smallest`, `smallest + step`, …; `rule` says so in words."""
    if not is_count(depth) or depth < smallest or (depth - smallest) % step:
        examples = ", ".join(str(smallest + i * step) for i in range(3))
        raise ValueError(f"depth must be {rule} for {family} ({examples}, …); got {depth!r}")
