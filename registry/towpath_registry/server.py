"""The registry on a plain MLflow server.

A plain server has no transaction over an alias and a ledger, so a move is written down twice: as `requested` before
the alias moves and as what happened after it. What was interrupted in between shows in the ledger, and the same command
takes it up again. The entries are tags of the registered model, which whoever may edit the model may delete: this
ledger shows accidents and honest mistakes, not a determined editor.
"""

from __future__ import annotations

import contextlib
import math
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path, PurePosixPath
from typing import Any

from towpath_core.clock import Clock, short
from towpath_core.errors import CouldNot, Mismatch, NotFound
from towpath_core.refs import ModelRef
from towpath_registry import evidence, ledger
from towpath_registry.ledger import Link
from towpath_registry.local_files import LARGEST, whole
from towpath_registry.nouns import (
    DIGEST,
    REQUESTED,
    RETIRED,
    Decision,
    LedgerEntry,
    ModelSummary,
    ModelVersion,
    Question,
)
from towpath_registry.rest import Rest
from towpath_registry.store import authors_in, changed_meanwhile, no_model, no_version, recorded_in

_TAG = "towpath.ledger."
_CHUNK = 4_800  # a registered model's tag holds 5,000 characters (the column's width), whatever the interface accepts
_ABANDONED = timedelta(minutes=2)  # after which a request that nobody finished no longer stops others
_PAGE = 1_000


class ServerModels:
    """The models and versions of the MLflow server at `uri`, as its REST interface tells them."""

    def __init__(self, uri: str, environ: Mapping[str, str]) -> None:
        self._rest = Rest(uri, environ)

    def view(self) -> contextlib.AbstractContextManager[None]:
        return contextlib.nullcontext()  # a server answers each question for itself

    def models(self) -> list[ModelSummary]:
        found = self._pages("registered-models/search", "registered_models")
        models = [model for model in found if _tags(model).get("mlflow.prompt.is_prompt") != "true"]
        return sorted((_summary(model) for model in models), key=lambda model: model.name)

    def versions(self, name: str) -> list[ModelVersion]:
        aliases = _aliases(self._model(name))
        found = self._pages("model-versions/search", "model_versions", filter=f"name='{name}'")
        versions = [_version(version, aliases) for version in found]
        return sorted(versions, key=lambda version: version.version, reverse=True)

    def version(self, ref: ModelRef) -> ModelVersion:
        try:
            if ref.alias is not None:
                found = self._rest.get("registered-models/alias", name=ref.name, alias=ref.alias)
            else:
                found = self._rest.get("model-versions/get", name=ref.name, version=ref.version)
        except NotFound as error:
            model = self._model(ref.name)
            raise no_version(ref, _aliases(model), _summary(model).latest) from error
        except CouldNot as error:
            if ref.alias is None or "alias" not in error.message:
                raise
            model = self._model(ref.name)  # MLflow calls an unknown alias a bad parameter
            raise no_version(ref, _aliases(model), _summary(model).latest) from error
        version = found["model_version"]
        return _version(version, dict.fromkeys(version.get("aliases", ()), int(version["version"])))

    @contextlib.contextmanager
    def model_folder(self, version: ModelVersion) -> Iterator[Path]:
        scheme, slash, model_id = version.source.partition(":/")
        if scheme != "models" or not slash or "/" in model_id:
            raise CouldNot(
                f"{version.ref} was not registered by towpath: its source is {version.source}",
                hint="make a version with towpath run",
            )
        with tempfile.TemporaryDirectory(prefix="towpath-model-") as temporary:
            folder = Path(temporary)
            for path in self._files(f"logged-models/{model_id}/artifacts/directories", "artifact_directory_path"):
                target = folder / path
                target.parent.mkdir(parents=True, exist_ok=True)
                address = f"/ajax-api/2.0/mlflow/logged-models/{model_id}/artifacts/files"
                with self._rest.stream(address, artifact_file_path=path) as source, target.open("wb") as copy:
                    shutil.copyfileobj(source, copy, 1 << 20)
            yield folder

    def evidence(self, version: ModelVersion) -> list[tuple[str, bytes]]:
        if not self._run(version):
            return []
        listed = self._rest.get("artifacts/list", run_id=version.run_id, path=evidence.FOLDER).get("files", [])
        found = []
        for path in sorted(file["path"] for file in listed if file["path"].endswith(evidence.SUFFIX)):
            with self._rest.stream("/get-artifact", path=path, run_uuid=version.run_id) as source:
                found.append((PurePosixPath(path).name, source.read(evidence.LARGEST + 1)))
        return found

    def run_file(self, version: ModelVersion, path: str) -> bytes | None:
        if ".." in path.split("/") or not self._run(version):
            return None
        listed = self._rest.get("artifacts/list", run_id=version.run_id, path=path.rpartition("/")[0]).get("files", [])
        if path not in [file["path"] for file in listed if not file.get("is_dir")]:
            return None
        with self._rest.stream("/get-artifact", path=path, run_uuid=version.run_id) as source:
            return whole(source.read(LARGEST + 1), path, version.ref)

    def metrics(self, version: ModelVersion) -> dict[str, float]:
        found = self._run(version).get("data", {}).get("metrics", [])
        values = {metric["key"]: float(metric["value"]) for metric in found}
        return {key: values[key] for key in sorted(values) if math.isfinite(values[key]) and abs(values[key]) < 1.7e308}

    def _model(self, name: str) -> dict[str, Any]:
        """The registered model as the server describes it. Raises: NotFound."""
        try:
            model: dict[str, Any] = self._rest.get("registered-models/get", name=name)["registered_model"]
        except NotFound as error:
            raise no_model(name, (model.name for model in self.models())) from error
        return model

    def _run(self, version: ModelVersion) -> dict[str, Any]:
        """The version's run; empty if it has none, or it was deleted."""
        if not version.run_id:
            return {}
        try:
            run: dict[str, Any] = self._rest.get("runs/get", run_id=version.run_id)["run"]
        except NotFound:
            return {}
        return run if run["info"].get("lifecycle_stage") == "active" else {}

    def _files(self, listing: str, parameter: str, below: str = "") -> list[str]:
        """All files below a folder of artifacts, as paths that stay inside it."""
        found: list[str] = []
        for entry in self._rest.get(listing, **({parameter: below} if below else {})).get("files", []):
            path = PurePosixPath(entry["path"])
            if path.is_absolute() or ".." in path.parts or not path.is_relative_to(below) or str(path) == below:
                raise CouldNot(f"the server lists a file outside the model's folder: {path}")
            found += self._files(listing, parameter, str(path)) if entry.get("is_dir") else [str(path)]
        return found

    def _pages(self, path: str, what: str, **question: object) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        token = ""
        while True:
            more = {"page_token": token} if token else {}
            answer = self._rest.get(path, max_results=_PAGE, **question, **more)
            found += answer.get(what, [])
            token = answer.get("next_page_token", "")
            if not token:
                return found


