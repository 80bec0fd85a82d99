"""What the gates over evidence have in common."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import timedelta

from towpath_core.clock import short
from towpath_core.verdicts import Verdict, all_passed
from towpath_registry.evidence import Read, Statement
from towpath_registry.gates import Candidate

# What evidence was made from, and the tag by which the version says the same.
_PIPELINE = ("dvc.lock", "towpath.pipeline")
_BOUND = (
    _PIPELINE,
    ("commit", "towpath.commit"),
    ("params.yaml", "towpath.params"),
    ("requirements.lock", "towpath.environment"),
)


def statements(candidate: Candidate, kind: str) -> list[Statement]:
    """The statements of a kind that somebody vouches for."""
    return [read.statement for read in candidate.evidence if read.kind == kind and read.statement]


def proven(candidate: Candidate, gate: str, kind: str, advisory: Collection[str] = ()) -> tuple[Verdict, ...]:
    """Whether evidence of `kind` is there, signed by enough people, still counts, is about the candidate's own bytes
    and what they were made from, and passed with every finding but those of the names in `advisory`.

    An envelope of the kind that cannot be trusted counts against the candidate: it may be the one that said no.
    """
    subject = f"the evidence of {kind}"
    found = [read for read in candidate.evidence if read.kind == kind]
    if not found:
        expected = f"passed, about {_expected(candidate)} (towpath run writes and signs it)"
        return (Verdict(gate, False, subject, "not there", expected),)
    return tuple(verdict for read in found for verdict in _verdicts(candidate, gate, subject, read, advisory))


def _verdicts(candidate: Candidate, gate: str, subject: str, read: Read, advisory: Collection[str]) -> list[Verdict]:
    said = read.statement
    if said is None:
        expected = (
            "evidence that a signer of the policy vouches for (towpath run signs it, with the key of towpath keys show)"
        )
        return [Verdict(gate, False, f"{read.name} of the run", f"not to be trusted: {read.problem}", expected)]
    actual, registered = candidate.digest, candidate.version.digest
    about = _short(said.digest) if said.model == candidate.version.name else f"{_short(said.digest)} of {said.model}"
    same = bool(actual) and actual == registered and (said.model, said.digest) == (candidate.version.name, actual)
    weighed = [finding for finding in said.findings if finding.gate not in advisory]
    advice = [finding for finding in said.findings if finding.gate in advisory and not finding.passed]
    passed = said.passed or (bool(advice) and all_passed(weighed))  # it failed, and only what advises here says why
    verdict = "passed" if said.passed else "failed but for what advises here" if passed else "failed"
    got = f"{verdict}, about {about}" if weighed else f"{verdict} without any finding, about {about}"
    whole = same and passed and bool(weighed)
    return [
        *(replace(finding, gate=gate) for finding in said.findings if finding not in advice),
        *(replace(finding, gate=gate, passed=True, got=f"{finding.got} (advises here)") for finding in advice),
        Verdict(gate, whole, subject, got, f"passed, about {_expected(candidate)}"),
        *_rule(candidate, gate, subject, read, said),
        *_inputs(candidate, gate, subject, said),
    ]


def _rule(candidate: Candidate, gate: str, subject: str, read: Read, said: Statement) -> list[Verdict]:
    """Whether enough people signed it, and it still counts."""
    rule = candidate.rules.get(said.kind)
    if rule is None:
        expected = f"a rule for {said.kind} in the policy (evidence.{said.kind})"
        return [Verdict(gate, False, subject, "of a kind that the policy does not know", expected)]
    signed = len(set(read.owners))
    end = rule.until(said.made, read.recorded)
    start = end - timedelta(days=rule.valid_days)
    return [
        Verdict(
            gate,
            signed >= rule.signatures,
            f"who signed {subject}",
            f"{signed} ({', '.join(read.owners)})",
            f"at least {rule.signatures}, each another person",
        ),
        Verdict(
            gate,
            candidate.now < end,
            f"how long {subject} counts",
            f"until {short(end)}",
            f"a time to come ({rule.valid_days} days from {short(start)}; towpath run makes it anew)",
        ),
    ]


def _inputs(candidate: Candidate, gate: str, subject: str, said: Statement) -> list[Verdict]:
    """Whether it speaks of what the version says that it was made from: evidence dies when that changes."""
    found = []
    for name, tag in _BOUND:
        expected, got = candidate.version.tags.get(tag, ""), said.inputs.get(name, "")
        if got != expected and (got or (name, tag) == _PIPELINE):
            found.append(
                Verdict(
                    gate, False, f"{name} of {subject}", got or "not told", f"{expected or 'none'}, as the version says"
                )
            )
    return found


def _expected(candidate: Candidate) -> str:
    actual, registered = candidate.digest, candidate.version.digest
    if actual == registered:
        return _short(actual)
    return f"{_short(registered)} as registered, and {_short(actual)} as stored, to be the same"


def _short(digest: str) -> str:
    return digest[:19] if digest else "none"
