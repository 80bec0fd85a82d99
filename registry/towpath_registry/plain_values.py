"""Plain values, as JSON and YAML give them, read key by key; every fault is noted under its key."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import NoneType, UnionType
from typing import Any, NamedTuple, TypeGuard, TypeVar, Union, get_args, get_origin

from towpath_core.errors import Misused

T = TypeVar("T")
Keys = tuple[str, ...]
_WORD = re.compile(r"[a-z][a-z0-9_-]{0,59}")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d{1,6})?)?Z)?")


class Fault(NamedTuple):
    """What does not fit, and under which keys it stands, from the outermost to the innermost."""

    keys: Keys
    told: str

    def __str__(self) -> str:
        return f"{'.'.join(self.keys)}: {self.told}" if self.keys else self.told


class Faulty(Misused):
    """Content that says nothing sensible; each fault names its dotted key."""

    def __init__(self, what: str, faults: Collection[Fault], *, hint: str = "") -> None:
        super().__init__(f"{what}: " + "\n       ".join(str(fault) for fault in faults), hint=hint)
        self.faults = tuple(faults)


@dataclass(frozen=True, slots=True)
class Part:
    """A mapping that is read key by key. What does not fit is noted, and the reading goes on with a stand-in.

    `close` notes the keys that nobody asked for.
    """

    content: Mapping[str, Any]
    keys: Keys = ()
    faults: list[Fault] = field(default_factory=list)
    asked: set[str] = field(default_factory=set)

    @classmethod
    def whole(cls, content: object) -> Part:
        """The outermost mapping."""
        if _are_keys(content):
            return cls(content)
        part = cls({})
        part.fault(f"is {shown(content)}, expected keys with values")
        return part

    def fault(self, told: str, *keys: str) -> None:
        self.faults.append(Fault((*self.keys, *keys), told))

    def text(self, name: str, default: str | None = None) -> str:
        return self._read(name, "text", lambda value: type(value) is str, "", default)

    def flag(self, name: str, default: bool | None = None) -> bool:
        return self._read(name, "true or false", lambda value: type(value) is bool, False, default)

    def number(self, name: str, default: int | None = None, *, most: int = 1_000_000) -> int:
        """A whole number from 1 on."""
        expected = f"a whole number from 1 to {most}"
        return self._read(name, expected, lambda value: type(value) is int and 1 <= value <= most, 1, default)

    def choice(self, name: str, allowed: tuple[str, ...]) -> str:
        """One of a few texts."""
        expected = " or ".join(allowed)
        return self._read(name, expected, lambda value: type(value) is str and value in allowed, allowed[0], None)

    def texts(self, name: str, default: tuple[str, ...] | None = None) -> tuple[str, ...]:
        """A list of texts, each once."""
        found: tuple[str, ...] = tuple(self._read(name, "a list of texts", _are_texts, (), default))
        if len(set(found)) != len(found):
            self.fault("names one of them twice", name)
        return found

    def moment(self, name: str, default: datetime | None = None) -> datetime:
        """A day, or a time of UTC: 2026-03-31, 2026-03-31T08:05:00Z."""
        text = self._read(name, "text", lambda value: type(value) is str, "", None if default is None else "")
        if not text:
            return default or datetime.max.replace(tzinfo=UTC)
        try:
            if _MOMENT.fullmatch(text):
                return datetime.fromisoformat(text).replace(tzinfo=UTC)
        except ValueError:
            pass
        self.fault(f"is {text[:40]!r}, expected a day or a time of UTC: 2026-03-31, 2026-03-31T08:05:00Z", name)
        return datetime.max.replace(tzinfo=UTC)

    def has(self, name: str) -> bool:
        """Whether the key is there and says something."""
        self.asked.add(name)
        return self.content.get(name) is not None

    def part(self, name: str) -> Part:
        """The mapping under a key; nothing there reads as an empty one."""
        self.asked.add(name)
        return self._mapping((name,), {} if self.content.get(name) is None else self.content[name])

    def items(self) -> Iterator[tuple[str, Part]]:
        """The mapping under each key."""
        for name in self.content:
            yield name, self.part(name)

    def close(self) -> None:
        for name in self.content:
            if name not in self.asked:
                self.fault("no such key" + (f", expected one of {', '.join(sorted(self.asked))}"), name)

    def _mapping(self, keys: Keys, content: object) -> Part:
        inside = (*self.keys, *keys)
        if _are_keys(content):
            return Part(content, inside, self.faults)
        self.faults.append(Fault(inside, f"is {shown(content)}, expected keys with values"))
        return Part({}, inside)  # what it lacks is not told as well

    def _read(self, name: str, expected: str, fits: Callable[[Any], bool], stand_in: T, default: T | None) -> T:
        self.asked.add(name)
        value: Any = self.content.get(name)
        if value is None:
            if default is None:
                self.fault("is missing", name)
            return stand_in if default is None else default
        if fits(value):
            return value  # type: ignore[no-any-return]
        self.fault(f"is {shown(value)}, expected {expected}", name)
        return stand_in


def is_word(text: str) -> bool:
    """Small letters, digits, - and _, not too many, a letter first."""
    return _WORD.fullmatch(text) is not None


def shown(value: object) -> str:
    """A value as a refusal tells it: a text in quotes, a number, or what kind of thing it is."""
    if value is None or isinstance(value, str | bool | int | float):
        return repr(value)[:60]
    return "a mapping" if isinstance(value, Mapping) else "a list" if isinstance(value, list | tuple) else "no value"


def as_plain(value: Any) -> Any:
    """Tuples as lists, and lists and mappings all the way down."""
    if isinstance(value, Mapping):
        return {key: as_plain(item) for key, item in value.items()}
    return [as_plain(item) for item in value] if isinstance(value, list | tuple) else value


def as_typed(value: Any, type_: Any) -> Any:
    """A plain value as a setting of that type. Raises: ValueError for one of another type, or for such a setting."""
    origin, of = get_origin(type_), get_args(type_)
    if origin in (Union, UnionType):
        return _as_one_of(value, of)
    if origin is tuple:
        return _as_tuple(value, of)
    if origin in (dict, Mapping) and of and of[0] is str:
        if not _are_keys(value):
            raise ValueError(f"is {shown(value)}, expected keys with values")
        return {key: as_typed(item, of[1]) for key, item in value.items()}
    if type_ not in _PLAIN:
        raise ValueError("cannot be set by a policy")
    expected, fits = _PLAIN[type_]
    if not fits(value):
        raise ValueError(f"is {shown(value)}, expected {expected}")
    return float(value) if type_ is float else value


def _as_tuple(value: Any, types: tuple[Any, ...]) -> tuple[Any, ...]:
    if isinstance(value, list | tuple):
        each = (types[0],) * len(value) if types[1:] == (Ellipsis,) else types
        if len(each) == len(value):
            return tuple(as_typed(item, type_) for item, type_ in zip(value, each, strict=True))
        raise ValueError(f"is a list of {len(value)}, expected one of {len(each)}")
    raise ValueError(f"is {shown(value)}, expected a list")


def _as_one_of(value: Any, types: tuple[Any, ...]) -> Any:
    if value is None and NoneType in types:
        return None
    told = []
    for type_ in types:
        try:
            return as_typed(value, type_)
        except ValueError as error:
            told.append(str(error))
    raise ValueError(told[0])


def _are_keys(value: object) -> TypeGuard[Mapping[str, Any]]:
    return isinstance(value, Mapping) and all(type(name) is str for name in value)


def _finite(value: object) -> bool:
    return type(value) is int or (type(value) is float and math.isfinite(value))


def _are_texts(value: object) -> bool:
    return isinstance(value, list | tuple) and all(type(item) is str for item in value)


_PLAIN: dict[Any, tuple[str, Callable[[Any], bool]]] = {
    str: ("text", lambda value: type(value) is str),
    bool: ("true or false", lambda value: type(value) is bool),
    int: ("a whole number", lambda value: type(value) is int),
    float: ("a number", _finite),
}
