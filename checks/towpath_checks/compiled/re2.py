"""A Python regular expression as RE2 says it, through Python's own parse tree; what is not surely equal is refused.

Python's classes are Unicode's where RE2's are ASCII, and its `$` also stands before a final newline; so both are
spelled out. Sources: https://github.com/google/re2/wiki/Syntax and https://docs.python.org/3/library/re.html.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from towpath_checks.compiled._nouns import Refuse

sc: Any = import_module("re._constants")
_parser: Any = import_module("re._parser")
_SPACE = r"\t-\r\x{1c}-\x{20}\x{85}\x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}"
_CLASSES = {sc.CATEGORY_DIGIT: r"\p{Nd}", sc.CATEGORY_SPACE: _SPACE, sc.CATEGORY_WORD: r"\p{L}\p{N}_"}
_NOT = {
    sc.CATEGORY_NOT_DIGIT: sc.CATEGORY_DIGIT,
    sc.CATEGORY_NOT_SPACE: sc.CATEGORY_SPACE,
    sc.CATEGORY_NOT_WORD: sc.CATEGORY_WORD,
}
_AT_START = (sc.AT_BEGINNING, sc.AT_BEGINNING_STRING)
_PLAIN = sc.SRE_FLAG_UNICODE | sc.SRE_FLAG_DOTALL | sc.SRE_FLAG_IGNORECASE


@dataclass(frozen=True, slots=True)
class Pattern:
    """A pattern as RE2 says it, empty where it cannot, and whether Python itself may judge instead.

    `python`: pandas asks Python's `re` for such a pattern, or RE2 would say the same on the data that it asks it about.
    `newlines`: only good where no value holds a newline.
    """

    re2: str = ""
    python: bool = False
    newlines: bool = True


def translate(pattern: object) -> Pattern:
    """What can be done with a pattern.

    Raises: Refuse for a pattern that neither RE2 nor Python judges as pandas would.
    """
    if not isinstance(pattern, str):
        raise Refuse("a regular expression that is no text")
    tree = _parsed(pattern)
    folded, nodes = bool(tree.state.flags & sc.SRE_FLAG_IGNORECASE), list(_nodes(tree))
    try:
        said = _sequence(tree, bool(tree.state.flags & sc.SRE_FLAG_DOTALL), last=True) or "(?:)"
    except Refuse:
        if not _is_python(nodes):
            raise
        return Pattern(python=True)
    if not folded:
        return Pattern(said)
    if _is_python(nodes, ends=False):
        return Pattern(python=True)
    return Pattern(f"(?i){said}", newlines=(sc.AT, sc.AT_END) not in nodes)


def _parsed(pattern: str) -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = _parser.parse(pattern)
    except (re.error, RecursionError, OverflowError):
        raise Refuse("a regular expression that Python does not read") from None
    if tree.state.flags & ~_PLAIN:
        raise Refuse("a regular expression with flags")
    return tree


def _sequence(tree: Iterable[tuple[Any, Any]], dotall: bool, last: bool) -> str:
    """`last`: nothing comes after it, so that the newline before the end may be taken in."""
    nodes = list(tree)
    final = len(nodes) - 1
    return "".join(_node(*node, dotall, last and place == final) for place, node in enumerate(nodes))


def _node(operation: Any, value: Any, dotall: bool, last: bool) -> str:
    if operation is sc.LITERAL:
        return _letter(value)
    if operation is sc.NOT_LITERAL:
        return f"[^{_letter(value)}]"
    if operation is sc.ANY:
        return "(?s:.)" if dotall else r"[^\n]"
    if operation is sc.IN:
        return _class(value)
    if operation is sc.BRANCH:
        return "(?:" + "|".join(_sequence(branch, dotall, last) for branch in value[1]) + ")"
    if operation is sc.AT:
        return _place(value, last)
    return _group(operation, value, dotall, last)


def _group(operation: Any, value: Any, dotall: bool, last: bool) -> str:
    if operation is sc.SUBPATTERN:
        _, added, removed, inner = value
        if added or removed:
            raise Refuse("a regular expression with flags inside")
        return f"(?:{_sequence(inner, dotall, last)})"
    if operation in (sc.MAX_REPEAT, sc.MIN_REPEAT):
        low, high, inner = value
        if low > 1000 or (high is not sc.MAXREPEAT and high > 1000):
            raise Refuse("a regular expression that repeats more than 1,000 times")
        times = f"{{{low},{'' if high is sc.MAXREPEAT else high}}}"
        return f"(?:{_sequence(inner, dotall, last=False)}){times}"
    raise Refuse(f"a regular expression with {_WORDS.get(operation, 'what RE2 does not know')}")


_WORDS = {sc.ASSERT: "a look-around", sc.ASSERT_NOT: "a look-around", sc.GROUPREF: "a back-reference"}


def _place(value: Any, last: bool) -> str:
    if value in _AT_START:
        return r"\A"
    if value is sc.AT_END_STRING:
        return r"\z"
    if value is sc.AT_END and last:
        return r"\n?\z"
    raise Refuse("a regular expression with the edge of a word, or with $ within it")


def _class(items: Any) -> str:
    if len(items) == 1 and items[0][0] is sc.CATEGORY and items[0][1] in _NOT:
        return f"[^{_CLASSES[_NOT[items[0][1]]]}]"
    negated = bool(items) and items[0][0] is sc.NEGATE
    return f"[{'^' if negated else ''}{''.join(_item(*item) for item in items if item[0] is not sc.NEGATE)}]"


def _item(operation: Any, value: Any) -> str:
    if operation is sc.LITERAL:
        return _letter(value)
    if operation is sc.RANGE:
        return f"{_letter(value[0])}-{_letter(value[1])}"
    if operation is sc.CATEGORY and value in _CLASSES:
        return _CLASSES[value]
    if operation is sc.CATEGORY and value is sc.CATEGORY_NOT_DIGIT:
        return r"\P{Nd}"
    raise Refuse("a regular expression with a negated class inside a class")


def _letter(code: int) -> str:
    if 0xD800 <= code <= 0xDFFF or not code:
        raise Refuse("a regular expression with a character that no text holds")
    return rf"\x{{{code:x}}}"


def _nodes(tree: Any) -> Iterable[tuple[Any, Any]]:
    """Every node, as pandas walks them (pandas/core/arrays/_arrow_string_mixins.py, `_regex_nodes`)."""
    repeats = (sc.MAX_REPEAT, sc.MIN_REPEAT, getattr(sc, "POSSESSIVE_REPEAT", None))
    for operation, value in tree:
        yield operation, value
        if operation is sc.SUBPATTERN:
            yield from _nodes(value[3])
        elif operation is sc.BRANCH:
            for branch in value[1]:
                yield from _nodes(branch)
        elif operation in repeats:
            yield from _nodes(value[2])
        elif operation in (getattr(sc, "ATOMIC_GROUP", None), sc.IN):
            yield from _nodes(value)


def _is_python(nodes: Iterable[tuple[Any, Any]], ends: bool = True) -> bool:
    """Whether Python's `re` says what pandas says, whatever the data (same file, `_needs_python_regex`).

    pandas asks Python for look-around, back-references and white space always; for words, digits and edges where a
    value is not ASCII, and for `$` where one holds a newline: on other data RE2 agrees with Python, unless letters are
    folded.
    """
    always = {(sc.CATEGORY, sc.CATEGORY_SPACE), (sc.CATEGORY, sc.CATEGORY_NOT_SPACE)}
    on_this_data = {
        (sc.CATEGORY, sc.CATEGORY_WORD),
        (sc.CATEGORY, sc.CATEGORY_NOT_WORD),
        (sc.CATEGORY, sc.CATEGORY_DIGIT),
        (sc.CATEGORY, sc.CATEGORY_NOT_DIGIT),
        (sc.AT, sc.AT_BOUNDARY),
        (sc.AT, sc.AT_NON_BOUNDARY),
    }
    sensitive = always | on_this_data | ({(sc.AT, sc.AT_END)} if ends else set())
    return any(
        operation in (sc.ASSERT, sc.ASSERT_NOT, sc.GROUPREF)
        or (operation in (sc.CATEGORY, sc.AT) and (operation, value) in sensitive)
        for operation, value in nodes
    )
