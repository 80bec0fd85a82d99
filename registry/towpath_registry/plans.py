"""Plans: what moving a version would do, what each gate says of it, and whose approval it needs. Nothing is written."""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

from towpath_core import model_files
from towpath_core.clock import Clock, short, stamp
from towpath_core.digests import sha256_bytes
from towpath_core.errors import NotFound, Refused
from towpath_core.refs import ModelRef
from towpath_core.verdicts import Verdict, all_passed
from towpath_registry import evidence, gates, nouns
from towpath_registry.evidence import Read
from towpath_registry.gates import Candidate
from towpath_registry.ledger import standing
from towpath_registry.nouns import LedgerEntry, ModelVersion, Question
from towpath_registry.policy import Asked, Level, Policy
from towpath_registry.store import Store
from towpath_registry.trust import Signer

CARD = "MODEL_CARD.md"
P = ParamSpec("P")
R = TypeVar("R")
Q = TypeVar("Q", bound="Planner")


def in_one_view(method: Callable[Concatenate[Q, P], R]) -> Callable[Concatenate[Q, P], R]:
    """The method, reading one state of the registry from its first question to its last."""

    @functools.wraps(method)
    def viewed(self: Q, /, *args: P.args, **kwargs: P.kwargs) -> R:
        with self.store.view():
            return method(self, *args, **kwargs)

    return viewed


@dataclass(frozen=True, slots=True)
class Plan:
    """What a move would do, what each gate says of it, and whose approval it needs.

    `stands` is the version at the level now, None for none. `done`: it is there already, and nothing was judged.
    `seen` is the newest ledger entry that the plan was made in view of.
    """

    version: ModelVersion
    level: str
    event: str
    stands: int | None
    policy: str
    verdicts: tuple[Verdict, ...]
    done: bool = False
    asked: tuple[Asked, ...] = ()
    evidence: tuple[str, ...] = ()
    authors: tuple[str, ...] = ()
    earlier: int = 0
    seen: int | None = None

    @property
    def allowed(self) -> bool:
        return self.done or all_passed(self.verdicts)

    @property
    def id(self) -> str:
        """The same for the same decision on the same grounds; a request made from the plan carries it."""
        said = [asdict(verdict) for verdict in self.verdicts]
        version = [self.version.ref, self.version.digest, stamp(self.version.created)]
        what = [version, self.level, self.event, self.stands, self.policy, said, list(self.evidence), self.earlier]
        return hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()[:12]


