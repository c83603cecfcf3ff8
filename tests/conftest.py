"""Warnings are errors in the tests; a user's own warnings under `pytest bench` are not."""

import pytest


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("filterwarnings", "error")


# Tests that take long run only where they are asked for, by their marker.
ON_DEMAND = {
    "drill": "fifty kills of a sweep, minutes: `tox -e drill`",
    "gate": "hours of checks: `tox -e gate`",
    "planted": "an hour of trainings: `tox -e planted`",
    "simulated": "minutes of simulations: `tox -e simulated`",
}


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    unasked = {m: why for m, why in ON_DEMAND.items() if m not in config.getoption("markexpr")}
    for item in items:
        for marker, reason in unasked.items():
            if item.get_closest_marker(marker):
                item.add_marker(pytest.mark.skip(reason=reason))
