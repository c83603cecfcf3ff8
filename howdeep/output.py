"""Files that the command writes, and terminals that it prints to."""

import contextlib
import io
from pathlib import Path


def write(content: str | bytes, path: Path) -> None:
    """Written beside and renamed: a file that was there stays whole until the new one is.

    Raises:
        OSError: it cannot be written; one line that names it.
    """
    if not path.name:
        raise OSError(f"cannot write {path}: the name of a file was expected")
    beside = path.with_name(f".{path.name}.new")
    # Names in other people's JSON may hold half of a surrogate pair, which UTF-8 has no form for.
    data = content.encode(errors="replace") if isinstance(content, str) else content
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside.write_bytes(data)
        beside.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):  # it may lie where nothing can
            beside.unlink()
        raise OSError(f"cannot write {path}: {error.strerror}") from error


def tolerate(stream: object) -> None:
    """A terminal that cannot show a character (`°`) shows `?`, and the command goes on."""
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="replace")
