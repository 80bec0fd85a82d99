"""What the pages show, found out beforehand: no template asks anything."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from towpath_core.clock import from_stamp
from towpath_core.errors import NotFound, TowpathError
from towpath_core.refs import ModelRef
from towpath_core.verdicts import Verdict
from towpath_registry import evidence, nouns
from towpath_registry.approvals import still_able
from towpath_registry.evidence import Documented, Read
from towpath_registry.governing import LocalDesk
from towpath_registry.nouns import LedgerEntry, ModelSummary, Question
from towpath_registry.policy import Asked, Level, Policy
from towpath_registry.promotion import SELF
from towpath_registry.requests import READY, Promotion

NEWEST = 200  # entries of a model's history that a page shows
SOON = timedelta(days=30)
DOINGS = ("approve", "reject", "cancel", "apply")


@dataclass(frozen=True, slots=True)
class Step:
    """What somebody may do with a request: why not, if `objection` says so; in which roles, if it is an approval."""

    doing: str
    objection: str
    roles: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Place:
    """One approval that is still asked for, and who can give it."""

    asked: Asked
    people: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Given:
    """An approval that was given, with the roles that it can count in."""

    by: str
    roles: tuple[str, ...]
    time: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class Gate:
    """All that one gate said."""

    name: str
    verdicts: tuple[Verdict, ...]

    @property
    def failed(self) -> tuple[Verdict, ...]:
        return tuple(verdict for verdict in self.verdicts if not verdict.passed)


@dataclass(frozen=True, slots=True)
class Measure:
    """A measure of the evaluation, with its interval and the baseline's value, as far as the evidence has them."""

    name: str
    value: str
    low: str = ""
    high: str = ""
    baseline: str = ""


@dataclass(frozen=True, slots=True)
class Stay:
    """A time during which a version stood at a level; `until` is None while it does."""

    level: str
    version: int
    since: datetime
    until: datetime | None
    entry: LedgerEntry

    @property
    def review_by(self) -> datetime | None:
        told = self.entry.details.get("review_by", "")
        return from_stamp(told) if told else None

    @property
    def approved_by(self) -> tuple[str, ...]:
        return tuple(approval.by for approval in self.entry.approvals if approval.role != SELF)


@dataclass(frozen=True, slots=True)
class Standing:
    """What stands at a level now. `stay` is None where no entry of the ledger put it there."""

    level: Level
    version: int | None
    stay: Stay | None

    def review(self, now: datetime) -> str:
        """`past`, `soon` or nothing."""
        by = self.stay.review_by if self.stay and self.version else None
        if by is None:
            return ""
        return "past" if now >= by else "soon" if by - now < SOON else ""


@dataclass(frozen=True, slots=True)
class Waiting:
    """An open request; `mine` tells that who looks can do the next step."""

    promotion: Promotion
    mine: bool
    places: tuple[Place, ...]


@dataclass(frozen=True, slots=True)
class Request:
    """All about one request. `today` are the verdicts that refuse it now, `lost` why they cannot be told."""

    promotion: Promotion
    level: Level | None
    gates: tuple[Gate, ...]
    given: tuple[Given, ...]
    places: tuple[Place, ...]
    steps: tuple[Step, ...]
    reads: tuple[Read, ...]
    measures: tuple[Measure, ...]
    documented: Documented | None
    today: tuple[Verdict, ...] = ()
    lost: str = ""


def waiting(desk: LocalDesk, promotions: Iterable[Promotion], person: str) -> list[Waiting]:
    """The open requests, those first that wait for this person."""
    policy = desk.policy()
    found = []
    for promotion in promotions:
        doing = "apply" if promotion.state == READY else "approve"
        try:
            mine = not desk.objection(promotion, person, doing)
            places = _places(promotion, policy, desk)
        except NotFound:  # its version is gone
            mine, places = False, ()
        found.append(Waiting(promotion, mine, places))
    return sorted(found, key=lambda one: (not one.mine, one.promotion.requested))


def standings(desk: LocalDesk, model: ModelSummary, policy: Policy) -> list[Standing]:
    """What stands at each level, the highest level first."""
    found = []
    for level in reversed(policy.levels):
        asked = Question(events=nouns.CHANGES, level=level.name, newest=1)
        stays = lineage(desk.store.ledger(model.name, asked), level.name)
        version = model.aliases.get(level.name)
        there = stays[-1] if stays and stays[-1].until is None and stays[-1].version == version else None
        found.append(Standing(level, version, there))
    return found


