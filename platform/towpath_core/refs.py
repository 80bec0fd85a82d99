"""How a person names a model: `occupation-coder/3`, `occupation-coder@production`."""

from __future__ import annotations

import re
from dataclasses import dataclass

from towpath_core.errors import Misused

_NAME = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*")
_ALIAS = re.compile(r"[a-z][a-z0-9_-]*")
_FORMS = "occupation-coder/3 or occupation-coder@production"


def check_name(name: str) -> str:
    """The name itself, if it can serve as a project's and a model's.

    Raises: Misused.
    """
    if not _NAME.fullmatch(name) or len(name) > 60:
        raise Misused(
            f"{name!r} is not a good name",
            hint="use lower-case letters, digits and single hyphens, as in occupation-coder (60 characters at most)",
        )
    return name


@dataclass(frozen=True, slots=True)
class ModelRef:
    """One version of a model, by its number or by an alias; exactly one of the two is set."""

    name: str
    version: int | None = None
    alias: str | None = None

    @classmethod
    def parse(cls, text: str) -> ModelRef:
        """Raise Misused unless `text` is NAME/VERSION or NAME@ALIAS."""
        name, slash, number = text.partition("/")
        if slash and number.isascii() and number.isdigit() and 0 < int(number) < 2**31:
            return cls(check_name(name), version=int(number))
        name, at, alias = text.partition("@")
        if at and _ALIAS.fullmatch(alias):
            return cls(check_name(name), alias=alias)
        raise Misused(f"{text!r} names no model version", hint=f"write it as {_FORMS}")

    def __str__(self) -> str:
        return f"{self.name}/{self.version}" if self.version is not None else f"{self.name}@{self.alias}"
