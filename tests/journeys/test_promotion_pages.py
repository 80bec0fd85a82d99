"""A promotion on a team's server, as people see it in a browser: asked for, approved by one, applied by another."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from browsing import chromium, keep, wait_until
from registry_world import NAME, material
from server_world import ServerWorld, team_server
from towpath_core.refs import ModelRef
from towpath_registry.requests import Promotion

pytestmark = [pytest.mark.slow, pytest.mark.browser]
HOSTILE = "<script>document.title='pwned'</script><img src=x onerror=document.title='pwned'> \x1b[31m \u202egnirts"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerWorld]:
    """A team's server with three versions, the first at production, the second at staging."""
    with team_server(tmp_path_factory.mktemp("team") / "home") as world:
        versions = [world.add(material(number), NAME) for number in (1, 2, 3)]
        world.promote(versions[0], "staging")
        world.promote(versions[0], "production")
        world.promote(versions[1], "staging")
        yield world


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Any]:
    with chromium(tmp_path / "profile") as driver:
        yield driver


def opened(browser: Any, server: ServerWorld, person: str, path: str = "") -> str:
    """The text of a page that somebody opens, who logs in by it."""
    login = f"{person}:{server.people[person].password}@"
    browser.get(server.address.replace("//", f"//{login}") + "/towpath/")
    browser.get(f"{server.address}/towpath/{path}")  # as after a login: MLflow's own pages refuse one in the address
    assert browser.find_element("class name", "who").text == person
    return seen(browser)


def seen(browser: Any) -> str:
    return str(browser.find_element("tag name", "main").text)


def press(browser: Any, label: str, reason: str = "") -> None:
    (button,) = [b for b in browser.find_elements("tag name", "button") if b.text == label]
    form = button.find_element("xpath", "./ancestor::form")
    form.find_element("name", "reason").send_keys(reason)
    button.click()


def test_one_approves_another_applies_and_the_page_shows_it(
    browser: Any, server: ServerWorld, repository: Path
) -> None:
    version = server.desk.store.versions(NAME)[1]
    number = server.ask_for(version, "production")
    assert f"Put {NAME} version 2 at production, in place of version 1" in opened(browser, server, "mia")
    keep(browser, "promotions", repository)
    browser.find_element("partial link text", f"Put {NAME} version 2").click()
    assert "1 × business owner: bob can give it\n1 × methodologist: mia can give it" in seen(browser)
    keep(browser, "promotion", repository)
    press(browser, "Approve", "the gain holds in every division")
    wait_until(lambda: "the gain holds in every division" in seen(browser), "the approval to be shown", seconds=20)
    assert "You cannot: you approved it already, as methodologist." in seen(browser)

    opened(browser, server, "bob", f"requests/{number}")
    press(browser, "Approve")
    wait_until(lambda: "All who are asked have approved." in seen(browser), "the last approval", seconds=20)
    press(browser, "Apply", "released today")
    wait_until(lambda: "Applied by bob: released today" in seen(browser), "the end", seconds=20)
    assert server.desk.store.version(ModelRef(NAME, alias="production")).version == 2
    today = datetime.now(UTC).date()
    shown = opened(browser, server, "bob", f"models/{NAME}?as_of={today}")
    assert f"On {today}, version 2 stood at production: put there by bob" in shown
    keep(browser, "model", repository)
    browser.find_element("link text", "version 2").click()
    wait_until(lambda: "towpath.digest" in browser.page_source, "the version's page in MLflow", seconds=60)


def test_what_people_write_does_nothing_in_a_browser(browser: Any, server: ServerWorld) -> None:
    desk, version = server.desk, server.desk.store.versions(NAME)[0]
    server.admin.done("PATCH", "/api/2.0/mlflow/registered-models/update", {"name": NAME, "description": HOSTILE})
    asked = desk.settle(desk.plan(ModelRef.parse(version.ref), "staging"), "ann", HOSTILE)
    assert isinstance(asked, Promotion)
    number = asked.id
    for path in ("", f"requests/{number}", f"models/{NAME}"):
        assert "<script>document.title='pwned'</script><img src=x" in opened(browser, server, "mia", path)
        assert "\x1b" not in browser.page_source
        assert "\u202e" not in browser.page_source
        assert browser.title.endswith("towpath")
        assert browser.find_elements("css selector", "script, main img") == []
    press_and_see = opened(browser, server, "mia", f"requests/{number}")
    assert "Approve" in press_and_see
    press(browser, "Reject", HOSTILE.replace("\x1b", ""))
    wait_until(lambda: "Rejected by mia: <script>" in seen(browser), "the rejection", seconds=20)
    assert browser.title.endswith("towpath")
    complaints = [said["message"] for said in browser.get_log("browser")]
    assert not [said for said in complaints if "Content Security Policy" in said or "Content-Security-Policy" in said]


@pytest.mark.parametrize("width", [1280, 400])
def test_the_pages_are_as_wide_as_the_window(browser: Any, server: ServerWorld, width: int, repository: Path) -> None:
    number = server.desk.store.ledger(NAME)[-1].request
    for path in ("", f"requests/{number}", f"models/{NAME}", "requests/nothing"):
        browser.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False},
        )
        opened(browser, server, "bob", path)
        assert browser.execute_script("return document.documentElement.scrollWidth") <= width, path
    keep(browser, f"nothing-{width}", repository)
    asked = browser.execute_script("return performance.getEntriesByType('resource').map(entry => entry.name)")
    assert asked == []


def test_mlflows_pages_lead_to_the_promotions(browser: Any, server: ServerWorld) -> None:
    opened(browser, server, "bob")
    browser.get(server.address + "/")
    wait_until(lambda: browser.find_elements("link text", "Promotions"), "the link in the side bar", seconds=60)
    browser.find_element("link text", "Promotions").click()
    wait_until(lambda: "What stands where" in browser.page_source, "the promotions", seconds=20)
