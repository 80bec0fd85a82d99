"""A governed server: it decides, records and moves; this end asks, as whoever the environment logs in."""

from __future__ import annotations

import base64
import hashlib
import math
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import IO, Any, TypeVar
from urllib.parse import quote

from towpath_core.clock import Clock
from towpath_core.errors import CouldNot, Mismatch, Misused, NotFound, TowpathError
from towpath_core.refs import ModelRef
from towpath_registry import nouns, wire
from towpath_registry.evidence import Read
from towpath_registry.nouns import Decision, LedgerEntry, ModelSummary, ModelVersion, Question
from towpath_registry.plans import Plan, Planner, read_all
from towpath_registry.policy import Policy
from towpath_registry.promotion import About
from towpath_registry.requests import Promotion
from towpath_registry.rest import Rest
from towpath_registry.server import ServerModels
from towpath_registry.store import Store
from towpath_registry.trust import Signer

T = TypeVar("T")
API = "/towpath/api/1/"
_TIMES: Any = Mapping[str, datetime]
_TEXTS: Any = Mapping[str, str]
_KINDS = {nouns.PROMOTED: "promotion", nouns.ROLLED_BACK: "rollback", nouns.RETIRED: "retirement"}
# What a plain MLflow server says to an address that it does not know, to whom its permissions do not let see even that.
_PLAIN_FORBIDS = b"Permission denied"


class Api(Rest):
    """The interface that a governed server carries beside MLflow's; its errors are those that it raised there."""

    def __init__(self, uri: str, environ: Mapping[str, str]) -> None:
        super().__init__(uri, environ, API)

    def is_there(self) -> bool:
        """Whether the server is a governed one; False for a plain one. Raises: CouldNot for anything else."""
        try:
            said = self.get("server")
        except _Unknown:
            return False
        if said.get("api") != 1 or not isinstance(said.get("towpath"), str):
            raise CouldNot(
                f"{self.shown} answers as another towpath than this one would",
                hint="install the same towpath here as on the server",
            )
        return True

    def one(self, kind: type[T], answer: Mapping[str, Any], key: str) -> T:
        """The noun under a key of an answer. Raises: CouldNot for what is none."""
        try:
            return wire.noun(kind, answer.get(key))
        except ValueError as error:
            raise self.odd(f"{key}: {error}") from error

    def many(self, kind: type[T], answer: Mapping[str, Any], key: str) -> list[T]:
        """The nouns under a key of an answer. Raises: as `one` does."""
        try:
            return wire.nouns(kind, answer.get(key))
        except ValueError as error:
            raise self.odd(f"{key}: {error}") from error

    def odd(self, why: str) -> CouldNot:
        return CouldNot(
            f"the answer of {self.shown} cannot be read: {why}",
            hint="install the same towpath here as on the server",
        )

    def _refused(self, code: int, reason: str, content: bytes) -> TowpathError:
        known = wire.error_of(code, content)
        if known is None and code == 404 and b"RESOURCE_DOES_NOT_EXIST" not in content:
            return _Unknown(f"{self.shown} has no towpath on it", hint="start it with towpath server")
        if known is None and code == 403 and content.strip() == _PLAIN_FORBIDS:
            return _Unknown(f"{self.shown} has no towpath on it", hint="start it with towpath server")
        return known or super()._refused(code, reason, content)


def open_remote(uri: str, environ: Mapping[str, str]) -> RemoteStore | None:
    """The registry of the server at `uri`, if it is a governed one. Raises: CouldNot where it does not say."""
    api = Api(uri, environ)
    return RemoteStore(api, uri, environ) if api.is_there() else None


class _Unknown(CouldNot):
    """The server does not know the address."""


