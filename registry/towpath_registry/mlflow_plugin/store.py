"""MLflow's model registry, where an alias of a level moves only by a promotion.

Every way in ends here: REST, the UI's own addresses, GraphQL, MLflow's client and command line against a server. A
client that opens the database by this store itself has no server that knows who it is, and writes nothing.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from mlflow.environment_variables import MLFLOW_ENABLE_WORKSPACES
from mlflow.exceptions import MlflowException
from mlflow.prompt.constants import IS_PROMPT_TAG_KEY
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE
from mlflow.server.constants import READ_REPLICA_BACKEND_STORE_URI_ENV_VAR
from mlflow.store.model_registry.dbmodels.models import SqlModelVersion, SqlRegisteredModel
from mlflow.store.model_registry.sqlalchemy_store import SqlAlchemyStore
from mlflow.store.model_registry.sqlalchemy_workspace_store import WorkspaceAwareSqlAlchemyStore
from mlflow.utils.validation import (
    _validate_model_alias_name,
    _validate_model_alias_name_reserved,
    _validate_model_name,
    _validate_model_version,
)

from towpath_registry import books
from towpath_registry.mlflow_plugin.answers import guarded
from towpath_registry.mlflow_plugin.house import House, here, person
from towpath_registry.mlflow_plugin.kept import Kept
from towpath_registry.names import folded, governed, readings
from towpath_registry.nouns import DIGEST, IMPORTED_FROM, MONITORING, PROVENANCE, ModelVersion

SCHEME = "governed+"
# Our tags that a version is made with; a link to its monitoring comes later, once.
OURS = (DIGEST, MONITORING, IMPORTED_FROM, "towpath.task", *(f"towpath.{name}" for name in PROVENANCE))
SOURCES = ("models:/", "runs:/", "mlflow-artifacts:/")
_DELETED = "Deleted_Internal"
_PROMPT = """SELECT value FROM registered_model_tags
 WHERE workspace = :workspace AND name = :name AND "key" = :key"""


class _Governed:
    """The writes of a registry, each decided before it is done. It stands before one of MLflow's own stores."""

    ManagedSessionMaker: Any
    _get_active_workspace: Callable[[], str]
    _get_query: Callable[..., Any]

    # What is about levels.

    @guarded
    def set_registered_model_alias(self, name: str, alias: str, version: str | int) -> None:
        _validate_model_name(name)
        _check_alias(alias)
        number = _number(version)
        house = here()
        level = governed(alias, house.levels())
        if level is None:
            super().set_registered_model_alias(name, alias, number)  # type: ignore[misc]
            return
        self._refuse_twin(house, name, alias, level, number)
        if self._is_prompt(name):
            self._refuse("set-alias", f"{alias} is a level, and no prompt stands at a level", name, number, level)
        if not self._is_there(name, number):
            self.get_model_version(name, number)  # type: ignore[attr-defined]  # answers as MLflow does, and takes long
        house.promotions(self._get_active_workspace()).move(person(), name, level, number)

    @guarded
    def delete_registered_model_alias(self, name: str, alias: str) -> None:
        _validate_model_name(name)
        _check_alias(alias)
        level = governed(alias, here().levels())
        if level is not None and level == alias:
            why = f"what stands at {level} is taken away by a retirement that was asked for and approved"
            self._refuse("delete-alias", why, name, level=level, hint=f"towpath retire {name} --level {level}")
        super().delete_registered_model_alias(name, alias)  # type: ignore[misc]

    @guarded
    def transition_model_version_stage(
        self, name: str, version: str | int, stage: str, archive_existing_versions: bool
    ) -> Any:
        number = _number(version)
        why = f"MLflow's stages are not used here, so that {stage} cannot be taken for a level"
        self._refuse("set-stage", why, name, number, hint=f"towpath promote {name}/{number} --to LEVEL")

    # What is about names.

    @guarded
    def create_registered_model(
        self, name: str, tags: Any = None, description: str | None = None, deployment_job_id: str | None = None
    ) -> Any:
        _validate_model_name(name)
        for key in (tag.key for tag in tags or ()):
            if _is_ours(key):
                self._refuse("set-tag", f"the tag {key} is towpath's own", name)
        self._refuse_look_alike("create-model", name, but=())
        return super().create_registered_model(name, tags, description, deployment_job_id)  # type: ignore[misc]

    @guarded
    def rename_registered_model(self, name: str, new_name: str) -> Any:
        _validate_model_name(name)
        _validate_model_name(new_name)
        if not self._is_prompt(name) and self._has_versions(name):
            why = f"{name} has versions, whose evidence, authors and ledger name it {name}"
            self._refuse("rename-model", why, name, hint="register the next version under the new name")
        self._refuse_look_alike("rename-model", new_name, but=(name,))
        return super().rename_registered_model(name, new_name)  # type: ignore[misc]

    # What is about things that are kept.

    @guarded
    def delete_registered_model(self, name: str) -> None:
        _validate_model_name(name)
        self._refuse_kept("delete-model", self._kept(name))
        super().delete_registered_model(name)  # type: ignore[misc]

    @guarded
    def delete_model_version(self, name: str, version: str | int) -> None:
        _validate_model_name(name)
        number = _number(version)
        self._refuse_kept("delete-version", [kept for kept in self._kept(name) if kept.version == number])
        super().delete_model_version(name, number)  # type: ignore[misc]

    # What is about tags.

    @guarded
    def set_registered_model_tag(self, name: str, tag: Any) -> None:
        self._refuse_tag("set-tag", tag.key, name)
        super().set_registered_model_tag(name, tag)  # type: ignore[misc]

    @guarded
    def delete_registered_model_tag(self, name: str, key: str) -> None:
        self._refuse_tag("delete-tag", key, name)
        super().delete_registered_model_tag(name, key)  # type: ignore[misc]

    @guarded
    def set_model_version_tag(self, name: str, version: str | int, tag: Any) -> None:
        number = _number(version)
        if tag.key == MONITORING:
            known = self.get_model_version(name, number).tags.get(MONITORING)  # type: ignore[attr-defined]
            if known not in (None, tag.value):
                self._refuse("set-tag", f"the tag {MONITORING} is written once", name, number)
        else:
            self._refuse_tag("set-tag", tag.key, name, number)
        super().set_model_version_tag(name, number, tag)  # type: ignore[misc]

    @guarded
    def delete_model_version_tag(self, name: str, version: str | int, key: str) -> None:
        number = _number(version)
        self._refuse_tag("delete-tag", key, name, number)
        super().delete_model_version_tag(name, number, key)  # type: ignore[misc]

    # What is about versions.

    @guarded
    def create_model_version(
        self,
        name: str,
        source: str,
        run_id: str | None = None,
        tags: Any = None,
        run_link: str | None = None,
        description: str | None = None,
        local_model_path: str | None = None,
        model_id: str | None = None,
    ) -> Any:
        _validate_model_name(name)
        told = {tag.key: tag.value for tag in tags or ()}
        as_prompt = str(told.get(IS_PROMPT_TAG_KEY, "")).lower() == "true"
        if as_prompt != self._is_prompt(name):
            kinds = ("a prompt", "a model") if as_prompt else ("a model", "a prompt")
            self._refuse("create-version", f"this is a version of {kinds[0]}, and {name} is {kinds[1]}", name)
        if not as_prompt:
            self._refuse_version(name, source, run_id, told, model_id)
        made = super().create_model_version(  # type: ignore[misc]
            name, source, run_id, tags, run_link, description, local_model_path, model_id
        )
        if not as_prompt:
            try:
                self._put_authors(made)
            except BaseException:  # without its authors, nobody could say who may approve it
                super().delete_model_version(name, made.version)  # type: ignore[misc]
                raise
        return made

    def _refuse_version(
        self, name: str, source: str, run_id: str | None, tags: dict[str, str], model_id: str | None
    ) -> None:
        parts = urlsplit(source)
        if not source.startswith(SOURCES) or parts.netloc:
            why = f"a version's source is {', '.join(SOURCES)[:-1]}… of this server"
            self._refuse("create-version", why, name, hint="log the model to this server first")
        for key in tags:
            if _is_ours(key) and key not in OURS:
                self._refuse("set-tag", f"the tag {key} is towpath's own", name)
        logged = model_id or _model_id(source)
        if logged:
            from mlflow.server.handlers import _get_tracking_store

            made_by = _get_tracking_store().get_logged_model(logged).source_run_id
            if run_id and run_id != made_by:
                why = f"the logged model {logged} was not made by the run {run_id}"
                self._refuse("create-version", why, name, hint="name the run that made it")

    def _put_authors(self, made: Any) -> None:
        with self.ManagedSessionMaker() as session:
            found = self._get_query(session, SqlModelVersion).filter(
                SqlModelVersion.name == made.name, SqlModelVersion.version == int(made.version)
            )
            storage, source, run_id = (found.one().storage_location, made.source, made.run_id)
        version = ModelVersion(
            made.name, int(made.version), datetime.now(UTC), run_id or "", source or "", made.tags.get(DIGEST, "")
        )
        segments = [part for part in urlsplit(storage or "").path.split("/") if part.startswith("m-")]
        here().registered(version, segments[-1] if segments else "", self._get_active_workspace())

    # What anybody whom MLflow lets may do.

    update_registered_model = guarded(SqlAlchemyStore.update_registered_model)
    update_model_version = guarded(SqlAlchemyStore.update_model_version)
    create_webhook = guarded(SqlAlchemyStore.create_webhook)
    update_webhook = guarded(SqlAlchemyStore.update_webhook)
    delete_webhook = guarded(SqlAlchemyStore.delete_webhook)

    # What the guards ask.

    def _is_prompt(self, name: str) -> bool:
        with here().databases.reading() as database:
            tags = database.rows(_PROMPT, workspace=self._get_active_workspace(), name=name, key=IS_PROMPT_TAG_KEY)
        return any((tag[0] or "").lower() == "true" for tag in tags)

    def _is_there(self, name: str, version: int) -> bool:
        with here().databases.reading() as database:
            return books.is_there(database, self._get_active_workspace(), name, version)

    def _has_versions(self, name: str) -> bool:
        with self.ManagedSessionMaker() as session:
            found = self._get_query(session, SqlModelVersion).filter(
                SqlModelVersion.name == name, SqlModelVersion.current_stage != _DELETED
            )
            return found.first() is not None

    def _kept(self, name: str) -> list[Kept]:
        workspace = self._get_active_workspace()
        return [kept for kept in here().keeper.kept() if (kept.workspace, kept.model) == (workspace, name)]

    def _refuse_kept(self, what: str, kept: Sequence[Kept]) -> None:
        if kept:
            first = kept[0]
            why = f"{first.reason}, and is kept as it is"
            hint = "" if first.why == "stood" else f"towpath show {first.ref}"
            self._refuse(what, why, first.model, first.version, first.level, hint)

    def _refuse_twin(self, house: House, name: str, alias: str, level: str, version: int) -> None:
        if alias != level:
            why = f"the alias {alias!r} looks like the level {level}"
            self._refuse("set-alias", why, name, version, level, hint=f"towpath promote {name}/{version} --to {level}")

    def _refuse_tag(self, what: str, key: str, name: str, version: int = 0) -> None:
        _validate_model_name(name)
        if _is_ours(key):
            self._refuse(what, f"the tag {key} is towpath's own", name, version)
        if folded(key) == folded(IS_PROMPT_TAG_KEY):
            self._refuse(what, "a model stays a model, and a prompt a prompt", name, version)

    def _refuse_look_alike(self, what: str, name: str, but: Iterable[str]) -> None:
        with self.ManagedSessionMaker() as session:
            rows = self._get_query(session, SqlRegisteredModel).with_entities(SqlRegisteredModel.name)
            names = [row[0] for row in rows]
        if name in names:
            return  # MLflow says that it is there
        seen = readings(name)
        twins = [known for known in names if known not in but and readings(known) & seen]
        if not folded(name) or twins:
            why = f"{name!r} looks like the model {twins[0]}" if twins else f"{name!r} has no letter that can be seen"
            self._refuse(what, why, name, hint="choose a name that nobody takes for another")

    def _refuse(self, what: str, why: str, name: str, version: int = 0, level: str = "", hint: str = "") -> None:
        here().refuse(
            what, why, hint=hint, workspace=self._get_active_workspace(), model=name, version=version, level=level
        )


