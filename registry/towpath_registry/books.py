"""What is read from and written into our tables: the ledger, policies, evidence, authors.

Everything here works inside of a transaction that somebody else opened.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from towpath_core.clock import Clock
from towpath_core.errors import Mismatch
from towpath_registry import ledger, tables
from towpath_registry.database import Database
from towpath_registry.nouns import (
    CHANGES,
    DIGEST,
    ENDINGS,
    IMPORTED,
    KEY_ADDED,
    KEY_REVOKED,
    POLICY_SET,
    REGISTERED,
    REQUESTED,
    RETIRED,
    Decision,
    LedgerEntry,
    ModelVersion,
    Question,
)
from towpath_registry.store import changed_meanwhile

_SEALED = (*CHANGES, POLICY_SET, KEY_ADDED, KEY_REVOKED)
_LINKS = "SELECT seq, body, prev, hash FROM towpath_ledger"
_SET_ALIAS = """INSERT INTO registered_model_aliases(workspace, name, alias, version)
 VALUES(:workspace, :name, :alias, :version)
 ON CONFLICT(workspace, name, alias) DO UPDATE SET version = excluded.version"""
_DROP_ALIAS = """DELETE FROM registered_model_aliases
 WHERE workspace = :workspace AND name = :name AND alias = :alias"""
_RECORDED = """SELECT e.envelope, l.seq, l.body, l.prev, l.hash
 FROM towpath_evidence e JOIN towpath_ledger l ON l.seq = e.seq
 WHERE e.workspace = :workspace AND e.model = :model AND e.digest = :digest"""
_APPEND = """INSERT INTO towpath_ledger(seq, body, prev, hash, workspace, model, request, event, level, version)
 VALUES(:seq, :body, :prev, :hash, :workspace, :model, :request, :event, :level, :version)"""
_ALL_ALIASES = """SELECT a.workspace, a.name, a.alias, a.version, t.value FROM registered_model_aliases a
 LEFT JOIN model_version_tags t ON t.workspace = a.workspace AND t.name = a.name AND t.version = a.version
  AND t."key" = :digest ORDER BY a.workspace, a.name, a.alias"""
_TAG = """SELECT value FROM model_version_tags
 WHERE workspace = :workspace AND name = :name AND version = :version AND "key" = :key"""
_THERE = """SELECT 1 FROM model_versions
 WHERE workspace = :workspace AND name = :name AND version = :version AND current_stage <> 'Deleted_Internal'"""


def is_sealed(decision: Decision) -> bool:
    """Whether a checkpoint follows the entry: what changes where a version stands, or who is trusted."""
    return decision.event in _SEALED


def head(database: Database) -> ledger.Link | None:
    rows = database.rows(f"{_LINKS} ORDER BY seq DESC LIMIT 1")
    return ledger.Link(*rows[0]) if rows else None


def entries(database: Database, workspace: str, model: str, asked: Question | None) -> list[LedgerEntry]:
    """The entries about a model, oldest first; `""` for those about the registry.

    All of them are given only when the whole chain holds. Of a part, each is held against itself and the next one.

    Raises: Mismatch.
    """
    if not tables.exists(database):
        return []
    if asked is None:
        ledger.verify(ledger.Link(*row) for row in database.rows(f"{_LINKS} ORDER BY seq"))
        asked = Question()
    where, values = _where(workspace, model, asked)
    newest = "LIMIT :newest" if asked.newest else ""
    if asked.newest:
        values["newest"] = asked.newest
    following = "(SELECT n.prev FROM towpath_ledger n WHERE n.seq = l.seq + 1)"
    sql = f"SELECT seq, body, prev, hash, {following} FROM towpath_ledger l WHERE {where} ORDER BY seq DESC {newest}"  # noqa: S608 (fixed parts)
    found = [_checked(ledger.Link(*row[:4]), row[4]) for row in database.rows(sql, **values)]
    for entry in found:
        if (entry.workspace, entry.model) != (_shelf(workspace, model), model) or not asked.wants(entry):
            raise Mismatch(
                f"entry {entry.seq} of the ledger is filed under another name than its own", hint="towpath audit"
            )
    return found[::-1]


def request(database: Database, workspace: str, number: str) -> list[LedgerEntry]:
    """All entries of a request, oldest first."""
    if not (number and tables.exists(database)):
        return []
    asked = f"{_LINKS} WHERE workspace = :workspace AND request = :number ORDER BY seq"
    return [_checked(ledger.Link(*row), None) for row in database.rows(asked, workspace=workspace, number=number)]


def open_requests(database: Database, workspace: str, model: str) -> list[str]:
    if not tables.exists(database):
        return []
    names = {f"end{number}": event for number, event in enumerate(ENDINGS)}
    asked = f"""SELECT r.request FROM towpath_ledger r WHERE r.workspace = :workspace AND r.event = :requested
 AND r.request <> '' AND (:model = '' OR r.model = :model) AND NOT EXISTS(SELECT 1 FROM towpath_ledger e
  WHERE e.workspace = r.workspace AND e.request = r.request AND e.event IN ({", ".join(f":{n}" for n in names)}))
 ORDER BY r.seq"""  # noqa: S608 (fixed parts)
    rows = database.rows(asked, workspace=workspace, requested=REQUESTED, model=model, **names)
    return [row[0] for row in rows]


def newest_about(database: Database, workspace: str, model: str) -> int:
    """The number of the newest entry that can matter to the model: about itself, or about the registry."""
    if not tables.exists(database):
        return 0
    asked = "SELECT max(seq) FROM towpath_ledger WHERE model = '' OR (workspace = :workspace AND model = :model)"
    return database.rows(asked, workspace=workspace, model=model)[0][0] or 0


def record(database: Database, workspace: str, decision: Decision, clock: Clock, seen: int | None) -> LedgerEntry:
    """Append the decision, and change its alias if it does; `seen` is the newest entry that it was made in view of.

    Raises: CouldNot when something came in between.
    """
    if seen is not None and newest_about(database, workspace, decision.model) != seen:
        raise changed_meanwhile(decision)
    before = aliases(database, workspace, decision.model) if decision.moves else {}
    if decision.moves:
        _refuse_other(database, workspace, decision, before)
    entry = _append(database, workspace, decision, clock)
    if decision.event == RETIRED:
        database.run(_DROP_ALIAS, workspace=workspace, name=decision.model, alias=decision.level)
    elif decision.moves:
        database.run(
            _SET_ALIAS, workspace=workspace, name=decision.model, alias=decision.level, version=decision.version
        )
    return entry


def take_over(database: Database, clock: Clock, why: str) -> None:
    """Write down what stands at a level although no entry put it there."""
    known = levels(database)
    for workspace, model, alias, version, digest in database.rows(_ALL_ALIASES, digest=DIGEST):
        if alias not in known:
            continue
        last = entries(database, workspace, model, Question(events=CHANGES, level=alias, newest=1))
        if not last or last[-1].event == RETIRED or last[-1].version != version:
            decision = Decision(model, IMPORTED, alias, version, None, "towpath", why, digest or "", "", ())
            _append(database, workspace, decision, clock)


def aliases(database: Database, workspace: str, model: str) -> dict[str, int]:
    asked = "SELECT alias, version FROM registered_model_aliases WHERE workspace = :workspace AND name = :name"
    return dict(database.rows(f"{asked} ORDER BY alias", workspace=workspace, name=model))


def is_there(database: Database, workspace: str, name: str, version: int) -> bool:
    """Whether MLflow has the version, and has not deleted it."""
    return bool(database.rows(_THERE, workspace=workspace, name=name, version=version))


def levels(database: Database) -> tuple[str, ...]:
    return tuple(row[0] for row in database.rows("SELECT name FROM towpath_levels ORDER BY name"))


def put_levels(database: Database, names: Sequence[str]) -> None:
    """The aliases that are guarded from now on."""
    now = levels(database)
    for name in [name for name in now if name not in names]:
        database.run("DELETE FROM towpath_levels WHERE name = :name", name=name)
    for name in [name for name in names if name not in now]:
        database.run("INSERT INTO towpath_levels(name) VALUES(:name)", name=name)


def policy(database: Database, digest: str) -> bytes | None:
    """The policy's bytes as they were set. Raises: Mismatch when they are others."""
    if not tables.exists(database):
        return None
    rows = database.rows("SELECT content FROM towpath_policies WHERE digest = :digest", digest=digest)
    if not rows:
        return None
    content: bytes = rows[0][0]
    if f"sha256:{hashlib.sha256(content).hexdigest()}" != digest:
        raise Mismatch("the policy in force was changed by other means than towpath", hint="towpath audit")
    return content


