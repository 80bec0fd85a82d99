from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from towpath_core.errors import CouldNot, Mismatch, Misused, NotFound, Refused, TowpathError
from towpath_core.verdicts import Verdict
from towpath_registry import wire
from towpath_registry.nouns import Approval, LedgerEntry, ModelVersion
from towpath_registry.plans import Plan
from towpath_registry.policy import Asked
from towpath_registry.requests import Promotion
from towpath_registry.store import ChangedMeanwhile

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
TIME = st.integers(0, 10**14).map(lambda micros: datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=micros))
NUMBER = st.integers(-(2**53) + 1, 2**53 - 1)
VERDICT = st.builds(Verdict, TEXT, st.booleans(), TEXT, TEXT, TEXT)
APPROVAL = st.builds(Approval, TEXT, TEXT, TIME)
PAIRS = st.dictionaries(TEXT, TEXT, max_size=3)


def many(items: Any) -> Any:
    return st.lists(items, max_size=3).map(tuple)


VERSION = st.builds(
    ModelVersion, TEXT, NUMBER, TIME, TEXT, TEXT, TEXT, tags=PAIRS, aliases=many(TEXT), description=TEXT
)
PLAN = st.builds(
    Plan,
    VERSION,
    TEXT,
    TEXT,
    st.none() | NUMBER,
    TEXT,
    many(VERDICT),
    st.booleans(),
    many(st.builds(Asked, TEXT, NUMBER)),
    many(TEXT),
    many(TEXT),
    NUMBER,
    st.none() | NUMBER,
)
ENTRY = st.builds(
    LedgerEntry,
    seq=NUMBER,
    time=TIME,
    model=TEXT,
    event=TEXT,
    level=TEXT,
    version=NUMBER,
    previous=st.none() | NUMBER,
    actor=TEXT,
    reason=TEXT,
    digest=TEXT,
    policy=TEXT,
    verdicts=many(VERDICT),
    hash=TEXT,
    prev=TEXT,
    workspace=TEXT,
    request=TEXT,
    approvals=many(APPROVAL),
    evidence=many(TEXT),
    details=PAIRS,
)
PROMOTION = st.builds(
    Promotion,
    id=TEXT,
    event=TEXT,
    model=TEXT,
    version=NUMBER,
    level=TEXT,
    previous=st.none() | NUMBER,
    digest=TEXT,
    policy=TEXT,
    requester=TEXT,
    reason=TEXT,
    requested=TIME,
    expires=st.none() | TIME,
    state=TEXT,
    verdicts=many(VERDICT),
    evidence=many(TEXT),
    authors=many(TEXT),
    approvals=many(APPROVAL),
    missing=many(st.builds(Asked, TEXT, NUMBER)),
    waits_for=TEXT,
    history=many(ENTRY),
)


@settings(deadline=None, max_examples=60)
@given(st.one_of(PLAN, ENTRY, PROMOTION, VERDICT, APPROVAL))
def test_what_is_sent_comes_back_the_same(sent: Any) -> None:
    content = wire.loads(wire.dumps({"noun": sent}))["noun"]
    assert wire.noun(type(sent), content) == sent


@settings(deadline=None, max_examples=40)
@given(PLAN)
def test_a_plan_has_the_same_id_on_both_sides(plan: Plan) -> None:
    assert wire.noun(Plan, wire.loads(wire.dumps(plan))).id == plan.id


