"""What a kept version comes from is neither deleted nor rewritten; who made a run is who the server says."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from mlflow.entities import ExperimentTag, LoggedModelStatus, Metric, Param, RunTag
from mlflow.entities.model_registry import ModelVersionTag
from mlflow.exceptions import MlflowException
from mlflow.store.tracking.abstract_store import AbstractStore
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

from governed_world import MODEL, GovernedWorld
from towpath_registry.mlflow_plugin import tracking as plugin
from towpath_registry.nouns import DIGEST

DECIDED = {
    *("create_experiment", "delete_experiment", "restore_experiment"),
    *("create_run", "delete_run", "restore_run", "record_logged_model"),
    *("log_metric", "log_param", "log_batch", "log_inputs", "log_outputs", "set_tag", "delete_tag"),
    *("create_logged_model", "log_logged_model_params", "finalize_logged_model", "delete_logged_model"),
}
# Names, labels and what belongs to traces and judges: no version stands on any of it.
LEFT_ALONE = {
    *("rename_experiment", "set_experiment_tag", "delete_experiment_tag", "update_run_info"),
    *("set_logged_model_tags", "set_model_versions_tags", "delete_logged_model_tag"),
    *("log_metric_async", "log_param_async", "log_batch_async", "set_tag_async"),
    *(
        "log_spans",
        "log_spans_async",
        "delete_traces",
        "set_trace_tag",
        "delete_trace_tag",
        "link_traces_to_run",
        "unlink_traces_from_run",
    ),
    *("link_prompts_to_trace", "create_assessment", "update_assessment", "delete_assessment"),
    *("create_issue", "update_issue", "create_dataset", "delete_dataset", "delete_dataset_tag", "set_dataset_tags"),
    *("delete_dataset_records", "remove_dataset_from_experiments", "delete_scorer"),
    *("create_label_schema", "update_label_schema", "delete_label_schema"),
    *("create_review_queue", "update_review_queue", "delete_review_queue", "set_review_queue_item_status"),
    *("remove_items_from_review_queue",),
}
WRITES = ("create_", "delete_", "restore_", "log_", "set_", "update_", "rename_", "record_", "finalize_", "link_")


@pytest.fixture
def world(tmp_path: Path) -> GovernedWorld:
    return GovernedWorld(tmp_path / "home")


@pytest.fixture
def tracking(world: GovernedWorld) -> Iterator[Any]:
    """Asked by ann from here on."""
    with world.asked_by("ann"):
        yield world.tracking()


@pytest.fixture
def made(world: GovernedWorld, tracking: Any) -> tuple[str, str, str]:
    """An experiment, a run and its logged model, of which version 1 of the model is made."""
    experiment = tracking.create_experiment("wages")
    run = tracking.create_run(experiment, "somebody-else", 0, [], "one").info.run_id
    model = tracking.create_logged_model(experiment, "coder", run)
    registry = world.registry()
    registry.create_registered_model(MODEL)
    registry.create_model_version(MODEL, model.artifact_location, run, [ModelVersionTag(DIGEST, "sha256:1")])
    return experiment, run, model.model_id


def refused(call: Any, *words: str) -> None:
    with pytest.raises(MlflowException) as caught:
        call()
    assert caught.value.error_code == "PERMISSION_DENIED", caught.value
    for word in words:
        assert word in caught.value.message


def test_every_write_that_this_mlflow_knows_is_decided_or_left_alone() -> None:
    every = {
        name
        for kind in (AbstractStore, SqlAlchemyStore)
        for name in dir(kind)
        if name.startswith((*WRITES, "un", "rem"))
    }
    gateway = {
        name for name in every if any(word in name for word in ("gateway", "mcp", "budget", "guardrail", "endpoint"))
    }
    assert every - gateway == DECIDED | LEFT_ALONE
    for kind in (plugin.GovernedTracking, plugin.GovernedWorkspaceTracking):
        assert {name for name in DECIDED if getattr(kind, name) is getattr(SqlAlchemyStore, name)} == set()


def test_without_a_server_no_run_is_made(world: GovernedWorld) -> None:
    refused(lambda: world.tracking().create_run("0", "ann", 0, [], "one"), "only through its server")


@pytest.mark.parametrize("place", ["file:///etc", "/etc", "s3://bucket", "mlflow-artifacts:/7", "runs:/x"])
def test_nobody_chooses_where_an_experiment_s_files_lie(world: GovernedWorld, tracking: Any, place: str) -> None:
    refused(lambda: tracking.create_experiment("mine", place), "the server chooses", "leave artifact_location out")
    assert tracking.get_experiment_by_name("mine") is None
    assert [what for _, what, _ in world.attempts()] == ["create-experiment"]


def test_who_made_a_run_is_who_was_logged_in(world: GovernedWorld, tracking: Any, made: tuple[str, str, str]) -> None:
    _, run, model = made
    assert world.authors("run", run) == {"ann"}
    assert world.authors("model", model) == {"ann"}
    with world.asked_by("bob"):
        tracking.set_tag(run, RunTag("note", "I looked at it"))
        assert world.authors("run", run) == {"ann"}
        tracking.log_metric(run, Metric("accuracy", 0.9, 0, 0))
    assert world.authors("run", run) == {"ann", "bob"}


def test_what_a_version_at_a_level_comes_from_is_not_deleted(
    world: GovernedWorld, tracking: Any, made: tuple[str, str, str]
) -> None:
    experiment, run, model = made
    world.stand(MODEL, 1, "staging")
    words = (f"{MODEL}/1 stands at staging", "what it comes from is kept")
    refused(lambda: tracking.delete_run(run), *words)
    refused(lambda: tracking.restore_run(run), *words)
    refused(lambda: tracking.delete_experiment(experiment), *words)
    refused(lambda: tracking.restore_experiment(experiment), *words)
    refused(lambda: tracking.delete_logged_model(model), *words)
    refused(lambda: tracking.finalize_logged_model(model, LoggedModelStatus.FAILED), *words)
    assert tracking.get_run(run).info.lifecycle_stage == "active"
    assert tracking.get_logged_model(model).model_id == model
    assert [what for _, what, _ in world.attempts()] == [
        *("delete-run", "restore-run", "delete-experiment", "restore-experiment", "delete-logged-model"),
        "finalize-model",
    ]


def test_what_a_version_under_an_open_request_comes_from_is_not_rewritten(
    world: GovernedWorld, tracking: Any, made: tuple[str, str, str]
) -> None:
    _, run, _ = made
    world.ask(MODEL, 1, "production")
    words = (f"{MODEL}/1 is asked for production",)
    refused(lambda: tracking.log_metric(run, Metric("accuracy", 1.0, 0, 0)), *words)
    refused(lambda: tracking.log_param(run, Param("seed", "7")), *words)
    refused(lambda: tracking.log_batch(run, [Metric("accuracy", 1.0, 0, 0)], [], []), *words)
    refused(lambda: tracking.log_batch(run, [], [], [RunTag("mlflow.user", "bob")]), *words)
    refused(lambda: tracking.set_tag(run, RunTag("mlflow.user", "bob")), *words)
    refused(lambda: tracking.set_tag(run, RunTag("MLFLOW.USER", "bob")), *words)
    refused(lambda: tracking.delete_tag(run, "mlflow.source.name"), *words)
    refused(lambda: tracking.log_outputs(run, []), *words)
    refused(lambda: tracking.log_inputs(run), *words)
    tracking.set_tag(run, RunTag("mlflow.note.content", "looks good"))
    world.end(MODEL, 1, "production", "rejected")
    tracking.log_metric(run, Metric("accuracy", 0.5, 0, 0))


def test_what_no_version_comes_from_is_deleted_and_restored(world: GovernedWorld, tracking: Any) -> None:
    experiment = tracking.create_experiment("trials")
    run = tracking.create_run(experiment, "ann", 0, [], "one").info.run_id
    tracking.delete_run(run)
    tracking.restore_run(run)
    tracking.set_experiment_tag(experiment, ExperimentTag("team", "labour"))
    tracking.delete_experiment(experiment)
    tracking.restore_experiment(experiment)
    assert world.attempts() == []


def test_a_run_whose_author_cannot_be_noted_is_not_there(world: GovernedWorld, tracking: Any) -> None:
    with world.databases.writing() as database:
        database.run("DROP TABLE towpath_authors")
    with pytest.raises(MlflowException, match="no such table: towpath_authors"):
        tracking.create_run("0", "ann", 0, [], "one")
    from mlflow.entities import ViewType

    assert tracking.search_runs(["0"], "", ViewType.ACTIVE_ONLY) == []
