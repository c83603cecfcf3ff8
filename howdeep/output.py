"""Files that the command writes."""

import contextlib
from pathlib import Path


def write(content: str, path: Path) -> None:
    """Written beside and renamed: a file that was there stays whole until the new one is.

    Raises:
        OSError: it cannot be written; one line that names it.
    """
    beside = path.with_name(f".{path.name}.new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside.write_text(content, encoding="utf-8")
        beside.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):  # it may lie where nothing can
            beside.unlink()
        raise OSError(f"cannot write {path}: {error.strerror}") from error
