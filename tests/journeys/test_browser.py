"""What a person sees in MLflow's UI after the path was walked."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.journeys.conftest import World

from browsing import chromium, keep, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.browser]

# What somebody has set who closed MLflow's welcome and its assistant.
_CLOSED = {
    "_mlflow_model_registry_promo_modal_dismissed": "true",
    "mlflow.assistant.fab.autoOpenedOnFirstLoad_v1": "true",
    "mlflow.assistant.panelOpen_v1": "false",
    "mlflow.workflowType_v1": '"machine_learning"',
}


@pytest.fixture(scope="module")
def watched(coding: World, tmp_path_factory: pytest.TempPathFactory) -> World:
    world = coding.copy(tmp_path_factory.mktemp("watched"))
    world("monitor", code=1)
    return world


@pytest.fixture(scope="module")
def address(watched: World) -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "towpath", "ui", "--port", str(port)]
    process = subprocess.Popen(command, env=watched.environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: _answers(f"http://127.0.0.1:{port}/health"), "the UI to answer", seconds=90)
        yield f"http://127.0.0.1:{port}/"
    finally:
        process.terminate()
        process.wait(timeout=30)


@pytest.fixture(scope="module")
def browser(address: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with chromium(tmp_path_factory.mktemp("chromium")) as driver:
        driver.get(address)
        for key, value in _CLOSED.items():
            driver.execute_script("localStorage.setItem(arguments[0], arguments[1])", key, value)
        yield driver


def text_of(browser: Any, page: str, *expected: str) -> str:
    """Open the page and wait until it shows all that is expected."""
    browser.get("about:blank")
    browser.get(page)
    seen = ""

    def shows() -> bool:
        nonlocal seen
        seen = browser.find_element("tag name", "body").text
        return all(word in seen for word in expected)

    try:
        wait_until(shows, f"{expected} on {page}", seconds=60)
    except AssertionError as error:
        raise AssertionError(f"{error}; it shows:\n{seen}") from None
    return seen


def test_the_registry_shows_the_model_and_its_aliases(browser: Any, address: str, repository: Path) -> None:
    text_of(browser, f"{address}#/models?workflowType=machine_learning", "occupation-coder", "@ staging")
    keep(browser, "models", repository)


def test_the_version_shows_its_measures_and_leads_to_its_run(browser: Any, address: str, repository: Path) -> None:
    page = f"{address}#/models/occupation-coder/versions/1?workflowType=machine_learning"
    text_of(browser, page, "accuracy_4", "All limits of towpath.yaml hold", "production", "towpath.digest")
    links = [link.get_attribute("href") or "" for link in browser.find_elements("tag name", "a")]
    assert any(re.search(r"#/experiments/\d+/runs/\w+/artifacts", link) for link in links), links
    assert any("viewStateShareKey=" in link for link in links), links
    keep(browser, "version", repository)


def test_the_run_shows_its_plots(browser: Any, address: str, watched: World, repository: Path) -> None:
    shown = watched("show", "occupation-coder/1", "--json").json
    page = f"{address}#/experiments/{_experiment(watched)}/runs/{shown['run_id']}/artifacts/plots/automatic_coding.png"
    text_of(browser, page, "evidence", "plots", "automatic_coding.png")
    wait_until(lambda: _pictures(browser), "the plot to be drawn", seconds=30)
    keep(browser, "plots", repository)


def test_the_monitoring_page_draws_each_measure_over_time(
    browser: Any, address: str, watched: World, repository: Path
) -> None:
    link = watched("show", "occupation-coder/1", "--json").json["monitoring"]
    text_of(browser, address + link[link.index("#") :], "accuracy_4", "Drift", "macro_f1")
    wait_until(lambda: len(browser.find_elements("css selector", ".js-plotly-plot")) >= 3, "the charts", seconds=60)
    keep(browser, "monitoring", repository)


def test_the_pages_ask_nothing_of_any_other_host(browser: Any, address: str) -> None:
    browser.get(f"{address}#/models?workflowType=machine_learning")
    asked = browser.execute_script("return performance.getEntriesByType('resource').map(entry => entry.name)")
    assert asked
    assert [url for url in asked if not url.startswith((address, "data:", "blob:"))] == []


def _experiment(world: World) -> str:
    from towpath_registry.mlflow_door import Tracking

    return Tracking(f"sqlite:///{world.home / 'towpath.db'}").experiment(world.name)


def _pictures(browser: Any) -> bool:
    script = "return [...document.images].some(picture => picture.naturalWidth > 400)"
    return bool(browser.execute_script(script))


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False
