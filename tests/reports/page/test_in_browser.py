"""The page in a real Chromium: it draws, answers, loads nothing, and shows names as text."""

from pathlib import Path
from typing import Any

import pytest

from tests.reports import studies

from . import pages
from .browser import Browser

EMPTY = studies.document()
COSTS = studies.document(studies.costs("mlp"))
RUNS = studies.document(runs=studies.runs("mlp", {2: 0.9}))

MARKS = """
return [...document.querySelectorAll('[data-chart]')].map(place => [
  place.dataset.chart,
  place.querySelectorAll('.mark-symbol path, .mark-rect path, .mark-line path').length,
  place.querySelector('svg').getBoundingClientRect().width,
]);
"""


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page with every chart."""
    return pages.written(tmp_path_factory.mktemp("page"), pages.everything())


def only_itself(browser: Browser, page: Path) -> bool:
    """Did nothing leave the file? An address of data is none."""
    return {url for url in browser.requested() if not url.startswith("data:")} == {page.as_uri()}


def test_every_chart_is_drawn_and_nothing_is_loaded(browser: Browser, everything: Path) -> None:
    """Each has marks and a width; the console is silent."""
    browser.open(everything)
    drawn = browser.run(MARKS)
    assert len(drawn) > 20
    assert all(marks > 0 and width > 200 for _, marks, width in drawn), drawn
    assert browser.console() == []
    assert only_itself(browser, everything)


def test_a_telephone_scrolls_in_one_direction(browser: Browser, everything: Path) -> None:
    """Nothing is wider than 390 pixels, and charts fill that width."""
    browser.open(everything, width=390)
    assert browser.run("return document.documentElement.scrollWidth") <= 390
    assert all(300 < width <= 390 for _, _, width in browser.run(MARKS))


@pytest.mark.parametrize("study", [EMPTY, COSTS, RUNS], ids=["nothing", "costs", "runs"])
def test_what_was_not_measured_says_how_to(
    browser: Browser, tmp_path: Path, study: dict[str, Any]
) -> None:
    """Panels without data name a command; nothing fails for want of it."""
    browser.open(page := pages.written(tmp_path, study))
    commands = browser.run(
        "return [...document.querySelectorAll('.missing code')].map(e => e.textContent)"
    )
    assert len(commands) >= 4
    assert all(command.startswith("pytest bench") for command in commands)
    assert browser.console() == []
    assert only_itself(browser, page)


# --- the slider ---------------------------------------------------------------------------------

ANSWERS = "return [...document.querySelectorAll('[data-network] strong')].map(e => e.textContent)"


def test_the_slider_moves_the_answer(browser: Browser, everything: Path) -> None:
    """From the best depth of each network without a limit to none; said in words, too."""
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys

    browser.open(everything)
    slider = browser.driver.find_element(By.ID, "limit")
    assert browser.run(ANSWERS) == ["8", "32", "8"]
    assert slider.get_attribute("aria-valuetext") == "no limit"
    slider.send_keys(Keys.HOME)
    assert browser.run(ANSWERS) == ["none"] * 3
    slider.send_keys(*[Keys.PAGE_UP] * 4)
    assert browser.run(ANSWERS) == ["4", "4", "4"]
    assert slider.get_attribute("aria-valuetext").startswith("at most 0.")
    spoken = browser.driver.find_element(By.ID, "spoken").text
    assert spoken.startswith("With forward latency of a batch of at most 0.")
    isolated = [f"\u2068{name}\u2069 4" for name in ("mlp", "resnet", "resnet:residual=false")]
    assert spoken.endswith(f"{', '.join(isolated)}.")


def test_another_cost_has_a_budget_of_its_own(browser: Browser, everything: Path) -> None:
    """Each radio button leads to its own range and unit."""
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys

    browser.open(everything)
    radios = browser.driver.find_elements(By.NAME, "cost")
    slider = browser.driver.find_element(By.ID, "limit")
    slider.send_keys(Keys.HOME)
    seen = []
    for radio in radios:
        radio.click()
        assert browser.run(ANSWERS) == ["none"] * 3
        seen.append(slider.get_attribute("aria-valuetext").rsplit(maxsplit=1)[1])
    assert seen == ["ms", "MB", "MFLOPs", "s", "GFLOPs", "mJ"]


# --- names from outside -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page full of names that try to break out."""
    folder = tmp_path_factory.mktemp("hostile")
    return pages.written(folder, pages.hostile(), [pages.HOSTILE["script"]])


def test_names_are_shown_and_never_interpreted(browser: Browser, hostile: Path) -> None:
    """No element comes of them, nothing runs, nothing is loaded; they can be read as they are."""
    browser.open(hostile)
    assert browser.run("return document.querySelectorAll('img, script[src], iframe').length") == 0
    assert browser.run("return document.querySelectorAll('[onerror], [onmouseover]').length") == 0
    assert browser.console() == []
    assert only_itself(browser, hostile)
    text = browser.run("return document.body.innerText")
    for name in ("script", "comment", "template", "quotes"):
        assert pages.HOSTILE[name] in text
    assert "x" * 1_500 not in text
    assert "…" in text


def test_names_cannot_turn_the_text_around_them(browser: Browser, hostile: Path) -> None:
    """Marks of direction are dropped, and names stand isolated."""
    browser.open(hostile)
    whole = browser.run("return document.documentElement.outerHTML")
    assert not {"\u202e", "\u2066"} & set(whole)
    titles = browser.run("return [...document.querySelectorAll('.card h3')].map(e => e.innerHTML)")
    assert all(title.startswith("<bdi>") for title in titles)


def test_a_tooltip_shows_a_name_as_text(browser: Browser, hostile: Path) -> None:
    """Under the pointer, too, it is no element."""
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.by import By

    browser.open(hostile)
    place = "#front-1 .mark-symbol.role-mark path"
    marks = browser.driver.find_elements(By.CSS_SELECTOR, place)
    browser.run("arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})", marks[-1])
    ActionChains(browser.driver).move_to_element(marks[-1]).perform()
    shown = "return document.querySelector('#vg-tooltip-element')?.innerText ?? ''"
    assert "series" in browser.run(shown)
    assert browser.run("return document.querySelectorAll('#vg-tooltip-element img').length") == 0


# --- accessibility ------------------------------------------------------------------------------


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("name", ["everything", "hostile"])
def test_axe_finds_nothing_serious(
    browser: Browser, request: pytest.FixtureRequest, name: str, dark: bool
) -> None:
    """Contrast, names, roles, headings: of axe-core's rules none of serious or critical impact."""
    browser.open(request.getfixturevalue(name), dark=dark)
    browser.run(
        "[...document.querySelectorAll('details')].slice(0, 3).forEach(e => { e.open = 1; })"
    )
    found = [each for each in browser.axe() if each["impact"] in ("serious", "critical")]
    assert not found, [(each["id"], each["nodes"][0]["html"][:300]) for each in found]


def test_every_chart_has_words_and_a_table(browser: Browser, everything: Path) -> None:
    """What is drawn is told, and can be read as numbers."""
    browser.open(everything)
    told = browser.run(
        "return [...document.querySelectorAll('figure')].map(each => ["
        "each.querySelector('[role=img]').getAttribute('aria-label').length,"
        "each.querySelector('figcaption').innerText.length,"
        "each.querySelectorAll('details tbody tr').length])"
    )
    assert all(label > 8 and words > 20 and rows > 0 for label, words, rows in told), told
