"""Names of machines as they are shown: they come from files and people, of any length."""

from collections.abc import Sequence

from .labels import visible

LONGEST_NAME = 24
"""Characters of a name."""


def short(name: str) -> str:
    """A machine's name as it is shown: its first letters, none that would steer a terminal."""
    shown = visible(name)
    return shown if len(shown) <= LONGEST_NAME else shown[: LONGEST_NAME - 1] + "…"


def names_words(names: Sequence[str], most: int = 6) -> str:
    """`a, b and c`; of many the first and how many more."""
    shown = [short(name) for name in names[:most]]
    if len(names) > most:
        return f"{', '.join(shown)} and {len(names) - most} more"
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"