class RemoteStore(ServerModels):
    """The registry of a governed server, as it tells itself; only a model's files are fetched as MLflow serves them.

    MLflow reads all versions of a model to tell of one. Nothing is recorded from here: what is asked for at the desk,
    the server records.
    """

    governed = True

    def __init__(self, api: Api, uri: str, environ: Mapping[str, str]) -> None:
        super().__init__(uri, environ)
        self.api = api

    def models(self) -> list[ModelSummary]:
        return self.api.many(ModelSummary, self.api.get("models"), "models")

    def versions(self, name: str) -> list[ModelVersion]:
        return self.api.many(ModelVersion, self.api.get("versions", model=name), "versions")

    def version(self, ref: ModelRef) -> ModelVersion:
        return self.api.one(ModelVersion, self.api.get("version", **_named(ref)), "version")

    def metrics(self, version: ModelVersion) -> dict[str, float]:
        return self.metrics_in(self.api.get("metrics", **_asked(version)))

    def metrics_in(self, answer: Mapping[str, Any]) -> dict[str, float]:
        """The metrics of an answer. Raises: CouldNot for what is none."""
        found = self.api.one(_TEXTS, answer, "metrics")
        try:
            values = {key: float(value) for key, value in found.items()}
        except ValueError as error:
            raise self.api.odd("metrics: one is no number") from error
        if not all(map(math.isfinite, values.values())):
            raise self.api.odd("metrics: one is no number")
        return values

    def evidence(self, version: ModelVersion) -> list[tuple[str, bytes]]:
        return self.evidence_in(self.api.get("evidence", **_asked(version)))

    def evidence_in(self, answer: Mapping[str, Any]) -> list[tuple[str, bytes]]:
        """The envelopes of an answer. Raises: CouldNot for what is none."""
        found = self.api.one(_TEXTS, answer, "evidence")
        try:
            return [(name, base64.b64decode(content, validate=True)) for name, content in sorted(found.items())]
        except ValueError as error:
            raise self.api.odd("evidence: it is not base64") from error

    def ledger(self, name: str, asked: Question | None = None) -> list[LedgerEntry]:
        question: dict[str, object] = {"model": name}
        if asked is not None:
            question |= {
                "events": ",".join(asked.events),
                "level": asked.level,
                "version": asked.version,
                "request": asked.request,
                "newest": asked.newest,
            }
        return self.api.many(LedgerEntry, self.api.get("ledger", **question), "entries")

    def seen(self, name: str) -> int:
        return self.api.one(int, self.api.get("seen", model=name), "seen")

    def request(self, number: str) -> list[LedgerEntry]:
        try:
            return list(self.promotion(number).history)
        except NotFound:
            return []

    def open_requests(self, name: str = "") -> list[str]:
        return [promotion.id for promotion in self.promotions(name)]

    def recorded(self, version: ModelVersion) -> Mapping[str, datetime]:
        return self.recorded_in(self.api.get("recorded", **_asked(version)))

    def recorded_in(self, answer: Mapping[str, Any]) -> Mapping[str, datetime]:
        """The times of an answer. Raises: CouldNot for what is none."""
        found: Mapping[str, datetime] = self.api.one(_TIMES, answer, "recorded")
        return found

    def authors(self, version: ModelVersion) -> tuple[str, ...]:
        answer = self.api.get("authors", **_asked(version))
        return tuple(self.api.many(str, answer, "authors"))

    def policy(self, digest: str) -> bytes | None:
        try:
            content = self.api.one(str, self.api.get(f"policies/{quote(digest, safe='')}"), "content").encode()
        except NotFound:
            return None
        if f"sha256:{hashlib.sha256(content).hexdigest()}" != digest:
            raise Mismatch(f"the policy that {self.api.shown} gave is another than {digest[:19]}", hint="towpath audit")
        return content

    def checkpoint(self) -> str:
        return self.api.one(str, self.api.get("checkpoint"), "note")

    def export(self, target: Path) -> None:
        """Write the server's whole ledger into a file, as `exporting.export` does there.

        Raises: Misused when there is such a file already, CouldNot when it cannot be written.
        """
        if target.exists():
            raise _exists(target)
        try:
            with tempfile.NamedTemporaryFile(prefix=f".{target.name}.", dir=target.parent) as part:
                self._export(part)
                Path(part.name).chmod(0o644)
                os.link(part.name, target)
        except FileExistsError:
            raise _exists(target) from None
        except OSError as error:
            raise CouldNot(f"cannot write {target}: {error.strerror or error}", hint="choose another folder") from error

    def vkey(self) -> str:
        """The key that the server signs its ledger with, as it says itself; empty where it has signed nothing yet."""
        return self.api.one(str, self.api.get("server"), "vkey")

    def _export(self, part: IO[bytes]) -> None:
        with self.api.stream(f"{API}export") as source:
            shutil.copyfileobj(source, part, 1 << 20)
            if source.length:  # what it had promised, and did not send
                raise self.api.odd("it ended too early")
        part.flush()

    def promotions(self, model: str = "") -> list[Promotion]:
        return self.api.many(Promotion, self.api.get("requests", model=model), "requests")

    def promotion(self, number: str) -> Promotion:
        return self.api.one(Promotion, self.api.get(f"requests/{quote(number, safe='')}"), "request")

    def record(self, decision: Decision, seen: int | None = None) -> LedgerEntry:
        raise _not_from_here(decision)

    def adopt(
        self,
        decision: Decision,
        content: bytes,
        levels: Sequence[str],
        seen: int | None = None,
    ) -> LedgerEntry:
        raise _not_from_here(decision)


