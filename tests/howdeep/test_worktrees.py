"""Two revisions as folders, which leave nothing behind."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from howdeep.worktrees import build, worktrees
from reports.errors import InputError

# Seconds, of which no working code needs any.
PATIENCE = 30.0


def git(folder: Path, *arguments: str) -> str:
    """What git says, as anybody."""
    who = ("-c", "user.name=any", "-c", "user.email=any@localhost")
    ended = subprocess.run(
        ["git", "-C", str(folder), *who, *arguments], check=True, capture_output=True, text=True
    )
    return ended.stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Two commits of one file, below a folder."""
    top = tmp_path / "repository"
    (top / "below").mkdir(parents=True)
    git(top, "init", "-q")
    for text in ("one", "two"):
        (top / "below" / "net.py").write_text(text)
        git(top, "add", "-A")
        git(top, "commit", "-q", "-m", text)
    return top


def state(top: Path) -> tuple[str, str, str]:
    """All that git knows of the working tree, its stashes and its worktrees."""
    return tuple(git(top, *each.split()) for each in ("status -s", "stash list", "worktree list"))


def test_both_revisions_lie_beside_each_other(repository: Path) -> None:
    """The base is that of the revision, the head that of the working tree, and both are gone."""
    with worktrees(repository / "below", "HEAD~1") as trees:
        assert (trees.base / trees.folder / "net.py").read_text() == "one"
        assert (trees.head / trees.folder / "net.py").read_text() == "two"
        assert trees.base_commit == git(repository, "rev-parse", "HEAD~1")
        assert len(str(trees.base)) == len(str(trees.head))
    assert not trees.base.parent.exists()
    assert len(git(repository, "worktree", "list").splitlines()) == 1


def test_uncommitted_work_is_the_head_and_stays(repository: Path) -> None:
    """Changed, staged and new files are measured as they are; ignored ones are not; nothing of the
    working tree changes."""
    (repository / "below" / "net.py").write_text("changed")
    (repository / "staged.py").write_text("staged")
    git(repository, "add", "staged.py")
    (repository / ".gitignore").write_text("ignored.py\n")
    (repository / "ignored.py").write_text("ignored")
    (repository / "new folder").mkdir()
    (repository / "new folder" / "new\nfile.py").write_text("new")
    before = state(repository)
    with worktrees(repository, "HEAD") as trees:
        head = trees.head
        assert (head / "below" / "net.py").read_text() == "changed"
        assert (head / "staged.py").read_text() == "staged"
        assert (head / "new folder" / "new\nfile.py").read_text() == "new"
        assert not (head / "ignored.py").exists()
        assert (trees.base / "below" / "net.py").read_text() == "two"
        assert "not committed" in trees.head_words
    assert state(repository) == before
    assert (repository / "below" / "net.py").read_text() == "changed"


def test_a_deleted_file_is_no_part_of_the_head(repository: Path) -> None:
    """A file that the working tree no longer has."""
    (repository / "below" / "net.py").unlink()
    with worktrees(repository, "HEAD") as trees:
        assert not (trees.head / "below" / "net.py").exists()


def test_intended_and_conflicting_files_are_the_head(repository: Path) -> None:
    """As they lie there; the index stays as it is."""
    git(repository, "checkout", "-q", "-b", "other", "HEAD~1")
    (repository / "below" / "net.py").write_text("three")
    git(repository, "commit", "-q", "-a", "-m", "three")
    with pytest.raises(subprocess.CalledProcessError):
        git(repository, "merge", "-q", "-")
    (repository / "intended.py").write_text("intended")
    git(repository, "add", "--intent-to-add", "intended.py")
    before = state(repository), (repository / ".git" / "index").read_bytes()
    with worktrees(repository, "HEAD") as trees:
        assert (trees.head / "below" / "net.py").read_text().startswith("<<<<<<<")
        assert (trees.head / "intended.py").read_text() == "intended"
        assert (repository / ".git" / "index").read_bytes() == before[1]
    assert state(repository) == before[0]


def test_links_to_folders_are_followed(repository: Path, tmp_path: Path) -> None:
    """Those that git does not track: within the repository and out of it."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "data").write_text("data")
    (repository / "inner").symlink_to("below")
    (repository / "outer").symlink_to("../outside")
    (repository / "broken").symlink_to("nowhere")
    with worktrees(repository, "HEAD") as trees:
        assert (trees.head / "inner").resolve() == trees.head / "below"
        assert (trees.head / "outer" / "data").read_text() == "data"


def test_the_index_of_a_hook_is_left_alone(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Git names it to hooks, and a new worktree would write over it."""
    (repository / "staged.py").write_text("staged")
    git(repository, "add", "staged.py")
    before = state(repository)
    with monkeypatch.context() as hook:
        hook.setenv("GIT_INDEX_FILE", str(repository / ".git" / "index"))
        hook.setenv("GIT_DIR", ".git")
        with worktrees(repository, "HEAD~1") as trees:
            assert (trees.head / "staged.py").exists()
    assert state(repository) == before


