from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies import changed, content, policy, public
from towpath_core import estimators
from towpath_core.errors import Misused
from towpath_core.verdicts import Verdict
from towpath_registry import gates
from towpath_registry.gates.documentation import Documentation
from towpath_registry.gates.quality import Quality
from towpath_registry.plain_values import Faulty
from towpath_registry.policy import Asked, Level, Loading, Person, Policy, solo

IMPUTER = "sklearn.impute._base.SimpleImputer"


def refusal(content: object) -> str:
    """Why plain values are no policy."""
    with pytest.raises(Faulty) as caught:
        Policy.of(content)
    return caught.value.message.removeprefix("the policy cannot be used: ")


# The built-in ones ---------------------------------------------------------------------------------------------------


def test_solo_asks_five_gates_everywhere_and_before_production_for_owners_and_scope() -> None:
    staging, production = solo().levels
    five = ["data_checks", "quality", "provenance", "model_format", "documentation"]
    assert list(staging.gates) == five
    assert list(production.gates) == [*five, "ownership", "scope"]
    assert (staging.name, staging.after, production.name, production.after) == ("staging", "", "production", "staging")


def test_solo_asks_for_no_approvals_and_trusts_the_keys_that_the_ledger_tells_of() -> None:
    assert [level.approvals for level in solo().levels] == [(), ()]
    assert solo().own_keys
    assert solo().policy_role == ""


def test_team_asks_for_two_people_at_production_who_did_not_make_it() -> None:
    staging, production = policy("team").levels
    assert staging.approvals == (Asked("methodologist", 1),)
    assert production.approvals == (Asked("business_owner", 1), Asked("methodologist", 1))
    assert production.distinct_from == staging.distinct_from == ("author", "requester")
    assert (production.request_days, production.review_days) == (14, 365)
    assert {(rule.valid_days, rule.signatures) for rule in policy("team").evidence.values()} == {(180, 1)}


def test_strict_asks_for_signed_approvals_of_three_roles_and_quality_of_two() -> None:
    strict = policy("strict")
    assert strict.level("production").approvals == (
        Asked("business_owner", 1),
        Asked("it_operator", 1),
        Asked("methodologist", 1),
    )
    assert all(level.signed_approvals and level.review_days == 180 for level in strict.levels)
    assert (strict.evidence["quality"].signatures, strict.evidence["quality"].valid_days) == (2, 90)


def test_strict_was_reviewed_for_the_list_that_this_release_has() -> None:
    """When this fails, the list has changed: say so in the changelog, and look at every type that came."""
    assert policy("strict").loading.list == estimators.PLATFORM.digest


@pytest.mark.parametrize("name", ["solo", "team", "strict"])
def test_plain_values_and_back_is_the_same_policy(name: str) -> None:
    made = policy(name)
    stored = json.loads(made.canonical)
    assert Policy.of(stored) == Policy.of(made.content()) == made
    assert Policy.of(stored).digest == made.digest


# Levels and stages ---------------------------------------------------------------------------------------------------


def test_an_unknown_level_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(Misused, match="there is no level 'prod'") as caught:
        solo().level("prod")
    assert caught.value.hint == "one of staging, production"


def test_levels_stand_in_their_order_however_they_are_written() -> None:
    last_first = dict(reversed(content("team")["levels"].items()))
    assert [level.name for level in policy("team", levels=last_first).levels] == ["staging", "production"]


@pytest.mark.parametrize(
    ("aliases", "retired", "stage"),
    [
        ((), False, "proof_of_concept"),
        (("champion", "Production"), False, "proof_of_concept"),
        (("staging",), False, "valid_solution"),
        (("production", "staging"), False, "production"),
        (("production",), True, "retired"),
        ((), True, "retired"),
    ],
)
def test_the_stage_of_a_version_is_the_furthest_that_its_levels_lead_to(
    aliases: tuple[str, ...], retired: bool, stage: str
) -> None:
    assert solo().stage_of(aliases, retired=retired) == stage


