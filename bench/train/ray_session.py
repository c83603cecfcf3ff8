"""Connects this process to a Ray cluster, in few words when that cannot be."""

import contextlib
import logging
import os
import re
import signal
import socket
import threading
from collections.abc import Iterator
from typing import Any

from ..isolate import Children
from ..specs import InputError, one_line

# For a first answer: of whatever listens at the address, and of Ray.
LISTEN_SECONDS = 5.0
CONNECT_SECONDS = 60.0

_ADVICE = "start Ray with `ray start --head`, and howdeep on one of the cluster's machines"


def quiet_ray() -> Any:
    """The module `ray`, which otherwise prints what the machines report of lost workers."""
    os.environ.setdefault("RAY_DEDUP_LOGS_SKIP_REGEX", ".")
    import ray

    return ray


def connect(address: str, children: Children, *, folder: str | None) -> None:
    """Make this process a driver of the cluster.

    Args:
        address: HOST:PORT or `auto`.
        children: for a first try, which can be ended: where something else than Ray answers, Ray
            goes on trying for minutes.
        folder: sent to the machines, as the working folder of what runs there.

    Raises:
        InputError: nothing answers, or no Ray that this one can talk to.
    """
    silence = None if address == "auto" else silent(address)
    if silence:
        raise InputError(f"nothing answers at --cluster {address} ({silence}): {_ADVICE}")
    outcome = children.call(_try, address, timeout=CONNECT_SECONDS)
    if outcome.status != "ok":
        late = f"no answer after {CONNECT_SECONDS:g} s"
        reason = late if outcome.status == "timeout" else str(outcome.reason).rstrip(".")
        raise InputError(f"no Ray cluster at --cluster {address} ({reason}): {_ADVICE}")
    try:
        with _own_handler():
            _init(address, {"working_dir": folder} if folder else {})
    except Exception as error:  # Ray raises many kinds
        raise InputError(f"cannot use --cluster {address}: {plain_line(error)}") from error


def silent(address: str) -> str | None:
    """Why nothing can be reached at HOST:PORT, or None when something listens there."""
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), LISTEN_SECONDS).close()
    except (OSError, OverflowError) as error:
        return str(error)
    return None


def _try(address: str) -> None:
    """Connect and leave, in a child; Ray's own words are not shown."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(nowhere, stream)
    _init(address, {})
    quiet_ray().shutdown()


def _init(address: str, environment: dict[str, Any]) -> None:
    quiet_ray().init(
        address, runtime_env=environment, logging_level=logging.ERROR, log_to_driver=False
    )


@contextlib.contextmanager
def _own_handler() -> Iterator[None]:
    """Ray replaces what this process does when it is asked to end."""
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, before)


def plain_line(error: BaseException) -> str:
    """The last line of what Ray says, which has the cause, without colours."""
    lines = re.sub(r"\x1b\[[0-9;]*m", "", str(error)).strip().splitlines()
    return lines[-1].strip() if lines else one_line(error)
