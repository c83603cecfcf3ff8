"""A stand-in for the module `ray`, so that what is done with it is tested where it is not."""

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.machinery import ModuleSpec
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest


class RayError(Exception):
    """The class of all that Ray raises of a call."""


ERRORS = (
    "WorkerCrashedError",
    "NodeDiedError",
    "ObjectLostError",
    "OutOfMemoryError",
    "TaskCancelledError",
    "GetTimeoutError",
)


@dataclass(eq=False)
class Reference:
    """What Ray gives for a result that is not there yet."""

    result: Any
    ready: bool = True


@dataclass
class FakeFunction:
    """A function on the machines: each call takes the next of Ray's results."""

    ray: "FakeRay"
    settings: dict[str, Any]

    def remote(self, *arguments: Any) -> Reference:
        self.ray.asked.append((self.settings, arguments))
        reference = self.ray.results.pop(0)
        return reference if isinstance(reference, Reference) else Reference(reference)

    def options(self, **changes: Any) -> "FakeFunction":
        return FakeFunction(self.ray, {**self.settings, **changes})


def machine(cpus: float = 1, gpus: float = 0, *, name: str = "10.0.0.2", alive: bool = True) -> Any:
    """One as Ray lists it."""
    resources = {name: count for name, count in (("CPU", cpus), ("GPU", gpus)) if count}
    return {"Alive": alive, "NodeID": name, "NodeManagerAddress": name, "Resources": resources}


@dataclass
class FakeRay:
    """Connected to a cluster. `results` are what calls bring, in their order: a value, an error to
    raise, or a `Reference`."""

    machines: list[Any] = field(default_factory=lambda: [machine()])
    results: list[Any] = field(default_factory=list)
    asked: list[tuple[dict[str, Any], tuple[Any, ...]]] = field(default_factory=list)
    cancelled: list[tuple[Reference, bool]] = field(default_factory=list)
    sent: list[Any] = field(default_factory=list)

    def __post_init__(self) -> None:
        kinds = {name: type(name, (RayError,), {}) for name in ERRORS}
        self.exceptions = SimpleNamespace(RayError=RayError, **kinds)

    def is_initialized(self) -> bool:
        return True

    def get_runtime_context(self) -> Any:
        return SimpleNamespace(gcs_address="10.0.0.1:6379")

    def nodes(self) -> list[Any]:
        return self.machines

    def remote(self, **settings: Any) -> Callable[[Any], FakeFunction]:
        return lambda _: FakeFunction(self, settings)

    def put(self, value: Any) -> Any:
        self.sent.append(value)
        return f"reference {len(self.sent)}"

    def wait(self, references: list[Reference], timeout: float) -> tuple[list[Any], list[Any]]:
        assert timeout > 0
        ready = [reference for reference in references if reference.ready]
        return ready, [reference for reference in references if not reference.ready]

    def get(self, reference: Reference, timeout: float | None = None) -> Any:
        assert timeout is None or timeout > 0
        if isinstance(reference.result, Exception):
            raise reference.result
        return reference.result

    def cancel(self, reference: Reference, *, force: bool) -> None:
        self.cancelled.append((reference, force))
        reference.result, reference.ready = self.exceptions.TaskCancelledError(), True


def install(patch: pytest.MonkeyPatch) -> FakeRay:
    """Put the stand-in where `import ray` finds it."""
    ray = FakeRay()
    module = ModuleType("ray")
    module.__spec__ = ModuleSpec("ray", None)
    module.__dict__.update({name: getattr(ray, name) for name in dir(ray) if name[0] != "_"})
    strategies = ModuleType("ray.util.scheduling_strategies")
    strategies.__dict__["NodeAffinitySchedulingStrategy"] = lambda node, soft: (node, soft)
    patch.setitem(sys.modules, "ray", module)
    patch.setitem(sys.modules, "ray.util", ModuleType("ray.util"))
    patch.setitem(sys.modules, "ray.util.scheduling_strategies", strategies)
    return ray