def test_who_holds_a_role() -> None:
    made = policy("strict")
    assert made.holders("methodologist") == ("max", "mia")
    assert made.holders("nobody") == ()
    assert made.person("mia") == Person("mia", ("methodologist",))
    assert made.person("Mia") is None


# The digest ----------------------------------------------------------------------------------------------------------


def test_the_digest_is_the_same_for_the_same_policy_and_changes_with_anything_in_it() -> None:
    made = Policy("a", (Level("staging", {"quality": Quality()}),))
    level = made.levels[0]
    others = [
        replace(made, name="b"),
        replace(made, version=2),
        replace(made, own_keys=True),
        replace(made, policy_role="owner"),
        replace(made, people=(Person("ann", ("owner",)),)),
        replace(made, loading=Loading(without=(IMPUTER,))),
        replace(made, loading=Loading(list=estimators.PLATFORM.digest)),
        replace(made, lifecycle=("proof_of_concept", "valid_solution", "retired")),
        *(
            replace(made, levels=levels)
            for levels in (
                (),
                (replace(level, name="production"),),
                (replace(level, gates={}),),
                (replace(level, gates={"quality": Quality(baseline="other")}),),
                (replace(level, gates={"quality": Quality(), "documentation": Documentation()}),),
                (replace(level, after="candidate"),),
                (replace(level, stage="production"),),
                (replace(level, approvals=(Asked("owner", 1),)),),
                (replace(level, approvals=(Asked("owner", 2),)),),
                (replace(level, distinct_from=()),),
                (replace(level, signed_approvals=True),),
                (replace(level, request_days=1),),
                (replace(level, review_days=1),),
            )
        ),
    ]
    assert made.digest == Policy("a", (Level("staging", {"quality": Quality()}),)).digest
    assert len({made.digest, *(other.digest for other in others)}) == 1 + len(others)


def test_every_setting_of_a_signer_and_of_evidence_is_in_the_digest() -> None:
    first = content("team")
    day = "2026-03-31"
    others = [
        changed(first, "signers.first-key.owner", "mia"),
        changed(first, "signers.first-key.public", public(99).text),
        changed(first, "signers.first-key.may", ["data-checks", "quality", "documentation", "approval"]),
        changed(first, "signers.first-key.since", day),
        changed(first, "signers.first-key.until", day),
        changed(first, "evidence.quality.valid_days", 181),
    ]
    assert len({Policy.of(content).digest for content in (first, *others)}) == 1 + len(others)


def test_the_order_of_keys_and_lists_is_not_in_the_digest() -> None:
    first = content("strict")
    turned = json.loads(json.dumps(first), object_pairs_hook=lambda pairs: dict(reversed(pairs)))
    for signer in turned["signers"].values():
        signer["may"].reverse()
    assert Policy.of(turned).digest == Policy.of(first).digest


def test_the_platform_s_list_of_types_is_in_the_digest(monkeypatch: pytest.MonkeyPatch) -> None:
    before = solo().digest
    fewer = estimators.PLATFORM.without((IMPUTER,))
    monkeypatch.setattr(estimators, "PLATFORM", fewer)
    assert solo().digest != before


# Loading -------------------------------------------------------------------------------------------------------------


def test_a_policy_takes_types_away() -> None:
    types = policy("team", loading={"without": [IMPUTER]}).loading.types()
    assert estimators.PLATFORM.names - types.names == {estimators.Type("sklearn.impute._base", "SimpleImputer")}
    assert not types.doubt


def test_with_another_list_than_the_reviewed_one_nothing_loads_and_the_policy_is_still_read() -> None:
    """A new release must not lock anybody out of setting a policy for it."""
    made = policy("team", loading={"list": "sha256:" + "0" * 64})
    assert made.loading.types().names == frozenset()
    here = estimators.PLATFORM.digest[:19]
    assert made.loading.types().doubt == f"{here}, and the policy was reviewed for sha256:000000000000"


def test_without_a_format_nothing_loads() -> None:
    assert Loading(formats=()).types().names == frozenset()
    assert Loading(formats=()).types().doubt == "empty: the policy allows no format that can be loaded"


# What is refused -----------------------------------------------------------------------------------------------------

