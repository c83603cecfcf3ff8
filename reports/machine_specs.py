"""What is compared, as people type it: `study.json` or `NAME=study.json`.

A name that is given more than once joins its files: several processes of one machine, which show
how much the same cell differs from process to process.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from .errors import InputError
from .study import content_of


@dataclass(frozen=True)
class MachineSpec:
    """A machine and its files."""

    name: str
    paths: tuple[Path, ...]


def parse_specs(texts: Sequence[str]) -> tuple[tuple[MachineSpec, ...], tuple[str, ...]]:
    """The machines in the order given, and notes on files that are there twice.

    Raises:
        InputError: a file cannot be read, or fewer than two are left that differ.
    """
    split = [_split(text) for text in texts]
    if len(split) < 2:
        raise InputError(
            f"at least two files were expected, one a machine; got {len(split)}: "
            "`howdeep report` reads one"
        )
    distinct, notes = _distinct(split)
    names = _unique([name or path.stem for name, path in distinct], distinct)
    joined: dict[str, list[Path]] = {}
    for name, (_, path) in zip(names, distinct, strict=True):
        joined.setdefault(name, []).append(path)
    if len(joined) < 2:
        raise InputError(_one_machine(joined, notes))
    return tuple(MachineSpec(name, tuple(paths)) for name, paths in joined.items()), notes


def _split(text: str) -> tuple[str | None, Path]:
    name, sign, path = text.partition("=")
    if not sign or _exists(text):  # a file's own name may hold the sign
        return None, Path(text)
    if not name.strip() or not path:
        raise InputError(f"NAME=FILE was expected; got {text!r}")
    return name.strip(), Path(path)


def _exists(text: str) -> bool:
    try:
        return Path(text).exists()
    except OSError:  # longer than any name of a file
        return False


def _distinct(
    split: Sequence[tuple[str | None, Path]],
) -> tuple[list[tuple[str | None, Path]], tuple[str, ...]]:
    """Each content once: the same file on two sides would show a machine that equals itself."""
    first: dict[str, tuple[str | None, Path]] = {}
    notes = []
    for name, path in split:
        digest = hashlib.sha256(content_of(path)).hexdigest()
        if digest in first:
            notes.append(f"{path} has the same content as {first[digest][1]}: it is left out.")
        else:
            first[digest] = (name, path)
    return list(first.values()), tuple(notes)


def _one_machine(joined: Mapping[str, Sequence[Path]], notes: Sequence[str]) -> str:
    if notes:
        same = " ".join(notes).removesuffix(": it is left out.")
        return f"{same}, so there is nothing to compare: give a file of another machine"
    (name,) = joined
    return f"all files are of one machine, {name}: give a file of another one"


def _unique(names: Sequence[str], split: Sequence[tuple[str | None, Path]]) -> list[str]:
    """Names as given; stems that are there twice take their folder, then a number."""
    shown: list[str] = []
    for name, (given, path) in zip(names, split, strict=True):
        if given is None and names.count(name) > 1 and path.resolve().parent.name:
            name = f"{path.resolve().parent.name}/{name}"
        shown.append(name)
    taken: set[str] = {name for name, (given, _) in zip(shown, split, strict=True) if given}
    found = []
    for name, (given, _) in zip(shown, split, strict=True):
        found.append(name if given else _free(name, taken))
        taken.add(found[-1])
    return found


def _free(name: str, taken: set[str]) -> str:
    number = 2
    free = name
    while free in taken:
        free, number = f"{name}-{number}", number + 1
    return free
