from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from registry_world import CARD, JUDGED, NAME, EmbeddedWorld, MemoryWorld, material, promotions
from towpath_core.errors import CouldNot, Misused, NotFound, Refused
from towpath_core.refs import ModelRef
from towpath_core.verdicts import Verdict
from towpath_registry.gates import Candidate, Gate
from towpath_registry.nouns import PROMOTED, REFUSED, ROLLED_BACK, LedgerEntry
from towpath_registry.plans import Plan
from towpath_registry.policy import Level, Policy, solo

BAD = (Verdict("accuracy_4", False, "accuracy_4", "0.41", "at least 0.55"), JUDGED[1])


@pytest.fixture
def world(tmp_path: Path) -> MemoryWorld:
    return MemoryWorld(tmp_path)


def ref(version: int) -> ModelRef:
    return ModelRef(NAME, version=version)


def promote(world: MemoryWorld, version: int, to: str = "staging") -> LedgerEntry:
    entry = promotions(world).settle(promotions(world).plan(ref(version), to), "ann@example.invalid", "because")
    assert isinstance(entry, LedgerEntry)
    return entry


def release(world: MemoryWorld, version: int) -> None:
    promote(world, version)
    promote(world, version, "production")


def aliases(world: MemoryWorld) -> dict[str, int]:
    return {alias: version.version for version in world.store.versions(NAME) for alias in version.aliases}


def events(world: MemoryWorld) -> list[tuple[str, str, int, int | None]]:
    return [(e.event, e.level, e.version, e.previous) for e in world.store.ledger(NAME)]


def refusals(made: Plan) -> list[str]:
    return [verdict.reason for verdict in made.verdicts if not verdict.passed]


def test_a_good_version_moves_and_the_ledger_tells_who_what_and_why(world: MemoryWorld) -> None:
    version = world.add(material())
    entry = promote(world, 1)
    assert aliases(world) == {"staging": 1}
    assert events(world) == [(PROMOTED, "staging", 1, None)]
    assert (entry.actor, entry.reason, entry.digest) == ("ann@example.invalid", "because", version.digest)
    assert entry.policy == solo().digest
    assert {verdict.gate for verdict in entry.verdicts} == {
        "data-checks", "quality", "provenance", "model-format", "documentation",
    }  # fmt: skip


def test_a_refused_version_stays_where_it_was_and_the_refusal_is_recorded(world: MemoryWorld) -> None:
    world.add(material(1))
    world.add(material(2, judged=BAD))
    promote(world, 1)
    made = promotions(world).plan(ref(2), "staging")
    assert not made.allowed
    assert "accuracy_4 is 0.41, expected at least 0.55" in refusals(made)
    promotions(world).settle(made, "ann", "")
    assert aliases(world) == {"staging": 1}
    assert events(world) == [(PROMOTED, "staging", 1, None), (REFUSED, "staging", 2, 1)]


def test_a_plan_changes_nothing_and_is_the_same_when_made_again(world: MemoryWorld) -> None:
    world.add(material())
    first, second = (promotions(world).plan(ref(1), "staging") for _ in range(2))
    assert first == second
    assert first.id == second.id
    assert len(first.id) == 12
    assert aliases(world) == {}
    assert events(world) == []


def test_plans_on_other_grounds_have_other_ids(world: MemoryWorld) -> None:
    world.add(material(1))
    world.add(material(2))
    before = promotions(world).plan(ref(2), "staging")
    production = promotions(world).plan(ref(2), "production")
    promote(world, 1)
    after = promotions(world).plan(ref(2), "staging")
    assert len({before.id, production.id, after.id}) == 3


def test_what_is_there_already_is_done_and_not_recorded_again(world: MemoryWorld) -> None:
    world.add(material())
    promote(world, 1)
    again = promotions(world).plan(ref(1), "staging")
    assert (again.done, again.allowed, again.verdicts) == (True, True, ())


def test_production_asks_that_this_very_version_was_in_staging_first(world: MemoryWorld) -> None:
    world.add(material(1))
    world.add(material(2))
    promote(world, 1)
    assert refusals(promotions(world).plan(ref(2), "production")) == [
        f"{NAME}/2 at staging is never there, expected at staging first"
    ]
    assert promotions(world).plan(ref(1), "production").allowed


def test_an_alias_that_somebody_set_by_hand_is_no_promotion(world: MemoryWorld) -> None:
    world.add(material())
    world.move_alias(NAME, "staging", 1)
    assert not promotions(world).plan(ref(1), "production").allowed
    made = promotions(world).plan(ref(1), "staging")
    assert not made.done
    promotions(world).settle(made, "ann", "")
    assert events(world) == [(PROMOTED, "staging", 1, 1)]


def test_a_version_can_be_named_by_the_alias_it_stands_at(world: MemoryWorld) -> None:
    world.add(material())
    promote(world, 1)
    made = promotions(world).plan(ModelRef(NAME, alias="staging"), "production")
    assert (made.version.version, made.allowed) == (1, True)


def test_unknown_versions_and_levels_are_errors(world: MemoryWorld) -> None:
    world.add(material())
    with pytest.raises(NotFound):
        promotions(world).plan(ref(2), "staging")
    with pytest.raises(Misused, match="there is no level 'prod'"):
        promotions(world).plan(ref(1), "prod")


def test_a_plan_that_others_have_overtaken_moves_nothing(world: MemoryWorld) -> None:
    world.add(material(1))
    world.add(material(2))
    stale = promotions(world).plan(ref(1), "staging")
    promote(world, 2)
    with pytest.raises(CouldNot, match="nothing was moved"):
        promotions(world).settle(stale, "ann", "")
    assert aliases(world) == {"staging": 2}


