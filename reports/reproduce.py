"""How a study can be made again: its command where the study tells it, else what it tells."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .labels import visible

RECORDED = {
    "git_commit": "commit {}",
    "torch": "torch {}",
    "python": "Python {}",
    "threads": "threads: {}",
    "time": "begun at {}",
}


@dataclass(frozen=True)
class Reproduction:
    """Of one file.

    Attributes:
        command: null where the file does not tell it.
        recorded: what else it tells, in words.
    """

    source: str
    command: str | None
    recorded: str


def reproduction(environment: Mapping[str, Any]) -> Reproduction:
    """From what a file tells of its machine."""
    command = environment.get("command")
    told = (
        words.format(visible(str(environment[name])))
        for name, words in RECORDED.items()
        if environment.get(name)
    )
    return Reproduction(
        source=visible(str(environment.get("source", ""))),
        command=visible(command) if isinstance(command, str) and command else None,
        recorded=", ".join(told),
    )
