"""Checks of depth and knobs: a ValueError says what was expected and what was found.

Each knob is checked by its name, by one rule for all families that have it; only what there is to
choose from may differ (`checked_with`).
"""

import functools
import inspect
import itertools
import math
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import NamedTuple, ParamSpec, TypeGuard, TypeVar

from .blocks import ACTIVATIONS, NORMS
from .weights import INITS

_Arguments = ParamSpec("_Arguments")
_Result = TypeVar("_Result")


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
_SCALE = Rule("a finite number above 0", lambda value: _is_number(value) and 0 < value < math.inf)
_SHARE = Rule("a number in (0, 1]", lambda value: _is_number(value) and 0 < value <= 1)

CHOICES: Mapping[str, Collection[str]] = {
    "activation": ACTIVATIONS,
    "norm": NORMS,
    "init": INITS,
    "norm_position": ("pre", "post"),
}
RULES: Mapping[str, Rule] = {
    "classes": _COUNT,
    "width": _COUNT,
    "init_scale": _SCALE,
    "residual": _SWITCH,
    "dropout": _PROBABILITY,
    "widen": _COUNT,
    "growth": _COUNT,
    "bottleneck": _SWITCH,
    "compression": _SHARE,
    "heads": _COUNT,
    "mlp_ratio": _SCALE,
    "patch": _COUNT,
    "vocabulary": _COUNT,
    "context": _COUNT,
    "stochastic_depth": _PROBABILITY,
    "layer_scale": _SCALE,
    "depth_scaled_init": _SWITCH,
}


def checked(build: Callable[_Arguments, _Result]) -> Callable[_Arguments, _Result]:
    """`build(depth, *, knob=default, …)`, which first checks every knob that a rule names.

    The family is called by its module's name in what a ValueError says. None is taken for a knob
    whose default it is.
    """
    return _checked(build, CHOICES)


def checked_with(
    **choices: Collection[str],
) -> Callable[[Callable[_Arguments, _Result]], Callable[_Arguments, _Result]]:
    """`checked` for a family that has other choices for the knobs named here."""
    return lambda build: _checked(build, {**CHOICES, **choices})


def _checked(
    build: Callable[_Arguments, _Result], choices: Mapping[str, Collection[str]]
) -> Callable[_Arguments, _Result]:
    family = build.__module__.rpartition(".")[2]
    signature = inspect.signature(build)

    @functools.wraps(build)
    def check_and_build(*args: _Arguments.args, **kwargs: _Arguments.kwargs) -> _Result:
        arguments = signature.bind(*args, **kwargs)
        arguments.apply_defaults()
        for knob, value in arguments.arguments.items():
            if value is not None or signature.parameters[knob].default is not None:
                _check(family, knob, value, choices.get(knob))
        return build(*args, **kwargs)

    return check_and_build


def _check(family: str, knob: str, value: object, known: Collection[str] | None) -> None:
    if known is not None and not (isinstance(value, str) and value in known):
        raise ValueError(f"unknown {knob} {value!r} for {family}; known: {', '.join(known)}")
    rule = RULES.get(knob)
    if rule is not None and not rule.holds(value):
        raise ValueError(f"{knob} must be {rule.expected} for {family}; got {value!r}")


def check_depth(family: str, depth: int, *, rule: str, smallest: int, step: int = 1) -> None:
    """Depths are `smallest`, `smallest + step`, …; `rule` says so in words."""
    check_depth_in((range(smallest, sys.maxsize, step),), family, depth, rule=rule)


def check_depth_in(ranges: Sequence[range], family: str, depth: int, *, rule: str) -> None:
    """Depths are those in any of the ascending `ranges`; `rule` says so in words."""
    if not is_count(depth) or not any(depth in allowed for allowed in ranges):
        examples = ", ".join(map(str, itertools.islice(itertools.chain(*ranges), 3)))
        raise ValueError(f"depth must be {rule} for {family} ({examples}, …); got {depth!r}")
