"""What was found of the planted cases, as a table."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

RESULTS = Path("results/planted")


@pytest.fixture(scope="session")
def answers() -> Iterator[list[dict[str, Any]]]:
    """What was found of each case; written as a table at the end."""
    rows: list[dict[str, Any]] = []
    yield rows
    RESULTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / "planted.json").write_text(json.dumps(rows, indent=1))
    (RESULTS / "planted.md").write_text(_table(rows))


def _table(rows: list[dict[str, Any]]) -> str:
    from tabulate import tabulate

    columns = ("case", "network", "planted", "named", "confidence", "minutes")
    lines = [[row[name] for name in columns] for row in rows]
    return str(tabulate(lines, columns, tablefmt="github", floatfmt=".1f")) + "\n"
