"""JSON without ambiguity, for what is signed or hashed: what one program reads, every other reads as well.

Only null, booleans, text, whole numbers that every language holds exactly, lists, and objects with ASCII keys. On this
part the bytes that `dumps` writes are those of RFC 8785.
"""

from __future__ import annotations

import json
from typing import Any, NoReturn

LARGEST_INTEGER = 2**53 - 1
DEEPEST = 64
_LONGEST_INTEGER = len(str(-LARGEST_INTEGER))


def dumps(value: object) -> bytes:
    """Compact, keys in order, UTF-8. Raises: ValueError for what has no place in such JSON."""
    _check(value)
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def loads(content: bytes, limit: int) -> Any:
    """Raise ValueError, with the reason, for anything that `dumps` could not have written, and above `limit` bytes.

    Space between the parts, the order of keys and the way in which characters are escaped are free.
    """
    if len(content) > limit:
        raise ValueError(f"it is longer than {limit} bytes")
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"it is not UTF-8 (byte {error.start})") from error
    try:
        found = json.loads(text, object_pairs_hook=_once, parse_int=_integer, parse_float=_float, parse_constant=_float)
    except json.JSONDecodeError as error:
        raise ValueError(f"it is not JSON ({error.msg}, character {error.pos})") from error
    except RecursionError as error:
        raise ValueError(_TOO_DEEP) from error
    _check(found)
    return found


_TOO_DEEP = f"it is nested more than {DEEPEST} levels deep"


def _check(value: object) -> None:
    """By a list of what is left to look at: a deep value must not exhaust the stack that judges it."""
    left: list[tuple[object, int]] = [(value, 0)]
    while left:
        found, depth = left.pop()
        if depth > DEEPEST:
            raise ValueError(_TOO_DEEP)
        if type(found) is dict:
            for key, inner in found.items():
                if type(key) is not str or not key.isascii():
                    raise ValueError("a key is not ASCII text")
                left.append((inner, depth + 1))
        elif type(found) is list:
            left += [(inner, depth + 1) for inner in found]
        else:
            _check_plain(found)


def _check_plain(value: object) -> None:
    if type(value) is str:
        if not value.isascii() and any("\ud800" <= char <= "\udfff" for char in value):
            raise ValueError("a text holds half a character (a lone surrogate)")
    elif type(value) is int:
        if abs(value) > LARGEST_INTEGER:
            raise ValueError("a number is beyond 2^53 - 1")
    elif value is not None and type(value) is not bool:
        raise ValueError(
            f"a value is neither null, boolean, text, whole number, list nor object ({type(value).__name__})"
        )


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice in one object")
    return found


def _integer(digits: str) -> int:
    if len(digits) > _LONGEST_INTEGER:  # before it is made a number, which takes the square of its length
        raise ValueError("a number is beyond 2^53 - 1")
    return int(digits)


def _float(_text: str) -> NoReturn:
    raise ValueError("a number is not a whole number")
