"""Which versions of a study and of its store can be read."""

from typing import Any

from .errors import InputError

SCHEMA = 1


def check_schema(source: str, schema: Any) -> None:
    """An error unless this version reads that schema."""
    if not isinstance(schema, int) or isinstance(schema, bool) or schema < 1:
        raise InputError(f"{source}: the study's schema must be a number from 1; got {schema!r}")
    if schema > SCHEMA:
        raise InputError(
            f"{source}: schema {schema} is newer than {SCHEMA}, which this howdeep reads: "
            "upgrade howdeep"
        )