KEY = public(7).text
WEAK = "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        # what is missing, and what nobody knows
        ("name", ..., "name: is missing"),
        ("version", ..., "version: is missing"),
        ("own_keys", ..., "own_keys: is missing"),
        ("levels", ..., "levels: is empty, expected one level or more"),
        ("levels", {}, "levels: is empty, expected one level or more"),
        ("gate", 1, "gate: no such key, expected one of evidence, "),
        ("levels.staging.approval", {}, "levels.staging.approval: no such key, expected one of after, approvals, "),
        ("loading.with", [], "loading.with: no such key, expected one of effective, formats, list, without"),
        ("evidence.quality.days", 1, "evidence.quality.days: no such key, expected one of signatures, valid_days"),
        ("signers.first-key.key", "", "signers.first-key.key: no such key, expected one of "),
        # types
        ("name", 7, "name: is 7, expected text"),
        ("version", True, "version: is True, expected a whole number from 1 to 1000000"),
        ("version", 1.0, "version: is 1.0, expected a whole number from 1 to 1000000"),
        ("version", 0, "version: is 0, expected a whole number from 1 to 1000000"),
        ("own_keys", 0, "own_keys: is 0, expected true or false"),
        ("people", ["mia"], "people: is a list, expected keys with values"),
        ("people.mia", "methodologist", "people.mia: is 'methodologist', expected a list of texts"),
        ("people.mia", [1], "people.mia: is a list, expected a list of texts"),
        ("levels", [], "levels: is a list, expected keys with values"),
        ("levels.staging", "x", "levels.staging: is 'x', expected keys with values"),
        ("levels.staging.gates", ["quality"], "levels.staging.gates: is a list, expected keys with values"),
        ("levels.staging.review_days", "365", "levels.staging.review_days: is '365', expected a whole number from 1"),
        ("levels.staging.review_days", 10**9, "levels.staging.review_days: is 1000000000, expected a whole number"),
        ("levels.staging.request_days", 0, "levels.staging.request_days: is 0, expected a whole number from 1"),
        ("evidence.quality.valid_days", float("nan"), "evidence.quality.valid_days: is nan, expected a whole number"),
        # names of levels
        ("levels.Staging", {}, "levels.Staging: could be taken for 'staging'"),
        ("levels.Staging", {}, "levels.Staging: is no name of a level, expected small letters, digits, - and _"),
        ("levels.ѕtaging", {}, "levels.ѕtaging: could be taken for 'staging'"),
        ("levels.sta\u200bging", {}, "levels.sta\u200bging: could be taken for 'staging'"),
        ("levels.1st", {}, "levels.1st: is no name of a level, expected small letters, digits, - and _"),
        ("levels.latest", {}, "levels.latest: is a name that MLflow keeps for itself"),
        ("levels.v1", {}, "levels.v1: is a name that MLflow keeps for itself"),
        # gates and their settings
        ("levels.staging.gates", {}, "levels.staging.gates: asks nothing, expected one gate or more"),
        ("levels.staging.gates", ..., "levels.staging.gates: asks nothing, expected one gate or more"),
        ("levels.staging.gates.luck", {}, "levels.staging.gates.luck: there is no gate 'luck', expected one of data_c"),
        ("levels.staging.gates.quality.floor", 1, "levels.staging.gates.quality.floor: no such key, expected one of b"),
        ("levels.staging.gates.quality.baseline", 1, "levels.staging.gates.quality.baseline: is 1, expected text"),
        (
            "levels.staging.gates.documentation.sections",
            "Data",
            "levels.staging.gates.documentation.sections: is 'Data', expected a list",
        ),
        (
            "levels.staging.gates.documentation.sections",
            ["Data", 1],
            "levels.staging.gates.documentation.sections: is 1, expected text",
        ),
        (
            "levels.production.gates.ownership.separate",
            [["a"]],
            "levels.production.gates.ownership.separate: is a list of 1, expected one of 2",
        ),
        # the order of levels, and their stages
        ("levels.staging.after", "production", "levels.staging.after: leads back to staging: no version could ever"),
        ("levels.staging.after", "staging", "levels.staging.after: leads back to staging: no version could ever"),
        ("levels.production.after", "test", "levels.production.after: there is no level 'test'"),
        ("levels.staging.stage", ..., "levels.staging.stage: is missing"),
        ("levels.staging.stage", "retired", "levels.staging.stage: is 'retired', expected one of valid_solution, prod"),
        ("levels.staging.stage", "proof_of_concept", "levels.staging.stage: is 'proof_of_concept', expected one of"),
        (
            "lifecycle",
            ["proof_of_concept", "production", "valid_solution", "retired"],
            "levels.production.stage: is production, which comes before that of staging",
        ),
        ("lifecycle", ["idea", "production", "retired"], "lifecycle: expected words in their order, from proof_of_con"),
        ("lifecycle", ["proof_of_concept", "x y", "retired"], "lifecycle: expected words in their order, from proof_o"),
        ("lifecycle", [], "lifecycle: expected words in their order, from proof_of_concept to retired"),
        (
            "lifecycle",
            ["proof_of_concept", "valid_solution", "qualified", "production", "retired"],
            "lifecycle: no level leads to qualified",
        ),
        ("lifecycle", ["proof_of_concept", "production", "production", "retired"], "lifecycle: names one of them twi"),
        # people and approvals
        ("people.Mia", ["methodologist"], "people.Mia: could be taken for 'mia'"),
        ("people.mia ", ["methodologist"], "people.mia : is no name: empty, too long, with spaces around it, or"),
        ("people.mіa", ["methodologist"], "people.mіa: could be taken for 'mia'"),
        ("people.m\u200bax", ["methodologist"], "people.m\u200bax: is no name: it has signs that nobody sees"),
        ("people", {"": ["methodologist"]}, "people.: is no name: empty, too long, with spaces around it, or written"),
        ("people.mo\u0308", ["methodologist"], "people.mo\u0308: is no name: empty, too long, with spaces around it"),
        ("people.mia", [], "people.mia: holds no role"),
        ("people.mia", ["Boss"], "people.mia: 'Boss' is no role, expected a word of small letters"),
        ("people.mia", ["methodologist"] * 2, "people.mia: names one of them twice"),
        ("people.<somebody>", ["clerk"], "people.<somebody>: is still to be filled in: write the name of somebody he"),
        ("levels.staging.approvals.clerk", 1, "levels.staging.approvals.clerk: nobody holds this role"),
        ("levels.staging.approvals.methodologist", 0, "levels.staging.approvals.methodologist: is 0, expected a whole"),
        (
            "levels.staging.approvals.methodologist",
            True,
            "levels.staging.approvals.methodologist: is True, expected a whole number from 1 to 100",
        ),
        (
            "levels.staging.approvals.methodologist",
            2,
            "levels.staging.approvals: asks for 2 different people, and there are not enough with the role: methodol",
        ),
        (
            "people",
            {"dora": ["methodologist", "business_owner"]},
            "levels.production.approvals: asks for 2 different people, and there are not enough with the role: metho",
        ),
        ("levels.staging.distinct_from", ["boss"], "levels.staging.distinct_from: 'boss' is nobody, expected author"),
        (
            "levels.staging.signed_approvals",
            True,
            "levels.staging.approvals.methodologist: nobody holds this role and a key that may sign approvals",
        ),
        ("policy_role", "clerk", "policy_role: nobody holds the role 'clerk'"),
        ("policy_role", "", "policy_role: is empty: anybody could set a policy without the approvals that this one"),
        # signers
        ("signers", {}, "signers: nobody is trusted to sign evidence: expected signers, or own_keys: true"),
        ("own_keys", True, "signers: are not trusted beside own_keys: true, expected one or the other"),
        ("signers.first-key.owner", "zoe", "signers.first-key.owner: 'zoe' is not among the people"),
        ("signers.first-key.owner", "<who>", "signers.first-key.owner: is still to be filled in: write the name of"),
        ("signers.first-key.public", "<a key>", "signers.first-key.public: is still to be filled in: put what towpath"),
        ("signers.first-key.public", "x", "signers.first-key.public: cannot be used: a public key is not base64"),
        ("signers.first-key.public", "AAAA", "signers.first-key.public: cannot be used: a public key has 32 bytes"),
        ("signers.first-key.public", WEAK, "signers.first-key.public: cannot be used: a public key is one of the weak"),
        ("signers.first-key.may", [], "signers.first-key.may: is empty, expected what the key may sign"),
        ("signers.first-key.may", ["*"], "signers.first-key.may: '*' is nothing that the policy knows, expected some"),
        ("signers.first-key.may", ["qualty"], "signers.first-key.may: 'qualty' is nothing that the policy knows"),
        ("signers.first-key.since", ..., "signers.first-key.since: is missing"),
        (
            "signers.first-key.since",
            "soon",
            "signers.first-key.since: is 'soon', expected a day or a time of UTC: 2026",
        ),
        ("signers.first-key.since", "2026-02-30", "signers.first-key.since: is '2026-02-30', expected a day or a time"),
        ("signers.first-key.since", "2026-03-31T08:05:00", "signers.first-key.since: is '2026-03-31T08:05:00', expec"),
        ("signers.first-key.until", "2025-12-31", "signers.first-key.until: is not after since"),
        ("signers.first-key.until", "2026-01-01", "signers.first-key.until: is not after since"),
        (
            "signers.first-key.revoked",
            {"at": "2025-01-01", "reason": "left"},
            "signers.first-key.revoked.at: is before since",
        ),
        (
            "signers.first-key.revoked",
            {"at": "2026-02-01", "reason": "bored"},
            "signers.first-key.revoked.reason: is 'bored', expected left or compromise",
        ),
        ("signers.first-key.revoked", "yes", "signers.first-key.revoked: is 'yes', expected keys with values"),
        (
            "signers.second-key",
            {"owner": "mia", "public": public(9).text, "may": ["quality"], "since": "2026-01-01"},
            "signers.second-key.public: is the key of 'first-key', too: a key stands once",
        ),
        # evidence
        ("evidence.quality", ..., "evidence.quality: is missing, and the gate quality of staging asks for such"),
        ("evidence.quality.signatures", 0, "evidence.quality.signatures: is 0, expected a whole number from 1 to 100"),
        ("evidence.quality.signatures", 2, "evidence.quality.signatures: asks for 2 different owners of keys, and 1"),
        ("evidence.Quality", {"valid_days": 1}, "evidence.Quality: is no kind of evidence, expected a word of small"),
        # loading
        ("loading.list", "sha256:0", "loading.list: is 'sha256:0', expected platform, or sha256: and 64 hex digits"),
        ("loading.without", ["os.system"], "loading.without: 'os.system' is not on the platform's list"),
        ("loading.formats", ["pickle"], "loading.formats: 'pickle' is no format that can be loaded, expected one of"),
        ("loading.formats", [], "loading.formats: is empty, expected one of skops"),
    ],
)
def test_what_could_not_be_meant_is_refused_by_its_key(key: str, value: Any, told: str) -> None:
    assert any(line.strip().startswith(told) for line in refusal(changed(content("team"), key, value)).splitlines())