def put_policy(database: Database, digest: str, content: bytes) -> None:
    if policy(database, digest) is None:
        database.run("INSERT INTO towpath_policies(digest, content) VALUES(:d, :content)", d=digest, content=content)


def keep_policy(database: Database, digest: str) -> None:
    """Keep the policy that an entry was judged by as this towpath reads it: the built-in one, or the one set last.

    A later towpath may come with another built-in policy, with gates that have other settings, or with another list of
    types; what one says then is another digest.
    """
    if not digest or database.rows("SELECT 1 FROM towpath_policies WHERE digest = :digest", digest=digest):
        return
    from towpath_registry.policy import Policy, solo

    last = entries(database, "", "", Question(events=(POLICY_SET,), newest=1))
    content = policy(database, last[0].policy) if last else None
    judged_by = solo() if content is None else Policy.of(json.loads(content))
    if judged_by.digest == digest:
        put_policy(database, digest, judged_by.canonical)


def checkpoint(database: Database) -> str:
    """The newest signed note about the ledger; empty where there is none."""
    if not tables.exists(database):
        return ""
    rows = database.rows("SELECT note FROM towpath_checkpoints ORDER BY size DESC LIMIT 1")
    return str(rows[0][0]) if rows else ""


def recorded(database: Database, workspace: str, model: str, digest: str) -> dict[str, datetime]:
    """When the ledger first told of each envelope about the model's digest."""
    if not tables.exists(database):
        return {}
    rows = database.rows(_RECORDED, workspace=workspace, model=model, digest=digest)
    found = {}
    for envelope, *link in rows:
        entry = _checked(ledger.Link(*link), None)
        if envelope in entry.evidence and entry.model == model and entry.digest == digest:
            found[envelope] = entry.time
    return found


