"""The console in a real browser: the story it is for, in both languages, and what axe says of its accessibility."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.support.expected_conditions import staleness_of
from selenium.webdriver.support.ui import Select, WebDriverWait

from tests.support.browser import browser, needs_chromium
from tests.support.demo import RunningDemo, running_demo
from tests.support.node import FOLDER, install

pytestmark = needs_chromium
PAGES = ("", "record", "history", "alerts", "policy", "obligations")


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    with browser(tmp_path_factory.mktemp("profile")) as found:
        yield found


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDemo]:
    """A demonstration of one's own: a page shows twenty documents, and what is counted here are those of this story."""
    with running_demo(tmp_path_factory.mktemp("shown")) as running:
        yield running


def _open(driver: Chrome, demo: RunningDemo, page: str, **choice: str) -> None:
    driver.get(f"{demo.root}/console/{page}?{urlencode({'lang': 'en', **choice})}")


def _titles(driver: Chrome) -> list[str]:
    return [each.text for each in driver.find_elements(By.CSS_SELECTOR, "tbody th")]


def _press(driver: Chrome, name: str) -> None:
    """Press a button that leads to another page, and wait for it: a browser may answer from the one it leaves."""
    left = driver.find_element(By.TAG_NAME, "html")
    driver.find_element(By.XPATH, f"//button[normalize-space()='{name}']").click()
    waiting = WebDriverWait(driver, 30)
    waiting.until(staleness_of(left))
    waiting.until(lambda each: each.execute_script("return document.readyState") == "complete")


def test_a_visitor_publishes_masks_and_sees_who_still_sees(driver: Chrome, shown: RunningDemo) -> None:
    driver.get(f"{shown.root}/console?lang=en")
    Select(driver.find_element(By.ID, "reader")).select_by_value("author-doctor")
    Select(driver.find_element(By.ID, "patient")).select_by_value("adult")
    _press(driver, "See")
    assert driver.find_element(By.TAG_NAME, "h1").text == "hospital doctor, authorised → adult"
    assert "professional.authorised" in driver.find_element(By.CSS_SELECTOR, ".decision.permit").text
    before = len(_titles(driver))
    _press(driver, "Publish a sample report")
    assert "Done." in driver.find_element(By.CSS_SELECTOR, "[role=status]").text
    assert len(_titles(driver)) == before + 1
    _press(driver, "Mask to professionals")
    row = driver.find_element(By.CSS_SELECTOR, "tbody tr")
    assert "masked to professionals" in row.text
    assert "professional.author" in row.text
    for reader, sees in (("nurse", before), ("treating-doctor", before + 1), ("patient-adult", before + 1)):
        _open(driver, shown, "record", reader=reader, patient="adult")
        assert len(_titles(driver)) == sees, reader
    _open(driver, shown, "record", reader="nurse", patient="adult", purpose="bris_de_glace", reason="détresse")
    assert len(_titles(driver)) == before + 1, "an emergency opens what is masked"
    _open(driver, shown, "record", reader="author-doctor", patient="adult")
    _press(driver, "Unmask")
    _open(driver, shown, "record", reader="nurse", patient="adult")
    assert len(_titles(driver)) == before + 1


def test_a_refusal_names_its_rule_and_its_article(driver: Chrome, shown: RunningDemo) -> None:
    shown.publish("author-doctor", "adult")
    _open(driver, shown, "record", reader="nurse", patient="adult")
    _press(driver, "Hide from the patient")
    said = driver.find_element(By.CSS_SELECTOR, "[role=status]").text
    assert said.startswith("Refused.")
    assert "right.not-author" in said
    assert "PDT-INF-606" in said
    _open(driver, shown, "record", reader="unauthorised-doctor", patient="adult")
    refused = driver.find_element(By.CSS_SELECTOR, ".decision.deny").text
    assert "record.not-authorised" in refused


def test_the_history_is_a_timeline_of_who_did_what(driver: Chrome, shown: RunningDemo) -> None:
    shown.publish("author-doctor", "adult")
    _open(driver, shown, "history", reader="patient-adult", patient="adult")
    lines = [line.text for line in driver.find_elements(By.CSS_SELECTOR, ".timeline li")]
    assert any("publish permitted" in line and "HUGO BERTIN" in line for line in lines)


def test_the_page_speaks_french_too(driver: Chrome, shown: RunningDemo) -> None:
    _open(driver, shown, "record", reader="author-doctor", patient="adult")
    driver.find_element(By.LINK_TEXT, "Français").click()
    assert driver.find_element(By.TAG_NAME, "html").get_attribute("lang") == "fr"
    assert driver.find_element(By.TAG_NAME, "h1").text == "médecin hospitalier, autorisé → adult"


@pytest.mark.parametrize("page", PAGES)
def test_axe_finds_nothing_to_say(driver: Chrome, shown: RunningDemo, page: str) -> None:
    install()
    shown.publish("author-doctor", "adult")
    _open(driver, shown, page, reader="author-doctor", patient="adult")
    axe = (Path(FOLDER) / "node_modules" / "axe-core" / "axe.min.js").read_text(encoding="utf-8")
    driver.execute_script(axe)
    found: dict[str, Any] = driver.execute_async_script("axe.run().then(arguments[0])")
    assert [(each["id"], [node["html"] for node in each["nodes"]]) for each in found["violations"]] == []
    assert driver.get_log("browser") == []  # type: ignore[no-untyped-call]
