"""What `howdeep check` looks at: `[tool.howdeep.check]` of `pyproject.toml`, and what was typed.

[tool.howdeep.check]
families = ["models.resnet:build", "mynet.py:build"]
depths = [2, 4, 8]
passes = ["step"]
batch_size = 32
build = "pip install -e ."

[tool.howdeep.check.margins]
time = "5%"

[tool.howdeep.check.family."mynet.py:build"]
time = "10%"
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from reports.errors import InputError
from reports.regression.margins import Margins, parse_margins

BASELINE = "howdeep-baseline.json"
MOST_MINUTES = 60 * 24 * 365
_TABLE = "[tool.howdeep.check]"
_LISTS = {"families": str, "passes": str, "depths": int}
_SCALARS: Mapping[str, type | tuple[type, ...]] = {
    "batch_size": int,
    "dtype": str,
    "device": str,
    "threads": int,
    "baseline": str,
    "build": str,
    "max_minutes": (int, float),
}


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What is checked, and how.

    Attributes:
        families: specs; empty: nothing was said.
        depths: None: those that a family names.
        build: a shell command that is run in each revision's worktree before it is measured.
        folder: of the `pyproject.toml` that was read, or the one the command was run in.
    """

    folder: Path
    families: tuple[str, ...] = ()
    depths: tuple[int, ...] | None = None
    passes: tuple[str, ...] = ("forward", "step")
    batch_size: int = 8
    dtype: str = "fp32"
    device: str = "cpu"
    threads: int = 1
    baseline: str = BASELINE
    build: str | None = None
    max_minutes: float = 10.0
    margins: Margins = field(default_factory=Margins)

    def __post_init__(self) -> None:
        """Raises:
        InputError: a number that nothing can be measured with.
        """
        for name in ("batch_size", "threads"):
            if getattr(self, name) < 1:
                raise InputError(f"{_TABLE}: {name} must be at least 1; got {getattr(self, name)}")
        if self.depths is not None and min(self.depths) < 1:
            raise InputError(f"{_TABLE}: depths must be at least 1; got {min(self.depths)}")
        if not 0 < self.max_minutes <= MOST_MINUTES:
            raise InputError(f"max_minutes must be above 0 and finite; got {self.max_minutes!r}")

    @property
    def baseline_path(self) -> Path:
        """Where the exact lane's baseline is, or will be."""
        return self.folder / self.baseline


def read(folder: Path) -> Settings:
    """The settings of the nearest `pyproject.toml` from `folder` upwards; defaults without one.

    Raises:
        InputError: the file or its table cannot be understood.
    """
    for parent in (folder, *folder.parents):
        path = parent / "pyproject.toml"
        if path.is_file():
            return _of_table(parent, _table(path))
    return Settings(folder=folder)


def _table(path: Path) -> Mapping[str, Any]:
    try:
        document = tomllib.loads(path.read_text())
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InputError(f"{path}: cannot be read: {error}") from None
    found: Any = document
    for name in ("tool", "howdeep", "check"):
        found = found.get(name, {}) if isinstance(found, dict) else found
    if not isinstance(found, dict):
        raise InputError(f"{path}: {_TABLE} must be a table")
    return found


def _of_table(folder: Path, table: Mapping[str, Any]) -> Settings:
    """`family` holds margins by spec."""
    rest = dict(table)
    margins = Margins(
        parse_margins(_a_table(rest.pop("margins", {}), "margins"), f"{_TABLE} margins"),
        {
            spec: parse_margins(_a_table(given, spec), f"{_TABLE} margins of {spec}")
            for spec, given in _a_table(rest.pop("family", {}), "family").items()
        },
    )
    for name, value in rest.items():
        _check(name, value)
    lists: dict[str, Any] = {name: tuple(rest.pop(name)) for name in _LISTS if name in rest}
    return Settings(folder=folder, margins=margins, **lists, **rest)


def _a_table(value: Any, name: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise InputError(f"{_TABLE}: {name} must be a table; got {value!r}")
    return value


def _check(name: str, value: Any) -> None:
    if name in _LISTS:
        if isinstance(value, list) and value and all(type(each) is _LISTS[name] for each in value):
            return
        raise InputError(f"{_TABLE}: {name} takes a list; got {value!r}")
    if name not in _SCALARS:
        known = ", ".join((*_LISTS, *_SCALARS, "margins", "family"))
        raise InputError(f"{_TABLE}: unknown {name!r}; known: {known}")
    if not isinstance(value, _SCALARS[name]) or isinstance(value, bool):
        raise InputError(f"{_TABLE}: {name} cannot be {value!r}")


def typed(settings: Settings, **given: Any) -> Settings:
    """The settings with what was typed in their place; None keeps what is there."""
    return replace(settings, **{name: v for name, v in given.items() if v is not None})
