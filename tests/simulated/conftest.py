"""Thousands of simulated studies take minutes: they run only where they are asked for."""

import pytest


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if "simulated" in config.getoption("markexpr"):
        return
    for item in items:
        if item.get_closest_marker("simulated"):
            item.add_marker(pytest.mark.skip(reason="minutes of simulations: `tox -e simulated`"))
