"""The interface for programs: the desk and the ledger as JSON, below /towpath/api/1/.

Whoever asks is whom the server authenticated; no field of a request names somebody else.
"""

from __future__ import annotations

import base64
import tempfile
from collections.abc import Callable
from functools import cache
from importlib.metadata import version as installed
from pathlib import Path
from typing import Any

import flask

from towpath_core.errors import CouldNot, Misused, NotFound, Refused
from towpath_core.refs import ModelRef, check_name
from towpath_registry import exporting, wire
from towpath_registry.database_store import DatabaseStore
from towpath_registry.nouns import ModelVersion, Question
from towpath_registry.plain_values import Faulty, Part
from towpath_registry.plans import Plan
from towpath_registry.policy import Policy
from towpath_registry.promotion_web.guard import LARGEST_JSON
from towpath_registry.promotion_web.office import EDIT, READ, Office
from towpath_registry.requests import Promotion
from towpath_registry.store import ChangedMeanwhile, Store

PREFIX = "/api/1"
EXPORT = "towpath-ledger.tar.gz"
LONGEST_REASON = 4_000
_QUESTION = ("model", "events", "level", "version", "request", "newest")


class Api:
    """The addresses of one office."""

    def __init__(self, office: Office) -> None:
        self._office = office

    def add_to(self, blueprint: flask.Blueprint) -> None:
        one = f"{PREFIX}/requests/<number>"
        routes: tuple[tuple[str, str, Callable[..., Any]], ...] = (
            ("GET", f"{PREFIX}/server", self.server),
            ("GET", f"{PREFIX}/policy", self.policy),
            ("POST", f"{PREFIX}/policy", self.set_policy),
            ("GET", f"{PREFIX}/policies/<digest>", self.kept_policy),
            ("GET", f"{PREFIX}/models", self.models),
            ("GET", f"{PREFIX}/versions", self.versions),
            ("GET", f"{PREFIX}/version", self.version),
            ("GET", f"{PREFIX}/about", self.about),
            ("GET", f"{PREFIX}/metrics", self.metrics),
            ("GET", f"{PREFIX}/evidence", self.evidence),
            ("GET", f"{PREFIX}/ledger", self.ledger),
            ("GET", f"{PREFIX}/seen", self.seen),
            ("GET", f"{PREFIX}/checkpoint", self.checkpoint),
            ("GET", f"{PREFIX}/export", self.export),
            ("GET", f"{PREFIX}/recorded", self.recorded),
            ("GET", f"{PREFIX}/authors", self.authors),
            ("POST", f"{PREFIX}/registered", self.registered),
            ("POST", f"{PREFIX}/plans", self.plan),
            ("POST", f"{PREFIX}/requests", self.settle),
            ("GET", f"{PREFIX}/requests", self.requests),
            ("GET", one, self.request),
            ("POST", f"{one}/approve", self.approve),
            ("POST", f"{one}/reject", self.reject),
            ("POST", f"{one}/cancel", self.cancel),
            ("POST", f"{one}/apply", self.apply),
        )
        for method, rule, view in routes:
            blueprint.add_url_rule(rule, f"api_{view.__name__}", _as_json(view), methods=[method])

    def server(self) -> dict[str, Any]:
        """Which server this is, and who asks. A policy is named where there is one."""
        desk = self._office.desk()
        try:
            policy = desk.policy()
        except Refused:
            named = None
        else:
            named = {"name": policy.name, "version": policy.version, "digest": policy.digest}
        return {
            "api": 1,
            "towpath": _towpath(),
            "workspace": self._office.workspace(),
            "person": self._office.person(),
            "policy": named,
            "vkey": self._office.vkey(),
        }

    def policy(self) -> dict[str, Any]:
        policy = self._office.desk().policy()
        return {"digest": policy.digest, "content": policy.content()}

    def set_policy(self) -> dict[str, Any]:
        part = _posted()
        content, reason = part.part("content").content, _reason(part)
        _close(part)
        entry = self._office.desk().set_policy(Policy.of(content), self._office.person(), reason)
        return {"entry": wire.plain(entry)}

    def kept_policy(self, digest: str) -> dict[str, Any]:
        content = self._office.desk().store.policy(digest)
        if content is None:
            raise NotFound(f"the registry has no policy {digest}", hint="towpath policy show")
        return {"content": content.decode("ascii")}

    def models(self) -> dict[str, Any]:
        """Those that MLflow's permissions let who asks see. MLflow itself reads every version to list a model."""
        found = self._office.desk().store.models()
        return {"models": wire.plain([model for model in found if self._office.may(model.name, READ)])}

    def versions(self) -> dict[str, Any]:
        model = _query("model").get("model", "")
        self._see(model)
        return {"versions": wire.plain(self._office.desk().store.versions(model))}

    def version(self) -> dict[str, Any]:
        """The version of a number, or the one that an alias points to."""
        return {"version": wire.plain(self._version("alias"))}

    def about(self) -> dict[str, Any]:
        """All that can be asked about a version one by one, as of one moment; without a policy, `note` says why."""
        desk = self._office.desk()
        with desk.store.view():
            version = self._version("alias")
            found = {"version": wire.plain(version), **_metrics(desk.store, version)}
            try:
                policy = desk.policy().content()
            except Refused as error:
                return {**found, "policy": None, "note": error.message}
            return {
                **found,
                "policy": policy,
                **_evidence(desk.store, version),
                **_recorded(desk.store, version),
                "requests": wire.plain(desk.requests_for(version)),
            }

    def metrics(self) -> dict[str, Any]:
        return _metrics(self._office.desk().store, self._version())

    def evidence(self) -> dict[str, Any]:
        return _evidence(self._office.desk().store, self._version())

    def ledger(self) -> dict[str, Any]:
        """The entries about a model, or about the registry; without a question all of them, and verified."""
        asked = _query(*_QUESTION)
        model = asked.pop("model", "")
        self._see(model)
        entries = self._office.desk().store.ledger(model, _question(asked) if asked else None)
        return {"entries": wire.plain(entries)}

    def seen(self) -> dict[str, Any]:
        model = _query("model").get("model", "")
        self._see(model)
        return {"seen": self._office.desk().store.seen(model)}

    def checkpoint(self) -> dict[str, Any]:
        return {"note": self._office.desk().store.checkpoint()}

    def export(self) -> flask.Response:
        """The whole ledger as the file that auditors verify: of every workspace, so for the policy's people alone."""
        desk, person = self._office.desk(), self._office.person()
        policy, store = desk.policy(), desk.store
        if policy.people and policy.person(person) is None:
            raise Refused(
                f"{person} is not among the policy's people", hint="who owns the policy adds an auditor to it"
            )
        if not isinstance(store, DatabaseStore):
            raise CouldNot("this server keeps its ledger elsewhere", hint="towpath audit export, on its machine")
        envelopes = (
            content
            for model in store.models()
            for version in store.versions(model.name)
            for _, content in store.evidence(version)
        )
        with tempfile.TemporaryDirectory(prefix="towpath-export-") as folder, store.databases.reading() as database:
            exporting.export(database, Path(folder) / EXPORT, envelopes)
            whole = (Path(folder) / EXPORT).open("rb")  # stays readable after the folder is gone
        return flask.send_file(whole, "application/gzip", as_attachment=True, download_name=EXPORT)

    def recorded(self) -> dict[str, Any]:
        return _recorded(self._office.desk().store, self._version())

    def authors(self) -> dict[str, Any]:
        return {"authors": list(self._office.desk().store.authors(self._version()))}

    def registered(self) -> dict[str, Any]:
        part = _posted()
        model, number = part.text("model"), part.number("version", most=2**31 - 1)
        _close(part)
        self._edit(model, "register", number)
        desk = self._office.desk()
        entry = desk.registered(desk.store.version(ModelRef(model, version=number)), self._office.person())
        return {"entry": wire.plain(entry)}

    def plan(self) -> dict[str, Any]:
        part = _posted()
        plan = self._planned(part)
        _close(part)
        return {"plan": wire.plain(plan()), "id": plan().id}

    def settle(self) -> dict[str, Any]:
        """Do, or ask for, what a plan said that somebody saw, if it says the same today."""
        part = _posted()
        planned, seen, reason = self._planned(part), part.text("plan"), _reason(part)
        _close(part)
        plan = planned()
        self._edit(plan.version.name, "request", plan.version.version, plan.level)
        if plan.id != seen:
            raise ChangedMeanwhile(
                f"plan {seen[:40]} is not what it would be now: that is plan {plan.id}; nothing was changed",
                hint="run the same command again: it decides anew",
            )
        if plan.done:
            raise Refused(f"{plan.version.ref} is at {plan.level} already; nothing to do")
        came = self._office.desk().settle(plan, self._office.person(), reason)
        return {("request" if isinstance(came, Promotion) else "entry"): wire.plain(came)}

    def requests(self) -> dict[str, Any]:
        model = _query("model").get("model", "")
        self._see(model)
        open_ones = self._office.desk().promotions(model)
        may = {name: self._office.may(name, READ) for name in {promotion.model for promotion in open_ones}}
        return {"requests": wire.plain([promotion for promotion in open_ones if may[promotion.model]])}

    def request(self, number: str) -> dict[str, Any]:
        return {"request": wire.plain(self._promotion(number))}

    def approve(self, number: str) -> dict[str, Any]:
        part = _posted()
        reason, role, signature = _reason(part), part.text("role", ""), part.text("signature", "")
        _close(part)
        self._promotion(number)
        done = self._office.desk().approve(number, self._office.person(), reason, role, signature)
        return {"request": wire.plain(done)}

    def reject(self, number: str) -> dict[str, Any]:
        reason = self._only_reason(number)
        return {"request": wire.plain(self._office.desk().reject(number, self._office.person(), reason))}

    def cancel(self, number: str) -> dict[str, Any]:
        reason = self._only_reason(number)
        return {"request": wire.plain(self._office.desk().cancel(number, self._office.person(), reason))}

    def apply(self, number: str) -> dict[str, Any]:
        reason = self._only_reason(number)
        return {"entry": wire.plain(self._office.desk().apply(number, self._office.person(), reason))}

    def _only_reason(self, number: str) -> str:
        part = _posted()
        reason = _reason(part)
        _close(part)
        self._promotion(number)
        return reason

    def _promotion(self, number: str) -> Promotion:
        """Raise NotFound for an unknown request, Refused for one about a model that is not for who asks."""
        promotion = self._office.desk().promotion(number)
        self._see(promotion.model)
        return promotion

    def _version(self, *more: str) -> ModelVersion:
        asked = _query("model", "version", *more)
        model, alias = asked.get("model", ""), asked.get("alias")
        self._see(model)
        if alias is None:
            ref = ModelRef(model, version=_number("version", asked.get("version", "")))
        else:
            ref = ModelRef(model, alias=alias)
        return self._office.desk().store.version(ref)

    def _planned(self, part: Part) -> Callable[[], Plan]:
        """How to make the plan that is asked for; it is made once."""
        kind, ref, level = part.choice("kind", _KINDS), part.text("ref"), part.text("level")

        @cache
        def made() -> Plan:
            desk = self._office.desk()
            named = ModelRef.parse(ref) if kind == "promotion" else None
            name = named.name if named else check_name(ref)
            self._see(name)
            if named:
                return desk.plan(named, level)
            return desk.plan_rollback(name, level) if kind == "rollback" else desk.plan_retirement(name, level)

        return made

    def _see(self, model: str) -> None:
        """Raise Refused for a model that MLflow's permissions keep from who asks; `""` is the registry itself."""
        if model and not self._office.may(model, READ):
            raise Refused(
                f"{self._office.person()} may not read {model}", hint="who manages the model in MLflow grants READ"
            )

    def _edit(self, model: str, doing: str, version: int, level: str = "") -> None:
        """Raise Refused, recorded, for who may not edit the model."""
        person = self._office.person()
        if not self._office.may(model, EDIT):
            why = f"{person} may not edit {model}"
            self._office.desk().refuse(person, model, doing, why, version, level)
            raise Refused(why, hint="who manages the model in MLflow grants EDIT")


