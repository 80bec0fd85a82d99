"""What the gates over evidence have in common."""

from __future__ import annotations

from dataclasses import replace

from towpath_core.verdicts import Verdict
from towpath_registry.evidence import Statement
from towpath_registry.gates import Candidate


def statements(candidate: Candidate, kind: str) -> list[Statement]:
    """The readable statements of a kind."""
    return [found for found in map(_parsed, candidate.evidence) if isinstance(found, Statement) and found.kind == kind]


def proven(candidate: Candidate, gate: str, kind: str) -> tuple[Verdict, ...]:
    """Whether evidence of `kind` is there, is about the candidate's own bytes, and passed with every finding.

    Any statement that cannot be read counts against the candidate: it may be the one that said no.
    """
    found = statements(candidate, kind)
    subject, expected = f"the evidence of {kind}", f"passed, about {_expected(candidate)}"
    missing = () if found else (Verdict(gate, False, subject, "not there", expected),)
    unread = [str(error) for error in map(_parsed, candidate.evidence) if isinstance(error, ValueError)]
    unreadable = [Verdict(gate, False, "a statement of the run", f"not readable: {why}", "readable") for why in unread]
    return (*missing, *unreadable, *(v for said in found for v in _verdicts(candidate, gate, subject, said, expected)))


def _verdicts(candidate: Candidate, gate: str, subject: str, said: Statement, expected: str) -> list[Verdict]:
    actual, registered = candidate.digest, candidate.version.digest
    about = ", ".join(
        _short(digest) if name == candidate.version.name else f"{_short(digest)} of {name}"
        for name, digest in said.subjects
    )
    same = bool(actual) and actual == registered and said.subjects == ((candidate.version.name, actual),)
    verdict = "passed" if said.passed else "failed"
    got = f"{verdict}, about {about}" if said.findings else f"{verdict} without any finding, about {about}"
    whole = Verdict(gate, same and said.passed and bool(said.findings), subject, got, expected)
    return [*(replace(finding, gate=gate) for finding in said.findings), whole]


def _expected(candidate: Candidate) -> str:
    actual, registered = candidate.digest, candidate.version.digest
    if actual == registered:
        return _short(actual)
    return f"{_short(registered)} as registered, and {_short(actual)} as stored, to be the same"


def _short(digest: str) -> str:
    return digest[:19] if digest else "none"


def _parsed(content: object) -> Statement | ValueError:
    try:
        return Statement.parse(content)  # type: ignore[arg-type]
    except ValueError as error:
        return error
