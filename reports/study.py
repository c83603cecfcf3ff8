"""Files as tables: a study JSON, the store, any pytest-benchmark JSON, or a CSV table.

The kind is told by what a file holds, not by its name. This module opens files; the `study_*`
modules know their contents.
"""

from collections.abc import Sequence
from pathlib import Path

from .errors import InputError
from .study_csv import read_csv
from .study_json import read_json
from .study_store import MAGIC, read_store
from .tables import Tables, concatenate

__all__ = ["InputError", "Tables", "read", "read_one"]


def read(paths: Sequence[str | Path], unit: str | None = None) -> Tables:
    """The tables of all files together; unit: of a CSV's values, `percent`, `fraction` or None."""
    return concatenate([read_one(path, unit) for path in paths])


def read_one(path: str | Path, unit: str | None = None) -> Tables:
    """The tables of one file.

    Raises:
        InputError: one line that names the file, what is wrong with it, and what to do.
    """
    path = Path(path)
    content = content_of(path)
    if content.startswith(MAGIC):
        return read_store(path)
    text = text_of(path, content)
    if text.lstrip()[0] in "{[":
        return read_json(str(path), text)
    if path.suffix == ".json":
        raise InputError(f"{path}: is not JSON: it begins with {text.lstrip()[:20]!r}")
    return read_csv(str(path), text, unit)


def content_of(path: Path) -> bytes:
    """The bytes of a file; an error that names it where it cannot be read."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except IsADirectoryError:
        raise InputError(f"{path}: is a folder; a file was expected, as study.json in it") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None


def text_of(path: Path, content: bytes) -> str:
    """The text of a file that is not empty, without a byte order mark."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InputError(f"{path}: is neither JSON, CSV (in UTF-8) nor SQLite") from None
    if not text.strip():
        raise InputError(f"{path}: is empty")
    return text
