"""Two revisions of a repository as folders beside each other, which are gone at the end.

The user's working tree is only read. What it holds beyond the last commit becomes the head as it
is: a commit without a name of the tracked files, and copies of those that git neither tracks nor
ignores.
"""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import typer

from reports.errors import InputError

from .long_work import stoppable

BASE, HEAD = "base", "head"

# Of a check, in the temporary folder: its process, to know by whether it was killed.
_PLACE = re.compile(r"howdeep-check-([0-9]+)-\w+")

# A temporary commit needs an author, and no hook may run.
_QUIETLY = (
    *("-c", "user.name=howdeep", "-c", "user.email=howdeep@localhost"),
    *("-c", f"core.hooksPath={os.devnull}", "-c", "advice.detachedHead=false"),
)
_LAST_LINES = 10
_OF_HOOKS = (
    "GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_COMMON_DIR",
    "GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES",
)  # fmt: skip


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
    _remove_left(top)
    # Paths of one length: what they do to the layout of memory is the same.
    place = Path(tempfile.mkdtemp(prefix=f"howdeep-check-{os.getpid()}-")).resolve()
    found = Worktrees(
        top, place / BASE, place / HEAD, folder.resolve().relative_to(top), base, words
    )
    with stoppable():
        try:
            for path, commit in ((found.base, base), (found.head, head)):
                _git(top, "worktree", "add", "--quiet", "--detach", str(path), commit)
            _copy_untracked(top, found.head)
            _check_folders(found, revision)
            yield found
        finally:
            with _uninterrupted():
                _remove(top, place)


def build(command: str, folder: Path, name: str) -> None:
    """Run the user's build command in a revision's folder; an interrupt ends all that it started.

    Raises:
        InputError: it fails; the last lines that it said stand on standard error.
    """
    with subprocess.Popen(
        command,
        shell=True,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    ) as running:
        try:
            said, _ = running.communicate()
        except BaseException:
            os.killpg(running.pid, signal.SIGKILL)
            raise
    if running.returncode:
        if last := said.strip().splitlines()[-_LAST_LINES:]:
            typer.echo("\n".join(last), err=True)
        raise InputError(f"the {name} does not build: {command!r} ended with {running.returncode}")


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
    tree = _tree(top)
    changed = tree != _git(top, "rev-parse", "HEAD^{tree}")
    if not changed and not _untracked(top):
        return last, f"{last[:12]}"
    commit = _git(top, "commit-tree", tree, "-p", last, "-m", "working tree") if changed else last
    return commit, f"{last[:12]} with what is not committed"


def _tree(top: Path) -> str:
    """The tracked files as they lie there, through a copy of the index: the user's own stays as it
    is, whatever is staged, in conflict or only intended to be added."""
    index = top / _git(top, "rev-parse", "--git-path", "index")
    with tempfile.TemporaryDirectory(prefix="howdeep-check-") as place:
        copy = Path(place) / "index"
        if index.exists():
            shutil.copy2(index, copy)
        _git(top, "add", "--update", index=copy)
        return _git(top, "write-tree", index=copy)


def _untracked(top: Path) -> list[Path]:
    listed = _git(top, "ls-files", "--others", "--exclude-standard", "-z")
    return [Path(name) for name in listed.split("\0") if name]


def _copy_untracked(top: Path, head: Path) -> None:
    for name in _untracked(top):
        source, copy = top / name, head / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        if source.is_file():
            shutil.copy2(source, copy)
        elif source.is_symlink() and source.is_dir():
            inside = source.resolve().is_relative_to(top)
            copy.symlink_to(source.readlink() if inside else source.resolve())


def _check_folders(trees: Worktrees, revision: str) -> None:
    for path, name in ((trees.base, revision), (trees.head, "the working tree")):
        if not (path / trees.folder).is_dir():
            raise InputError(f"--against: {name} has no folder {str(trees.folder)!r}")


def _remove_left(top: Path) -> None:
    """What checks of this repository left that were killed."""
    listed = _git(top, "worktree", "list", "--porcelain").splitlines()
    paths = (line.removeprefix("worktree ") for line in listed if line.startswith("worktree "))
    for place in {Path(path).parent for path in paths}:
        match = _PLACE.fullmatch(place.name)
        if match and place.is_dir() and not psutil.pid_exists(int(match[1])):
            _remove(top, place)


def _remove(top: Path, place: Path) -> None:
    for name in (BASE, HEAD):
        with contextlib.suppress(InputError):  # git locks it until it is whole, and may be killed
            _git(top, "worktree", "unlock", str(place / name))
        with contextlib.suppress(InputError):  # it was not there yet
            _git(top, "worktree", "remove", "--force", str(place / name))
    shutil.rmtree(place, ignore_errors=True)
    with contextlib.suppress(InputError):
        _git(top, "worktree", "prune")


def _git(folder: Path, *arguments: str, index: Path | None = None) -> str:
    """What git says; index: in place of the repository's.

    Raises:
        InputError: there is no git, or it fails; what it says is fatal, and its last line.
    """
    try:
        ended = subprocess.run(
            ["git", "-C", str(folder), *_QUIETLY, *arguments],
            capture_output=True,
            text=True,
            errors="surrogateescape",
            check=False,
            env=_environment(index),
        )
    except FileNotFoundError:
        raise InputError("--against needs git, which is not installed") from None
    if ended.returncode:
        raise InputError(f"--against: git {arguments[0]}: {_why(ended)}")
    return ended.stdout.strip("\n")


def _environment(index: Path | None) -> dict[str, str]:
    """Without what git tells its hooks of their repository: new worktrees have an index of their
    own, and would write over the user's."""
    kept = {name: value for name, value in os.environ.items() if name not in _OF_HOOKS}
    return kept if index is None else {**kept, "GIT_INDEX_FILE": str(index)}


def _why(ended: "subprocess.CompletedProcess[str]") -> str:
    """The first fatal line, and the last one, which says what to do."""
    said = [line.strip() for line in ended.stderr.splitlines() if line.strip()]
    fatal = [line for line in said if line.startswith("fatal: ")][:1]
    return "; ".join(dict.fromkeys((*fatal, *said[-1:]))) or f"it ended with {ended.returncode}"


@contextmanager
def _uninterrupted() -> Iterator[None]:
    names = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {name: signal.signal(name, signal.SIG_IGN) for name in names}
    try:
        yield
    finally:
        for name, handler in before.items():
            signal.signal(name, handler)
