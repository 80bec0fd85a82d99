"""Moving a version to a level: planned, asked for, approved, done in one step, or not at all.

A plan is made from what is known of the version. Where the level asks for nobody's approval, the plan can be done at
once; else it becomes a request, which others approve or reject, and which is judged anew before it is done. Every step
is a ledger entry, and so is every refusal.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TypeVar

from towpath_core.clock import stamp
from towpath_core.digests import sha256_bytes
from towpath_core.errors import Misused, NotFound, Refused
from towpath_core.refs import ModelRef
from towpath_core.verdicts import Verdict
from towpath_registry import nouns, requests
from towpath_registry.approvals import eligible, open_approvals, still_able
from towpath_registry.evidence import Read
from towpath_registry.nouns import Approval, Decision, LedgerEntry, ModelVersion, Question
from towpath_registry.plans import Plan, Planner, in_one_view, same
from towpath_registry.policy import Asked, Policy
from towpath_registry.requests import Promotion
from towpath_registry.store import ChangedMeanwhile

T = TypeVar("T")
SELF = "self-acknowledged"
_TRIES = 20


@dataclass(frozen=True, slots=True)
class About:
    """A version, and what is known of it at one moment: its run's metrics, its evidence, the open requests for it.

    Without a policy nothing can be judged and nothing asked for, and `note` says why.
    """

    version: ModelVersion
    metrics: Mapping[str, float]
    policy: Policy | None
    evidence: tuple[Read, ...] = ()
    requests: tuple[Promotion, ...] = ()
    note: str = ""


class Promotions(Planner):
    """The requests and moves of one registry, under the policy in force."""

    @in_one_view
    def about(self, ref: ModelRef) -> About:
        """Raise NotFound for an unknown model, version or alias."""
        version = self.store.version(ref)
        metrics = self.store.metrics(version)
        try:
            policy = self.policy()
        except Refused as error:  # a shared registry where nobody has set one
            return About(version, metrics, None, note=error.message)
        return About(version, metrics, policy, self.evidence(version), self.requests_for(version))

    @in_one_view
    def requests_for(self, version: ModelVersion) -> tuple[Promotion, ...]:
        """The open requests for a version."""
        return tuple(asked for asked in self.promotions(version.name) if asked.version == version.version)

    @in_one_view
    def settle(self, plan: Plan, actor: str, reason: str) -> LedgerEntry | Promotion:
        """Do what the plan says, or ask for it where others must agree, or record that the gates refused it.

        Raises: CouldNot when something changed since the plan was made, unless the plan would be the same today.
        """

        def once() -> LedgerEntry | Promotion:
            if not now[0].allowed:
                return self.store.record(_decision(now[0], nouns.REFUSED, actor, reason), now[0].seen)
            if now[0].asked:
                return self.request(now[0], actor, reason)
            return self._do(now[0], actor, reason, "", (Approval(actor, SELF, self._clock()),))

        if plan.event == nouns.RETIRED:
            _needed(reason, "a retirement")
        now = [plan]
        for _ in range(_TRIES):
            try:
                return once()
            except ChangedMeanwhile:
                again = self._anew(plan)
                if again.id != plan.id or again.done:
                    raise
                now[0] = again
        return once()

    @in_one_view
    def request(self, plan: Plan, actor: str, reason: str) -> Promotion:
        """Ask for what an allowed plan says; the same request that is open already is found, not made twice."""
        if not plan.allowed or plan.done:
            raise Refused("there is nothing to ask for: the gates refuse it, or it is done already")
        for known in self.promotions(plan.version.name):
            if (known.version, known.level, known.event, known.digest, known.policy) == (
                plan.version.version,
                plan.level,
                plan.event,
                plan.version.digest,
                plan.policy,
            ):
                return known
        level, now = self.policy().level(plan.level), self._clock()
        expires = now + timedelta(days=level.request_days) if level.request_days else None
        asked = replace(
            _decision(plan, nouns.REQUESTED, actor, reason),
            request=plan.id,
            details=requests.details(plan.event, expires, plan.authors, plan.version),
        )
        self.store.record(asked, plan.seen)
        return self.promotion(plan.id)

    @in_one_view
    def promotions(self, model: str = "", *, only_open: bool = True) -> list[Promotion]:
        """The requests of one model or of all; those that ran out of time come as expired."""
        found = [self.promotion(number) for number in self.store.open_requests(model)]
        return [promotion for promotion in found if promotion.is_open or not only_open]

    @in_one_view
    def promotion(self, number: str) -> Promotion:
        """Raise NotFound for an unknown request."""
        entries = self.store.request(number)
        if not entries:
            raise NotFound(f"there is no request {number}", hint="towpath requests")
        found = requests.folded(entries)
        if not found.is_open:
            return found
        if why := self._outlived(found):
            return replace(found, state="expired", ended_reason=why)
        policy, authors = self.policy(), self.authors(found)
        level = policy.level(found.level)
        missing = open_approvals(level, policy, found.approvals, found.requester, authors)
        if not missing:
            return replace(found, state=requests.READY)
        able = still_able(level, policy, found.approvals, found.requester, authors)
        return replace(found, missing=missing, waits_for=open_text(missing, policy, able))

    def _outlived(self, found: Promotion) -> str:
        """Why a request that nothing has ended is over all the same; empty if it is not."""
        if found.expired(self._clock()):
            return "its time is over"
        if found.policy != self.policy().digest:
            return "the policy changed"
        try:
            version = self.store.version(ModelRef(found.model, version=found.version))
        except NotFound:
            return f"{found.ref} is gone"
        if requests.made(version) != found.made:
            return f"{found.ref} was deleted, and another version has its number"
        return ""

    @in_one_view
    def approve(self, number: str, actor: str, reason: str, role: str = "", signature: str = "") -> Promotion:
        """Say yes, in one role that the policy gives the actor, or without naming one in any of them.

        Who has said so before changes nothing by saying it again.

        Raises: Refused, recorded, for whom the policy does not let approve this; NotFound, CouldNot.
        """

        def once() -> Promotion:
            promotion, seen = self._open(number, "approve", actor)
            policy = self.policy()
            level = policy.level(promotion.level)
            given, authors = promotion.approvals, self.authors(promotion)
            if any(a.by == actor and role in ("", a.role) for a in given):
                return promotion
            if why := self.objection(promotion, actor, "approve", role):
                raise self._refused(promotion, actor, "approve", why)
            if level.signed_approvals:
                self._signed(promotion, policy, actor, role, signature)
            yes = Approval(actor, role, self._clock())
            still = open_approvals(level, policy, (*given, yes), promotion.requester, authors)
            told = {"role": role, "complete": "false" if still else "true"}
            told |= {"signature": signature} if signature else {}
            entry = replace(_about(promotion, nouns.APPROVED, actor, reason), details=told, approvals=(yes,))
            self.store.record(entry, seen)
            return self.promotion(number)

        return _again(once)

    @in_one_view
    def reject(self, number: str, actor: str, reason: str) -> Promotion:
        """Say no for all; whoever may approve may say so, with a reason. Raises: Refused, recorded; NotFound."""

        def once() -> Promotion:
            promotion, seen = self._open(number, "reject", actor)
            if why := self.objection(promotion, actor, "reject"):
                raise self._refused(promotion, actor, "reject", why)
            self.store.record(_about(promotion, nouns.REJECTED, actor, reason), seen)
            return self.promotion(number)

        _needed(reason, "a rejection")
        return _again(once)

    @in_one_view
    def cancel(self, number: str, actor: str, reason: str) -> Promotion:
        """Take a request back, as who made it, or who may set the policy. Raises: Refused, recorded; NotFound."""

        def once() -> Promotion:
            promotion, seen = self._open(number, "cancel", actor)
            if why := self.objection(promotion, actor, "cancel"):
                raise self._refused(promotion, actor, "cancel", why)
            self.store.record(_about(promotion, nouns.CANCELLED, actor, reason), seen)
            return self.promotion(number)

        return _again(once)

    @in_one_view
    def apply(self, number: str, actor: str, reason: str = "") -> LedgerEntry:
        """Do what an approved request asks, after judging it anew.

        Raises: Refused, recorded, while something is missing; CouldNot when the level moved since it was asked for.
        """
        return self._applied(*self._open(number, "apply", actor), actor, reason)

    def _applied(self, promotion: Promotion, seen: int, actor: str, reason: str) -> LedgerEntry:
        """Do what an open request asks. Raises: as `apply` does."""
        if why := self.objection(promotion, actor, "apply"):
            raise self._refused(promotion, actor, "apply", why)
        plan = replace(self.planned(promotion), seen=seen)
        if not plan.allowed or plan.done:
            failed = [v.reason for v in plan.verdicts if not v.passed] or ["it is there already"]
            raise self._refused(promotion, actor, "apply", "; ".join(failed), plan)
        same = (plan.version.version, plan.version.digest) == (promotion.version, promotion.digest)
        if not same or plan.stands != promotion.previous:
            what = f"what stands at {promotion.level}" if same else "the version"
            raise self._refused(promotion, actor, "apply", f"{what} changed since it was asked for: ask anew")
        return self._do(plan, actor, reason or promotion.reason, promotion.id, promotion.approvals)

    @in_one_view
    def objection(self, promotion: Promotion, actor: str, doing: str, role: str = "") -> str:
        """Why somebody may not `approve`, `reject`, `cancel` or `apply` an open request; empty if they may."""
        policy = self.policy()
        level, person = policy.level(promotion.level), policy.person(actor)
        roles = set(person.roles) if person else set()
        if doing == "approve":
            authors = self.authors(promotion)
            said = eligible(actor, role, level, policy, promotion.approvals, promotion.requester, authors)
            return "" if said.passed else said.reason
        if doing == "reject":
            asked = {a.role for a in level.approvals}
            return "" if asked & roles else f"{actor} is none of {', '.join(sorted(asked))}"
        if doing == "cancel":
            may = actor == promotion.requester or policy.policy_role in roles
            return "" if may else f"{promotion.requester} asked for it, not {actor}"
        if promotion.missing:
            return promotion.waits_for
        known = person is not None or actor == promotion.requester
        return "" if known else f"{actor} is not in the policy, and did not ask for it"

    @in_one_view
    def authors(self, promotion: Promotion) -> tuple[str, ...]:
        """Who is known to have made the version, by the time it was asked for or since. Raises: NotFound."""
        version = self.store.version(ModelRef(promotion.model, version=promotion.version))
        return tuple(sorted({*promotion.authors, *self.store.authors(version)}))

    @in_one_view
    def planned(self, promotion: Promotion) -> Plan:
        """The request's plan, made anew. Raises: NotFound when its version is gone."""
        if promotion.event == nouns.RETIRED:
            return self.plan_retirement(promotion.model, promotion.level)
        if promotion.event == nouns.ROLLED_BACK:
            return self.plan_rollback(promotion.model, promotion.level)
        return self.plan(ModelRef(promotion.model, version=promotion.version), promotion.level)

    @in_one_view
    def move(self, actor: str, model: str, level: str, version: int) -> LedgerEntry:
        """What setting an alias by MLflow means: the one complete request for exactly this is done, or nothing.

        Where the level asks for nobody's approval, whoever sets the alias acknowledges the gates by it.

        Raises: Refused, recorded, with all that is missing.
        """
        ref, seen = ModelRef(model, version=version), self.store.seen(model)
        fitting = [p for p in self.promotions(model) if (p.level, p.version) == (level, version)]
        if fitting:
            return self._applied(fitting[-1], seen, actor, "")
        plan = self.plan(ref, level)
        if plan.done:
            return self.store.ledger(model, Question(events=nouns.MOVES, level=level, newest=1))[0]
        if plan.allowed and not plan.asked:
            done = self.settle(plan, actor, "set in MLflow")
            if isinstance(done, LedgerEntry):
                return done
        failed = [f"{v.gate}: {v.reason}" for v in plan.verdicts if not v.passed]
        if plan.asked:
            failed.append(f"nobody has asked for it: towpath promote {ref} --to {level}")
        self.refuse(actor, model, "set-alias", "; ".join(failed), version, level, plan.verdicts)
        raise Refused(
            f"{ref} does not move to {level}: {'; '.join(failed)}", hint=f"towpath promote {ref} --to {level}"
        )

    def refuse(
        self,
        actor: str,
        model: str,
        what: str,
        why: str,
        version: int = 0,
        level: str = "",
        verdicts: tuple[Verdict, ...] = (),
    ) -> None:
        """Write down what somebody tried and was not let."""
        digest = ""
        if version:
            try:
                digest = self.store.version(ModelRef(model, version=version)).digest
            except NotFound:
                digest = ""
        said = Decision(model, nouns.REFUSED, level, version, None, actor, why, digest, self._judged_by(), verdicts)
        self.store.record(replace(said, details={"attempt": what}))

    @in_one_view
    def registered(self, version: ModelVersion, actor: str) -> LedgerEntry:
        """Write down that the version was made, by whom, and with which evidence; once for the same."""
        found = tuple(sha256_bytes(content) for _, content in self.store.evidence(version))
        asked = Question(events=(nouns.REGISTERED,), version=version.version)
        for known in self.store.ledger(version.name, asked):
            if same(known, version) and set(found) <= set(known.evidence):
                return known
        by = self._judged_by()
        said = Decision(version.name, nouns.REGISTERED, "", version.version, None, actor, "", version.digest, by, ())
        return self.store.record(replace(said, evidence=found))

    def _judged_by(self) -> str:
        """The digest of the policy in force; empty while nobody has set one."""
        try:
            return self.policy().digest
        except Refused:
            return ""

    def _open(self, number: str, doing: str, actor: str) -> tuple[Promotion, int]:
        """The request if it is open under the policy in force, and what was seen of the ledger before.

        Raises: Refused, recorded; one that ran out of time, or whose policy is gone, is ended.
        """
        entries = self.store.request(number)
        seen = self.store.seen(entries[0].model if entries else "")
        promotion = self.promotion(number)
        if promotion.is_open:
            return promotion, seen
        ended = f"it is {promotion.state}"
        if promotion.state == "expired":
            why = promotion.ended_reason or "its time is over"
            ended = f"it is expired: {why}; ask anew"
            if requests.folded(self.store.request(number)).is_open:  # nobody has written it down yet
                self.store.record(_about(promotion, nouns.EXPIRED, "towpath", why), seen)
        raise self._refused(promotion, actor, doing, ended)

    def _refused(self, promotion: Promotion, actor: str, doing: str, why: str, plan: Plan | None = None) -> Refused:
        said = replace(
            _about(promotion, nouns.REFUSED, actor, why),
            details={"attempt": doing, "request": promotion.id},
            request="",
            verdicts=plan.verdicts if plan else (),
        )
        self.store.record(said)
        return Refused(
            f"{actor} cannot {doing} request {promotion.id} ({promotion.move}): {why}",
            hint=f"towpath requests {promotion.id}",
        )

    def _signed(self, promotion: Promotion, policy: Policy, actor: str, role: str, signature: str) -> None:
        """Raise Refused, recorded, unless the signature is the actor's own, to exactly this."""
        from towpath_registry import consent

        why = consent.lack(promotion, role, actor, signature, self._signers(policy), self._clock())
        if why:
            raise self._refused(promotion, actor, "approve", why)

    def _anew(self, plan: Plan) -> Plan:
        if plan.event == nouns.RETIRED:
            return self.plan_retirement(plan.version.name, plan.level)
        if plan.event == nouns.ROLLED_BACK:
            return self.plan_rollback(plan.version.name, plan.level)
        return self.plan(ModelRef(plan.version.name, version=plan.version.version), plan.level)

    def _do(self, plan: Plan, actor: str, reason: str, request: str, approvals: tuple[Approval, ...]) -> LedgerEntry:
        days = self.policy().level(plan.level).review_days
        review = {"review_by": stamp(self._clock() + timedelta(days=days))} if days else {}
        said = _decision(plan, plan.event, actor, reason)
        return self.store.record(replace(said, request=request, approvals=approvals, details=review), plan.seen)


