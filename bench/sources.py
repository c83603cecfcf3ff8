"""Imports the module or the file that a spec names, and tells whether its code has changed."""

import ast
import functools
import hashlib
import importlib
import importlib.metadata
import importlib.util
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from .specs import InputError, one_line


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
        execute(name, path)
    return sys.modules[name]


def _import_dotted(target: str) -> ModuleType:
    if not re.fullmatch(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*", target):
        raise InputError(f"expected a module such as package.module or a .py file; got {target!r}")
    _prefer_folder(Path.cwd())
    try:
        return importlib.import_module(target)
    except (Exception, SystemExit) as error:  # whatever a user's module raises
        raise InputError(f"cannot import {target!r}: {one_line(error)}") from error


def _prefer_folder(folder: Path) -> None:
    """Put `folder` in front of `sys.path`."""
    if sys.path[:1] != [str(folder)]:
        sys.path.insert(0, str(folder))


def execute(name: str, path: Path, *, package: bool = False) -> None:
    """Load the file as the module `name`; as a package, whose modules lie beside it."""
    places = [str(path.parent)] if package else None
    spec = importlib.util.spec_from_file_location(name, path, submodule_search_locations=places)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:  # whatever a user's file raises
        del sys.modules[name]
        raise InputError(f"cannot load {path.name}: {one_line(error)}") from error


def function_of(module: ModuleType, name: str, target: str) -> Callable[..., Any]:
    """The function `name` of `module`, which the user calls `target`."""
    function = getattr(module, name, None)
    if not callable(function):
        raise InputError(f"{target} has no function {name!r}")
    return function  # type: ignore[no-any-return]


def code_of(module: ModuleType) -> str:
    """A digest of what `module` was made of: its file and every loaded module below the same
    folder (for a package's module: the package's); of installed packages that these import, the
    versions."""
    if not module.__file__:
        return ""
    root = Path(module.__file__).resolve().parents[module.__name__.count(".")]
    files = {_resolved(f) for m in list(sys.modules.values()) if (f := _file_of(m))}
    below = {f for f in files if f.is_relative_to(root) and "site-packages" not in f.parts}
    below = {f for f in below if f.is_file()}
    return digest(*below, versions=versions(_imported(below)))


@functools.cache
def _resolved(file: str) -> Path:
    return Path(file).resolve()


def _file_of(module: ModuleType) -> str | None:
    file = getattr(module, "__file__", None)
    return file if isinstance(file, str) and file.endswith(".py") else None


def _imported(files: Iterable[Path]) -> set[str]:
    """The top-level names that the files import, in functions too."""
    return {
        name.partition(".")[0]
        for file in files
        for node in ast.walk(ast.parse(file.read_bytes()))
        for name in _names(node)
    }


def _names(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
        yield node.module


def versions(packages: Iterable[str]) -> dict[str, str]:
    """The installed versions of packages by the names that are imported; what is not installed, as
    the standard library and a file's neighbours, has none."""
    found = {name: _version(name) for name in sorted(packages)}
    return {name: version for name, version in found.items() if version is not None}


def _version(package: str) -> str | None:
    if package in sys.stdlib_module_names:
        return None
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:  # or it is installed under another name
        names = importlib.metadata.packages_distributions().get(package, [])
    return ", ".join(importlib.metadata.version(name) for name in sorted(set(names))) or None


def digest(*paths: Path, versions: Mapping[str, str] | None = None) -> str:
    """A short hash of the files' bytes, and of versions: two equal digests mean the same code."""
    hasher = hashlib.sha256()
    for path in sorted(paths):
        hasher.update(path.read_bytes())
    hasher.update(repr(sorted((versions or {}).items())).encode())
    return hasher.hexdigest()[:16]
