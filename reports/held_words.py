"""What was held equal, in words: a line of what is equal, and one of what is not."""

from collections.abc import Sequence
from typing import Any

from .held_equal import ALIKE, MEASURED, SETTINGS, Held

WIDTHS = ("width", "widen", "growth", "size")
"""The knobs that say how wide a network is: shown also where they are equal."""

WORDS = {
    "match": "{} matched",
    "epochs": "{}",
    "steps": "{}",
    "optimizer": "{}",
    "learning_rate": "learning rate {}",
    "tuned_from": "tuned over {} learning rates",
    "weight_decay": "weight decay {}",
    "batch_size": "batch {}",
    "n_train": "{} training samples",
    "stack": "{} networks trained together",
    "seeds": "{} a depth",
    "flops": "FLOPs of a sample",
    "train_flops": "training FLOPs",
}


COUNTED = ("epochs", "steps", "seeds")
"""Named with the number: `1 epoch`, `3 seeds a depth`."""


def held_lines(held: Sequence[Held]) -> tuple[str, ...]:
    """`held equal: width 24, 10 epochs, …` and `not equal: parameters 13x, …`."""
    equal = [words for each in held if (words := _equal(each))]
    differing = [_differing(each) for each in held if not _is_alike(each)]
    silent = not any(each.name in SETTINGS for each in held)
    return (
        f"held equal: {', '.join(equal) or 'nothing'}{'; nothing else is known' if silent else ''}",
        *([f"not equal (smallest to largest): {', '.join(differing)}"] if differing else ()),
    )


def _is_alike(held: Held) -> bool:
    measured = held.name in MEASURED and held.ratio is not None and held.ratio <= ALIKE
    return held.is_equal or measured


def _equal(held: Held) -> str:
    """Empty for what differs, and for what every network of a task shares anyway."""
    if held.name in MEASURED:
        return _within(held) if _is_alike(held) else ""
    if not held.is_equal:
        return ""
    if held.name not in WORDS and held.name not in WIDTHS:
        return ""
    (value,) = held.values
    if (held.name, value) == ("stack", 1):
        return ""
    return _named(held.name, _plain(len(value) if held.name == "tuned_from" else value))


def _within(held: Held) -> str:
    name = WORDS.get(held.name, held.name)
    return f"{name} (to {100 * ((held.ratio or 1) - 1):.2g}%)" if not held.is_equal else name


def _differing(held: Held) -> str:
    if held.ratio is None:
        return _named(held.name, " or ".join(map(_plain, held.values)))
    if held.name in MEASURED:
        return f"{WORDS.get(held.name, held.name)} {held.ratio:.3g}x"
    return _named(held.name, f"{_plain(min(held.values))}…{_plain(max(held.values))}")


def _named(name: str, value: str) -> str:
    words = WORDS.get(name, name)
    if name in COUNTED:
        value = f"{value} {name if value != '1' else name.removesuffix('s')}"
    return words.format(value) if "{}" in words else f"{words} {value}"


def _plain(value: Any) -> str:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return f"{value:,.6g}"
    return str(value)