class Planner:
    """Plans over one registry, under the policy in force.

    `policy` and `signers` tell who and what is trusted now; both are asked anew for each decision.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        policy: Callable[[], Policy],
        signers: Callable[[Policy], tuple[Signer, ...]],
    ) -> None:
        self.store, self._clock = store, clock
        self.policy, self._signers = policy, signers
        self._inspected: dict[object, Inspection] = {}

    @in_one_view
    def plan(self, ref: ModelRef, to: str) -> Plan:
        """Raise NotFound for an unknown model or version, Misused for a level that the policy does not have."""
        policy = self.policy()
        level = policy.level(to)
        version = self.store.version(ref)
        seen, stands = self.store.seen(version.name), self._stands(version.name, to)
        last = self.store.ledger(version.name, Question(events=nouns.CHANGES, level=to, newest=1))
        if last and last[0].event != nouns.RETIRED and stands == version.version and same(last[0], version):
            return Plan(version, to, nouns.PROMOTED, stands, policy.digest, (), done=True, seen=seen)
        return self._judged(version, level, nouns.PROMOTED, stands, policy, seen)

    @in_one_view
    def plan_rollback(self, name: str, of: str) -> Plan:
        """The way back to the version that the ledger names as the one before.

        Its evidence is judged as of the day on which it was put there, by the policy of today.

        Raises: Refused when the ledger names none, NotFound for an unknown model.
        """
        policy = self.policy()
        level, seen, stands = policy.level(of), self.store.seen(name), self._stands(name, of)
        earlier = standing(self.store.ledger(name, Question(events=nouns.CHANGES, level=of)), of)
        self.store.ledger(name, Question(newest=1))  # an unknown model is not one without history
        if earlier and earlier[-1].version == stands:
            earlier = earlier[:-1]
        if not earlier:
            raise Refused(
                f"the ledger names no version of {name} that stood at {of} before", hint=f"towpath history {name}"
            )
        back = earlier[-1]
        version = self.store.version(ModelRef(name, version=back.version))
        what, got = f"what stood at {of} before", version.digest[:19] or "none"
        unchanged = Verdict("level", same(back, version), what, got, back.digest[:19])
        return self._judged(version, level, nouns.ROLLED_BACK, stands, policy, seen, (unchanged,), as_of=back.time)

    @in_one_view
    def plan_retirement(self, name: str, of: str) -> Plan:
        """Taking away what stands at a level. Raises: Refused when nothing does, NotFound for an unknown model."""
        policy = self.policy()
        level, seen, stands = policy.level(of), self.store.seen(name), self._stands(name, of)
        if stands is None:
            self.store.versions(name)
            raise Refused(f"no version of {name} stands at {of}", hint=f"towpath show {name}")
        version = self.store.version(ModelRef(name, version=stands))
        there = Verdict("level", True, f"{version.ref} at {of}", "there", "there, to be taken away")
        plan = Plan(version, of, nouns.RETIRED, stands, policy.digest, (there,), asked=level.approvals, seen=seen)
        return replace(plan, authors=self.store.authors(version), earlier=self._earlier(plan))

    @in_one_view
    def evidence(self, version: ModelVersion) -> tuple[Read, ...]:
        """What each envelope of the version's run proves now, to those whom the policy in force trusts."""
        return self._read(version, self.policy(), self._clock())

    def _judged(
        self,
        version: ModelVersion,
        level: Level,
        event: str,
        stands: int | None,
        policy: Policy,
        seen: int,
        before: tuple[Verdict, ...] = (),
        as_of: datetime | None = None,
    ) -> Plan:
        candidate = self._candidate(version, policy, as_of)
        said = [verdict for name, gate in level.gates.items() for verdict in gates.judge(name, gate, candidate)]
        first = self._was_there(version, level.after)
        nothing = () if said else (Verdict("level", False, level.name, "without any gate", "at least one gate"),)
        plan = Plan(
            version,
            level.name,
            event,
            stands,
            policy.digest,
            (*before, *said, *first, *nothing),
            asked=level.approvals,
            evidence=tuple(read.sha256 for read in candidate.evidence),
            authors=candidate.authors,
            seen=seen,
        )
        return replace(plan, earlier=self._earlier(plan))

    def _candidate(self, version: ModelVersion, policy: Policy, as_of: datetime | None) -> Candidate:
        """All that the gates may know; digest, inspection and card are of the bytes that lie there now."""
        inspected = self._inspection(version, policy)
        now = as_of or self._clock()
        return Candidate(
            version,
            inspected.digest,
            inspected.format,
            inspected.card,
            self._read(version, policy, now),
            now=now,
            rules=policy.evidence,
            authors=self.store.authors(version),
        )

    def _read(self, version: ModelVersion, policy: Policy, now: datetime) -> tuple[Read, ...]:
        return read_all(self.store.evidence(version), self.store.recorded(version), self._signers(policy), now)

    def _inspection(self, version: ModelVersion, policy: Policy) -> Inspection:
        """What the files say. Files whose every trace in the file system is unchanged are not read again."""
        with self.store.model_folder(version) as folder:
            key = (version.source, policy.digest, _traces(folder))
            if key not in self._inspected:
                self._inspected = {key: inspect(folder, policy), **dict(list(self._inspected.items())[:63])}
            return self._inspected[key]

    def _was_there(self, version: ModelVersion, level: str) -> tuple[Verdict, ...]:
        """Whether the ledger shows this very version, with these bytes, at the level that comes before."""
        if not level:
            return ()
        asked = Question(events=(nouns.PROMOTED, nouns.ROLLED_BACK), level=level, version=version.version)
        moves = [entry for entry in self.store.ledger(version.name, asked) if same(entry, version)]
        got = f"there on {short(moves[-1].time)}" if moves else "never there"
        return (Verdict("level", bool(moves), f"{version.ref} at {level}", got, f"at {level} first"),)

    def _earlier(self, plan: Plan) -> int:
        """How many requests for the same there were: a plan that was rejected does not come back under its old id."""
        asked = Question(events=(nouns.REQUESTED,), level=plan.level, version=plan.version.version)
        return sum(bool(entry.request) for entry in self.store.ledger(plan.version.name, asked))

    def _stands(self, name: str, level: str) -> int | None:
        try:
            return self.store.version(ModelRef(name, alias=level)).version
        except NotFound:
            return None


def read_all(
    envelopes: Iterable[tuple[str, bytes]], recorded: Mapping[str, datetime], signers: tuple[Signer, ...], now: datetime
) -> tuple[Read, ...]:
    """What each envelope proves; `recorded` says when the ledger first told of it."""
    return tuple(
        evidence.read(name, content, signers, recorded.get(sha256_bytes(content)), now) for name, content in envelopes
    )


@dataclass(frozen=True, slots=True)
class Inspection:
    """What the files of a version say: their digest (empty if there is none), whether they may load, their card."""

    digest: str
    format: tuple[Verdict, ...]
    card: str | None


def inspect(folder: Path, policy: Policy) -> Inspection:
    """Read the files once; digest, inspection and card are of these bytes."""
    try:
        files = model_files.read(folder)
    except Refused:  # what may not lie there: the inspection says what it is
        return Inspection("", tuple(model_files.inspect(folder)), None)
    card = files[CARD].decode(errors="replace") if CARD in files else None
    return Inspection(model_files.digest(files), tuple(model_files.examine(files, policy.loading.types())[0]), card)


def _traces(folder: Path) -> tuple[object, ...]:
    stats = ((path, path.stat()) for path in sorted(folder.rglob("*")))
    return (str(folder), *((str(p), s.st_ino, s.st_size, s.st_mtime_ns, s.st_ctime_ns) for p, s in stats))


def same(entry: LedgerEntry, version: ModelVersion) -> bool:
    """Whether the entry is about this very version, with these bytes."""
    return (entry.version, entry.digest) == (version.version, version.digest)
