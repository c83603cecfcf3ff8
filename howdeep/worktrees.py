"""Two revisions of a repository as folders beside each other, which are gone at the end.

The user's working tree is only read. What it holds beyond the last commit becomes the head as it
is: a commit without a name that `git stash create` makes of tracked files (nothing is put aside),
and copies of the files that git neither tracks nor ignores.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import typer

from reports.errors import InputError

BASE, HEAD = "base", "head"

# A temporary commit needs an author, and no hook may run.
_QUIETLY = (
    *("-c", "user.name=howdeep", "-c", "user.email=howdeep@localhost"),
    *("-c", f"core.hooksPath={os.devnull}", "-c", "advice.detachedHead=false"),
)
_LAST_LINES = 10


@dataclass(frozen=True)
class Worktrees:
    """Both revisions as folders.

    Attributes:
        top: of the user's working tree.
        folder: where the command was run, from the top.
        base_commit: in full.
        head_words: what the head is, for the reader.
    """

    top: Path
    base: Path
    head: Path
    folder: Path
    base_commit: str
    head_words: str


@contextmanager
def worktrees(folder: Path, revision: str) -> Iterator[Worktrees]:
    """The base and the working tree's state, in a temporary folder.

    Raises:
        InputError: no git, no repository, no such revision.
    """
    top = Path(_git(folder, "rev-parse", "--show-toplevel")).resolve()
    base = _commit(top, revision)
    head, words = _head(top)
    # Paths of one length: what they do to the layout of memory is the same.
    place = Path(tempfile.mkdtemp(prefix="howdeep-check-")).resolve()
    found = Worktrees(
        top, place / BASE, place / HEAD, folder.resolve().relative_to(top), base, words
    )
    with _ending_on_sigterm():
        try:
            for path, commit in ((found.base, base), (found.head, head)):
                _git(top, "worktree", "add", "--quiet", "--detach", str(path), commit)
            _copy_untracked(top, found.head)
            yield found
        finally:
            with _uninterrupted():
                _remove(top, place)


def build(command: str, folder: Path, name: str) -> None:
    """Run the user's build command in a revision's folder.

    Raises:
        InputError: it fails; the last lines that it said stand on standard error.
    """
    ended = subprocess.run(
        command,
        shell=True,
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    if ended.returncode:
        typer.echo("\n".join(ended.stdout.strip().splitlines()[-_LAST_LINES:]), err=True)
        raise InputError(f"the {name} does not build: {command!r} ended with {ended.returncode}")


def _commit(top: Path, revision: str) -> str:
    try:
        return _git(
            top, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}"
        )
    except InputError:
        shallow = _git(top, "rev-parse", "--is-shallow-repository") == "true"
        more = "; this clone is shallow: fetch more (fetch-depth: 0)" if shallow else ""
        raise InputError(f"--against: no revision {revision!r} in {top}{more}") from None


def _head(top: Path) -> tuple[str, str]:
    """A commit of the working tree as it is, and what it is in words."""
    last = _git(top, "rev-parse", "HEAD")
    changed = _git(top, "status", "--porcelain", "--untracked-files=no", "--ignore-submodules")
    # Without a change it ends with 0 or 1, as old as the index is.
    stash = _git(top, "stash", "create") if changed else ""
    untracked = _untracked(top)
    if not stash and not untracked:
        return last, f"{last[:12]}"
    return stash or last, f"{last[:12]} with what is not committed"


def _untracked(top: Path) -> list[Path]:
    listed = _git(top, "ls-files", "--others", "--exclude-standard", "-z")
    return [Path(name) for name in listed.split("\0") if name]


def _copy_untracked(top: Path, head: Path) -> None:
    for name in _untracked(top):
        if (top / name).is_file():
            (head / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(top / name, head / name)


def _remove(top: Path, place: Path) -> None:
    for name in (BASE, HEAD):
        with contextlib.suppress(InputError):  # it was not there yet
            _git(top, "worktree", "remove", "--force", str(place / name))
    shutil.rmtree(place, ignore_errors=True)
    with contextlib.suppress(InputError):
        _git(top, "worktree", "prune")


def _git(folder: Path, *arguments: str) -> str:
    """What git says.

    Raises:
        InputError: there is no git, or it fails; its last line.
    """
    try:
        ended = subprocess.run(
            ["git", "-C", str(folder), *_QUIETLY, *arguments],
            capture_output=True,
            text=True,
            errors="surrogateescape",
            check=False,
        )
    except FileNotFoundError:
        raise InputError("--against needs git, which is not installed") from None
    if ended.returncode:
        said = ended.stderr.strip().splitlines() or [f"it ended with {ended.returncode}"]
        raise InputError(f"--against: git {arguments[0]}: {said[-1]}")
    return ended.stdout.strip("\n")


@contextmanager
def _ending_on_sigterm() -> Iterator[None]:
    """SIGTERM ends what runs inside as an interrupt does, so that nothing is left behind."""

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _uninterrupted() -> Iterator[None]:
    before = {name: signal.signal(name, signal.SIG_IGN) for name in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for name, handler in before.items():
            signal.signal(name, handler)
