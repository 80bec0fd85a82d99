"""Row conditions: Great Expectations' own, as an object or as its `col("x") > 1` text, and the plainest pandas queries.

Missing values are pandas': every comparison with one is false, but `!=` and NOT_IN, which are true.
"""

from __future__ import annotations

import keyword
import re
from collections.abc import Mapping
from typing import Any

from towpath_checks.compiled import literals
from towpath_checks.compiled._nouns import Refuse
from towpath_checks.compiled.columns import NUMBERS, Column, Family
from towpath_checks.compiled.draft import Draft

_OPERATORS = {"==": "=", "!=": "<>", "<": "<", "<=": "<=", ">": ">", ">=": ">="}
_VALUE = (
    r"""(?P<op>==|!=|<=|>=|<|>)\s*(?:(?P<quote>["'])(?P<text>[^"'\\]*)(?P=quote)|(?P<number>-?\d{1,15}(?:\.\d+)?))"""
)
_OWN = re.compile(rf"""\s*col\(\s*["'](?P<name>[^"']+)["']\s*\)\s*(?:(?P<there>\.notnull\(\))|{_VALUE})\s*""")
_QUERY = re.compile(rf"\s*(?P<name>[A-Za-z_]\w*)\s*(?:(?P<there>\.notnull\(\))|{_VALUE})\s*")


def compile_condition(draft: Draft) -> str:
    """The row condition as SQL; empty where there is none.

    Raises: Refuse for one that cannot be said exactly.
    """
    asked = draft.kwargs.get("row_condition")
    if isinstance(asked, str) and asked:
        asked = _of_text(asked, draft.kwargs.get("condition_parser"))
    if asked in (None, ""):
        return ""
    return _condition(draft, asked)


def _of_text(asked: str, parser: object) -> Mapping[str, Any]:
    pattern = {"great_expectations": _OWN, "great_expectations__experimental__": _OWN, "pandas": _QUERY}.get(
        str(parser)
    )
    said = pattern.fullmatch(asked) if pattern else None
    if said is None:
        raise Refuse("a row condition in pandas' query language")
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


def _literal(column: Column, value: object) -> str:
    if column.family in NUMBERS and not column.single and literals.is_number(value):
        return literals.whole(value) if isinstance(value, int) else literals.real(value)
    if column.family is Family.TEXT and not column.category and isinstance(value, str):
        return literals.text(value)
    raise Refuse(f"a row condition on {column.why or column.family} with a value of another kind")
