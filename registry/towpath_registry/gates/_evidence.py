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
    got = f"{len(found)} found" if found else "not there"
    there = Verdict(gate, bool(found), f"the evidence of {kind}", got, "at least one statement")
    unread = [str(error) for error in map(_parsed, candidate.evidence) if isinstance(error, ValueError)]
    unreadable = [Verdict(gate, False, "a statement of the run", f"not readable: {why}", "readable") for why in unread]
    return (there, *unreadable, *(verdict for said in found for verdict in _verdicts(candidate, gate, said)))


def _verdicts(candidate: Candidate, gate: str, said: Statement) -> list[Verdict]:
    name, registered, actual = candidate.version.name, candidate.version.digest, candidate.digest
    same = bool(actual) and actual == registered and said.subjects == ((name, actual),)
    about = ", ".join(_short(digest) if who == name else f"{_short(digest)} of {who}" for who, digest in said.subjects)
    subject = Verdict(gate, same, "the digest it speaks of", about or "none", _expected(actual, registered))
    verdict = "passed" if said.passed else "failed"
    return [
        subject,
        Verdict(gate, said.passed, "its verdict", verdict, "passed"),
        Verdict(gate, bool(said.findings), "the number of its findings", str(len(said.findings)), "at least 1"),
        *(replace(finding, gate=gate) for finding in said.findings),
    ]


def _expected(actual: str, registered: str) -> str:
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