def test_bytes_that_changed_after_registration_are_refused(tmp_path: Path) -> None:
    world = EmbeddedWorld(tmp_path / "home")
    version = world.add(material())
    with world.store.model_folder(version) as folder:
        (folder / "requirements.txt").write_text("evil==1.0\n")
    made = promotions(world).plan(ref(1), "staging")
    assert {verdict.gate for verdict in made.verdicts if not verdict.passed} == {
        "data-checks", "quality", "model-format",
    }  # fmt: skip


@pytest.mark.parametrize("name", ["model.pkl", "code/run.py"])
def test_a_file_that_is_not_of_a_model_is_refused_by_name(tmp_path: Path, name: str) -> None:
    world = EmbeddedWorld(tmp_path / "home")
    version = world.add(material())
    with world.store.model_folder(version) as folder:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("import os")
    assert any(name.partition("/")[0] in reason for reason in refusals(promotions(world).plan(ref(1), "staging")))


@pytest.mark.parametrize(
    ("worse", "gate"),
    [
        ({"checked": None}, "data-checks"),
        ({"judged": None}, "quality"),
        ({"tags": {}}, "provenance"),
        ({"digest": "none"}, "model-format"),
        ({"card": CARD.replace("## Limits", "## Other")}, "documentation"),
        ({"card": None}, "documentation"),
        ({"about": "sha256:" + "0" * 64}, "quality"),
    ],
)
def test_each_gate_can_refuse_a_promotion(world: MemoryWorld, worse: dict[str, object], gate: str) -> None:
    world.add(material(1, **worse))  # type: ignore[arg-type]
    made = promotions(world).plan(ref(1), "staging")
    assert not made.allowed
    assert gate in {verdict.gate for verdict in made.verdicts if not verdict.passed}


@pytest.mark.parametrize("rules", [{}, None])
def test_a_level_without_gates_lets_nobody_pass(world: MemoryWorld, rules: Mapping[str, Gate] | None) -> None:
    world.add(material())
    policy = Policy("open", (Level("staging", rules or {}), Level("production", rules or {}, after="staging")))
    assert refusals(promotions(world, policy).plan(ref(1), "staging")) == [
        "staging is without any gate, expected at least one gate"
    ]


@dataclass(frozen=True)
class Silent:
    """Says nothing."""

    def judge(self, candidate: Candidate) -> tuple[Verdict, ...]:
        return ()


def test_a_level_whose_gates_say_nothing_lets_nobody_pass(world: MemoryWorld) -> None:
    world.add(material())
    policy = Policy("silent", (Level("staging", {"silent": Silent()}),))
    assert not promotions(world, policy).plan(ref(1), "staging").allowed


def test_a_rollback_puts_the_version_before_back_and_is_an_event_of_its_own(world: MemoryWorld) -> None:
    for number in (1, 2):
        world.add(material(number))
        release(world, number)
    made = promotions(world).plan_rollback(NAME, "production")
    assert (made.version.version, made.stands, made.allowed) == (1, 2, True)
    promotions(world).settle(made, "ann", "too many wrong codes")
    assert aliases(world) == {"staging": 2, "production": 1}
    assert events(world)[-1] == (ROLLED_BACK, "production", 1, 2)


def test_two_rollbacks_go_two_versions_back_and_a_third_has_nowhere_to_go(world: MemoryWorld) -> None:
    for number in (1, 2, 3):
        world.add(material(number))
        release(world, number)
    for expected in (2, 1):
        made = promotions(world).plan_rollback(NAME, "production")
        assert made.version.version == expected
        promotions(world).settle(made, "ann", "")
    with pytest.raises(Refused, match=f"the ledger names no version of {NAME} that stood at production before"):
        promotions(world).plan_rollback(NAME, "production")


def test_without_any_move_there_is_nothing_to_roll_back_to(world: MemoryWorld) -> None:
    world.add(material())
    with pytest.raises(Refused) as caught:
        promotions(world).plan_rollback(NAME, "production")
    assert caught.value.hint == f"towpath history {NAME}"
    with pytest.raises(NotFound):
        promotions(world).plan_rollback("nobody", "production")


def test_after_a_move_by_hand_a_rollback_returns_to_what_the_ledger_knows(world: MemoryWorld) -> None:
    world.add(material(1))
    world.add(material(2))
    release(world, 1)
    world.move_alias(NAME, "production", 2)
    assert promotions(world).plan_rollback(NAME, "production").version.version == 1


def test_a_rollback_asks_the_same_gates(tmp_path: Path) -> None:
    world = EmbeddedWorld(tmp_path / "home")
    for number in (1, 2):
        world.add(material(number))
        for level in ("staging", "production"):
            promotions(world).settle(promotions(world).plan(ref(number), level), "ann", "")
    with world.store.model_folder(world.store.version(ref(1))) as folder:
        (folder / "MODEL_CARD.md").unlink()
    made = promotions(world).plan_rollback(NAME, "production")
    assert not made.allowed
    promotions(world).settle(made, "ann", "")
    assert world.store.version(ModelRef(NAME, alias="production")).version == 2
    assert world.store.ledger(NAME)[-1].event == REFUSED


def test_a_rollback_to_a_number_that_now_has_other_bytes_is_refused(world: MemoryWorld, tmp_path: Path) -> None:
    for number in (1, 2):
        world.add(material(number))
        release(world, number)
    recreated = MemoryWorld(tmp_path / "again")
    recreated.memory._links = world.memory._links
    recreated.add(material(7))
    recreated.add(material(2))
    recreated.move_alias(NAME, "production", 2)
    made = promotions(recreated).plan_rollback(NAME, "production")
    assert any(reason.startswith("what stood at production before is sha256:") for reason in refusals(made))
