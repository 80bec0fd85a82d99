"""A browser without a window, which asks nobody but who is opened, and a way to wait for what it shows."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any


@contextlib.contextmanager
def chromium(folder: Path) -> Iterator[Any]:
    """Its profile lies in the folder."""
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    for switch in (
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--window-size=1400,1000",
        f"--user-data-dir={folder}",
    ):
        options.add_argument(switch)
    options.binary_location = "/usr/bin/chromium"
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService("/usr/bin/chromedriver"))
    try:
        yield driver
    finally:
        driver.quit()


def wait_until(holds: Callable[[], object], what: str, *, seconds: float) -> None:
    """A page that is replaced while it is read is read again."""
    from selenium.common.exceptions import WebDriverException

    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with contextlib.suppress(WebDriverException):
            if holds():
                return
        time.sleep(0.2)
    raise AssertionError(f"waited {seconds} s for {what}")


def keep(browser: Any, name: str, repository: Path) -> None:
    """A screenshot of what was seen, among the build's results."""
    folder = repository / "build" / "screenshots"
    folder.mkdir(parents=True, exist_ok=True)
    browser.save_screenshot(str(folder / f"{name}.png"))
