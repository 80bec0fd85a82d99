"""What can go wrong, one class for each exit code."""

from __future__ import annotations


class TowpathError(Exception):
    """Something a person can act on: what happened, and what to type next.

    `exit_code` is what the process ends with when nobody catches it.
    """

    exit_code = 3

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class Refused(TowpathError):
    """The answer is no: a gate refused, checks failed, drift was found."""

    exit_code = 1


class Misused(TowpathError):
    """Asked wrongly: a bad name, a bad option, a file that says nothing sensible."""

    exit_code = 2


class CouldNot(TowpathError):
    """Could not: a server is away, data are missing, a disk is full."""

    exit_code = 3


class NotFound(CouldNot):
    """There is no such model, version, alias, file or project."""


class Mismatch(TowpathError):
    """Two things that must be the same are not: a digest, a prediction."""

    exit_code = 5
