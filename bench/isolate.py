"""Calls a function in a child process that may be killed, run out of memory or hang.

Children come from a fork server, a process of its own that has imported PyTorch and nothing has
been computed in: each is fresh, starts in milliseconds and inherits no memory of the caller.
"""

import atexit
import contextlib
import gc
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any, Protocol

from .specs import one_line

# A child that outlives its time limit and its parent ends itself after so many seconds more.
GRACE_SECONDS = 10.0

# Imported once in the fork server; an optimizer imports the second when it is first used.
_PRELOAD = ("torch", "torch._dynamo")

# The system counts a wait in milliseconds, in 31 bits.
_LONGEST_WAIT_SECONDS = 2e6

# Characters of an error's text that stand in a table.
_LONGEST_REASON = 300

_OUT_OF_MEMORY_TEXTS = ("can't allocate memory", "not enough memory", "out of memory")


@dataclass(frozen=True)
class Outcome:
    """`value` when `status` is ok; else `reason` says why it is oom, timeout, error or skipped
    (nothing was started)."""

    status: str
    value: Any = None
    reason: str | None = None


ENDED = Outcome("skipped", reason="the session was ended")


class Executor(Protocol):
    """Runs functions where they may fail, and ends what runs when it is closed."""

    def call(self, function: Callable[..., Any], *args: Any, timeout: float) -> Outcome: ...

    def close(self) -> None: ...


class OutOfTimeError(BaseException):
    """What ran in `time_limit` took too long. No `Exception`: whoever handles those, a user's
    network or `Family.check_depth`, must not take it for one and go on."""


@contextlib.contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raise `OutOfTimeError` in what runs inside, once it has taken so long.

    For the main thread, and for what Python can interrupt: a call of compiled code that never
    returns can only be ended in a child.
    """

    def stop(*_: object) -> None:
        raise OutOfTimeError(f"not finished after {seconds:g} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, min(seconds, _LONGEST_WAIT_SECONDS))
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


class Children:
    """Runs functions in children; safe to use from several threads."""

    def __init__(self, *, preload: tuple[str, ...] = ()) -> None:
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload([*_PRELOAD, *preload])
        self._alive: set[ForkServerProcess] = set()
        self._lock = threading.Lock()
        self._closed = False
        # Not daemons, which may have no children of their own; so ended here, before they are
        # waited for at the exit.
        atexit.register(self.close)

    def call(self, function: Callable[..., Any], *args: Any, timeout: float) -> Outcome:
        """`function(*args)` in a fresh child, at most `timeout` seconds.

        `function` must be importable and its arguments and result picklable.
        """
        ours, theirs = self._context.Pipe(duplex=False)
        process = self._context.Process(target=_child, args=(theirs, timeout, function, args))
        with self._lock:
            if self._closed:
                return ENDED
            process.start()
            self._alive.add(process)
        theirs.close()
        try:
            outcome = _receive(ours, process, timeout)
        finally:
            ours.close()
            self._end(process)
        return ENDED if self._closed else outcome

    def close(self) -> None:
        """Kill whatever still runs; later calls start nothing."""
        atexit.unregister(self.close)
        with self._lock:
            self._closed = True
            for process in self._alive:
                process.kill()

    def _end(self, process: ForkServerProcess) -> None:
        process.kill()
        process.join()
        with self._lock:
            self._alive.discard(process)
            process.close()


def _receive(connection: Connection, process: ForkServerProcess, timeout: float) -> Outcome:
    ready = wait([connection, process.sentinel], min(timeout, _LONGEST_WAIT_SECONDS))
    if not ready:
        return Outcome("timeout", reason=f"not finished after {timeout:g} s: killed")
    try:
        # A child that is killed while it answers leaves a cut-off message.
        return connection.recv() if connection.poll() else _death(process)
    except (EOFError, OSError):
        return _death(process)


def _death(process: ForkServerProcess) -> Outcome:
    process.join(GRACE_SECONDS)
    code = process.exitcode
    if code == -signal.SIGKILL:
        return Outcome("oom", reason="killed by signal 9, as the system does when memory runs out")
    if code is not None and code < 0:
        return Outcome("error", reason=f"ended by signal {-code} ({signal.Signals(-code).name})")
    return Outcome("error", reason=f"the process ended with exit code {code} and no answer")


def _child(
    connection: Connection, timeout: float, function: Callable[..., Any], args: tuple[Any, ...]
) -> None:
    gc.freeze()  # what the fork server imported need not be looked through again
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    threading.Thread(target=_end_with_parent, daemon=True).start()
    signal.setitimer(signal.ITIMER_REAL, min(timeout, _LONGEST_WAIT_SECONDS) + GRACE_SECONDS)
    _be_first_victim()
    try:
        outcome = Outcome("ok", function(*args))
    except Exception as error:
        outcome = _failure(error)
    with contextlib.suppress(OSError):  # the parent may be gone
        try:
            connection.send(outcome)
        except Exception as error:  # pickle raises many kinds
            connection.send(_failure(error))


def _end_with_parent() -> None:
    """Nobody waits any more for what this child computes, also where its parent was killed."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os.kill(os.getpid(), signal.SIGKILL)


def _failure(error: Exception) -> Outcome:
    status = "oom" if is_out_of_memory(error) else "error"
    return Outcome(status, reason=one_line(error)[:_LONGEST_REASON])


def is_out_of_memory(error: BaseException) -> bool:
    """Whether Python, PyTorch's CPU allocator or CUDA ran out of memory."""
    import torch  # a process that only starts children needs no PyTorch of its own

    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(
        text in str(error) for text in _OUT_OF_MEMORY_TEXTS
    )


def _be_first_victim() -> None:
    """When memory runs out, let the kernel end this child and not the session."""
    with contextlib.suppress(OSError):
        Path(f"/proc/{os.getpid()}/oom_score_adj").write_text("1000")