def authors(database: Database, workspace: str, version: ModelVersion) -> tuple[str, ...]:
    """Everybody who had a hand in it: who made the run, the logged model, or a version with the same bytes."""
    if not tables.exists(database):
        return ()
    model_id = version.source.partition("models:/")[2]
    about = {("run", version.run_id), ("model", model_id), ("version", version.ref)}
    found = set()
    for kind, what in about:
        asked = "SELECT actor FROM towpath_authors WHERE workspace = :workspace AND kind = :kind AND id = :id"
        found |= {row[0] for row in database.rows(asked, workspace=workspace, kind=kind, id=what)}
    if version.digest:
        found |= {entry.actor for entry in _registered(database, workspace, version.name, version.digest)}
    return tuple(sorted(found))


def _registered(database: Database, workspace: str, model: str, digest: str) -> list[LedgerEntry]:
    """The entries about versions with these bytes. All that could be are held against their hashes; few are read."""
    where, values = _where(workspace, model, Question(events=(REGISTERED,)))
    links = [ledger.Link(*row) for row in database.rows(f"{_LINKS} WHERE {where}", **values)]
    if broken := [link for link in links if ledger.digest(link.prev, link.body) != link.hash]:
        _checked(broken[0], None)
    found = [_checked(link, None) for link in links if digest.encode() in link.body]
    return [entry for entry in found if entry.digest == digest]


def put_author(database: Database, workspace: str, kind: str, what: str, actor: str, time: str) -> None:
    database.run(
        """INSERT INTO towpath_authors(workspace, kind, id, actor, time) VALUES(:workspace, :kind, :id, :actor, :time)
 ON CONFLICT(workspace, kind, id, actor) DO NOTHING""",
        workspace=workspace,
        kind=kind,
        id=what,
        actor=actor,
        time=time,
    )


def _shelf(workspace: str, model: str) -> str:
    """What is about the registry belongs to no workspace."""
    return workspace if model else ""


def _append(database: Database, workspace: str, decision: Decision, clock: Clock) -> LedgerEntry:
    workspace = _shelf(workspace, decision.model)
    link = ledger.next_link(head(database), decision, clock(), workspace)
    database.run(
        _APPEND,
        seq=link.seq,
        body=link.body,
        prev=link.prev,
        hash=link.hash,
        workspace=workspace,
        model=decision.model,
        request=decision.request,
        event=decision.event,
        level=decision.level,
        version=decision.version,
    )
    for envelope in decision.evidence:
        database.run(
            """INSERT INTO towpath_evidence(envelope, seq, workspace, model, digest)
 VALUES(:envelope, :seq, :workspace, :model, :digest) ON CONFLICT(envelope) DO NOTHING""",
            envelope=envelope,
            seq=link.seq,
            workspace=workspace,
            model=decision.model,
            digest=decision.digest,
        )
    return ledger.entry(link)


def _refuse_other(database: Database, workspace: str, decision: Decision, before: Mapping[str, int]) -> None:
    """Raise CouldNot when the alias is not where the decision saw it, or the version is not the one it judged."""
    if before.get(decision.level) != decision.previous:
        raise changed_meanwhile(decision)
    asked: dict[str, Any] = {"workspace": workspace, "name": decision.model, "version": decision.version}
    if decision.event == RETIRED:
        return
    if not is_there(database, **asked):
        raise changed_meanwhile(decision)
    tags = database.rows(_TAG, **asked, key=DIGEST)
    if (tags[0][0] if tags else "") != decision.digest:
        raise changed_meanwhile(decision)


def _checked(link: ledger.Link, following: bytes | None) -> LedgerEntry:
    if ledger.digest(link.prev, link.body) != link.hash or (following is not None and following != link.hash):
        raise Mismatch(
            f"the ledger was changed by other means than towpath: entry {link.seq} is not what it was",
            hint="towpath audit; nothing can be promoted until it is whole",
        )
    return ledger.entry(link)


def _where(workspace: str, model: str, asked: Question) -> tuple[str, dict[str, Any]]:
    parts = ["workspace = :workspace", "model = :model"]
    every: dict[str, Any] = {"workspace": _shelf(workspace, model), "model": model}
    if asked.events:
        names = [f":event{number}" for number in range(len(asked.events))]
        parts.append(f"event IN ({', '.join(names)})")
        every |= {name[1:]: event for name, event in zip(names, asked.events, strict=True)}
    for column in ("level", "version", "request"):
        if value := getattr(asked, column):
            parts.append(f"{column} = :{column}")
            every[column] = value
    return " AND ".join(parts), every
