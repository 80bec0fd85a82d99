"""MLflow's registry as the server opens it: what is let, what is refused and why, and that refusals are recorded."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from mlflow.entities.model_registry import ModelVersionTag, RegisteredModelTag
from mlflow.exceptions import MlflowException
from mlflow.store.model_registry.abstract_store import AbstractStore
from mlflow.store.model_registry.sqlalchemy_store import SqlAlchemyStore

from governed_world import MODEL, GovernedWorld
from towpath_registry.mlflow_plugin import store as plugin
from towpath_registry.nouns import DIGEST, MONITORING

PROMPT = [RegisteredModelTag("mlflow.prompt.is_prompt", "true")]
# Every way to write that MLflow's registry has, and where it is decided.
DECIDED = {
    *("set_registered_model_alias", "delete_registered_model_alias", "transition_model_version_stage"),
    *("create_registered_model", "rename_registered_model", "update_registered_model", "delete_registered_model"),
    *("create_model_version", "update_model_version", "delete_model_version"),
    *("set_registered_model_tag", "delete_registered_model_tag"),
    *("set_model_version_tag", "delete_model_version_tag"),
    *("create_webhook", "update_webhook", "delete_webhook"),
}
# Written in terms of those above, or of the tracking store.
MADE_OF_THEM = {
    *("copy_model_version", "create_prompt", "delete_prompt", "set_prompt_tag", "delete_prompt_tag"),
    *("create_prompt_version", "delete_prompt_version", "set_prompt_alias", "delete_prompt_alias"),
    *("set_prompt_version_tag", "delete_prompt_version_tag"),
    *("link_prompts_to_trace", "link_prompt_version_to_model", "link_prompt_version_to_run"),
}
READS = {
    *("search_registered_models", "get_registered_model", "get_latest_versions", "get_model_version"),
    *("get_model_version_download_uri", "search_model_versions", "get_model_version_by_alias"),
    *("search_prompts", "get_prompt", "get_prompt_version", "get_prompt_version_by_alias", "search_prompt_versions"),
    *("get_webhook", "list_webhooks", "list_webhooks_by_event", "test_webhook", "supports_workspaces"),
}


@pytest.fixture
def world(tmp_path: Path) -> GovernedWorld:
    return GovernedWorld(tmp_path / "home")


@pytest.fixture
def registry(world: GovernedWorld) -> Iterator[Any]:
    """With a model that has two versions, asked by ann from here on."""
    registry = world.registry()
    with world.asked_by("ann"):
        registry.create_registered_model(MODEL)
        for _ in range(2):
            registry.create_model_version(MODEL, "mlflow-artifacts:/1/models/m-1/artifacts", tags=digest("sha256:1"))
        yield registry


def digest(value: str) -> list[ModelVersionTag]:
    return [ModelVersionTag(DIGEST, value)]


def refused(call: Any, *words: str) -> str:
    """The text of a refusal, which must hold all the words."""
    with pytest.raises(MlflowException) as caught:
        call()
    assert caught.value.error_code == "PERMISSION_DENIED", caught.value
    assert caught.value.get_http_status_code() == 403
    for word in words:
        assert word in caught.value.message
    return str(caught.value.message)


def test_every_write_of_this_mlflow_is_decided() -> None:
    public = {name for name in dir(AbstractStore) if not name.startswith("_")}
    public |= {name for name in dir(SqlAlchemyStore) if not name.startswith("_") and name.islower()}
    assert public == DECIDED | MADE_OF_THEM | READS
    for kind in (plugin.GovernedStore, plugin.GovernedWorkspaceStore):
        ours = {name for name in DECIDED if getattr(kind, name) is not getattr(SqlAlchemyStore, name)}
        assert ours == DECIDED
        assert {name for name in MADE_OF_THEM if getattr(kind, name) is not getattr(AbstractStore, name)} == set()


@pytest.mark.parametrize("method", sorted(DECIDED))
def test_without_a_server_nothing_is_written(world: GovernedWorld, method: str) -> None:
    values = [MODEL, "x", "x", "x", "x"][: getattr(SqlAlchemyStore, method).__code__.co_argcount - 1]
    said = refused(lambda: getattr(world.registry(), method)(*values), "only through its server")
    assert "set MLFLOW_TRACKING_URI" in said


@pytest.mark.parametrize("method", sorted(DECIDED))
def test_whom_nobody_has_logged_in_writes_nothing(world: GovernedWorld, method: str) -> None:
    values = [MODEL, "x", "x", "x", "x"][: getattr(SqlAlchemyStore, method).__code__.co_argcount - 1]
    with world.asked_by(""):
        refused(lambda: getattr(world.registry(), method)(*values), "nobody is logged in")


def test_an_alias_of_a_level_moves_only_as_the_judge_says(world: GovernedWorld, registry: Any) -> None:
    said = refused(lambda: registry.set_registered_model_alias(MODEL, "staging", "1"), "an approval is missing")
    assert said.endswith("ask max")
    assert registry.get_registered_model(MODEL).aliases == {}
    assert world.attempts() == [("ann", "set-alias", "an approval is missing")]
    world.judge.complete.add((MODEL, "staging", 1))
    registry.set_registered_model_alias(MODEL, "staging", "1")
    assert registry.get_registered_model(MODEL).aliases == {"staging": 1}


def test_an_alias_that_is_no_level_is_anybody_s(registry: Any) -> None:
    registry.set_registered_model_alias(MODEL, "mine", 2)
    assert registry.get_registered_model(MODEL).aliases == {"mine": 2}
    registry.delete_registered_model_alias(MODEL, "mine")
    assert registry.get_registered_model(MODEL).aliases == {}


@pytest.mark.parametrize(
    "alias",
    [
        *("Staging", "STAGING", "staging\n", "ｓtaging", "stagіng", "sta\u0301ging"),
        *("STAGIΝG", "SТAGING", "ꓢtaging", "ѕтagiոɡ", "staging\u3164", "sta\uffa0ging"),
    ],
)
def test_an_alias_that_looks_like_a_level_is_refused(world: GovernedWorld, registry: Any, alias: str) -> None:
    world.judge.complete.add((MODEL, "staging", 1))
    with pytest.raises(MlflowException) as caught:
        registry.set_registered_model_alias(MODEL, alias, 1)
    assert "looks like the level staging" in caught.value.message or "Invalid alias name" in caught.value.message
    assert registry.get_registered_model(MODEL).aliases == {}


def test_a_version_that_is_not_there_is_not_found(registry: Any) -> None:
    with pytest.raises(MlflowException, match="not found"):
        registry.set_registered_model_alias(MODEL, "staging", 99)


def test_what_stands_at_a_level_is_not_taken_away(world: GovernedWorld, registry: Any) -> None:
    world.stand(MODEL, 1, "staging")
    refused(lambda: registry.delete_registered_model_alias(MODEL, "staging"), "taken away by a retirement")
    assert registry.get_registered_model(MODEL).aliases == {"staging": 1}
    assert [what for _, what, _ in world.attempts()] == ["delete-alias"]


@pytest.mark.parametrize("stage", ["Production", "production", "Staging", "Archived", "None"])
def test_stages_are_not_used(world: GovernedWorld, registry: Any, stage: str) -> None:
    refused(lambda: registry.transition_model_version_stage(MODEL, 1, stage, True), "stages are not used here")
    assert registry.get_model_version(MODEL, 1).current_stage == "None"
    assert [what for _, what, _ in world.attempts()] == ["set-stage"]


def test_a_version_at_a_level_is_not_deleted_nor_its_model(world: GovernedWorld, registry: Any) -> None:
    world.stand(MODEL, 1, "staging")
    refused(lambda: registry.delete_model_version(MODEL, 1), f"{MODEL}/1 stands at staging")
    refused(lambda: registry.delete_registered_model(MODEL), f"{MODEL}/1 stands at staging")
    registry.delete_model_version(MODEL, 2)
    assert [mv.version for mv in registry.search_model_versions(f"name='{MODEL}'")] == [1]
    assert [what for _, what, _ in world.attempts()] == ["delete-version", "delete-model"]


def test_a_version_under_an_open_request_is_not_deleted_until_it_ends(world: GovernedWorld, registry: Any) -> None:
    world.ask(MODEL, 1, "production")
    refused(lambda: registry.delete_model_version(MODEL, 1), f"{MODEL}/1 is asked for production")
    world.end(MODEL, 1, "production", "cancelled")
    registry.delete_model_version(MODEL, 1)


def test_what_once_stood_at_a_level_is_kept_for_the_audit(world: GovernedWorld, registry: Any) -> None:
    world.stand(MODEL, 1, "staging")
    world.stand(MODEL, 2, "staging")
    refused(lambda: registry.delete_model_version(MODEL, 1), f"{MODEL}/1 stood at staging")


def test_a_model_with_versions_keeps_its_name(world: GovernedWorld, registry: Any) -> None:
    refused(lambda: registry.rename_registered_model(MODEL, "other"), "has versions")
    registry.create_registered_model("empty")
    registry.rename_registered_model("empty", "still-empty")
    refused(lambda: registry.rename_registered_model("still-empty", MODEL.upper()), f"looks like the model {MODEL}")
    assert [what for _, what, _ in world.attempts()] == ["rename-model", "rename-model"]


@pytest.mark.parametrize(
    "name",
    [
        *("Occupation-Coder", "occupation-coder ", "оccupation-coder", "occupation\u200b-coder"),
        *("OCCUPATIOΝ-CODER", "occupation-coder\ufe0f", "occupatioո-coder", "occupation\u034f-coder"),
    ],
)
def test_a_name_that_looks_like_another_model_s_is_refused(registry: Any, name: str) -> None:
    refused(lambda: registry.create_registered_model(name), f"looks like the model {MODEL}")


def test_a_name_that_is_taken_is_said_to_be_taken(registry: Any) -> None:
    with pytest.raises(MlflowException, match="already exists"):
        registry.create_registered_model(MODEL)


@pytest.mark.parametrize("key", [DIGEST, "towpath.ledger.00000001.x", "Towpath.digest", "tоwpath.digest", "ｔowpath.x"])
def test_our_tags_are_set_and_taken_away_by_nobody(world: GovernedWorld, registry: Any, key: str) -> None:
    refused(lambda: registry.set_model_version_tag(MODEL, 1, ModelVersionTag(key, "x")), "towpath's own")
    refused(lambda: registry.delete_model_version_tag(MODEL, 1, key), "towpath's own")
    refused(lambda: registry.set_registered_model_tag(MODEL, RegisteredModelTag(key, "x")), "towpath's own")
    refused(lambda: registry.delete_registered_model_tag(MODEL, key), "towpath's own")
    refused(lambda: registry.create_registered_model("new", [RegisteredModelTag(key, "x")]), "towpath's own")
    assert registry.get_model_version(MODEL, 1).tags == {DIGEST: "sha256:1"}
    assert len(world.attempts()) == 5


def test_a_tag_that_we_do_not_know_is_refused_at_creation_too(registry: Any) -> None:
    tags = [ModelVersionTag("towpath.invented", "x")]
    refused(lambda: registry.create_model_version(MODEL, "runs:/abc/model", tags=tags), "towpath's own")


def test_other_tags_and_descriptions_are_anybody_s(registry: Any) -> None:
    registry.set_model_version_tag(MODEL, 1, ModelVersionTag("team", "labour"))
    registry.delete_model_version_tag(MODEL, 1, "team")
    registry.set_registered_model_tag(MODEL, RegisteredModelTag("team", "labour"))
    registry.delete_registered_model_tag(MODEL, "team")
    registry.update_registered_model(MODEL, "what it is for")
    assert registry.update_model_version(MODEL, 1, "what is new").description == "what is new"


def test_the_link_to_the_monitoring_is_set_once(registry: Any) -> None:
    registry.set_model_version_tag(MODEL, 1, ModelVersionTag(MONITORING, "http://here"))
    registry.set_model_version_tag(MODEL, 1, ModelVersionTag(MONITORING, "http://here"))
    refused(lambda: registry.set_model_version_tag(MODEL, 1, ModelVersionTag(MONITORING, "x")), "written once")
    refused(lambda: registry.delete_model_version_tag(MODEL, 1, MONITORING), "towpath's own")


@pytest.mark.parametrize(
    "source",
    ["file:///etc", "/etc", "s3://bucket/x", "http://x/api/2.0/mlflow-artifacts/artifacts/1", "mlflow-artifacts://h/1"],
)
def test_a_source_elsewhere_is_refused(registry: Any, source: str) -> None:
    refused(lambda: registry.create_model_version(MODEL, source), "a version's source is models:/")


def test_a_version_s_authors_are_those_of_all_that_it_is_made_of(world: GovernedWorld, registry: Any) -> None:
    world.house.made("run", "f" * 32)
    with world.asked_by("bob"):
        world.house.made("model", "m-7")
        registry.create_registered_model("other")
        source = "mlflow-artifacts:/1/models/m-7/artifacts"
    with world.asked_by("eve"):
        made = registry.create_model_version(MODEL, source, run_id="f" * 32)
        assert world.authors("version", f"{MODEL}/{made.version}") == {"ann", "bob", "eve"}
    with world.asked_by("dan"):
        copied = registry.copy_model_version(registry.get_model_version(MODEL, made.version), "other")
    assert world.authors("version", f"other/{copied.version}") == {"ann", "bob", "dan", "eve"}


def test_a_version_whose_authors_cannot_be_noted_is_not_made(world: GovernedWorld, registry: Any) -> None:
    with world.databases.writing() as database:
        database.run("DROP TABLE towpath_authors")
    with pytest.raises(MlflowException, match="no such table: towpath_authors"):
        registry.create_model_version(MODEL, "runs:/abc/model")
    assert [mv.version for mv in registry.search_model_versions(f"name='{MODEL}'")] == [2, 1]


def test_a_prompt_is_left_alone_and_never_stands_at_a_level(world: GovernedWorld, registry: Any) -> None:
    registry.create_registered_model("greeting", PROMPT)
    registry.create_prompt_version("greeting", "Hello {{name}}")
    registry.set_prompt_alias("greeting", "mine", 1)
    registry.set_prompt_tag("greeting", "team", "labour")
    world.judge.complete.add(("greeting", "production", 1))
    refused(lambda: registry.set_prompt_alias("greeting", "production", 1), "no prompt stands at a level")
    registry.delete_prompt("greeting")


def test_a_model_does_not_become_a_prompt_nor_a_prompt_a_model(registry: Any) -> None:
    registry.create_registered_model("greeting", PROMPT)
    tag = RegisteredModelTag("mlflow.prompt.is_prompt", "true")
    refused(lambda: registry.set_registered_model_tag(MODEL, tag), "a model stays a model")
    refused(lambda: registry.delete_registered_model_tag("greeting", tag.key), "a prompt a prompt")
    refused(lambda: registry.set_model_version_tag(MODEL, 1, ModelVersionTag(tag.key, "true")), "a model stays a model")
    as_prompt = [ModelVersionTag(tag.key, "true")]
    refused(lambda: registry.create_model_version(MODEL, "dummy-source", tags=as_prompt), "is a model")
    refused(lambda: registry.create_model_version("greeting", "runs:/abc/model"), "is a prompt")


def test_an_attempt_that_cannot_be_recorded_is_refused_all_the_same(world: GovernedWorld, registry: Any) -> None:
    world.stand(MODEL, 1, "staging")
    world.house.promotions = lambda _: Unwritable()  # type: ignore[assignment, return-value]
    refused(lambda: registry.delete_model_version(MODEL, 1), "stands at staging", "not in the ledger: the disk is full")


class Unwritable:
    def refuse(self, *_: object) -> None:
        from towpath_core.errors import CouldNot

        raise CouldNot("the disk is full")


def test_what_nobody_foresaw_is_a_refusal_that_tells_nothing(world: GovernedWorld, registry: Any) -> None:
    world.house.promotions = lambda _: None  # type: ignore[assignment, return-value]
    with pytest.raises(MlflowException, match="could not be decided") as caught:
        registry.set_registered_model_alias(MODEL, "staging", 1)
    assert "NoneType" not in caught.value.message
    assert registry.get_registered_model(MODEL).aliases == {}


@pytest.mark.parametrize("version", ["0", "-1", "2147483648", "9" * 20])
def test_a_number_that_no_version_can_have_is_refused_as_such(registry: Any, version: str) -> None:
    with pytest.raises(MlflowException, match="version") as caught:
        registry.set_registered_model_alias(MODEL, "production", version)
    assert caught.value.error_code in ("INVALID_PARAMETER_VALUE", "RESOURCE_DOES_NOT_EXIST")


def test_text_that_no_database_can_hold_is_refused_as_such(registry: Any) -> None:
    for ask in ("create_registered_model", "delete_registered_model"):
        with pytest.raises(MlflowException, match="half a character"):
            getattr(registry, ask)("a\ud800")
