"""What a study says it was called with."""

import pytest

from bench.measure.machine import command_line


@pytest.mark.parametrize(
    ("arguments", "typed"),
    [
        (["/venv/bin/pytest", "bench", "-m", "cost"], "pytest bench -m cost"),
        (["/lib/pytest/__main__.py", "bench"], "python -m pytest bench"),
        (["howdeep", "search", "net.py:build:name=a b"], "howdeep search 'net.py:build:name=a b'"),
        (["pytest"], "pytest"),
    ],
)
def test_a_command_can_be_typed_again(arguments: list[str], typed: str) -> None:
    """Without the folder of the program, and quoted for a shell."""
    assert command_line(arguments) == typed