class RemoteDesk:
    """The desk of a governed server. Who acts is who the server says asks; the actors that are told here are not sent.

    `signers` tells whom a policy trusts: what evidence proves is judged here, not by the server's word.
    """

    def __init__(self, store: RemoteStore, clock: Clock, signers: Callable[[Policy], tuple[Signer, ...]]) -> None:
        self.store: Store = store
        self._store = store
        self._api = store.api
        self._clock, self._signers = clock, signers
        self._planner = Planner(store, clock, self.policy, signers)

    def about(self, ref: ModelRef) -> About:
        """In one question: the server logs in and looks up permissions for each of them."""
        answer = self._api.get("about", **_named(ref))
        version, metrics = self._api.one(ModelVersion, answer, "version"), self._store.metrics_in(answer)
        if answer.get("policy") is None:
            return About(version, metrics, None, note=self._api.one(str, answer, "note"))
        policy = self._policy(answer.get("policy"))
        envelopes, recorded = self._store.evidence_in(answer), self._store.recorded_in(answer)
        read = read_all(envelopes, recorded, self._signers(policy), self._clock())
        return About(version, metrics, policy, read, tuple(self._api.many(Promotion, answer, "requests")))

    def plan(self, ref: ModelRef, to: str) -> Plan:
        return self._planned("promotion", str(ref), to)

    def plan_rollback(self, name: str, of: str) -> Plan:
        return self._planned("rollback", name, of)

    def plan_retirement(self, name: str, of: str) -> Plan:
        return self._planned("retirement", name, of)

    def settle(self, plan: Plan, actor: str, reason: str) -> LedgerEntry | Promotion:
        kind = _KINDS[plan.event]
        ref = plan.version.ref if plan.event == nouns.PROMOTED else plan.version.name
        answer = self._api.send("POST", "requests", kind=kind, ref=ref, level=plan.level, plan=plan.id, reason=reason)
        if "request" in answer:
            return self._api.one(Promotion, answer, "request")
        return self._api.one(LedgerEntry, answer, "entry")

    def promotions(self, model: str = "") -> list[Promotion]:
        return self._store.promotions(model)

    def promotion(self, number: str) -> Promotion:
        return self._store.promotion(number)

    def approve(self, number: str, actor: str, reason: str, role: str = "", signature: str = "") -> Promotion:
        return self._said(number, "approve", reason=reason, role=role, signature=signature)

    def reject(self, number: str, actor: str, reason: str) -> Promotion:
        return self._said(number, "reject", reason=reason)

    def cancel(self, number: str, actor: str, reason: str) -> Promotion:
        return self._said(number, "cancel", reason=reason)

    def apply(self, number: str, actor: str, reason: str = "") -> LedgerEntry:
        answer = self._api.send("POST", _address(number, "apply"), reason=reason)
        return self._api.one(LedgerEntry, answer, "entry")

    def evidence(self, version: ModelVersion) -> tuple[Read, ...]:
        return self._planner.evidence(version)

    def policy(self) -> Policy:
        return self._policy(self._api.get("policy").get("content"))

    def _policy(self, content: Any) -> Policy:
        try:
            return Policy.of(content)
        except Misused as error:
            raise self._api.odd(error.message) from error

    def set_policy(self, policy: Policy, actor: str, reason: str) -> LedgerEntry:
        answer = self._api.send("POST", "policy", content=policy.content(), reason=reason)
        return self._api.one(LedgerEntry, answer, "entry")

    def registered(self, version: ModelVersion, actor: str) -> LedgerEntry:
        answer = self._api.send("POST", "registered", model=version.name, version=version.version)
        return self._api.one(LedgerEntry, answer, "entry")

    def _planned(self, kind: str, ref: str, level: str) -> Plan:
        answer = self._api.send("POST", "plans", kind=kind, ref=ref, level=level)
        plan = self._api.one(Plan, answer, "plan")
        if plan.id != answer.get("id"):
            raise self._api.odd("the plan is another than its id says")
        return plan

    def _said(self, number: str, doing: str, **content: str) -> Promotion:
        return self._api.one(Promotion, self._api.send("POST", _address(number, doing), **content), "request")


def _named(ref: ModelRef) -> dict[str, object]:
    return {"model": ref.name, **({"alias": ref.alias} if ref.alias is not None else {"version": ref.version})}


def _asked(version: ModelVersion) -> dict[str, object]:
    return {"model": version.name, "version": version.version}


def _address(number: str, doing: str) -> str:
    return f"requests/{quote(number, safe='')}/{doing}"


def _exists(target: Path) -> Misused:
    return Misused(f"{target} exists", hint="choose another file; an export is never written over")


def _not_from_here(decision: Decision) -> CouldNot:
    return CouldNot(
        f"only the server writes its ledger; {decision.event} is not asked for at its desk",
        hint="on the server itself, with its TOWPATH_HOME",
    )
