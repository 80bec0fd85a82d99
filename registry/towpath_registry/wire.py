"""The registry's nouns as JSON, field by field, and back: between a governed server and those who ask it.

What comes back is the very same noun, or nothing: a key too many, one too few or a value of another type is an error,
as it would be between two versions of towpath that do not fit.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime
from functools import cache
from types import NoneType, UnionType
from typing import Any, NoReturn, TypeVar, Union, get_args, get_origin, get_type_hints

from towpath_core.clock import from_stamp, stamp
from towpath_core.errors import CouldNot, Mismatch, Misused, NotFound, Refused, TowpathError
from towpath_registry.store import ChangedMeanwhile

T = TypeVar("T")
_LARGEST = 2**53 - 1
# What each kind of error is over HTTP; the first that fits counts.
_STATUS: tuple[tuple[type[TowpathError], int], ...] = (
    (NotFound, 404),
    (ChangedMeanwhile, 409),
    (Refused, 403),
    (Misused, 400),
    (Mismatch, 500),
    (CouldNot, 500),
)


def plain(value: object) -> Any:
    """A noun, or lists and mappings of nouns, as values that JSON holds."""
    if isinstance(value, datetime):
        return stamp(value)
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {key: plain(inner) for key, inner in value.items()}
    return [plain(inner) for inner in value] if isinstance(value, list | tuple) else value


def noun(kind: type[T], content: object) -> T:
    """The noun whose `plain` form is given. Raises: ValueError, which names the key of what does not fit."""
    return _read(kind, content, "")  # type: ignore[no-any-return]


def nouns(kind: type[T], content: object) -> list[T]:
    """The nouns of a list. Raises: as `noun` does."""
    if not isinstance(content, list):
        raise _wrong("", "a list")
    return [noun(kind, inner) for inner in content]


def dumps(value: object) -> bytes:
    """As JSON. Raises: ValueError for a number that is none."""
    return json.dumps(plain(value), separators=(",", ":"), allow_nan=False).encode("ascii")


def loads(content: bytes) -> dict[str, Any]:
    """One JSON object that no two programs read differently. Raises: ValueError, with the reason, for anything else."""
    try:
        found = json.loads(content.decode("utf-8"), object_pairs_hook=_once, parse_constant=_no_number)
        json.dumps(found, ensure_ascii=False).encode("utf-8")
    except UnicodeError as error:
        raise ValueError("it is not UTF-8, or holds half a character") from error
    except json.JSONDecodeError as error:
        raise ValueError(f"it is not JSON ({error.msg}, character {error.pos})") from error
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    if not isinstance(found, dict):
        raise _wrong("", "a JSON object")
    return found


def status(error: TowpathError) -> int:
    return next((code for kind, code in _STATUS if isinstance(error, kind)), 500)


def error_content(error: TowpathError) -> dict[str, Any]:
    """An error as the answer that says it."""
    return {"error": {"message": error.message, "hint": error.hint, "exit_code": error.exit_code}}


def error_of(code: int, content: bytes) -> TowpathError | None:
    """The error that an answer says; None for an answer of somebody else's, or one that contradicts itself."""
    try:
        said = loads(content).get("error")
    except ValueError:
        return None
    if not isinstance(said, dict) or said.keys() != {"message", "hint", "exit_code"}:
        return None
    message, hint = said["message"], said["hint"]
    if type(message) is not str or type(hint) is not str:
        return None
    kinds = [kind for kind, number in _STATUS if number == code and kind.exit_code == said["exit_code"]]
    return kinds[0](message, hint=hint) if kinds else None


def _read(kind: Any, content: Any, key: str) -> Any:
    origin, of = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        (inner,) = (one for one in of if one is not NoneType)
        return None if content is None else _read(inner, content, key)
    if origin is tuple:
        if not isinstance(content, list):
            raise _wrong(key, "a list")
        return tuple(_read(of[0], inner, f"{key}[{number}]") for number, inner in enumerate(content))
    if origin is Mapping:
        if not isinstance(content, dict):
            raise _wrong(key, "an object")
        return {name: _read(of[1], inner, _under(key, name)) for name, inner in content.items()}
    if is_dataclass(kind):
        return _dataclass(kind, content, key)
    if kind is datetime:
        return _moment(content, key)
    if kind not in (str, int, bool) or type(content) is not kind:
        raise _wrong(key, getattr(kind, "__name__", str(kind)))
    if kind is int and abs(content) > _LARGEST:
        raise _wrong(key, "a number that every program holds")
    return content


def _dataclass(kind: Any, content: Any, key: str) -> Any:
    hints = _hints(kind)
    if not isinstance(content, dict):
        raise _wrong(key, "an object")
    if other := content.keys() ^ hints.keys():
        name = min(other)
        raise ValueError(f"{_under(key, name)} is {'missing' if name in hints else 'unknown'}")
    return kind(**{name: _read(hint, content[name], _under(key, name)) for name, hint in hints.items()})


def _moment(content: Any, key: str) -> datetime:
    try:
        moment = from_stamp(content)
    except (TypeError, ValueError) as error:
        raise _wrong(key, "a time of UTC") from error
    if stamp(moment) != content:
        raise _wrong(key, "a time of UTC")
    return moment


@cache
def _hints(kind: Any) -> dict[str, Any]:
    hints = get_type_hints(kind)
    return {field.name: hints[field.name] for field in fields(kind)}


def _under(key: str, name: str) -> str:
    return f"{key}.{name}" if key else name


def _wrong(key: str, expected: str) -> ValueError:
    return ValueError(f"{key or 'it'} is not {expected}")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice in one object")
    return found


def _no_number(_text: str) -> NoReturn:
    raise ValueError("NaN and infinite numbers are no JSON")
