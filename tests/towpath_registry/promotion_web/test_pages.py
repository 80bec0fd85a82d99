from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from office_world import KEYS, OfficeWorld, policy
from registry_world import JUDGED, NAME, Ticking, material
from towpath_core.refs import ModelRef
from towpath_core.verdicts import Verdict
from towpath_registry.promotion_web.html import visible
from visitor import Page, Visitor

ROOT = "/towpath/"
BAD = (Verdict("accuracy_4", False, "accuracy_4", "0.41", "at least 0.55"), JUDGED[1])
# What a browser or a terminal would obey if it were let: tags, an end of an attribute, colours, a window's title,
# text that runs backwards, a null.
HOSTILE = (
    "<script>alert(1)</script> \" ' onmouseover=alert(2) {{ 7919 * 7907 }} "
    "\x1b[31mred\x1b]0;title\x07 \u202egnirts\u2066 \u200b\ufeff\x00 </style></textarea><img src=x onerror=alert(3)>"
)


@pytest.fixture
def clock() -> Ticking:
    return Ticking()


@pytest.fixture
def world(tmp_path: Path, clock: Ticking) -> OfficeWorld:
    world = OfficeWorld(tmp_path / "home", clock)
    world.govern()
    world.add()
    return world


def request_page(world: OfficeWorld, number: str, person: str) -> Page:
    return Visitor(world, person).opens(f"{ROOT}requests/{number}")


# What waits, and what stands where ------------------------------------------------------------------------------------


def test_what_waits_for_me_comes_first(world: OfficeWorld) -> None:
    world.add(material(2))
    world.put(1)
    first, second = world.ask(1, "production", by="dora"), world.ask(2, "staging", by="mia")
    seen = Visitor(world, "bob").opens(ROOT)
    assert seen.text.index("Waiting for you") < seen.text.index(f"Put {NAME} version 1 at production")
    assert seen.text.index("Waiting for others") < seen.text.index(f"Put {NAME} version 2 at staging")
    assert "1 × business owner: bob can give it" in seen.text
    assert seen.links[f"Put {NAME} version 1 at production, where nothing stands"] == f"{ROOT}requests/{first.id}"
    # nobody is left who may approve it: the only methodologist asked for it
    assert "1 × methodologist: nobody can give it" in seen.text
    dora = Visitor(world, "dora").opens(ROOT)
    assert "Waiting for you" not in dora.text
    assert f"{ROOT}requests/{second.id}" in dora.links.values()


def test_what_is_approved_waits_for_who_may_apply_it(world: OfficeWorld) -> None:
    asked = world.ask()
    world.desk.approve(asked.id, "mia", "as agreed")
    assert "Waiting for you" in Visitor(world, "dora").opens(ROOT).text
    assert "approved, to be applied" in Visitor(world, "dora").opens(ROOT).text
    assert "Waiting for you" not in Visitor(world, "eve").opens(ROOT).text


def test_what_stands_where_is_shown_with_who_put_it_there_and_leads_to_mlflow(world: OfficeWorld) -> None:
    empty = Visitor(world, "bob").opens(ROOT)
    assert "Nothing waits for approval." in empty.text
    world.put(1)
    seen = Visitor(world, "bob").opens(ROOT)
    assert re.search(rf"{NAME} production nothing staging version 1 \S+ dora", seen.text), seen.text
    assert seen.links["version 1"] == f"/#/models/{NAME}/versions/1?workflowType=machine_learning"
    assert "The policy in force is team, version 1" in seen.text


def test_a_review_that_is_due_is_a_warning(world: OfficeWorld, clock: Ticking) -> None:
    world.put(1)
    assert "due" not in Visitor(world, "bob").opens(ROOT).text
    clock.now += timedelta(days=350)
    assert re.search(r"due 20\d\d-\d\d-\d\d", Visitor(world, "bob").opens(ROOT).text)
    clock.now += timedelta(days=20)
    for page in (ROOT, f"{ROOT}models/{NAME}"):
        assert "was due" in Visitor(world, "bob").opens(page).text


