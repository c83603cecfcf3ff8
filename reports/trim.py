"""Markdown that fits where it is shown: parts are left out whole, and it says which.

A comment of a pull request on GitHub holds 65,536 characters; a job's summary 1 MiB, which is more
whatever the characters.
"""

from collections.abc import Sequence

from .labels import escaped, shortened

MOST_CHARACTERS = 65_536

NAMED = 5
"""Parts left out that are named; the others are counted."""

_RESERVED = 600
"""Characters kept for the line that says what was left out."""


def fitted(
    title: str,
    parts: Sequence[tuple[str, str]],
    most: int = MOST_CHARACTERS,
    whole: str = "howdeep report --html",
) -> str:
    """The parts under a title, as many as fit, in their order.

    Args:
        parts: the name and the Markdown of each.
        whole: the command that shows what was left out, too.
    """
    all_parts = _joined(title, [text for _, text in parts])
    if len(all_parts) <= most:
        return all_parts
    kept, left_out, room = [], [], most - _RESERVED - len(title)
    for name, text in parts:
        if len(text) + 2 <= room:
            kept.append(text)
            room -= len(text) + 2
        else:
            left_out.append(name)
    return _joined(title, [*kept, _left_out(left_out, most, whole)])


def _left_out(names: Sequence[str], most: int, whole: str) -> str:
    named = ", ".join(escaped(shortened(name)) for name in names[:NAMED])
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return f"Left out, to fit {most:,} characters: {named}{more}. `{whole}` shows everything."


def _joined(title: str, texts: Sequence[str]) -> str:
    return "\n\n".join([f"# {title}", *filter(None, texts)]) + "\n"
