"""Row conditions: Great Expectations' own, as an object or as its `col("x") > 1` text, and the plainest pandas queries.

Missing values are pandas': every comparison with one is false, but `!=` and NOT_IN, which are true.
"""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from towpath_checks.compiled import literals
from towpath_checks.compiled._nouns import Refuse
from towpath_checks.compiled.bounds import ticks
from towpath_checks.compiled.columns import NUMBERS, Column, Family
from towpath_checks.compiled.draft import Draft

_OPERATORS = {"==": "=", "!=": "<>", "<": "<", "<=": "<=", ">": ">", ">=": ">="}
_VALUE = (
    r"""(?P<op>==|!=|<=|>=|<|>)\s*(?:(?P<quote>["'])(?P<text>[^"'\\]*)(?P=quote)|(?P<number>-?\d{1,15}(?:\.\d+)?))"""
)
_OWN = re.compile(rf"""\s*col\(\s*["'](?P<name>[^"']+)["']\s*\)\s*(?:(?P<there>\.notnull\(\))|{_VALUE})\s*""")
_AND = re.compile(r"and\b")
_QUERY = re.compile(rf"\s*(?P<name>[A-Za-z_]\w*)\s*(?:(?P<there>\.notnull\(\))|{_VALUE})\s*")


def compile_condition(draft: Draft) -> str:
    """The row condition as SQL; empty where there is none.

    Raises: Refuse for one that cannot be said exactly.
    """
    asked = draft.kwargs.get("row_condition")
    if asked is None:
        return ""
    if isinstance(asked, str):
        asked = _of_text(asked, draft.kwargs.get("condition_parser"))
    return _condition(draft, asked)


def _of_text(asked: str, parser: object) -> Mapping[str, Any]:
    if parser == "pandas":
        return {"type": "and", "conditions": [_said(one) for one in _conjuncts(asked)]}
    own = _OWN.fullmatch(asked) if parser in ("great_expectations", "great_expectations__experimental__") else None
    if own is None:
        raise Refuse("a row condition that is not known")
    return _said(own)


def _conjuncts(asked: str) -> Iterator[re.Match[str]]:
    """The plain comparisons that a pandas query joins by `and`."""
    at = 0
    while said := _QUERY.match(asked, at):
        yield said
        if said.end() == len(asked):
            return
        joined = _AND.match(asked, said.end())
        at = joined.end() if joined else len(asked)
    raise Refuse("a row condition in pandas' query language")


def _said(said: re.Match[str]) -> Mapping[str, Any]:
    column = {"name": said["name"]}
    if said["there"]:
        return {"type": "nullity", "column": column, "is_null": False}
    value: object = said["text"]
    if value is None:
        value = float(said["number"]) if "." in said["number"] else int(said["number"])
    return {"type": "comparison", "column": column, "operator": said["op"], "parameter": value}


def _condition(draft: Draft, asked: object) -> str:
    if not isinstance(asked, Mapping):
        raise Refuse("a row condition that is neither a text nor an object")
    kind = asked.get("type")
    if kind in ("and", "or"):
        parts = [_condition(draft, one) for one in asked.get("conditions") or ()]
        if not parts:
            raise Refuse("a row condition of nothing")
        return "(" + f" {kind.upper()} ".join(parts) + ")"
    if kind == "nullity" and isinstance(asked.get("is_null"), bool):
        return f"({_column(draft, asked).sql} IS {'' if asked['is_null'] else 'NOT '}NULL)"
    if kind == "comparison":
        return _comparison(draft, _column(draft, asked), asked.get("operator"), asked.get("parameter"))
    raise Refuse("a row condition in pandas' query language")


def _column(draft: Draft, asked: Mapping[str, Any]) -> Column:
    column = asked.get("column")
    found = draft.named(column.get("name") if isinstance(column, Mapping) else column)
    plain = found.name.isidentifier() and not keyword.iskeyword(found.name)
    if not plain and not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_ ]*", found.name):
        raise Refuse("a row condition on a column whose name pandas cannot read")
    return found


def _comparison(draft: Draft, column: Column, operator: object, parameter: Any) -> str:
    draft.small(column)
    if column.family is Family.MOMENT:
        return _moment(draft, column, operator, parameter)
    if operator in ("IN", "NOT_IN"):
        if not isinstance(parameter, list) or not parameter:
            raise Refuse("a row condition with an empty list")
        inside = f"coalesce({literals.is_in(column.sql, [_literal(column, one) for one in parameter])}, false)"
        return inside if operator == "IN" else f"(NOT {inside})"
    if operator not in _OPERATORS:
        raise Refuse("a row condition with an operator that is not known")
    if column.family is Family.TEXT and operator not in ("==", "!="):
        raise Refuse("a row condition on the order of texts")
    missing = "true" if operator == "!=" else "false"
    return f"coalesce({column.sql} {_OPERATORS[operator]} {_literal(column, parameter)}, {missing})"


def _moment(draft: Draft, column: Column, operator: object, parameter: Any) -> str:
    """A timestamp without a zone beside a text, which pandas reads as a timestamp there."""
    plain = isinstance(parameter, str) and len(parameter) in (10, 19) and not column.zone
    if operator not in ("<", "<=", ">", ">=") or not plain:  # for equality pandas compares with the text
        raise Refuse("a row condition on timestamps that is no order beside a date")
    try:
        moment = datetime.fromisoformat(parameter)
    except ValueError:
        raise Refuse("a row condition on timestamps that is no order beside a date") from None
    draft.finite(column)
    return f"coalesce({column.ticks} {operator} {ticks(moment, column)}, false)"


def _literal(column: Column, value: object) -> str:
    if column.family in NUMBERS and not column.single and literals.is_number(value):
        return literals.whole(value) if isinstance(value, int) else literals.real(value)
    if column.family is Family.TEXT and not column.category and isinstance(value, str):
        return literals.text(value)
    raise Refuse(f"a row condition on {column.why or column.family} with a value of another kind")
