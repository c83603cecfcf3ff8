"""Specs: the one-line names of families and tasks, `TARGET[:knob=value,…]`.

TARGET is a built-in name (`resnet`), `package.module:attribute` or `path/to/file.py:attribute`.
A knob without a value is a switch: `mnist1d:standard` means `standard=true`.
This module parses specs and checks their knobs against a signature; `sources.py` imports what they
name; what a family or a task is stands in `families.py` and `train/tasks.py`.
"""

import inspect
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

Value = int | float | bool | str | None | tuple[int, ...]


class InputError(ValueError):
    """What the user typed cannot be used: one line with what was expected and what was found."""


@dataclass(frozen=True)
class Spec:
    """A parsed spec: `target` (a built-in's name, a module or a file), `attribute` and knobs."""

    target: str
    attribute: str | None
    knobs: Mapping[str, Value]

    def __str__(self) -> str:
        """The canonical text: knobs sorted by name, so that equal specs have equal names."""
        parts = [self.target, *([self.attribute] if self.attribute else [])]
        if self.knobs:
            parts.append(",".join(f"{k}={format_value(v)}" for k, v in sorted(self.knobs.items())))
        return ":".join(parts)


def one_line(error: BaseException) -> str:
    """`ValueError: what it says`, whatever lines it says it in."""
    return f"{type(error).__name__}: {' '.join(str(error).split())}"


def parse(text: str, *, built_in: Collection[str], kind: str) -> Spec:
    """Parse `text`; `kind` ("family", "task") is for the error's words.

    Raises:
        InputError: the text is not of the form above, or names no built-in.
    """
    target, *rest = text.strip().split(":")
    if target in built_in:
        return Spec(target, None, _parse_knobs(":".join(rest), text))
    if not target or not rest or not re.fullmatch(r"[A-Za-z_]\w*", rest[0]):
        raise InputError(
            f"unknown {kind} {text!r}; known: {', '.join(sorted(built_in))}, "
            "package.module:attribute or path/to/file.py:attribute"
        )
    return Spec(target, rest[0], _parse_knobs(":".join(rest[1:]), text))


def _parse_knobs(text: str, spec: str) -> dict[str, Value]:
    knobs: dict[str, Value] = {}
    for part in filter(None, text.split(",")):
        name, equals, value = part.partition("=")
        name = name.strip()
        if not name.isidentifier() or (equals and not value.strip()):
            raise InputError(f"expected knob=value in {spec!r}; found {part!r}")
        if name in knobs:
            raise InputError(f"knob {name!r} stands twice in {spec!r}")
        knobs[name] = parse_value(value.strip()) if equals else True
    return knobs


def parse_value(text: str) -> Value:
    """`true` -> True, `1x40` -> (1, 40), `3` -> 3, `0.1` -> 0.1, anything else stays text."""
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    if re.fullmatch(r"\d+(x\d+)+", text):
        return tuple(int(n) for n in text.split("x"))
    if re.fullmatch(r"[+-]?[0-9]+", text):
        return int(text)
    if re.fullmatch(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)(e[+-]?[0-9]+)?", text, re.IGNORECASE):
        return float(text)
    return text


def format_value(value: Value) -> str:
    """The inverse of `parse_value`."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return "x".join(map(str, value))
    return str(value)


def defaults(function: Callable[..., Any], *, after: int) -> dict[str, Any]:
    """The parameters of `function` that may be given by name, but for its first `after`, with their
    defaults (None where there is none)."""
    parameters = list(inspect.signature(function).parameters.values())[after:]
    kinds = (inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    named = [p for p in parameters if p.kind in kinds]
    return {p.name: None if p.default is p.empty else p.default for p in named}


def knob_names(function: Callable[..., Any], *, after: int) -> tuple[str, ...]:
    """The names of `defaults`."""
    return tuple(defaults(function, after=after))


def takes_any_knob(function: Callable[..., Any]) -> bool:
    """Whether `function` has `**knobs`."""
    parameters = inspect.signature(function).parameters.values()
    return any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters)


def check_knobs(spec: Spec, known: Collection[str]) -> None:
    """Raise `InputError` that lists the known knobs when `spec` has another one."""
    for name in spec.knobs:
        if name not in known:
            listed = ", ".join(known) or "none"
            raise InputError(f"unknown knob {name!r} for {spec.target}; known: {listed}")
