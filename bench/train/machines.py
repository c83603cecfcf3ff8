"""The machines of a Ray cluster: which of them can take a call, and whether they have our code."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..isolate import Outcome
from ..specs import InputError
from . import remote
from .ray_session import plain_line

# For the first answer of a machine, which may import PyTorch from a slow disk.
FIRST_SECONDS = 120.0


@dataclass(frozen=True)
class Needs:
    """CPU cores and GPUs that a call has for itself."""

    cpus: int
    gpus: int

    def times(self, machine: Mapping[str, Any]) -> int:
        """Calls that fit on the machine at once; none on one that was lost."""
        if not machine["Alive"]:
            return 0
        wanted = {"CPU": self.cpus, "GPU": self.gpus}
        has = machine["Resources"]
        return min(int(has.get(name, 0) // count) for name, count in wanted.items() if count)

    def __str__(self) -> str:
        """`2 CPU cores`, `1 CPU core and 1 GPU`."""
        cores = f"{self.cpus} CPU core{'s' if self.cpus > 1 else ''}"
        return cores + (f" and {self.gpus} GPU" if self.gpus else "")


def slots(ray: Any, needs: Needs) -> int:
    """Calls at once on the machines that are there now."""
    return sum(map(needs.times, ray.nodes()))


def check(ray: Any, function: Any, needs: Needs) -> None:
    """Let every machine that can take a call answer one that does nothing.

    Args:
        function: `remote.call`, as a function of Ray.

    Raises:
        InputError: there is none, or one does not answer, or has other code than this machine.
    """
    machines = [machine for machine in ray.nodes() if needs.times(machine)]
    if not machines:
        raise InputError(f"no machine of the cluster has {needs}, which a training needs")
    answers = [(machine, _greeted(function, machine)) for machine in machines]
    for machine, answer in answers:
        outcome = _first(ray, answer)
        if outcome.status != "ok":
            raise InputError(
                f"machine {machine['NodeManagerAddress']} of the cluster cannot train: "
                f"{outcome.reason}; it needs the howdeep and the PyTorch of this one"
            )


def _greeted(function: Any, machine: Mapping[str, Any]) -> Any:
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    there = NodeAffinitySchedulingStrategy(machine["NodeID"], soft=False)
    # It waits for no core or GPU: others may use the cluster too.
    greeting = function.options(num_cpus=0, num_gpus=0, scheduling_strategy=there)
    return greeting.remote(remote.versions(), FIRST_SECONDS, remote.name(remote.versions))


def _first(ray: Any, answer: Any) -> Outcome:
    try:
        outcome: Outcome = ray.get(answer, timeout=FIRST_SECONDS)
    except ray.exceptions.GetTimeoutError:
        return Outcome("timeout", reason=f"no answer after {FIRST_SECONDS:g} s")
    except ray.exceptions.RayError as error:
        return Outcome("error", reason=plain_line(error))
    return outcome
