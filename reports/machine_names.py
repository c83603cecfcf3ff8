"""Names of machines as they are shown: they come from files and people, of any length."""

from collections.abc import Sequence

LONGEST_NAME = 24


def short(name: str) -> str:
    """A machine's name as it is shown: at most 24 characters, none that would steer a terminal."""
    shown = "".join(letter for letter in " ".join(name.split()) if letter.isprintable())
    return shown if len(shown) <= LONGEST_NAME else shown[: LONGEST_NAME - 1] + "…"


def names_words(names: Sequence[str], most: int = 6) -> str:
    """`a, b and c`; of many the first and how many more."""
    shown = [short(name) for name in names[:most]]
    if len(names) > most:
        return f"{', '.join(shown)} and {len(names) - most} more"
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"
