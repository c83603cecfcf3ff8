"""Runs functions on the machines of a Ray cluster, as `isolate.Children` does on this one.

Ray finds a free machine and tells when one is lost; the function itself runs in a child there, so
that to run out of memory or of time means the same everywhere. Calls and results travel, nothing
else: what is kept is kept here.
"""

import importlib.util
import re
import threading
from collections.abc import Callable
from typing import Any

from ..isolate import ENDED, Children, Outcome
from . import machines, remote
from .machines import Needs
from .ray_session import connect, plain_line, quiet_ray, silent

# A call that was lost so often with its machine or worker may be what brings them down.
ATTEMPTS = 3

# So often a call that waits looks whether there is still a machine that can take it.
LOOK_SECONDS = 10.0

# For calls that were cancelled to return.
CLOSE_SECONDS = 30.0


def cluster_error(address: str, device: str) -> str | None:
    """Why `--cluster` cannot be had so: one line, or None when it may be."""
    if address != "auto" and not re.fullmatch(r"[^\s/]+:[0-9]{1,5}", address):
        return f"--cluster takes auto or HOST:PORT, as `ray start` prints it; got {address!r}"
    if device not in ("cpu", "cuda"):
        return f"--cluster chooses a GPU for each run: --device cuda or cpu; got {device!r}"
    if importlib.util.find_spec("ray") is None:
        return "--cluster needs Ray: pip install 'howdeep[ray]'"
    return None


class Cluster:
    """Calls on a Ray cluster that is there already; safe to use from several threads.

    Args:
        address: HOST:PORT of its head, or `auto` for the one that this machine is a part of.
        children: of this machine, for a first try to connect.
        needs: what each call has for itself.
        folder: sent to the machines, as the working folder of what is called there.

    Raises:
        InputError: no Ray answers, no machine has that much, or one has other code than this one.
    """

    def __init__(
        self, address: str, children: Children, needs: Needs, *, folder: str | None = None
    ) -> None:
        self._needs = needs
        self._versions = remote.versions()
        self._sent: dict[bytes, Any] = {}
        self._alive: set[Any] = set()
        self._changed = threading.Condition()
        self._closed = False
        self._broken: Outcome | None = None
        self._ray = quiet_ray()
        self._connected = not self._ray.is_initialized()
        if self._connected:
            connect(address, children, folder=folder)
        self._head = str(self._ray.get_runtime_context().gcs_address)
        self._remote = self._ray.remote(
            num_cpus=needs.cpus,
            num_gpus=needs.gpus,
            # Ray would try for ever what ends for want of memory.
            max_retries=0,
            # Workers are used again, though with GPUs: they only start children, and hold none.
            max_calls=0,
        )(remote.call)
        try:
            machines.check(self._ray, self._remote, needs)
        except BaseException:
            self.close()
            raise

    @property
    def slots(self) -> int:
        """Calls at once on the machines that are there now."""
        return machines.slots(self._ray, self._needs)

    def call(self, function: Callable[..., Any], *args: Any, timeout: float) -> Outcome:
        """`function(*args)` in a fresh child on some machine, at most `timeout` seconds there.

        What is lost with its machine or worker is called again. `function` must be importable on
        the machines, and its arguments and result picklable.
        """
        outcome = ENDED
        for _ in range(ATTEMPTS):
            answer = self._ask(function, args, timeout)
            if answer is None:
                return self._broken or ENDED
            try:
                return self._received(answer)
            except self._lost as error:
                outcome = self._given_up(error)
            except self._ray.exceptions.TaskCancelledError:
                return ENDED
            except self._ray.exceptions.RayError as error:
                return Outcome("error", reason=plain_line(error))
            finally:
                self._forget(answer)
        return outcome

    def _ask(self, function: Callable[..., Any], args: tuple[Any, ...], timeout: float) -> Any:
        """Ray's reference to the outcome, or None after the end, of this or of the cluster."""
        with self._changed:
            if self._closed or self._broken:
                return None
            arguments = map(self._once, args)
            answer = self._remote.remote(self._versions, timeout, remote.name(function), *arguments)
            self._alive.add(answer)
            return answer

    def _once(self, argument: Any) -> Any:
        """Data is handed to Ray once, however many calls take it."""
        if not isinstance(argument, bytes):
            return argument
        if argument not in self._sent:
            self._sent[argument] = self._ray.put(argument)
        return self._sent[argument]

    def _received(self, answer: Any) -> Outcome:
        while not self._ray.wait([answer], timeout=LOOK_SECONDS)[0]:
            trouble = self._trouble()
            if trouble:
                self._ray.cancel(answer, force=True)
                return trouble
        outcome: Outcome = self._ray.get(answer)
        return outcome

    def _trouble(self) -> Outcome | None:
        """Why there is nothing to wait for. Where the head is gone, Ray must not be asked: it would
        wait, and after a minute end this process."""
        if silent(self._head):
            self._broken = Outcome("error", reason=f"the cluster's head at {self._head} is gone")
            return self._broken
        if not self.slots:
            return Outcome("error", reason=f"no machine is left that has {self._needs}")
        return None

    @property
    def _lost(self) -> tuple[type[Exception], ...]:
        """What Ray raises when a machine or worker is gone, of which the call may be innocent: for
        want of memory Ray ends a worker of its own choice."""
        errors = self._ray.exceptions
        gone = errors.WorkerCrashedError, errors.NodeDiedError, errors.ObjectLostError
        return *gone, errors.OutOfMemoryError

    def _given_up(self, error: Exception) -> Outcome:
        """The outcome of a call whose last attempt ended so."""
        status = "oom" if isinstance(error, self._ray.exceptions.OutOfMemoryError) else "error"
        return Outcome(status, reason=f"lost {ATTEMPTS} times: {plain_line(error)}")

    def _forget(self, answer: Any) -> None:
        with self._changed:
            self._alive.discard(answer)
            self._changed.notify_all()

    def close(self) -> None:
        """End what runs, on whichever machine; later calls start nothing."""
        with self._changed:
            self._closed = True
            for answer in self._alive:
                self._ray.cancel(answer, force=True)
            self._changed.wait_for(lambda: not self._alive, CLOSE_SECONDS)
        if self._connected:
            self._ray.shutdown()