class ServerStore(ServerModels):
    """The registry of the plain MLflow server at `uri`."""

    governed = False

    def __init__(self, uri: str, environ: Mapping[str, str], clock: Clock) -> None:
        super().__init__(uri, environ)
        self._clock = clock

    def ledger(self, name: str, asked: Question | None = None) -> list[LedgerEntry]:
        if not name:  # a plain server keeps nothing about itself
            return []
        entries = [ledger.entry(link) for link in _links(self._model(name))]
        wanted = [entry for entry in entries if asked is None or asked.wants(entry)]
        return wanted[-asked.newest :] if asked and asked.newest else wanted

    def seen(self, name: str) -> int:
        return len(_links(self._model(name)))

    def request(self, number: str) -> list[LedgerEntry]:
        return []

    def open_requests(self, name: str = "") -> list[str]:
        return []

    def recorded(self, version: ModelVersion) -> Mapping[str, datetime]:
        return recorded_in(self.ledger(version.name), version.digest)

    def authors(self, version: ModelVersion) -> tuple[str, ...]:
        return authors_in(self.ledger(version.name), version.digest)

    def checkpoint(self) -> str:
        return ""

    def policy(self, digest: str) -> bytes | None:
        return None

    def adopt(
        self,
        decision: Decision,
        content: bytes,
        levels: Sequence[str],
        seen: int | None = None,
    ) -> LedgerEntry:
        raise CouldNot(
            "a plain MLflow server holds no policy: whoever may edit a model could change it",
            hint="start it with towpath server",
        )

    def record(self, decision: Decision, seen: int | None = None) -> LedgerEntry:
        model = self._model(decision.model)
        links = _links(model)
        if seen is not None and len(links) != seen:
            raise changed_meanwhile(decision)
        if decision.moves:
            stands = _aliases(model).get(decision.level)
            judged = self.version(ModelRef(decision.model, version=decision.version))
            if stands != decision.previous or judged.digest != decision.digest:
                raise changed_meanwhile(decision)
            taken_up = self._open_request(links, decision)
            if taken_up:
                decision = replace(decision, previous=taken_up.previous)
            else:
                links = self._append(links, replace(decision, event=REQUESTED, verdicts=()))
            self._set_alias(decision)
        return ledger.entry(self._append(links, decision)[-1])

    def _open_request(self, links: list[Link], decision: Decision) -> LedgerEntry | None:
        """The unfinished request for this very move, if there is one.

        Raises: CouldNot for one that somebody else may still be working on.
        """
        entries = [found for found in map(ledger.entry, links) if found.level == decision.level]
        last = entries[-1] if entries else None
        if last is None or last.event != REQUESTED:
            return None
        if (last.version, last.digest) == (decision.version, decision.digest):
            return last
        if self._clock() - last.time < _ABANDONED:
            raise CouldNot(
                f"{last.actor} asked on {short(last.time)} to move {last.model}/{last.version} to {last.level}, "
                "and that is not finished",
                hint="wait two minutes, then run the same command again",
            )
        return None

    def _append(self, links: list[Link], decision: Decision) -> list[Link]:
        """The chain with the decision at its end, written to the server.

        Of two writers of the same entry at least one sees the other after writing; who sees another withdraws.
        """
        link = ledger.next_link(links[-1] if links else None, decision, self._clock())
        tags = _as_tags(link)
        try:
            for key, value in tags.items():
                self._rest.send("POST", "registered-models/set-tag", name=decision.model, key=key, value=value)
            alone = _read(self._model(decision.model)).get(link.seq, {}).keys() == {link.hash.hex()}
        except BaseException:
            self._withdraw(decision.model, tags)
            raise
        if not alone:
            self._withdraw(decision.model, tags)
            raise changed_meanwhile(decision)
        return [*links, link]

    def _withdraw(self, name: str, tags: Mapping[str, str]) -> None:
        for key in tags:
            with contextlib.suppress(CouldNot):
                self._rest.send("DELETE", "registered-models/delete-tag", name=name, key=key)

    def _set_alias(self, decision: Decision) -> None:
        if decision.event == RETIRED:
            self._rest.send("DELETE", "registered-models/alias", name=decision.model, alias=decision.level)
            return
        content = {"name": decision.model, "alias": decision.level, "version": str(decision.version)}
        self._rest.send("POST", "registered-models/alias", **content)


