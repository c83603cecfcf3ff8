"""Where the trainings of a study execute: on this machine, or on a Ray cluster."""

import platform
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .. import specs
from ..families import BUILT_IN as FAMILIES
from ..isolate import Children, Executor
from ..measure import machine
from ..options import Options
from ..specs import InputError
from . import remote
from .cluster import Cluster
from .machines import Needs
from .runs import workers
from .tasks import BUILT_IN as TASKS


@dataclass(frozen=True)
class Place:
    """Attributes:
    executor: what calls functions there.
    workers: trainings at once.
    machine: what of it a run depends on (its time does), part of the run's key.
    """

    executor: Executor
    workers: int
    machine: Mapping[str, Any]


def find(options: Options, children: Children) -> Place:
    """The place that `options` ask for; on this machine it is `children`.

    Raises:
        InputError: no such cluster, or none of its machines can train.
    """
    if options.cluster is None:
        at_once = workers(options.device, options.threads)
        return Place(children, at_once, machine.identity(options.device))
    needs = Needs(cpus=options.threads, gpus=int(options.device != "cpu"))
    cluster = Cluster(options.cluster, children, needs, folder=folder_to_send(options))
    # Not which machines: a run is not trained again because others joined or were lost.
    same = {"torch": remote.versions()["torch"], "python": platform.python_version()}
    return Place(cluster, cluster.slots, {"cluster": options.device, **same})


def folder_to_send(options: Options) -> str | None:
    """The working folder, where a family or the task is the user's own; else None."""
    own = list(_own_targets(options))
    for target in own:
        path = Path(target)
        if path.suffix == ".py" and not path.is_absolute() and ".." in path.parts:
            raise InputError(
                f"{target} lies outside the working folder, which is what --cluster sends: start "
                "where it lies below"
            )
    return str(Path.cwd()) if own else None


def _own_targets(options: Options) -> Iterator[str]:
    asked = [*((family, FAMILIES) for family in options.families), (options.task, tuple(TASKS))]
    for text, built_in in asked:
        spec = specs.parse(text, built_in=built_in, kind="spec")
        if spec.attribute is not None:
            yield spec.target
