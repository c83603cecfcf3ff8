"""Children that answer, raise, hang, die or are ended."""

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from bench.isolate import Children, Outcome, OutOfTimeError, is_out_of_memory, time_limit
from tests.bench.sessions import wait_for

# Long beside what a child needs, so that it never decides; a timeout test uses its own.
AMPLE = 60.0


@pytest.fixture(scope="module")
def children() -> Iterator[Children]:
    children = Children()
    yield children
    children.close()


def add(a: int, b: int) -> tuple[int, int]:
    """A sum and the process that computed it."""
    return a + b, os.getpid()


def large(n_bytes: int) -> bytes:
    return b"x" * n_bytes


def complain(lines: str) -> None:
    raise ValueError(lines)


def exhaust() -> None:
    raise MemoryError


def allocate_too_much() -> torch.Tensor:
    return torch.empty(2**60, dtype=torch.uint8)


def have_a_child() -> int:
    with multiprocessing.get_context("fork").Pool(1) as pool:
        return pool.apply(int, ("42",))


def hang() -> None:
    signal.pause()


def kill_itself(number: int) -> None:
    os.kill(os.getpid(), number)


def leave(code: int) -> None:
    os._exit(code)


def unpicklable() -> Callable[[], None]:
    return lambda: None


def process_is_gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def tell_and_hang(path: str) -> None:
    with open(path, "w") as file:  # noqa: PTH123
        file.write(f"{os.getpid()}\n")
    signal.pause()


def test_a_value_comes_back_from_another_process(children: Children) -> None:
    """Status ok, the function's result, no reason."""
    outcome = children.call(add, 2, 3, timeout=AMPLE)
    value, pid = outcome.value
    assert (outcome.status, outcome.reason, value) == ("ok", None, 5)
    assert pid != os.getpid()


def test_each_call_has_a_process_of_its_own(children: Children) -> None:
    """Nothing that one call leaves behind can reach the next, and none stays alive."""
    pids = [children.call(add, 0, 0, timeout=AMPLE).value[1] for _ in range(3)]
    assert len(set(pids)) == 3
    assert all(process_is_gone(pid) for pid in pids)


def test_a_large_value_comes_back_whole(children: Children) -> None:
    """More than a pipe holds at once."""
    assert children.call(large, 2**24, timeout=AMPLE) == Outcome("ok", b"x" * 2**24)


def test_an_exception_is_an_error_of_one_line(children: Children) -> None:
    """Its type and text; line breaks become spaces and a long text is cut."""
    outcome = children.call(complain, "expected 3\n  found 4", timeout=AMPLE)
    assert outcome == Outcome("error", reason="ValueError: expected 3 found 4")
    long = children.call(complain, "word " * 10_000, timeout=AMPLE)
    assert len(long.reason or "") < 400


@pytest.mark.parametrize("function", [exhaust, allocate_too_much])
def test_an_allocation_that_fails_is_oom(children: Children, function: Callable[[], Any]) -> None:
    """Python's and PyTorch's allocator say it in different ways."""
    assert children.call(function, timeout=AMPLE).status == "oom"


def test_death_by_sigkill_is_oom(children: Children) -> None:
    """As the kernel ends a process when memory runs out."""
    outcome = children.call(kill_itself, signal.SIGKILL, timeout=AMPLE)
    assert outcome.status == "oom"
    assert "signal 9" in (outcome.reason or "")


def test_death_by_another_signal_is_an_error(children: Children) -> None:
    """The reason names the signal."""
    outcome = children.call(kill_itself, signal.SIGSEGV, timeout=AMPLE)
    assert outcome.status == "error"
    assert "SIGSEGV" in (outcome.reason or "")


def test_an_exit_without_an_answer_is_an_error(children: Children) -> None:
    """The reason has the exit code."""
    outcome = children.call(leave, 3, timeout=AMPLE)
    assert outcome.status == "error"
    assert "exit code 3" in (outcome.reason or "")


def test_a_result_that_cannot_be_sent_is_an_error(children: Children) -> None:
    """One line that says so; the caller goes on."""
    outcome = children.call(unpicklable, timeout=AMPLE)
    assert outcome.status == "error"
    assert "pickle" in (outcome.reason or "").lower()


def test_a_child_that_hangs_is_killed(children: Children) -> None:
    """After its time the status is timeout, and the reason has the limit."""
    outcome = children.call(hang, timeout=0.2)
    assert outcome.status == "timeout"
    assert "0.2 s" in (outcome.reason or "")


@pytest.mark.parametrize("days", [30, 3_000])
def test_a_limit_of_many_days_is_a_limit(children: Children, days: int) -> None:
    """No bound on the time that a user may allow."""
    assert children.call(add, 1, 1, timeout=days * 86_400.0).status == "ok"


def test_calls_from_several_threads_run_at_once(children: Children) -> None:
    """Each thread gets its own answer."""
    outcomes: dict[int, Any] = {}

    def call(i: int) -> None:
        outcomes[i] = children.call(add, i, i, timeout=AMPLE).value[0]

    threads = [threading.Thread(target=call, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes == {i: 2 * i for i in range(4)}


def test_closing_ends_a_running_call(tmp_path: Any) -> None:
    """It returns `skipped`, its process is gone, and later calls start nothing."""
    children = Children()
    started, outcomes = tmp_path / "pid", []
    thread = threading.Thread(
        target=lambda: outcomes.append(children.call(tell_and_hang, str(started), timeout=AMPLE))
    )
    thread.start()
    while not (started.exists() and started.read_text().endswith("\n")):
        time.sleep(0.01)
    children.close()
    thread.join()
    assert [outcome.status for outcome in outcomes] == ["skipped"]
    assert process_is_gone(int(started.read_text()))
    assert children.call(add, 1, 2, timeout=AMPLE).status == "skipped"


def call_and_tell(path: str) -> None:
    """Have a child that tells its process and hangs."""
    Children().call(tell_and_hang, path, timeout=AMPLE)


def test_a_child_ends_with_its_parent(tmp_path: Path) -> None:
    """Also when that is killed and can end nothing itself."""
    told = tmp_path / "pid"
    parent = multiprocessing.get_context("spawn").Process(target=call_and_tell, args=(str(told),))
    parent.start()
    wait_for(lambda: told.exists() and told.read_text().endswith("\n"))
    parent.kill()
    parent.join()
    wait_for(lambda: process_is_gone(int(told.read_text())))


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (MemoryError(), True),
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"), True),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: 1 TB"), True),
        (RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate"), True),
        (RuntimeError("shapes cannot be multiplied"), False),
        (ValueError("out of memory"), False),
    ],
)
def test_out_of_memory_is_recognised(error: Exception, expected: bool) -> None:
    """By type or, where it is a plain RuntimeError, by its text."""
    assert is_out_of_memory(error) is expected


def test_what_takes_too_long_here_is_interrupted() -> None:
    """Without a child, for what Python can interrupt; the alarm is as before afterwards."""
    before = signal.getsignal(signal.SIGALRM)
    with pytest.raises(OutOfTimeError, match=r"not finished after 0\.05 s"), time_limit(0.05):
        threading.Event().wait(60)
    assert signal.getsignal(signal.SIGALRM) is before
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_a_child_may_have_children(children: Children) -> None:
    """As a network with a pool of its own has."""
    assert children.call(have_a_child, timeout=60) == Outcome("ok", 42)