def _as_tags(link: Link) -> dict[str, str]:
    """The entry's text in tags `towpath.ledger.<seq>.<hash>.<part>-<parts>`."""
    text = link.body.decode("ascii")
    chunks = [text[start : start + _CHUNK] for start in range(0, len(text), _CHUNK)]
    head = f"{_TAG}{link.seq:08d}.{link.hash.hex()}"
    return {f"{head}.{part}-{len(chunks)}": chunk for part, chunk in enumerate(chunks, 1)}


def _read(model: Mapping[str, Any]) -> dict[int, dict[str, bytes]]:
    """Number to hash to body of the entries that were written to their end."""
    parts: dict[tuple[int, str], dict[str, str]] = {}
    for key, value in _tags(model).items():
        if key.startswith(_TAG):
            seq, _, rest = key.removeprefix(_TAG).partition(".")
            own, _, part = rest.partition(".")
            if not seq.isdigit():
                raise Mismatch(f"the tag {key} is no ledger entry", hint="remove it, then run the same command again")
            parts.setdefault((int(seq), own), {})[part] = value
    found: dict[int, dict[str, bytes]] = {}
    for (number, own), chunks in parts.items():
        count = len(chunks)
        names = [f"{part}-{count}" for part in range(1, count + 1)]
        if all(name in chunks for name in names):
            found.setdefault(number, {})[own] = "".join(chunks[name] for name in names).encode("utf-8", "replace")
    return found


def _links(model: Mapping[str, Any]) -> list[Link]:
    """The whole chain. Raises: Mismatch where it is broken, or stands twice."""
    links: list[Link] = []
    for seq, bodies in sorted(_read(model).items()):
        if len(bodies) > 1:
            raise Mismatch(
                f"the ledger's entry {seq} was written twice, by two promotions at the same moment",
                hint=f"in the MLflow UI, delete the tags {_TAG}{seq:08d}.… of the one that did not happen",
            )
        (own, body) = next(iter(bodies.items()))
        prev = links[-1].hash if links else ledger.GENESIS
        try:
            links.append(Link(seq, body, prev, bytes.fromhex(own)))
        except ValueError:
            links.append(Link(seq, body, prev, b""))
    ledger.verify(links)
    return links


def _summary(model: Mapping[str, Any]) -> ModelSummary:
    newest = [int(version["version"]) for version in model.get("latest_versions", [])]
    return ModelSummary(
        name=model["name"],
        latest=max(newest, default=None),
        updated=_time(model.get("last_updated_timestamp")),
        aliases=_aliases(model),
        description=model.get("description", ""),
    )


def _version(version: Mapping[str, Any], aliases: Mapping[str, int]) -> ModelVersion:
    number, tags = int(version["version"]), _tags(version)
    return ModelVersion(
        name=version["name"],
        version=number,
        created=_time(version.get("creation_timestamp")),
        run_id=version.get("run_id", ""),
        source=version.get("source", ""),
        digest=tags.get(DIGEST, ""),
        tags=tags,
        aliases=tuple(sorted(alias for alias, where in aliases.items() if where == number)),
        description=version.get("description", ""),
    )


def _tags(holder: Mapping[str, Any]) -> dict[str, str]:
    return dict(sorted((tag["key"], tag.get("value", "")) for tag in holder.get("tags", [])))


def _aliases(model: Mapping[str, Any]) -> dict[str, int]:
    return dict(sorted((alias["alias"], int(alias["version"])) for alias in model.get("aliases", [])))


def _time(milliseconds: object) -> datetime:
    return datetime.fromtimestamp(int(str(milliseconds or 0)) / 1000, UTC)
