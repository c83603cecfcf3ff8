"""A queue of trainings, on as many child processes at once as there are cores to give.

What another process is training just now a resumed session leaves to it, and takes once it is kept.
"""

import copy
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from ..measure import machine
from ..points import Training
from ..records import RunRecord
from .recorder import Recorder

# Between two looks at a training that another process has claimed.
_LOOK_SECONDS = 0.2


class Runs:
    """Trains networks, or takes the runs from the store.

    Args:
        recorder: of one training, or of several together.
        workers: children at once.
    """

    def __init__(self, recorder: Recorder, *, workers: int) -> None:
        self._recorder = recorder
        self._workers = workers
        self._executor = ThreadPoolExecutor(workers)
        self._futures: dict[Training, Future[RunRecord | None]] = {}

    def of_kind(self, kind: str) -> "Runs":
        """Runs that the store keeps as another kind, on the same workers."""
        others = copy.copy(self)
        others._recorder, others._futures = self._recorder.of_kind(kind), {}
        return others

    def start(self, trainings: Iterable[Training]) -> None:
        """Take what is kept of `trainings` and queue the rest, in this order; those that may be
        stacked stand where the first of them does."""
        new = [each for each in dict.fromkeys(trainings) if each not in self._futures]
        for part in self._recorder.parts(new, workers=self._workers):
            self._queue(part)

    def _queue(self, part: Sequence[Training]) -> None:
        futures = {training: Future[RunRecord | None]() for training in part}
        self._futures.update(futures)
        self._executor.submit(self._answer, futures)

    def wait(self, trainings: Iterable[Training]) -> list[RunRecord]:
        """The records of `trainings`; those not started yet are started."""
        wanted = list(trainings)
        self.start(wanted)
        return [self._settled(training) for training in wanted]

    def _settled(self, training: Training) -> RunRecord:
        """Its record. What another process is training is asked for again, behind all that nobody
        has begun, until it is kept or that process has ended."""
        while (record := self._futures[training].result()) is None:
            time.sleep(_LOOK_SECONDS)
            self._queue((training,))
        return record

    def finished(self) -> list[RunRecord]:
        """The records so far, in the order in which the trainings were started."""
        done = (f for f in self._futures.values() if f.done() and not f.cancelled())
        return [record for future in done if (record := future.result())]

    def close(self) -> None:
        """Forget what is queued and wait for what runs; the children must have been ended."""
        for future in self._futures.values():
            future.cancel()
        self._executor.shutdown(wait=True, cancel_futures=True)

    def _answer(self, futures: Mapping[Training, Future[RunRecord | None]]) -> None:
        """Give each future its record, kept, as soon as it is there; None while the training is
        another process's."""
        try:
            stacked, choice = self._recorder.stacked(tuple(futures))
            for training, future in futures.items():
                if future.set_running_or_notify_cancel():
                    record = stacked.get(training) or self._recorder.record(training, choice)
                    future.set_result(record)
        except BaseException as error:
            for future in futures.values():
                if not future.done():
                    future.set_exception(error)


def workers(device: str, threads: int) -> int:
    """Trainings at once: as many as there are cores for on a CPU, one on a GPU."""
    return max(1, machine.cores() // threads) if device == "cpu" else 1
