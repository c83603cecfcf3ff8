"""Settings of a check: what cannot be is refused, and what is typed comes first."""

from pathlib import Path

import pytest

from howdeep.check_settings import read, typed
from reports.errors import InputError
from reports.regression.margins import Margins


def settings_of(folder: Path, text: str) -> Path:
    """A folder with these settings."""
    (folder / "pyproject.toml").write_text(f"[tool.howdeep.check]\n{text}\n")
    return folder


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("batch_size = 0", "batch_size must be at least 1"),
        ("threads = -1", "threads must be at least 1"),
        ("depths = [2, 0]", "depths must be at least 1"),
        ("max_minutes = nan", "max_minutes must be above 0"),
        ("max_minutes = inf", "max_minutes must be above 0"),
        (f"max_minutes = 1{400 * '0'}", "max_minutes must be above 0"),
        ("max_minutes = 0", "max_minutes must be above 0"),
        ("batch_size = true", "batch_size cannot be True"),
        ("families = 'net.py:build'", "families takes a list"),
        ("depth = [2]", "unknown 'depth'"),
        ("margins = '3%'", "margins must be a table"),
    ],
)
def test_settings_that_cannot_be_are_refused(tmp_path: Path, text: str, words: str) -> None:
    """By name."""
    with pytest.raises(InputError, match=words.replace("[", r"\[")):
        read(settings_of(tmp_path, text))


def test_typed_numbers_are_checked_too(tmp_path: Path) -> None:
    """No time at all is no time to measure in."""
    with pytest.raises(InputError, match="max_minutes"):
        typed(read(tmp_path), max_minutes=-1.0)


def test_a_typed_margin_leaves_the_others_as_configured() -> None:
    """It holds for every family; of other metrics the settings still say what is let pass."""
    configured = Margins({"accuracy": 0.02}, {"net.py:build": {"time": 0.1, "peak_bytes": 0.05}})
    margins = configured.with_typed({"time": 0.07})
    assert margins.of("time", "net.py:build") == margins.of("time", "mlp") == 0.07
    assert margins.of("peak_bytes", "net.py:build") == 0.05
    assert margins.of("accuracy", "mlp") == 0.02