def test_a_registry_without_a_policy_says_who_can_set_one(tmp_path: Path) -> None:
    seen = Visitor(OfficeWorld(tmp_path / "home"), "bob").opens(ROOT)
    assert (seen.status, "this server has no policy yet" in seen.text) == (200, True)
    assert "an admin sets one: towpath policy init team" in seen.text


def test_models_that_are_not_for_me_are_not_shown(world: OfficeWorld) -> None:
    world.ask()
    world.office.strangers.add("stan")
    assert NAME not in Visitor(world, "stan").opens(ROOT).source
    seen = Visitor(world, "stan").opens(f"{ROOT}models/{NAME}")
    assert (seen.status, f"stan may not read {NAME}" in seen.text) == (403, True)


# One request ----------------------------------------------------------------------------------------------------------


def test_a_request_shows_what_who_why_and_on_which_grounds(world: OfficeWorld) -> None:
    world.put(1)
    asked = world.ask(1, "production", reason="The gain holds.\nSee the report.")
    seen = request_page(world, asked.id, "bob")
    for words in (
        f"Put {NAME} version 1 at production, where nothing stands",
        "Asked for by dora",
        "The gain holds. See the report.",
        "Made by dora",
        asked.digest,
        "Still open 1 × business owner: bob can give it 1 × methodologist: mia can give it",
        "accuracy_4 0.578 0.565 to 0.591 0.363",
        "Business owner Bea Owner",
        "IT operator Ivo Operator",
        "Population Job titles in English.",
        "quality passed dora",
        "asked for version 1 · production dora The gain holds.",
    ):
        assert words in seen.text, words


def test_passed_gates_are_folded(world: OfficeWorld) -> None:
    asked = world.ask()
    folds = [given for tag, given in request_page(world, asked.id, "bob").tags if tag == "details"]
    assert len(folds) > 4
    assert not any("open" in given for given in folds)


def test_what_would_be_refused_today_is_said(world: OfficeWorld, clock: Ticking) -> None:
    asked = world.ask()
    assert "It would be refused today" not in request_page(world, asked.id, "mia").text
    (folder,) = (world.registry.artifacts / NAME / "models").iterdir()
    (folder / "artifacts" / "model.skops").write_bytes(b"other bytes")
    seen = request_page(world, asked.id, "mia").text
    assert "It would be refused today" in seen
    assert "model-format: " in seen


def test_who_may_approves_and_another_applies(world: OfficeWorld) -> None:
    asked = world.ask()
    mia = Visitor(world, "mia")
    seen = mia.sends(mia.opens(f"{ROOT}requests/{asked.id}").forms["approve"], reason="the gain holds")
    assert "approved, to be applied" in seen.text
    assert re.search(r"mia methodologist \S+ \S+ UTC the gain holds", seen.text), seen.text
    dora = Visitor(world, "dora")
    seen = dora.sends(dora.opens(f"{ROOT}requests/{asked.id}").forms["apply"])
    assert "applied" in seen.text
    assert seen.forms == {}
    assert world.stands("staging") == 1
    assert [e.actor for e in world.desk.store.request(asked.id)] == ["dora", "mia", "dora"]


def test_a_rejection_says_why(world: OfficeWorld) -> None:
    asked, mia = world.ask(), Visitor(world, "mia")
    form = mia.opens(f"{ROOT}requests/{asked.id}").forms["reject"]
    refused = mia.sends(form, reason="  ")
    assert (refused.status, "a rejection says why" in refused.text) == (400, True)
    assert "Rejected by mia: division 9 is too bad" in mia.sends(form, reason="division 9\r\nis too bad").text
    found = world.desk.promotion(asked.id)
    assert (found.state, found.ended_reason) == ("rejected", "division 9\nis too bad")


def test_who_asked_may_take_it_back(world: OfficeWorld) -> None:
    asked, dora = world.ask(), Visitor(world, "dora")
    seen = dora.sends(dora.opens(f"{ROOT}requests/{asked.id}").forms["cancel"], reason="not now")
    assert "Cancelled by dora: not now" in seen.text