class GovernedStore(_Governed, SqlAlchemyStore):
    """The registry of a server without workspaces."""


class GovernedWorkspaceStore(_Governed, WorkspaceAwareSqlAlchemyStore):
    """The registry of a server with workspaces."""


def open_registry(store_uri: str) -> SqlAlchemyStore:
    """The store behind `governed+sqlite:///…` and `governed+postgresql://…`."""
    if not store_uri.startswith(SCHEME):
        raise MlflowException.invalid_parameter_value("a governed registry's address starts with governed+")
    kind = GovernedWorkspaceStore if MLFLOW_ENABLE_WORKSPACES.get() else GovernedStore
    return kind(store_uri.removeprefix(SCHEME), read_db_uri=os.environ.get(READ_REPLICA_BACKEND_STORE_URI_ENV_VAR))


def _number(version: str | int) -> int:
    number: int = _validate_model_version(version)
    if not 0 < number < 2**31:
        raise MlflowException("a version is a number from 1 to 2147483647", INVALID_PARAMETER_VALUE)
    return number


def _check_alias(alias: str) -> None:
    _validate_model_alias_name(alias)
    _validate_model_alias_name_reserved(alias)


def _is_ours(key: str) -> bool:
    return any(reading.startswith("towpath.") for reading in readings(key))


def _model_id(source: str) -> str:
    """The logged model's id, if the source is one; `models:/name/3` names a version."""
    named = source.removeprefix("models:/")
    return named if named != source and "/" not in named and named.startswith("m-") else ""