def test_a_folder_that_the_base_has_not_got_is_one_line(repository: Path) -> None:
    """It is named, and nothing is left behind."""
    (repository / "young").mkdir()
    (repository / "young" / "net.py").write_text("young")
    with (
        pytest.raises(InputError, match="HEAD~1 has no folder"),
        worktrees(repository / "young", "HEAD~1"),
    ):
        pass
    assert len(git(repository, "worktree", "list").splitlines()) == 1


def test_no_hook_runs(repository: Path) -> None:
    """A hook might touch what is not ours."""
    hook = repository / ".git" / "hooks" / "post-checkout"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\ntouch {repository}/touched\n")
    hook.chmod(0o755)
    with worktrees(repository, "HEAD"):
        pass
    assert not (repository / "touched").exists()


@pytest.fixture(params=[signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def heard(request: pytest.FixtureRequest) -> Iterator[int]:
    """A signal that is not ignored, as a background job and `nohup` would have it."""
    number: int = request.param
    as_usual = signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL
    before = signal.signal(number, as_usual)
    yield number
    signal.signal(number, before)


def test_an_interrupt_leaves_nothing_behind(repository: Path, heard: int) -> None:
    """Ctrl-C, what CI sends where it ends a job, and a terminal that is closed."""
    before = signal.getsignal(heard)
    with pytest.raises(KeyboardInterrupt), worktrees(repository, "HEAD") as trees:  # noqa: PT012
        place = trees.base.parent
        os.kill(os.getpid(), heard)
        time.sleep(PATIENCE)
    assert not place.exists()
    assert len(git(repository, "worktree", "list").splitlines()) == 1
    assert signal.getsignal(heard) == before


def test_an_interrupt_while_files_are_written_leaves_nothing_behind(repository: Path) -> None:
    """Where git takes its time for a worktree it is killed, which leaves it locked."""
    written = repository / "written"
    git(repository, "config", "filter.slow.clean", "cat")
    git(repository, "config", "filter.slow.smudge", f"touch {written}; sleep 10; cat")
    (repository / ".gitattributes").write_text("slow.py filter=slow\n")
    (repository / "slow.py").write_text("slow")
    git(repository, "add", "-A")
    git(repository, "commit", "-q", "-m", "slow")
    program = (
        "import sys; from pathlib import Path; from howdeep.worktrees import worktrees\n"
        "with worktrees(Path(sys.argv[1]), 'HEAD'): pass"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(repository)], stderr=subprocess.DEVNULL
    ) as check:
        while not written.exists():
            assert check.poll() is None
            time.sleep(0.01)
        check.terminate()
    assert len(git(repository, "worktree", "list").splitlines()) == 1


def test_what_a_killed_check_left_is_removed_by_the_next(repository: Path) -> None:
    """And what another one uses that is alive is not."""
    program = (
        "import sys, time; from pathlib import Path; from howdeep.worktrees import worktrees\n"
        "with worktrees(Path(sys.argv[1]), 'HEAD') as trees:\n"
        "    print(trees.base, flush=True)\n"
        "    time.sleep(60)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(repository)], stdout=subprocess.PIPE, text=True
    ) as check:
        assert check.stdout is not None
        left = Path(check.stdout.readline().strip())
        with worktrees(repository, "HEAD"):
            assert left.is_dir()
        check.kill()
    assert left.is_dir()
    with worktrees(repository, "HEAD"):
        assert not left.parent.exists()
    assert len(git(repository, "worktree", "list").splitlines()) == 1


@pytest.mark.parametrize("revision", ["nowhere", "--help", "HEAD:below", ""])
def test_an_unknown_revision_is_one_line(repository: Path, revision: str) -> None:
    """It is named."""
    with pytest.raises(InputError, match="no revision"), worktrees(repository, revision):
        pass


def test_a_shallow_clone_says_how_to_get_more(repository: Path, tmp_path: Path) -> None:
    """As CI has them."""
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "-q", "--depth", "1", f"file://{repository}", str(clone))
    with pytest.raises(InputError, match="fetch-depth: 0"), worktrees(clone, "HEAD~1"):
        pass


def test_a_folder_without_a_repository_is_one_line(tmp_path: Path) -> None:
    """What git says."""
    with pytest.raises(InputError, match="not a git repository"), worktrees(tmp_path, "HEAD"):
        pass


def test_without_git_it_is_one_line(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is what is missing."""
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(InputError, match="needs git"), worktrees(repository, "HEAD"):
        pass


def test_a_failing_build_shows_its_last_lines(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """On standard error; the one line names the revision and the command."""
    with pytest.raises(InputError, match=r"the base does not build: .* ended with 3"):
        build("for i in $(seq 30); do echo line $i; done; exit 3", tmp_path, "base")
    assert capfd.readouterr().err.splitlines() == [f"line {n}" for n in range(21, 31)]


def test_an_interrupted_build_leaves_no_process(tmp_path: Path) -> None:
    """Nor those that its shell started."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, 1.0)
    try:
        with pytest.raises(KeyboardInterrupt):
            build("sleep 600 & echo $! > started; wait", tmp_path, "base")
    finally:
        signal.signal(signal.SIGALRM, before)
    started = int((tmp_path / "started").read_text())
    assert not psutil.pid_exists(started) or psutil.Process(started).status() == "zombie"
