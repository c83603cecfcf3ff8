"""Names from other people's files where they are drawn: on one line, of bounded length, told apart.

A name may hold anything: line breaks, marks that turn the direction of writing, ten thousand
letters. A chart's legend has room for some forty of them.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping

LONGEST = 48
"""Letters of a name in a chart or a heading."""

MARKDOWN_MARKS = re.compile(r"([\\`*_|<>\[\]#~$])")


def visible(text: str) -> str:
    """The text on one line, without characters that would steer a terminal or turn the direction of
    writing."""
    return "".join(letter for letter in " ".join(text.split()) if letter.isprintable())


def escaped(text: str) -> str:
    """Text that Markdown shows as it is: `|` must not end a cell, `*` not start an emphasis."""
    return MARKDOWN_MARKS.sub(r"\\\1", visible(text))


def shortened(text: str, most: int = LONGEST) -> str:
    """The text in at most so many letters: its beginning and its end, where knobs stand."""
    shown = visible(text)
    if len(shown) <= most:
        return shown
    tail = most // 3
    return f"{shown[: most - tail - 1]}…{shown[-tail:]}"


def labels(names: Iterable[str], most: int = LONGEST) -> Mapping[str, str]:
    """A short label for each name; names that are alike when shortened are numbered."""
    found: dict[str, str] = {}
    alike: Counter[str] = Counter()
    for name in dict.fromkeys(names):
        short = shortened(name, most)
        alike[short] += 1
        found[name] = f"{short} ({alike[short]})" if alike[short] > 1 else short
    return found
