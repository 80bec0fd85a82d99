"""Moving a version to a level: decided from what is known of it, then done in one step, or not at all."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from towpath_core import model_files
from towpath_core.clock import short
from towpath_core.errors import NotFound, Refused
from towpath_core.refs import ModelRef
from towpath_core.verdicts import Verdict, all_passed
from towpath_registry import gates
from towpath_registry.gates import Candidate
from towpath_registry.ledger import standing
from towpath_registry.nouns import MOVES, PROMOTED, REFUSED, ROLLED_BACK, Decision, LedgerEntry, ModelVersion
from towpath_registry.policy import Level, Policy
from towpath_registry.store import ModelStore

CARD = "MODEL_CARD.md"


@dataclass(frozen=True, slots=True)
class Plan:
    """What a promotion or rollback would do, and what each gate says of it.

    `stands` is the version at the level now, None for none. `done`: it is there already, and nothing was judged.
    """

    version: ModelVersion
    level: str
    event: str
    stands: int | None
    policy: str
    verdicts: tuple[Verdict, ...]
    done: bool = False

    @property
    def allowed(self) -> bool:
        return self.done or all_passed(self.verdicts)

    @property
    def id(self) -> str:
        """The same for the same decision on the same grounds."""
        said = [asdict(verdict) for verdict in self.verdicts]
        what = [self.version.ref, self.version.digest, self.level, self.event, self.stands, self.policy, said]
        return hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()[:12]


def plan(store: ModelStore, ref: ModelRef, to: str, policy: Policy) -> Plan:
    """Raise NotFound for an unknown model or version, Misused for a level that the policy does not have."""
    level, version = policy.level(to), store.version(ref)
    entries, stands = store.ledger(version.name), _stands(store, version.name, to)
    counted = standing(entries, to)
    if stands == version.version and counted and _same(counted[-1], version):
        return Plan(version, to, PROMOTED, stands, policy.digest, (), done=True)
    return _judged(gather(store, version), level, PROMOTED, stands, policy, entries)


def plan_rollback(store: ModelStore, name: str, of: str, policy: Policy) -> Plan:
    """The way back to the version that the ledger names as the one before.

    Raises: Refused when it names none, NotFound for an unknown model.
    """
    level, entries, stands = policy.level(of), store.ledger(name), _stands(store, name, of)
    earlier = standing(entries, of)
    if earlier and earlier[-1].version == stands:
        earlier = earlier[:-1]
    if not earlier:
        raise Refused(
            f"the ledger names no version of {name} that stood at {of} before", hint=f"towpath history {name}"
        )
    back = earlier[-1]
    version = store.version(ModelRef(name, version=back.version))
    same = Verdict(
        "level", _same(back, version), f"what stood at {of} before", version.digest[:19] or "none", back.digest[:19]
    )
    return _judged(gather(store, version), level, ROLLED_BACK, stands, policy, entries, (same,))


def apply(store: ModelStore, plan: Plan, actor: str, reason: str) -> LedgerEntry:
    """Do what an allowed plan says, or record that the gates refused it.

    Raises: CouldNot when the level moved or the version changed since the plan was made.
    """
    event = plan.event if plan.allowed else REFUSED
    return store.record(
        Decision(
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
        )
    )


def gather(store: ModelStore, version: ModelVersion) -> Candidate:
    """All that the gates may know; the files are read once, and digest, inspection and card are of these bytes."""
    evidence = tuple(store.evidence(version))
    with store.model_folder(version) as folder:
        try:
            files = model_files.read(folder)
        except Refused:  # what may not lie there: the inspection says what it is
            return Candidate(version, "", tuple(model_files.inspect(folder)), None, evidence)
    card = files[CARD].decode(errors="replace") if CARD in files else None
    inspected = tuple(model_files.examine(files)[0])
    return Candidate(version, model_files.digest(files), inspected, card, evidence)


def _judged(
    candidate: Candidate,
    level: Level,
    event: str,
    stands: int | None,
    policy: Policy,
    entries: Sequence[LedgerEntry],
    before: tuple[Verdict, ...] = (),
) -> Plan:
    said = [verdict for name, gate in level.gates.items() for verdict in gates.judge(name, gate, candidate)]
    first = _was_there(candidate.version, level.after, entries)
    nothing = () if said else (Verdict("level", False, level.name, "without any gate", "at least one gate"),)
    return Plan(candidate.version, level.name, event, stands, policy.digest, (*before, *said, *first, *nothing))


def _was_there(version: ModelVersion, level: str, entries: Sequence[LedgerEntry]) -> tuple[Verdict, ...]:
    """Whether the ledger shows this very version, with these bytes, at the level that comes before."""
    if not level:
        return ()
    moves = [entry for entry in entries if entry.level == level and entry.event in MOVES and _same(entry, version)]
    got = f"there on {short(moves[-1].time)}" if moves else "never there"
    return (Verdict("level", bool(moves), f"{version.ref} at {level}", got, f"at {level} first"),)


def _same(entry: LedgerEntry, version: ModelVersion) -> bool:
    return (entry.version, entry.digest) == (version.version, version.digest)


def _stands(store: ModelStore, name: str, level: str) -> int | None:
    try:
        return store.version(ModelRef(name, alias=level)).version
    except NotFound:
        return None
