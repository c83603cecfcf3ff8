"""The page of a comparison in a real Chromium: it draws, answers, loads nothing, shows names as
text."""

from pathlib import Path

import pytest

from reports.price import parse_prices
from tests.reports import benchmark_files

from . import comparisons
from .browser import Browser
from .pages import HOSTILE
from .test_in_browser import MARKS, only_itself


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two machines, with a budget and prices."""
    return comparisons.written(
        tmp_path_factory.mktemp("two"),
        comparisons.two(),
        budgets=["latency=1.5ms"],
        prices=parse_prices(["cpu=$1/h", "gpu=$2.5/h"], ["cpu", "gpu"]),
    )


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six machines whose names try to break out."""
    return comparisons.written(tmp_path_factory.mktemp("hostile"), comparisons.hostile())


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files that are no studies of howdeep."""
    documents = {"old": benchmark_files.version_3(), "new": benchmark_files.version_5(0.7)}
    return comparisons.written(tmp_path_factory.mktemp("plain"), documents)


@pytest.fixture(scope="module")
def five(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """More machines than stand side by side."""
    return comparisons.written(tmp_path_factory.mktemp("five"), comparisons.many(5))


def charts(browser: Browser) -> dict[str, int]:
    """The marks of each chart, by its key."""
    drawn = browser.run(MARKS)
    assert all(width > 200 for _, _, width in drawn), drawn
    return {key: marks for key, marks, _ in drawn}


def test_every_chart_has_marks_and_nothing_is_loaded(browser: Browser, two: Path) -> None:
    """Of every kind there is one; the console is silent; no request leaves the file."""
    browser.open(two)
    marks = charts(browser)
    kinds = {key.split("-")[0] for key in marks}
    assert kinds == {"ratio", "time", "line", "crossing", "use", "budget", "training", "price"}
    assert all(marks.values()), marks
    assert browser.console() == []
    assert only_itself(browser, two)


def test_the_answer_stands_on_top_and_what_differs_before_the_charts(
    browser: Browser, two: Path
) -> None:
    """The mean ratio and the move of the best depth, in words; then the environments."""
    browser.open(two)
    headings = browser.run("return [...document.querySelectorAll('h2')].map(e => e.textContent)")
    assert headings[:3] == ["Answer", "What differs", "Time over that of the base"]
    answer = browser.run("return document.getElementById('answer').innerText")
    assert "gpu takes 1.94x the time of cpu" in answer
    assert "the best depth of mlp on mnist1d is 8 everywhere" in answer
    told = browser.run("return document.getElementById('measured').innerText")
    assert comparisons.COMMAND in told


def test_the_slider_moves_the_best_depth_of_each_machine(browser: Browser, two: Path) -> None:
    """From the best without a limit to none."""
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys

    answers = "return [...document.querySelectorAll('[data-network] strong')].map(e => e.innerText)"
    browser.open(two)
    assert browser.run(answers) == ["8", "8", "32", "32"]
    browser.driver.find_element(By.ID, "limit").send_keys(Keys.HOME)
    assert browser.run(answers) == ["none"] * 4


def test_files_of_other_benchmarks_have_ratios_only(browser: Browser, plain: Path) -> None:
    """There are no passes and no depth."""
    browser.open(plain)
    assert set(charts(browser)) == {"ratio-1"}
    assert "new takes 0.700x the time of old" in browser.run("return document.body.innerText")
    assert browser.console() == []
    assert only_itself(browser, plain)


def test_of_many_machines_four_are_drawn(browser: Browser, five: Path) -> None:
    """The base, the two fastest and the slowest, which is said; all have their row."""
    browser.open(five)
    legend = browser.run(
        "return [...document.querySelectorAll('#time-1 .role-legend-label text')]"
        ".map(e => e.textContent)"
    )
    assert legend == ["m0", "m1", "m2", "m4"]
    words = browser.run("return document.getElementById('time-1-words').innerText")
    assert "Of 5 machines the base, the two fastest and the slowest are drawn." in words
    rows = browser.run(
        "return [...document.querySelectorAll('#ratios > .block tbody th')].map(e => e.innerText)"
    )
    assert rows == ["m1", "m2", "m3", "m4"]


def test_a_telephone_scrolls_in_one_direction(browser: Browser, two: Path) -> None:
    """Nothing is wider than 390 pixels."""
    browser.open(two, width=390)
    assert browser.run("return document.documentElement.scrollWidth") <= 390
    assert browser.console() == []


def test_names_are_shown_and_never_interpreted(browser: Browser, hostile: Path) -> None:
    """No element comes of them, nothing runs, nothing is loaded, no direction turns."""
    browser.open(hostile)
    assert browser.run("return document.querySelectorAll('img, script[src], iframe').length") == 0
    assert browser.run("return document.querySelectorAll('[onerror], [onmouseover]').length") == 0
    assert browser.console() == []
    assert only_itself(browser, hostile)
    assert HOSTILE["script"] in browser.run("return document.body.innerText")
    whole = browser.run("return document.documentElement.outerHTML")
    assert not {"\u202e", "\u2066"} & set(whole)
    assert "x" * 3_000 not in whole


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("name", ["two", "hostile", "plain", "five"])
def test_axe_finds_nothing_serious(
    browser: Browser, request: pytest.FixtureRequest, name: str, dark: bool
) -> None:
    """Of axe-core's rules none of serious or critical impact."""
    browser.open(request.getfixturevalue(name), dark=dark)
    browser.run("document.querySelectorAll('details').forEach(e => { e.open = 1; })")
    found = [each for each in browser.axe() if each["impact"] in ("serious", "critical")]
    assert not found, [(each["id"], each["nodes"][0]["html"][:300]) for each in found]


def test_every_chart_has_words_and_a_table(browser: Browser, two: Path) -> None:
    """What is drawn is told, and can be read as numbers."""
    browser.open(two)
    told = browser.run(
        "return [...document.querySelectorAll('figure')].map(each => ["
        "each.querySelector('[role=img]').getAttribute('aria-label').length,"
        "each.querySelector('figcaption').innerText.length,"
        "each.querySelectorAll('details tbody tr').length])"
    )
    assert all(label > 3 and words > 20 and rows > 0 for label, words, rows in told), told