@pytest.mark.parametrize(
    ("person", "forms", "words"),
    [
        ("mia", {"approve", "reject", "cancel"}, "as methodologist"),  # who owns the policy may cancel
        ("dora", {"cancel"}, "You cannot: 'dora' is the requester, expected somebody else"),
        ("bob", set(), "You cannot: 'bob' is business_owner, expected methodologist"),
        ("eve", set(), "You cannot: 'eve' is not among the policy's people, expected mia"),
    ],
)
def test_only_what_i_may_do_is_a_form_and_for_the_rest_it_says_why_not(
    world: OfficeWorld, person: str, forms: set[str], words: str
) -> None:
    seen = request_page(world, world.ask().id, person)
    assert set(seen.forms) == forms
    assert words in seen.text


def test_who_approved_sees_that_they_did(world: OfficeWorld) -> None:
    world.put(1)
    asked = world.ask(1, "production")
    world.desk.approve(asked.id, "bob", "")
    seen = request_page(world, asked.id, "bob")
    assert "approve" not in seen.forms
    assert "You cannot: you approved it already" in seen.text


def test_who_has_two_roles_chooses_one(world: OfficeWorld) -> None:
    team = world.desk.policy()
    people = tuple(replace(p, roles=("business_owner", "methodologist")) if p.name == "bob" else p for p in team.people)
    world.desk.set_policy(replace(team, people=people), "mia", "as agreed")
    world.put(1)
    asked, bob = world.ask(1, "production"), Visitor(world, "bob")
    page = bob.opens(f"{ROOT}requests/{asked.id}")
    assert [given["value"] for tag, given in page.tags if tag == "option"] == ["business_owner", "methodologist"]
    bob.sends(page.forms["approve"], role="methodologist")
    assert [a.role for a in world.desk.promotion(asked.id).approvals] == ["methodologist"]


def test_where_approvals_are_signed_the_page_shows_what_to_type(world: OfficeWorld) -> None:
    team = policy()
    mias = replace(team.signers[0], name="mias", owner="mia", public=KEYS["mia"].public, may=("approval",))
    levels = tuple(replace(level, signed_approvals=level.name == "staging") for level in team.levels)
    world.desk.set_policy(replace(team, signers=(*team.signers, mias), levels=levels), "mia", "as agreed")
    asked = world.ask()
    seen = request_page(world, asked.id, "mia")
    assert "approve" not in seen.forms
    assert f"export MLFLOW_TRACKING_URI=http://localhost towpath approve {asked.id} --as methodologist" in seen.text


def test_a_refusal_of_the_gates_stands_open_on_the_page_of_the_model(world: OfficeWorld) -> None:
    version = world.add(material(2, judged=BAD))
    world.desk.settle(world.desk.plan(ref_of(version.ref), "staging"), "dora", "please")
    seen = Visitor(world, "bob").opens(f"{ROOT}models/{NAME}")
    assert "quality: accuracy_4 is 0.41, expected at least 0.55" in seen.text


# One model ------------------------------------------------------------------------------------------------------------


def test_what_stood_where_on_a_day_and_who_put_it_there(world: OfficeWorld, clock: Ticking) -> None:
    world.add(material(2))
    world.put(1, reason="the first")
    day = f"{clock.now:%Y-%m-%d}"
    clock.now += timedelta(days=3)
    world.put(2, reason="the second")
    clock.now += timedelta(days=3)
    asked = world.desk.settle(world.desk.plan_retirement(NAME, "staging"), "dora", "no longer")
    world.desk.approve(asked.id, "mia", "")  # type: ignore[union-attr]
    world.desk.apply(asked.id, "dora")  # type: ignore[union-attr]
    gone = f"{clock.now:%Y-%m-%d}"
    bob = Visitor(world, "bob")

    def on(text: str) -> str:
        return bob.opens(f"{ROOT}models/{NAME}?as_of={text}").text

    assert f"On {day}, version 1 stood at staging: put there by dora on {day}" in on(day)
    assert "approved by mia, because “the first”." in on(day)
    assert f"On {day}, nothing stood at production." in on(day)
    assert f"On {gone}, nothing stood at staging." in on(gone)
    assert "nothing stood at staging." in on("1999-12-31")
    shown = bob.opens(f"{ROOT}models/{NAME}").text
    assert shown.index("version 2 promoted") < shown.index("version 1 promoted")


