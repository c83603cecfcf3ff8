"""Specs: the one-line names of families and tasks, `TARGET[:knob=value,…]`.

TARGET is a built-in name (`resnet`), `package.module:attribute` or `path/to/file.py:attribute`.
A knob without a value is a switch: `mnist1d:standard` means `standard=true`.
This module parses specs, imports what they name and checks knobs against a signature;
what a family or a task is stands in `families.py` and `train/tasks.py`.
"""

import hashlib
import importlib
import importlib.util
import inspect
import re
import sys
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
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
    for number in (int, float):
        try:
            return number(text)
        except ValueError:
            continue
    return text


def format_value(value: Value) -> str:
    """The inverse of `parse_value`."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return "x".join(map(str, value))
    return str(value)


def load_module(target: str) -> ModuleType:
    """Import the module or the file that a spec names.

    A file's own folder (for a module: the working folder) goes in front of `sys.path`,
    as when Python runs a script, so that its neighbours can be imported.
    """
    if not target.endswith(".py"):
        return _import_dotted(target)
    path = Path(target).resolve()
    if not path.is_file():
        raise InputError(f"no file {target!r}")
    name = f"{path.stem}_{hashlib.sha256(str(path).encode()).hexdigest()[:8]}"
    _prefer_folder(path.parent)
    if name not in sys.modules:
        _execute_file(name, path)
    return sys.modules[name]


def _import_dotted(target: str) -> ModuleType:
    if not re.fullmatch(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*", target):
        raise InputError(f"expected a module such as package.module or a .py file; got {target!r}")
    _prefer_folder(Path.cwd())
    try:
        return importlib.import_module(target)
    except Exception as error:  # whatever a user's module raises
        raise InputError(f"cannot import {target!r}: {one_line(error)}") from error


def _prefer_folder(folder: Path) -> None:
    """Put `folder` in front of `sys.path`."""
    if sys.path[:1] != [str(folder)]:
        sys.path.insert(0, str(folder))


def one_line(error: BaseException) -> str:
    """`ValueError: what it says`, whatever lines it says it in."""
    return f"{type(error).__name__}: {' '.join(str(error).split())}"


def _execute_file(name: str, path: Path) -> None:
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        raise InputError(f"cannot load {path.name}: {one_line(error)}") from error


def attribute_of(module: ModuleType, spec: Spec) -> Callable[..., Any]:
    """The function that a spec names in `module`."""
    function = getattr(module, spec.attribute or "", None)
    if not callable(function):
        raise InputError(f"{spec.target} has no function {spec.attribute!r}")
    return function  # type: ignore[no-any-return]


def knob_names(function: Callable[..., Any], *, after: int) -> tuple[str, ...]:
    """The parameters of `function` that may be given by name, but for its first `after`."""
    parameters = list(inspect.signature(function).parameters.values())[after:]
    kinds = (inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return tuple(p.name for p in parameters if p.kind in kinds)


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


def code_of(module: ModuleType) -> str:
    """A digest of what `module` was made of: its file and every loaded module below the same
    folder (for a package's module: the package's), installed packages left out."""
    if not module.__file__:
        return ""
    root = Path(module.__file__).resolve().parents[module.__name__.count(".")]
    files = {Path(f).resolve() for m in list(sys.modules.values()) if (f := _file_of(m))}
    below = {f for f in files if f.is_relative_to(root) and "site-packages" not in f.parts}
    return digest(*(f for f in below if f.is_file()))


def _file_of(module: ModuleType) -> str | None:
    file = getattr(module, "__file__", None)
    return file if isinstance(file, str) and file.endswith(".py") else None


def digest(*paths: Path) -> str:
    """A short hash of the files' bytes: two equal digests mean the same code."""
    hasher = hashlib.sha256()
    for path in sorted(paths):
        hasher.update(path.read_bytes())
    return hasher.hexdigest()[:16]
