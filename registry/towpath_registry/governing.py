"""Puts a registry's parts together: its store, the policy in force, whom it trusts, and its checkpoints."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from towpath_core.clock import Clock, from_stamp, stamp, utc_now
from towpath_core.errors import Mismatch, Misused, Refused
from towpath_core.refs import ModelRef
from towpath_registry import keys, nouns, places, trust
from towpath_registry.actor import actor
from towpath_registry.database import Databases
from towpath_registry.evidence import Read
from towpath_registry.nouns import Decision, LedgerEntry, ModelVersion, Question
from towpath_registry.plans import Plan
from towpath_registry.policy import Policy, solo
from towpath_registry.promotion import About, Promotions
from towpath_registry.requests import Promotion
from towpath_registry.store import Store, open_store
from towpath_registry.trust import Revoked, Signer

if TYPE_CHECKING:
    from towpath_registry.artifact_place import Place
    from towpath_registry.keys import PublicKey


class Desk(Protocol):
    """Where moves are planned, asked for, approved and done: at this machine, or on a governed server.

    On a server the actor is whoever it authenticates, whatever is said here.
    """

    store: Store

    def about(self, ref: ModelRef) -> About: ...
    def plan(self, ref: ModelRef, to: str) -> Plan: ...
    def plan_rollback(self, name: str, of: str) -> Plan: ...
    def plan_retirement(self, name: str, of: str) -> Plan: ...
    def settle(self, plan: Plan, actor: str, reason: str) -> LedgerEntry | Promotion: ...
    def promotions(self, model: str = "") -> list[Promotion]: ...
    def promotion(self, number: str) -> Promotion: ...
    def approve(self, number: str, actor: str, reason: str, role: str = "", signature: str = "") -> Promotion: ...
    def reject(self, number: str, actor: str, reason: str) -> Promotion: ...
    def cancel(self, number: str, actor: str, reason: str) -> Promotion: ...
    def apply(self, number: str, actor: str, reason: str = "") -> LedgerEntry: ...
    def evidence(self, version: ModelVersion) -> tuple[Read, ...]: ...
    def policy(self) -> Policy: ...
    def set_policy(self, policy: Policy, actor: str, reason: str) -> LedgerEntry: ...
    def registered(self, version: ModelVersion, actor: str) -> LedgerEntry: ...


def desk(environ: Mapping[str, str], clock: Clock = utc_now) -> Desk:
    """The desk of the registry that MLFLOW_TRACKING_URI or TOWPATH_HOME names."""
    store, own = open_store(environ, clock), trust.own(environ)
    if places.database(environ) is None:
        from towpath_registry.remote import RemoteDesk, RemoteStore

        if isinstance(store, RemoteStore):
            return RemoteDesk(store, clock, lambda policy: signers_of(policy, store, own))
    return LocalDesk(store, clock, own)


def server_desk(
    databases: Databases,
    artifacts: Place,
    environ: Mapping[str, str],
    clock: Clock = utc_now,
    workspace: str = nouns.WORKSPACE,
    *,
    shared: bool,
    first: Callable[[str], bool] = lambda _actor: False,
) -> LocalDesk:
    """The desk of a server over its database and the place of its artifacts, outside of which nothing is ever read.

    `shared`: people log in, and `first` says who of them may set the first policy; else one person works alone. The
    key of the ledger is that of the home in `environ`.
    """
    from towpath_registry.database_store import DatabaseStore
    from towpath_registry.notary import HomeNotary
    from towpath_registry.server_artifacts import opened

    files = opened(artifacts, environ, only_inside=shared)
    store = DatabaseStore(databases, files, clock, HomeNotary(environ), workspace)
    return LocalDesk(store, clock, () if shared else trust.own(environ), shared=shared, first=first)


def policy_in_force(environ: Mapping[str, str]) -> Policy:
    """The policy of the registry that the environment names."""
    return desk(environ).policy()


def set_policy(environ: Mapping[str, str], policy: Policy, reason: str) -> LedgerEntry:
    """Put a policy in force there. Raises: Refused, recorded, for whom the policy in force does not let."""
    return desk(environ).set_policy(policy, actor(environ), reason)


def signature(environ: Mapping[str, str], at: Desk, number: str, role: str) -> str:
    """The signature of a yes with the key at hand, where the level wants one; else nothing."""
    from towpath_registry import consent

    promotion = at.promotion(number)
    if not at.policy().level(promotion.level).signed_approvals:
        return ""
    return consent.sign(promotion, role, keys.home_key(environ, keys.EVIDENCE))


class LocalDesk(Promotions):
    """The desk over a store that this process reads and writes itself.

    `own` are the keys of a person who works alone. A registry that people share (`shared`) has a policy that they set,
    the very first one by somebody whom `first` lets.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        own: tuple[Signer, ...],
        *,
        shared: bool = False,
        first: Callable[[str], bool] = lambda _actor: True,
    ) -> None:
        super().__init__(
            store,
            clock,
            policy=lambda: in_force(store, shared=shared),
            signers=lambda policy: signers_of(policy, store, own),
        )
        self._shared, self._first = shared, first

    def set_policy(self, policy: Policy, actor: str, reason: str) -> LedgerEntry:
        """Put a policy in force. Raises: Refused, recorded, for whom the policy in force does not let."""
        return put_in_force(self.store, policy, actor, reason, shared=self._shared, first=self._first)