def test_a_day_that_is_none_is_misuse(world: OfficeWorld) -> None:
    seen = Visitor(world, "bob").opens(f"{ROOT}models/{NAME}?as_of=yesterday")
    assert (seen.status, "'yesterday' is no day" in seen.text, "2026-03-31" in seen.text) == (400, True, True)
    seen = Visitor(world, "bob").opens(f"{ROOT}models/{NAME}?as_of=2999-01-01")
    assert (seen.status, "2999-01-01 is still to come" in seen.text) == (400, True)


def test_what_is_not_there_is_said_on_a_page(world: OfficeWorld) -> None:
    for address, words in [
        ("requests/0123456789ab", "there is no request 0123456789ab"),
        ("models/occupation-codex", f"did you mean {NAME}?"),
        ("nothing/here", "there is no page 'nothing/here' here"),
    ]:
        seen = Visitor(world, "bob").opens(ROOT + address)
        assert (seen.status, words in seen.text) == (404, True), seen.text


# What a page must not do ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("who", "doing", "fields"),
    [
        ("mia", "approve", {"token": ""}),
        ("mia", "approve", {"token": "9999999999.0"}),
        ("mia", "approve", {"token": "x.y"}),
        ("mia", "reject", {"reason": "no"}),  # with the token of the other form
        ("bob", "approve", {}),  # with the token of somebody else
    ],
)
def test_a_form_counts_for_whom_and_for_what_it_was_made(
    world: OfficeWorld, who: str, doing: str, fields: dict[str, str]
) -> None:
    asked = world.ask()
    form = request_page(world, asked.id, "mia").forms["approve"]
    seen = Visitor(world, who).sends(
        replace(form, action=f"{ROOT}requests/{asked.id}/{doing}", fields={**form.fields, **fields})
    )
    assert (seen.status, "this form was not made by this page for you" in seen.text) == (403, True)
    assert (world.desk.promotion(asked.id).state, world.desk.promotion(asked.id).approvals) == ("requested", ())


def test_a_form_of_another_request_does_not_count(world: OfficeWorld) -> None:
    world.add(material(2))
    first, second = world.ask(1), world.ask(2)
    form = request_page(world, first.id, "mia").forms["approve"]
    seen = Visitor(world, "mia").sends(replace(form, action=f"{ROOT}requests/{second.id}/approve"))
    assert (seen.status, world.desk.promotion(second.id).approvals) == (403, ())


def test_an_old_form_does_not_count(world: OfficeWorld, clock: Ticking) -> None:
    asked, mia = world.ask(), Visitor(world, "mia")
    form = mia.opens(f"{ROOT}requests/{asked.id}").forms["approve"]
    clock.now += timedelta(hours=13)
    assert "this form is too old" in mia.sends(form).text
    assert world.desk.promotion(asked.id).approvals == ()


def test_a_form_that_another_site_sends_does_not_count(world: OfficeWorld) -> None:
    asked, mia = world.ask(), Visitor(world, "mia")
    form = mia.opens(f"{ROOT}requests/{asked.id}").forms["approve"]
    for headers in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Origin": "null"}):
        seen = mia.sends(form, headers)
        assert (seen.status, "this came from a page of another site" in seen.text) == (403, True)
    answer = mia.asks("POST", form.action, data=form.fields, content_type="multipart/form-data")
    assert answer.status_code == 400
    assert world.desk.promotion(asked.id).approvals == ()
    assert mia.sends(form, {"Origin": "http://localhost", "Sec-Fetch-Site": "same-origin"}).status == 200


def test_nothing_is_done_by_opening_an_address(world: OfficeWorld) -> None:
    asked = world.ask()
    for doing in ("approve", "reject", "cancel", "apply"):
        assert Visitor(world, "mia").asks("GET", f"{ROOT}requests/{asked.id}/{doing}").status_code == 404
    assert world.desk.promotion(asked.id).state == "requested"