_KINDS = ("promotion", "rollback", "retirement")


def _metrics(store: Store, version: ModelVersion) -> dict[str, Any]:
    """As text, which no program rounds."""
    return {"metrics": {key: repr(value) for key, value in store.metrics(version).items()}}


def _evidence(store: Store, version: ModelVersion) -> dict[str, Any]:
    found = store.evidence(version)
    return {"evidence": {name: base64.b64encode(content).decode("ascii") for name, content in found}}


def _recorded(store: Store, version: ModelVersion) -> dict[str, Any]:
    return {"recorded": wire.plain(store.recorded(version))}


def _as_json(view: Callable[..., Any]) -> Callable[..., flask.Response]:
    def answered(**names: str) -> flask.Response:
        answer = view(**names)
        if isinstance(answer, flask.Response):
            return answer
        return flask.Response(wire.dumps(answer), mimetype="application/json")

    return answered


def _posted() -> Part:
    """The content of the request. Raises: Misused for anything but one JSON object, which says that it is one."""
    request = flask.request
    if request.mimetype != "application/json":
        raise Misused("the content of a request is application/json", hint="-H 'Content-Type: application/json'")
    request.max_content_length = LARGEST_JSON
    try:
        return Part.whole(wire.loads(request.get_data()))
    except ValueError as error:
        raise Misused(f"the request cannot be read: {error}") from error


def _close(part: Part) -> None:
    part.close()
    if part.faults:
        raise Faulty("the request cannot be used", part.faults)


def _reason(part: Part) -> str:
    reason = part.text("reason", "")
    if len(reason) > LONGEST_REASON:
        part.fault(f"is longer than {LONGEST_REASON} characters", "reason")
    return reason


def _query(*names: str) -> dict[str, str]:
    """What the address asks, each once. Raises: Misused for anything else."""
    asked = flask.request.args.to_dict(flat=False)
    for name, values in asked.items():
        if name not in names or len(values) > 1:
            known = ", ".join(names)
            raise Misused(f"the address asks {name!r} twice, or it is none of {known}")
    return {name: values[0] for name, values in asked.items()}


def _question(asked: dict[str, str]) -> Question:
    return Question(
        events=tuple(event for event in asked.get("events", "").split(",") if event),
        level=asked.get("level", ""),
        version=_number("version", asked.get("version", "0")),
        request=asked.get("request", ""),
        newest=_number("newest", asked.get("newest", "0")),
    )


def _number(name: str, text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 16):
        raise Misused(f"{name} is {text[:40]!r}, expected a whole number")
    return int(text)


@cache
def _towpath() -> str:
    return installed("towpath")