@settings(deadline=None, max_examples=100)
@given(PROMOTION, st.data())
def test_a_key_too_many_or_too_few_or_of_another_kind_is_no_noun(promotion: Promotion, data: st.DataObject) -> None:
    content = wire.plain(promotion)
    name = data.draw(st.sampled_from(sorted(content)))
    with pytest.raises(ValueError, match=f"{name} is missing"):
        wire.noun(Promotion, {key: value for key, value in content.items() if key != name})
    with pytest.raises(ValueError, match="other is unknown"):
        wire.noun(Promotion, {**content, "other": 1})
    with pytest.raises(ValueError, match=f"{name} is not"):
        wire.noun(Promotion, {**content, name: {"of": "another kind"}})


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("passed", 1, "passed is not bool"),
        ("passed", "true", "passed is not bool"),
        ("passed", None, "passed is not bool"),
        ("gate", 3, "gate is not str"),
        ("gate", None, "gate is not str"),
    ],
)
def test_a_value_that_only_looks_like_the_right_one_is_refused(key: str, value: object, told: str) -> None:
    content = {"gate": "quality", "passed": True, "subject": "a", "got": "1", "expected": "1"}
    with pytest.raises(ValueError, match=told):
        wire.noun(Verdict, {**content, key: value})


@pytest.mark.parametrize("time", ["2026-03-31", "2026-03-31T08:05:00Z", "2026-3-31T08:05:00.0Z", 0, None, ""])
def test_a_time_is_written_in_one_way(time: object) -> None:
    with pytest.raises(ValueError, match="time is not a time of UTC"):
        wire.noun(Approval, {"by": "a", "role": "", "time": time})


@pytest.mark.parametrize("number", [True, 1.0, "1", 2**53, None])
def test_a_number_is_a_whole_one_that_every_program_holds(number: object) -> None:
    with pytest.raises(ValueError, match="count is not"):
        wire.noun(Asked, {"role": "methodologist", "count": number})


def test_a_fault_far_inside_is_named_by_its_keys() -> None:
    verdict = {"gate": "quality", "passed": True, "subject": "a", "got": "1", "expected": "1"}
    entry = LedgerEntry(1, datetime(2026, 1, 1, tzinfo=UTC), "m", "e", "", 1, None, "a", "", "", "", (), "", "")
    content = {**wire.plain(entry), "verdicts": [verdict, {**verdict, "got": 1}]}
    with pytest.raises(ValueError, match=r"verdicts\[1\]\.got is not str"):
        wire.noun(LedgerEntry, content)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"[]", "not a JSON object"),
        (b"", "it is not JSON"),
        (b'{"a": 1, "a": 2}', "a key stands twice"),
        (b'{"a": NaN}', "NaN and infinite numbers are no JSON"),
        (b'{"a": -Infinity}', "NaN and infinite numbers are no JSON"),
        (b'{"a": "\xff"}', "not UTF-8"),
        (b'{"a": "\\ud800"}', "half a character"),
        (b'{"a": 1} x', "it is not JSON"),
        (b'{"a":' * 100_000, "nested too deeply"),
    ],
)
def test_json_that_two_programs_could_read_differently_is_refused(content: bytes, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        wire.loads(content)


ERRORS: list[TowpathError] = [
    Refused("no", hint="ask mia"),
    Misused("what?", hint="towpath help"),
    NotFound("there is no model x", hint="towpath list"),
    ChangedMeanwhile("it moved"),
    CouldNot("the disk is full"),
    Mismatch("another digest", hint="towpath audit"),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_an_error_comes_back_as_the_same_kind_with_the_same_words(error: TowpathError) -> None:
    back = wire.error_of(wire.status(error), wire.dumps(wire.error_content(error)))
    assert back is not None
    assert (type(back), back.message, back.hint, back.exit_code) == (
        type(error),
        error.message,
        error.hint,
        error.exit_code,
    )


@pytest.mark.parametrize(
    ("code", "content"),
    [
        (403, {"error": {"message": "no", "hint": "", "exit_code": 0}}),
        (403, {"error": {"message": "no", "hint": "", "exit_code": 3}}),
        (200, {"error": {"message": "no", "hint": "", "exit_code": 1}}),
        (403, {"error": {"message": ["no"], "hint": "", "exit_code": 1}}),
        (403, {"error": {"message": "no", "exit_code": 1}}),
        (403, {"error": "no"}),
        (404, {"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "no"}),
        (403, []),
    ],
)
def test_an_answer_that_is_no_error_of_ours_or_contradicts_itself_says_nothing(code: int, content: object) -> None:
    assert wire.error_of(code, json.dumps(content).encode()) is None
