"""Warnings are errors in the tests; a user's own warnings under `pytest bench` are not."""

import pytest


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("filterwarnings", "error")
