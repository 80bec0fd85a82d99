"""The pages for people: what waits, what stands where, one request, one model. They work without any script."""

from __future__ import annotations

import secrets
from datetime import date, datetime
from typing import Any

import flask

from towpath_core.clock import Clock
from towpath_core.errors import Misused, NotFound, Refused, TowpathError
from towpath_registry.governing import LocalDesk
from towpath_registry.mlflow_views import version_link
from towpath_registry.nouns import CHANGES, WORKSPACE, Question
from towpath_registry.promotion_web import guard, html, view
from towpath_registry.promotion_web.api import LONGEST_REASON
from towpath_registry.promotion_web.office import READ, Office

_TITLES = {400: "That cannot be", 403: "No", 404: "Not found", 409: "It changed meanwhile"}


class Pages:
    """The pages of one office."""

    def __init__(self, office: Office, clock: Clock) -> None:
        self._office, self._clock = office, clock

    def add_to(self, blueprint: flask.Blueprint) -> None:
        blueprint.add_url_rule("/", "overview", self.overview, methods=["GET"])
        blueprint.add_url_rule("/models/<name>", "model", self.model, methods=["GET"])
        blueprint.add_url_rule("/requests/<number>", "request", self.request, methods=["GET"])
        blueprint.add_url_rule("/requests/<number>/<doing>", "act", self.act, methods=["POST"])

    def overview(self) -> flask.Response:
        desk = self._office.desk()
        models = [model for model in desk.store.models() if self._office.may(model.name, READ)]
        names = {model.name for model in models}
        try:
            policy = desk.policy()
        except Refused as error:  # a shared registry that nobody has set a policy for yet
            return self._page("overview", waiting=[], models=[], nothing=error, named=None)
        waiting = view.waiting(desk, [p for p in desk.promotions() if p.model in names], self._office.person())
        standing = [(model, view.standings(desk, model, policy)) for model in models]
        return self._page("overview", waiting=waiting, models=standing, nothing=None, named=policy)

    def model(self, name: str) -> flask.Response:
        self._see(name)
        desk = self._office.desk()
        entries = desk.store.ledger(name, Question(events=CHANGES))
        history = desk.store.ledger(name, Question(newest=view.NEWEST))
        policy, day = desk.policy(), _day(flask.request.args.get("as_of", ""), self._clock().date())
        found = next((model for model in desk.store.models() if model.name == name), None)
        told = [level.name for level in reversed(policy.levels)]
        levels = [*told, *dict.fromkeys(entry.level for entry in entries if entry.level not in told)]
        stays = {level: view.lineage(entries, level)[::-1] for level in levels}
        then = {level: view.on(stays[level], view.end_of(day)) for level in levels} if day else {}
        waiting = view.waiting(desk, desk.promotions(name), self._office.person())
        return self._page(
            "model",
            name=name,
            model=found,
            standings=view.standings(desk, found, policy) if found else [],
            waiting=waiting,
            stays=stays,
            day=day,
            then=then,
            history=history[::-1],
            newest=view.NEWEST,
        )

    def request(self, number: str) -> flask.Response:
        promotion = self._office.desk().promotion(number)
        self._see(promotion.model)
        desk, person = self._office.desk(), self._office.person()
        shown = view.request(desk, promotion, person)
        history = desk.store.ledger(promotion.model, Question(newest=view.NEWEST))
        forms = {
            step.doing: guard.token(self._office.secret(), person, self._address(number, step.doing), self._clock())
            for step in shown.steps
        }
        return self._page(
            "request",
            shown=shown,
            promotion=promotion,
            forms=forms,
            signed=bool(shown.level and shown.level.signed_approvals),
            history=history[::-1],
            newest=view.NEWEST,
            longest=LONGEST_REASON,
            server=flask.request.url_root.rstrip("/"),
        )

    def act(self, number: str, doing: str) -> Any:
        """What a form of a request's page sends: approve, reject, cancel or apply."""
        if doing not in view.DOINGS:
            raise NotFound("there is no such page")
        request, person = flask.request, self._office.person()
        if request.mimetype != "application/x-www-form-urlencoded":
            raise Misused("this is not what the page's form sends", hint="open the page, and send it from there")
        request.max_content_length = guard.LARGEST_FORM
        form = request.form
        address = self._address(number, doing)
        guard.check_token(form.get("token", ""), self._office.secret(), person, address, self._clock())
        reason = form.get("reason", "").replace("\r\n", "\n").strip()
        if len(reason) > LONGEST_REASON:
            raise Misused(f"the reason is longer than {LONGEST_REASON} characters", hint="say it shorter")
        desk = self._office.desk()
        self._see(desk.promotion(number).model)
        _do(desk, number, doing, person, reason, form.get("role", ""))
        return guard.protect(flask.redirect(self._url("request", number=number), 303))  # type: ignore[arg-type]

    def error(self, error: TowpathError, status: int) -> flask.Response:
        """The page that says what went wrong, and who can do what about it."""
        title = _TITLES.get(status, "That could not be done")
        return self._page("error", status=status, error=error, title=title)

    def _see(self, model: str) -> None:
        if not self._office.may(model, READ):
            raise Refused(
                f"{self._office.person()} may not read {model}", hint="who manages the model in MLflow grants READ"
            )

    def _address(self, number: str, doing: str) -> str:
        return f"{self._office.workspace()} {number} {doing}"

    def _url(self, page: str, /, **values: str) -> str:
        """One of our addresses, in the workspace that is asked about."""
        asked: dict[str, Any] = {**values}
        if workspace := flask.request.args.get("workspace"):
            asked["workspace"] = workspace
        return flask.url_for(f"{flask.request.blueprint}.{page}", **asked)

    def _version(self, name: str, version: int) -> str:
        """The version's page in MLflow."""
        workspace = self._office.workspace()
        more = f"&workspace={workspace}" if workspace != WORKSPACE else ""
        return f"{flask.request.script_root}/{version_link(name, version)}{more}"

    def _page(self, template: str, /, *, status: int = 200, **values: Any) -> flask.Response:
        nonce = secrets.token_urlsafe(16)
        try:
            person = self._office.person()
        except TowpathError:
            person = ""
        text = html.page(
            template,
            url=self._url,
            version_url=self._version,
            mlflow=f"{flask.request.script_root}/#/models?workflowType=machine_learning",
            person=person,
            workspace=self._office.workspace(),
            now=self._clock(),
            nonce=nonce,
            **values,
        )
        return guard.protect(flask.Response(text, status, mimetype="text/html"), nonce)


def _do(desk: LocalDesk, number: str, doing: str, person: str, reason: str, role: str) -> None:
    if doing == "approve":
        desk.approve(number, person, reason, role)
    elif doing == "reject":
        if not reason:
            raise Misused("a rejection says why", hint="go back, and write a reason for whoever asked")
        desk.reject(number, person, reason)
    elif doing == "cancel":
        desk.cancel(number, person, reason)
    else:
        desk.apply(number, person, reason)


def _day(text: str, today: date) -> date | None:
    if not text:
        return None
    try:
        day = datetime.strptime(text, "%Y-%m-%d").date()  # noqa: DTZ007 (a day has no zone; ours are all UTC)
    except ValueError as error:
        raise Misused(f"{text[:40]!r} is no day", hint="write it as 2026-03-31") from error
    if day > today:
        raise Misused(f"{day} is still to come", hint=f"{today} is today")
    return day