def in_force(store: Store, *, shared: bool = False) -> Policy:
    """The policy that was set last, else solo.

    Raises: Refused for a shared registry where nobody set one, or one for a single person.
    """
    found = _last(store)
    if not shared:
        return found or _solo()
    hint = "an admin sets one: towpath policy init team, fill it in, towpath policy set"
    if found is None:
        raise Refused("this server has no policy yet, so nothing may move on it", hint=hint)
    if found.own_keys:
        told = f"the policy {found.name} is for one person at one machine, so nothing may move on this server"
        raise Refused(told, hint=hint)
    return found


@functools.cache
def _solo() -> Policy:
    return solo()


@functools.lru_cache(maxsize=16)
def _read(content: bytes) -> Policy:
    """Reading one takes longer than everything else about it; nobody changes what was read."""
    return Policy.of(json.loads(content))


def _last(store: Store) -> Policy | None:
    """The policy that was set last; None while nobody set one. Raises: Mismatch when it cannot be read any more."""
    last = store.ledger("", Question(events=(nouns.POLICY_SET,), newest=1))
    if not last:
        return None
    content = store.policy(last[0].policy)
    if content is None:
        raise Mismatch("the policy in force is not in the registry any more", hint="towpath audit")
    try:
        return _read(content)
    except (Misused, ValueError) as error:
        raise Mismatch(f"the policy in force cannot be read: {error}", hint="towpath policy check") from error


def put_in_force(
    store: Store,
    policy: Policy,
    by: str,
    reason: str,
    *,
    shared: bool = False,
    first: Callable[[str], bool] = lambda _actor: True,
) -> LedgerEntry:
    """Put a policy in force, judged by the one before; `first` tells whether `by` may set the very first one.

    Raises: Refused, recorded, for whom the policy in force does not let.
    """
    seen, before = store.seen(""), _last(store)
    if not shared:
        before = before or solo()
    elif before and before.own_keys:
        before = None
    if shared and (policy.own_keys or not policy.policy_role):
        raise Refused(
            "a shared registry needs a policy that names its signers, and who may change it",
            hint="towpath policy init team",
        )
    holder = before.person(by) if before else None
    allowed = first(by) if before is None else before.policy_role in ("", *(holder.roles if holder else ()))
    told = {"name": policy.name, "version": str(policy.version), "before": before.digest if before else ""}
    said = Decision("", nouns.POLICY_SET, "", 0, None, by, reason, "", policy.digest, (), details=told)
    if not allowed:
        who = before.policy_role if before else "an admin of the server"
        store.record(replace(said, event=nouns.REFUSED, reason=f"only {who} may set the policy"))
        holders = ", ".join(before.holders(before.policy_role)) if before else ""
        hint = f"ask {holders} to set it" if holders else "ask an admin of the server to set it"
        raise Refused(f"{by} may not set the policy: only {who} may", hint=hint)
    return store.adopt(said, policy.canonical, [level.name for level in policy.levels], seen)


def signers_of(policy: Policy, store: Store, own: tuple[Signer, ...]) -> tuple[Signer, ...]:
    """Whom the policy trusts; `own` are the keys at hand."""
    return own_signers(store, own) if policy.own_keys else policy.signers


def own_signers(store: Store, own: tuple[Signer, ...]) -> tuple[Signer, ...]:
    """The keys of a registry that one person works with: those that its ledger tells of, else those at hand."""
    events = store.ledger("", Question(events=(nouns.KEY_ADDED, nouns.KEY_REVOKED)))
    if not events:
        return own
    found: dict[str, Signer] = {}
    for event in events:
        public = keys.PublicKey.of(event.details["public"])
        known = found.get(public.id)
        if event.event == nouns.KEY_ADDED:  # one that was revoked before stays revoked
            found[public.id] = known or own_signer(public, event.actor, from_stamp(event.details["since"]))
        elif known and (known.revoked is None or event.details["reason"] == trust.COMPROMISE):
            found[public.id] = replace(known, revoked=Revoked(event.time, event.details["reason"]))
    return tuple(found.values())


def own_signer(public: PublicKey, owner: str, since: datetime) -> Signer:
    return Signer(public.id[:8], owner, public, (trust.ANY,), since)


def record_registered(environ: Mapping[str, str], name: str, version: int, clock: Clock = utc_now) -> None:
    """Write down who made a version, and with which evidence; and, where one person works alone, with which key."""
    at = desk(environ, clock)
    by = actor(environ)
    if isinstance(at, LocalDesk) and at.store.governed and at.policy().own_keys:
        trust_own_key(environ, at.store, clock)
    at.registered(at.store.version(ModelRef(name, version=version)), by)


def trust_own_key(environ: Mapping[str, str], store: Store, clock: Clock = utc_now) -> None:
    """Write the key at hand into the ledger of a registry that one person works with, unless it tells of it already."""
    public = keys.home_key(environ, keys.EVIDENCE).public
    events = store.ledger("", Question(events=(nouns.KEY_ADDED, nouns.KEY_REVOKED)))
    if all(event.details.get("public") != public.text for event in events):
        add_key(store, public, actor(environ), clock(), "made on first use")


def add_key(store: Store, public: PublicKey, by: str, now: datetime, reason: str) -> LedgerEntry:
    told = {"public": public.text, "id": public.id, "since": stamp(now)}
    said = Decision("", nouns.KEY_ADDED, "", 0, None, by, reason, "", in_force(store).digest, (), details=told)
    return store.record(said, store.seen(""))


def revoke_key(store: Store, public: PublicKey, by: str, reason: str, why: str) -> LedgerEntry:
    """`reason` is `left`, which keeps what was signed before, or `compromise`, which voids all of it."""
    told = {"public": public.text, "id": public.id, "reason": reason}
    said = Decision("", nouns.KEY_REVOKED, "", 0, None, by, why, "", in_force(store).digest, (), details=told)
    return store.record(said, store.seen(""))
