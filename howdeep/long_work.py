"""What every command needs that trains for minutes: it can be stopped, its answer stays alone on
standard output, and a file that cannot be written is told at once."""

import contextlib
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

STANDARD_OUTPUT, STANDARD_ERROR = 1, 2


@contextlib.contextmanager
def stoppable() -> Iterator[None]:
    """What asks a process to end is handled as Ctrl-C: no training is left behind."""

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    signals = (signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.getsignal(number) for number in signals}
    heard = [number for number in signals if before[number] is not signal.SIG_IGN]  # as by nohup
    for number in heard:
        signal.signal(number, stop)
    try:
        yield
    finally:
        for number in heard:
            signal.signal(number, before[number])


@contextlib.contextmanager
def own_output() -> Iterator[None]:
    """What a user's network prints, here or in a child process, goes to standard error."""
    sys.stdout.flush()
    kept = os.dup(STANDARD_OUTPUT)
    os.dup2(STANDARD_ERROR, STANDARD_OUTPUT)
    try:
        with contextlib.redirect_stdout(sys.stderr):
            yield
    finally:
        os.dup2(kept, STANDARD_OUTPUT)
        os.close(kept)


def check_writable(*paths: Path | None) -> None:
    """A file that cannot be written is told before hours are spent, not after."""
    from bench.specs import InputError

    for path in filter(None, paths):
        there = path.exists()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.open("ab").close()
        except OSError as error:
            raise InputError(f"cannot write {path}: {error.strerror}") from error
        if not there:
            path.unlink()
