"""Tells processes that share a store what another of them is training just now.

A claim is a lock of the operating system on one byte of a file beside the store; the byte's place
is made of the record's key. The kernel gives the lock back when its owner ends, however it ends, so
that a claim never outlives its owner and none has to be cleaned up. The file stays empty.

Where there are no such locks (they are Linux's), or the file cannot be opened, every claim is
granted: then two processes may train the same, as they may without this module.
"""

import contextlib
import fcntl
import os
import struct
from collections.abc import Iterator
from pathlib import Path

# struct flock of Linux: type, whence, start, length and process; offsets have 63 bits.
_FLOCK = "hhqqi"
_KEY_DIGITS = 15


class Claims:
    """Claims on the records of one store. Threads exclude each other as processes do."""

    def __init__(self, store: Path) -> None:
        self._path = store.with_name(f"{store.name}-claims")

    @contextlib.contextmanager
    def claim(self, key: str, *, wait: bool = False) -> Iterator[bool]:
        """Whether `key` (hexadecimal) is ours until the end of the block, or another's; with
        `wait`, once it is ours."""
        place = int(key[:_KEY_DIGITS], 16)
        try:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        except OSError:
            yield True
            return
        try:
            yield _lock(descriptor, place, wait=wait)
        finally:
            os.close(descriptor)  # and with it the lock


def _lock(descriptor: int, place: int, *, wait: bool) -> bool:
    if not hasattr(fcntl, "F_OFD_SETLK"):
        return True
    wanted = struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, place, 1, 0)
    command = fcntl.F_OFD_SETLKW if wait else fcntl.F_OFD_SETLK
    try:
        fcntl.fcntl(descriptor, command, wanted)
    except (BlockingIOError, PermissionError):  # either, says POSIX: another has it
        return False
    except OSError:  # a file system without locks
        return True
    return True
