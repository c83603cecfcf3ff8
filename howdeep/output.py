"""Files that the command writes, and terminals that it prints to."""

import contextlib
import io
from pathlib import Path


def write(content: str | bytes, path: Path) -> None:
    """Written beside and renamed: a file that was there stays whole until the new one is.

    Raises:
        OSError: it cannot be written; one line that names it.
    """
    beside = path.with_name(f".{path.name}.new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside.write_bytes(content.encode() if isinstance(content, str) else content)
        beside.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):  # it may lie where nothing can
            beside.unlink()
        raise OSError(f"cannot write {path}: {error.strerror}") from error


def tolerate(stream: object) -> None:
    """A terminal that cannot show a character (`°`) shows `?`, and the command goes on."""
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="replace")
