"""A headless Chromium that opens pages from disk and tells what they did.

Chromium and its driver are Debian's packages `chromium` and `chromium-driver`; they are installed
where that can be done without a question, and the tests are skipped, with the reason, where not.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

PACKAGES = {"chromium": "chromium", "chromedriver": "chromium-driver"}
"""Debian's package of each program."""

INSTALLING_SECONDS = 300
DRAWING_SECONDS = 300
SCRIPT_SECONDS = 600


def missing() -> str | None:
    """Why no browser can be started here; null where one can. Installs what it may."""
    for module in ("selenium", "axe_core_python"):
        if find_spec(module) is None:
            return f"{module} is not installed: pip install 'howdeep[tests]'"
    absent = [package for program, package in PACKAGES.items() if shutil.which(program) is None]
    if not absent:
        return None
    told = f"{', '.join(absent)} not installed"
    if shutil.which("apt-get") is None or os.geteuid() != 0:
        return f"{told}: apt-get install {' '.join(absent)}"
    return _installed(absent, told)


def _installed(packages: list[str], told: str) -> str | None:
    quiet = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    for command in (["update"], ["install", "-y", "--no-install-recommends", *packages]):
        try:
            subprocess.run(
                ["apt-get", "-qq", *command],
                check=True, capture_output=True, env=quiet, timeout=INSTALLING_SECONDS,
            )  # fmt: skip
        except (OSError, subprocess.SubprocessError) as error:
            return f"{told}, and apt-get cannot: {error}"
    return None


class Browser:
    """One Chromium; `open` starts each page afresh."""

    def __init__(self, driver: Any) -> None:
        self.driver = driver

    def open(self, path: Path, *, dark: bool = False, width: int = 1280) -> None:
        """The page, with all its charts drawn."""
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        for log in ("browser", "performance"):
            self.driver.get_log(log)  # of the page before
        self.driver.get(path.as_uri())
        self._wait_for_charts()

    def _wait_for_charts(self) -> None:
        from selenium.webdriver.support.ui import WebDriverWait

        undrawn = "return [...document.querySelectorAll('[data-chart]')].every(e => e.firstChild)"
        WebDriverWait(self.driver, DRAWING_SECONDS).until(lambda d: d.execute_script(undrawn))

    def run(self, script: str, *arguments: Any) -> Any:
        """What a script in the page returns."""
        return self.driver.execute_script(script, *arguments)

    def console(self) -> list[str]:
        """What the page wrote to its console, errors included."""
        return [entry["message"] for entry in self.driver.get_log("browser")]

    def requested(self) -> list[str]:
        """The addresses that the page asked for, its own included."""
        entries = [json.loads(each["message"])["message"] for each in self._performance()]
        sent = [each for each in entries if each["method"] == "Network.requestWillBeSent"]
        return [each["params"]["request"]["url"] for each in sent]

    def _performance(self) -> list[dict[str, Any]]:
        entries: list[dict[str, Any]] = self.driver.get_log("performance")
        return entries

    def axe(self) -> list[dict[str, Any]]:
        """What axe-core finds wrong: `id`, `impact` and the places. The drawings themselves, which
        are hidden from those who do not see them, are left out: they take it minutes."""
        spec = find_spec("axe_core_python")
        assert spec is not None
        assert spec.origin is not None
        script = (Path(spec.origin).parent / "axe.min.js").read_text(encoding="utf-8")
        self.run(script)
        found: dict[str, Any] = self.driver.execute_async_script(
            "const done = arguments[arguments.length - 1];"
            "axe.run({exclude: [['[data-chart]']]}, {resultTypes: ['violations']}).then(done);"
        )
        violations: list[dict[str, Any]] = found["violations"]
        return violations


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Started once."""
    reason = missing()
    if reason:
        pytest.skip(reason)
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    # Without a sandbox, as containers run everything as root, where Chromium has none.
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage"):
        options.add_argument(argument)
    options.binary_location = shutil.which("chromium") or ""
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))
    driver.set_script_timeout(SCRIPT_SECONDS)
    driver.command_executor.client_config.timeout = SCRIPT_SECONDS
    try:
        yield Browser(driver)
    finally:
        driver.quit()