@pytest.mark.parametrize("what", [None, [], "team", 7])
def test_what_is_no_mapping_is_no_policy(what: object) -> None:
    assert refusal(what).endswith("expected keys with values")


def test_every_fault_is_told_at_once() -> None:
    faults = refusal(changed(changed(content("team"), "name", 1), "levels.staging.gates.luck", {})).splitlines()
    assert len(faults) == 2


def test_nothing_is_told_twice_of_a_part_that_is_not_there() -> None:
    assert refusal(changed(content("team"), "signers.first-key", 3)) == (
        "signers.first-key: is 3, expected keys with values"
    )


def test_two_keys_of_one_person_do_not_make_two_signatures() -> None:
    second = {"owner": "dora", "public": public(99).text, "may": ["quality"], "since": "2026-01-01"}
    two = changed(changed(content("team"), "signers.second-key", second), "evidence.quality.signatures", 2)
    assert "asks for 2 different owners of keys, and 1 may sign quality" in refusal(two)
    assert Policy.of(changed(two, "signers.second-key.owner", "mia")).evidence["quality"].signatures == 2


def test_a_revoked_key_signs_no_approvals_and_no_evidence() -> None:
    gone = {"at": "2026-02-01", "reason": "left"}
    told = refusal(changed(content("strict"), "signers.it-operator.revoked", gone))
    assert told == "levels.production.approvals.it_operator: nobody holds this role and a key that may sign approvals"
    Policy.of(changed(content("strict"), "signers.methodologist.revoked", gone))  # there is another methodologist
    told = refusal(changed(content("team"), "signers.first-key.revoked", gone))
    assert "evidence.quality.signatures: asks for 1 different owners of keys, and 0 may sign quality" in told


