"""Markdown that fits a comment of a pull request."""

from reports.trim import MOST_CHARACTERS, fitted


def test_what_fits_is_whole() -> None:
    """Parts stand under the title in their order."""
    assert fitted("Title", [("a", "first"), ("b", ""), ("c", "last")]) == (
        "# Title\n\nfirst\n\nlast\n"
    )


def test_what_does_not_fit_is_named() -> None:
    """Whole parts are left out, smaller ones after them kept; the first few are named."""
    parts = [("small", "s"), ("large", "x" * 70_000), ("end", "e")]
    parts += [(f"more {place}", "y" * 70_000) for place in range(7)]
    text = fitted("Title", parts)
    assert len(text) <= MOST_CHARACTERS
    assert text.startswith(
        "# Title\n\ns\n\ne\n\nLeft out, to fit 65,536 characters: large, more 0,"
    )
    assert "and 3 more" in text


def test_names_of_any_length_fit() -> None:
    """Also the line that says what was left out."""
    parts = [("n|" * 10_000, "x" * 70_000) for _ in range(9)]
    assert len(fitted("Title", parts)) < 1_000


def test_parts_are_kept_up_to_the_last_character() -> None:
    """A report of exactly the most that fits is whole."""
    room = MOST_CHARACTERS - len("# T\n\n") - len("\n")
    assert len(fitted("T", [("all", "x" * room)])) == MOST_CHARACTERS
    assert "Left out" in fitted("T", [("all", "x" * (room + 1))])