def every_page(world: OfficeWorld, person: str = "mia") -> list[Page]:
    number = world.desk.promotions()[0].id
    addresses = ["", f"models/{NAME}?as_of=2026-01-01", f"requests/{number}", "requests/nothing", "nothing"]
    return [Visitor(world, person).opens(ROOT + address) for address in addresses]


def test_whatever_people_write_is_text_and_nothing_else(world: OfficeWorld) -> None:
    other = "<img src=x onerror=alert(4)>"
    world.add(material(3), name=other)
    world.desk.settle(world.desk.plan(ref_of(f"{other}/1"), "staging"), HOSTILE, HOSTILE)
    world.put(1, reason=HOSTILE)
    asked = world.ask(1, "production", reason=HOSTILE)
    world.desk.approve(asked.id, "bob", HOSTILE)
    pages = [*every_page(world), Visitor(world, "mia").opens(f"{ROOT}models/%3Cimg%20src=x%20onerror=alert(4)%3E")]
    pages += [Visitor(world, HOSTILE.replace(":", "")).opens(ROOT)]
    for page in pages:
        assert page.status in (200, 404)
        assert not {tag for tag, _ in page.tags} & {"script", "img", "iframe", "object", "base", "svg", "link"}
        assert not [name for _, given in page.tags for name in given if name.startswith("on") or name == "style"]
        assert "62615533" not in page.source
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u202a-\u202e\u2066-\u2069\ufeff]", page.source)
    assert visible("<script>alert(1)</script>") in pages[2].text
    assert "\N{REPLACEMENT CHARACTER}[31mred" in pages[2].text


def test_no_page_runs_or_fetches_anything(world: OfficeWorld) -> None:
    world.put(1)
    world.ask(1, "production")
    for page in every_page(world):
        nonce = next(given["nonce"] for tag, given in page.tags if tag == "style")
        rules = [rule.strip() for rule in page.headers["Content-Security-Policy"].split(";")]
        assert rules == [
            "default-src 'none'",
            f"style-src 'nonce-{nonce}'",
            "form-action 'self'",
            "base-uri 'none'",
            "frame-ancestors 'none'",
        ]
        assert page.headers["X-Frame-Options"] == "DENY"
        assert page.headers["X-Content-Type-Options"] == "nosniff"
        assert page.headers["Referrer-Policy"] == "same-origin"
        assert page.headers["Cache-Control"] == "no-store"
        assert not any("src" in given for _, given in page.tags)
        targets = [given[name] for _, given in page.tags for name in ("href", "action") if name in given]
        assert [target for target in targets if not re.match(r"/(towpath/|#/)", target)] == []


def test_each_page_has_a_nonce_of_its_own(world: OfficeWorld) -> None:
    world.ask()
    assert len({page.headers["Content-Security-Policy"] for page in every_page(world)}) == 5


def test_every_field_has_a_label(world: OfficeWorld) -> None:
    page = request_page(world, world.ask().id, "mia")
    labels = {given["for"] for tag, given in page.tags if tag == "label"}
    fields = [
        given for tag, given in page.tags if tag in ("textarea", "select", "input") and given.get("type") != "hidden"
    ]
    assert fields
    assert {given["id"] for given in fields} <= labels
    assert len({given["id"] for given in fields}) == len(fields)


def test_links_and_forms_stay_in_the_workspace(world: OfficeWorld) -> None:
    world.office.workspaces.add("team-a")
    asked = world.ask()
    mia = Visitor(world, "mia")
    page = mia.opens(f"{ROOT}requests/{asked.id}?workspace=team-a")
    ours = [target for target in page.links.values() if target.startswith(ROOT)]
    assert ours
    assert all("workspace=team-a" in target for target in [*ours, *(form.action for form in page.forms.values())])
    assert page.links[f"{NAME} version 1 in MLflow"].endswith("&workspace=team-a")
    elsewhere = replace(page.forms["approve"], action=page.forms["approve"].action.partition("?")[0])
    assert mia.sends(elsewhere).status == 403
    assert "workspace=team-a" in "".join(mia.sends(page.forms["approve"]).links.values())


def ref_of(text: str) -> ModelRef:
    name, _, number = text.rpartition("/")
    return ModelRef(name, version=int(number))