def test_a_day_is_its_first_moment_in_utc() -> None:
    (signer,) = policy("team").signers
    assert signer.since == datetime(2026, 1, 1, tzinfo=UTC)
    later = Policy.of(changed(content("team"), "signers.first-key.until", "2026-03-31T08:05:00.5Z")).signers[0]
    assert later.until == datetime(2026, 3, 31, 8, 5, tzinfo=UTC) + timedelta(milliseconds=500)


def test_signed_approvals_need_approvals() -> None:
    told = refusal(changed(content("solo"), "levels.staging.signed_approvals", True))
    assert told == "levels.staging.signed_approvals: asks for signatures, but no approval is asked for"


@pytest.fixture
def speed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A gate of somebody else's, with a setting that has no default, and one that is not its maker's to choose."""

    @dataclass(frozen=True)
    class Speed:
        most: float
        least: int = 1
        made: str = field(default="here", init=False)

        def __post_init__(self) -> None:
            if self.most < self.least:
                raise ValueError("nothing is that fast")

        def judge(self, candidate: object) -> tuple[Verdict, ...]:
            return ()

    known = gates.find
    monkeypatch.setattr(gates, "find", lambda name: Speed if name == "speed" else known(name))


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({}, ".most: is missing"),
        ({"most": "high"}, ".most: is 'high', expected a number"),
        ({"most": 0.5}, ": cannot be set so: nothing is that fast"),
        ({"most": 5, "made": "there"}, ".made: no such key, expected one of least, most"),
    ],
)
def test_a_foreign_gate_is_set_as_its_fields_say(speed: None, settings: dict[str, Any], told: str) -> None:
    assert refusal(changed(content("solo"), "levels.staging.gates.speed", settings)) == (
        f"levels.staging.gates.speed{told}"
    )
    made = Policy.of(changed(content("solo"), "levels.staging.gates.speed", {"most": 5}))
    assert made.content()["levels"]["staging"]["gates"]["speed"] == {"most": 5.0, "least": 1, "made": "here"}


def leaves(content: Any, *way: str) -> list[str]:
    """Every dotted key, of mappings too."""
    below = content.items() if isinstance(content, dict) else ()
    return [".".join(way), *(key for name, inner in below for key in leaves(inner, *way, name))]


STRICT = content("strict")
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.dates().map(str),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(key=st.sampled_from(leaves(STRICT)[1:]), value=JSON)
def test_whatever_stands_in_a_policy_it_is_one_or_is_refused_with_a_reason(key: str, value: Any) -> None:
    with contextlib.suppress(Faulty):  # whose message says why; nothing else may come out
        made = Policy.of(changed(STRICT, key, value))
        assert Policy.of(json.loads(made.canonical)) == made


def test_a_policy_is_read_by_the_standard_library_alone() -> None:
    """It is read before every promotion."""
    program = (
        "import json, sys; from towpath_registry.policy import Policy; Policy.of(json.load(sys.stdin)).digest;"
        " print(*sys.modules)"
    )
    asked = [sys.executable, "-c", program]
    given = policy("strict").canonical.decode()
    loaded = set(subprocess.run(asked, input=given, capture_output=True, text=True, check=True).stdout.split())
    assert "towpath_registry" in loaded
    assert not loaded & {"yaml", "pydantic", "cryptography", "sqlalchemy", "mlflow", "importlib.metadata"}