def _needed(reason: str, what: str) -> None:
    if not reason.strip():
        raise Misused(f"{what} says why", hint='--reason "..."')


def open_text(missing: Sequence[Asked], policy: Policy, able: Collection[str]) -> str:
    """What is still to be approved, and who of those who are `able` can: for people."""
    parts = []
    for asked in missing:
        holders = [person.name for person in policy.people if asked.role in person.roles]
        who = ", ".join(sorted(set(holders) & set(able)))
        who = who or f"nobody but {', '.join(sorted(holders))}, who may not" if holders else "nobody yet"
        parts.append(f"{asked.count} × {asked.role} ({who})")
    return f"it waits for {' and '.join(parts)}"


def _decision(plan: Plan, event: str, actor: str, reason: str) -> Decision:
    return Decision(
        model=plan.version.name,
        event=event,
        level=plan.level,
        version=plan.version.version,
        previous=plan.stands,
        actor=actor,
        reason=reason,
        digest=plan.version.digest,
        policy=plan.policy,
        verdicts=plan.verdicts,
        evidence=plan.evidence,
    )


def _about(promotion: Promotion, event: str, actor: str, reason: str) -> Decision:
    return Decision(
        model=promotion.model,
        event=event,
        level=promotion.level,
        version=promotion.version,
        previous=promotion.previous,
        actor=actor,
        reason=reason,
        digest=promotion.digest,
        policy=promotion.policy,
        verdicts=(),
        request=promotion.id,
    )


def _again(once: Callable[[], T]) -> T:
    """Try again when somebody else was faster: what is decided does not depend on where the alias stands."""
    for _ in range(_TRIES - 1):
        try:
            return once()
        except ChangedMeanwhile:
            continue
    return once()