def lineage(entries: Sequence[LedgerEntry], level: str) -> list[Stay]:
    """What stood at the level, from when until when, oldest first."""
    found: list[Stay] = []
    for entry in entries:
        if entry.level != level or entry.event not in nouns.CHANGES:
            continue
        if found and found[-1].until is None:
            last = found[-1]
            found[-1] = Stay(level, last.version, last.since, entry.time, last.entry)
        if entry.event != nouns.RETIRED:
            found.append(Stay(level, entry.version, entry.time, None, entry))
    return found


def end_of(day: date) -> datetime:
    return datetime.combine(day + timedelta(days=1), time(), UTC)


def on(stays: Sequence[Stay], moment: datetime) -> Stay | None:
    """What stood there just before the moment."""
    return next((s for s in stays if s.since < moment and (s.until is None or moment <= s.until)), None)


def request(desk: LocalDesk, promotion: Promotion, person: str) -> Request:
    """Everything that the page of a request shows to this person."""
    policy = desk.policy()
    level = next((level for level in policy.levels if level.name == promotion.level), None)
    gates, given = _gates(promotion.verdicts), _given(promotion, policy, level)
    try:
        version = desk.store.version(ModelRef(promotion.model, version=promotion.version))
        reads = tuple(read for read in desk.evidence(version) if read.sha256 in promotion.evidence)
        places = _places(promotion, policy, desk) if promotion.is_open else ()
        steps = _steps(desk, promotion, person, level) if promotion.is_open and level else ()
        today = _today(desk, promotion) if promotion.is_open else ()
    except TowpathError as error:
        return Request(promotion, level, gates, given, (), (), (), (), None, lost=error.message)
    measures = [m for read in reads if read.kind == evidence.QUALITY and read.statement for m in _measures(read)]
    said = [read.statement.documented for read in reads if read.statement and read.statement.documented]
    documented = said[0] if said else None
    return Request(promotion, level, gates, given, places, steps, reads, tuple(measures), documented, today=today)


def _steps(desk: LocalDesk, promotion: Promotion, person: str, level: Level) -> tuple[Step, ...]:
    asked = [asked.role for asked in level.approvals]
    roles = tuple(role for role in asked if not desk.objection(promotion, person, "approve", role))
    given = [a.role or "any role" for a in promotion.approvals if a.by == person]
    if given and not roles:
        why = f"you approved it already, as {' and '.join(given)}"
    else:
        why = "" if roles else desk.objection(promotion, person, "approve")
    others = [Step(doing, desk.objection(promotion, person, doing)) for doing in DOINGS[1:]]
    return (Step("approve", why, tuple(dict.fromkeys(roles))), *others)


def _given(promotion: Promotion, policy: Policy, level: Level | None) -> tuple[Given, ...]:
    asked = [asked.role for asked in level.approvals] if level else []
    found = []
    for entry in promotion.history:
        if entry.event == nouns.APPROVED:
            named, person = entry.details.get("role", ""), policy.person(entry.actor)
            held = [role for role in asked if person and role in person.roles]
            found.append(Given(entry.actor, (named,) if named else tuple(held), entry.time, entry.reason))
    return tuple(found)


def _places(promotion: Promotion, policy: Policy, desk: LocalDesk) -> tuple[Place, ...]:
    if not promotion.missing:
        return ()
    level, authors = policy.level(promotion.level), desk.authors(promotion)
    able = still_able(level, policy, promotion.approvals, promotion.requester, authors)
    return tuple(
        Place(asked, tuple(name for name in able if name in policy.holders(asked.role))) for asked in promotion.missing
    )


def _today(desk: LocalDesk, promotion: Promotion) -> tuple[Verdict, ...]:
    """The verdicts that would refuse the request if it were applied now."""
    return tuple(verdict for verdict in desk.planned(promotion).verdicts if not verdict.passed)


def _gates(verdicts: Sequence[Verdict]) -> tuple[Gate, ...]:
    names = dict.fromkeys(verdict.gate for verdict in verdicts)
    found = [Gate(name, tuple(v for v in verdicts if v.gate == name)) for name in names]
    return tuple(sorted(found, key=lambda gate: not gate.failed))


def _measures(read: Read) -> list[Measure]:
    """Each measure once; what belongs to another one stands beside it."""
    said = dict(read.statement.measures) if read.statement else {}
    parts = {f"{name}{end}" for name in said for end in ("_low", "_high")} | {f"baseline_{name}" for name in said}
    found = []
    for name in sorted(said):
        if name in parts or "/" in name:
            continue
        low, high, baseline = (said.get(key, "") for key in (f"{name}_low", f"{name}_high", f"baseline_{name}"))
        found.append(Measure(name, *(_decimals(text) for text in (said[name], low, high, baseline))))
    return found


def _decimals(text: str) -> str:
    """Three decimals of the six that evidence has."""
    return f"{float(text):.3f}" if text and text != evidence.NOT_ASSESSED else text
