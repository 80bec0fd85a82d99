"""What a person sees of it in MLflow's page."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from registry_world import NAME, EmbeddedWorld, free_port, material, wait_for

pytestmark = [pytest.mark.slow, pytest.mark.browser]
OURS = 'aside a[href="/towpath/"]'


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    home = tmp_path_factory.mktemp("home")
    EmbeddedWorld(home).add(material())
    port = free_port()
    command = [sys.executable, "-m", "towpath", "ui", "--port", str(port), "--quiet"]
    environment = {**os.environ, "TOWPATH_HOME": str(home)}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, text=True)
    try:
        wait_for(f"http://127.0.0.1:{port}/health", process)
        yield f"http://127.0.0.1:{port}/"
    finally:
        process.terminate()
        process.wait(timeout=30)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """One that was never here before."""
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    for switch in ("--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--window-size=1400,1000"):
        options.add_argument(switch)
    options.add_argument(f"--user-data-dir={tmp_path_factory.mktemp('chromium')}")
    options.binary_location = "/usr/bin/chromium"
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService("/usr/bin/chromedriver"))
    yield driver
    driver.quit()


def until(holds: Callable[[], Any], what: str, seconds: float = 60.0) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := holds()):
        assert time.monotonic() < deadline, f"waited {seconds} s for {what}"
        time.sleep(0.1)
    return found


def shown(browser: Any, selector: str) -> list[Any]:
    return [element for element in browser.find_elements("css selector", selector) if element.is_displayed()]


def test_whoever_comes_for_the_first_time_finds_models_and_promotions(browser: Any, address: str) -> None:
    browser.get(address)
    (link,) = until(lambda: shown(browser, OURS), "the link to the promotions")
    assert link.text == "Promotions"
    links = [item.text for item in shown(browser, "aside li a")]
    assert links.index("Promotions") == links.index("Model registry") + 1
    page = browser.find_element("tag name", "body").text
    assert "UI telemetry" not in page
    assert shown(browser, "[data-assistant-ui]") == []


def test_the_link_stays_through_mlflow_s_own_pages_wide_and_narrow(
    browser: Any, address: str, repository: Path
) -> None:
    browser.get(address)
    until(lambda: shown(browser, OURS), "the link")
    shown(browser, 'aside a[href="#/models"]')[0].click()
    until(lambda: NAME in browser.find_element("tag name", "body").text, "the models")
    assert [item.text for item in shown(browser, OURS)] == ["Promotions"]
    assert shown(browser, OURS)[0].get_attribute("aria-current") is None
    assert shown(browser, '[role="dialog"]') == []
    folder = repository / "build" / "screenshots"
    folder.mkdir(parents=True, exist_ok=True)
    browser.save_screenshot(str(folder / "side_bar.png"))
    shown(browser, 'aside button[aria-label="Toggle sidebar"]')[0].click()
    until(lambda: [item.text for item in shown(browser, OURS)] == [""], "the narrow side bar")
    assert shown(browser, OURS)[0].get_attribute("title") == "Promotions"
    shown(browser, 'aside button[aria-label="Toggle sidebar"]')[0].click()
    until(lambda: [item.text for item in shown(browser, OURS)] == ["Promotions"], "the wide side bar")


def test_the_link_leads_to_the_promotions(browser: Any, address: str) -> None:
    browser.get(address)
    until(lambda: shown(browser, OURS), "the link")[0].click()
    until(lambda: browser.current_url == f"{address}towpath/", "the promotions")
    assert "Promotions" in browser.title


def test_no_other_host_is_asked_for_anything(browser: Any, address: str) -> None:
    browser.get(address)
    until(lambda: shown(browser, OURS), "the link")
    asked = browser.execute_script("return performance.getEntriesByType('resource').map(entry => entry.name)")
    assert asked
    assert [url for url in asked if not url.startswith((address, "data:", "blob:"))] == []
