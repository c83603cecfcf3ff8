"""What a call on a machine of a cluster does there: a child, as on this machine.

The process that Ray starts for it imports no PyTorch, which one process a call is enough for.
"""

import importlib
import os
import platform
from collections.abc import Callable, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from .. import sources
from ..isolate import Children, Outcome

# A child runs Ray's worker script as its `__main__`, which imports Ray: once, where it is forked.
_PRELOAD = ("bench.train.child", "ray")

# The GPUs that Ray gives to a call.
_VISIBLE = "CUDA_VISIBLE_DEVICES"

_ROOT = Path(__file__).parents[2]


def versions() -> dict[str, str]:
    """What has to be the same on every machine: a digest of our code, and PyTorch without its
    build, which may have CUDA on one machine and not on another."""
    code = sources.digest(*(_ROOT / "bench").rglob("*.py"), *(_ROOT / "models").glob("*.py"))
    return {"howdeep": code, "torch": metadata.version("torch").partition("+")[0]}


def name(function: Callable[..., Any]) -> str:
    """What `call` finds the function by."""
    return f"{function.__module__}:{function.__qualname__}"


def call(wanted: Mapping[str, str], timeout: float, function: str, *args: Any) -> Outcome:
    """The named function's outcome in a child of this process; an error where `versions` differ."""
    found = versions()
    if found != wanted:
        reason = f"{platform.node()} has {_listed(found)} where {_listed(wanted)} is needed"
        return Outcome("error", reason=reason)
    children = Children(preload=_PRELOAD)
    try:
        visible = os.environ.get(_VISIBLE)
        return children.call(_named, visible, function, *args, timeout=timeout)
    finally:
        children.close()


def _named(visible: str | None, function: str, *args: Any) -> Any:
    """Children are forked with what the first call of their worker could see."""
    if visible is not None:
        os.environ[_VISIBLE] = visible
    module, _, attribute = function.partition(":")
    return getattr(importlib.import_module(module), attribute)(*args)


def _listed(versions: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {version}" for name, version in versions.items())
