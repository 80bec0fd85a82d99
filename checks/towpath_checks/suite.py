"""Suite files, in Great Expectations' own JSON shape: read here, and understood by who answers them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from towpath_core.digests import sha256_file
from towpath_core.errors import Misused, NotFound, Refused
from towpath_core.files import read_json

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Suite:
    """A suite file in Great Expectations' own JSON shape, read but not yet understood."""

    name: str
    file: str
    digest: str
    expectations: tuple[Json, ...]


def read(path: Path, shown: str = "") -> Suite:
    """The suite at `path`, called `shown` in errors.

    Raises: NotFound if it is not there, Misused with file and position for what is no suite, Refused for an empty one.
    """
    file = shown or path.name
    if not path.is_file():
        raise NotFound(f"there is no suite {file}", hint=f"git checkout {file}, or mend towpath.yaml, checks.suite")
    content = read_json(path, "the suite", unique=True)
    if not isinstance(content, dict) or not isinstance(content.get("expectations"), list):
        raise Misused(f"{file} is no suite: expected an object with a list of expectations", hint=f"mend {file}")
    if not isinstance(content.get("name"), str) or not content["name"]:
        raise Misused(f"{file} has no name", hint=f'add "name": "records" to {file}')
    expectations = tuple(content["expectations"])
    if not expectations:
        raise Refused(f"{file} expects nothing, and nothing expected is no check", hint=f"add an expectation to {file}")
    for position, expectation in enumerate(expectations, 1):
        fit = isinstance(expectation, dict) and isinstance(expectation.get("type"), str)
        if not fit or not isinstance(expectation.get("kwargs"), dict):
            raise Misused(
                f"{file}, expectation {position}: expected an object with type and kwargs", hint=f"mend {file}"
            )
        if not isinstance(expectation.get("meta") or {}, dict):
            raise Misused(f"{where(file, position, expectation)}: meta is no object", hint=f"mend {file}")
        if "$PARAMETER" in str(expectation["kwargs"]):
            raise Misused(f"{where(file, position, expectation)}: $PARAMETER has no value here", hint=f"mend {file}")
    return Suite(content["name"], file, sha256_file(path), expectations)


def columns_of(kind: str, kwargs: Mapping[str, Any]) -> list[str]:
    """The columns that an expectation needs in order to be assessed."""
    if kind.startswith("expect_table_") or kind == "expect_column_to_exist":
        return []
    named = [kwargs.get(key) for key in ("column", "column_A", "column_B")]
    listed = kwargs.get("column_list")
    return [name for name in (*named, *(listed if isinstance(listed, Sequence) else ())) if isinstance(name, str)]


def subject(kwargs: Mapping[str, Any]) -> str:
    return ", ".join(columns_of("", kwargs)) or "the table"


def expected(kind: str, kwargs: Mapping[str, Any]) -> str:
    settings = [
        f"{key} {_short(value)}"
        for key, value in kwargs.items()
        if key not in ("column", "column_A", "column_B", "column_list", "result_format")
    ]
    return ", ".join([kind.removeprefix("expect_").replace("_", " "), *settings])


def _short(value: object) -> str:
    if isinstance(value, list) and len(value) > 5:
        return f"of {len(value)} values"
    return str(value)[:60]


def where(file: str, position: int, asked: Mapping[str, Any]) -> str:
    return f"{file}, expectation {position} ({asked['type']} on {subject(asked['kwargs'])})"
