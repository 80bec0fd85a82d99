"""What SQL cannot say: Python judges each distinct text once, and the verdict counts as often as the text occurs."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from functools import partial
from importlib import import_module
from typing import Any

from towpath_checks.compiled._nouns import Refuse
from towpath_checks.compiled.columns import Column, Family
from towpath_checks.compiled.draft import Draft, Finish, Outcome, Read, of
from towpath_checks.compiled.results import each, of_records

_AT_ONCE = 10_000


def judged(draft: Draft, column: Column, expected: Callable[[str], bool]) -> Finish:
    """Every text of the column that is not missing is as a function of it expects."""
    mostly = draft.mostly
    present = draft.within(f"{column.sql} IS NOT NULL")
    elements, considered = draft.count(), draft.count(f"{column.sql} IS NOT NULL")

    def finish(read: Read) -> Outcome:
        unexpected = 0
        for value, count in _rows(read, f"{column.sql}, count(*)", present, "GROUP BY 1"):
            unexpected += 0 if expected(value) else count
        outcome = of_records(read[elements], read[considered], unexpected, mostly)
        named = partial(_first, read, column, present, expected) if unexpected else None
        return Outcome(outcome.success, outcome.result, named=named)

    return finish


def strftime(draft: Draft) -> Finish:
    """expect_column_values_to_match_strftime_format."""
    form = draft.kwargs.get("strftime_format")
    if not isinstance(form, str):
        raise Refuse("a strftime format that is no text")

    def parses(value: str) -> bool:
        try:
            datetime.strptime(value, form)  # noqa: DTZ007 (only whether it can be read)
        except ValueError:
            return False
        except Exception:  # noqa: BLE001 (what Great Expectations would report is its own to say)
            raise Refuse("a strftime format that Python does not read") from None
        return True

    return judged(draft, _texts(draft), parses)


def dateutil(draft: Draft) -> Finish:
    """expect_column_values_to_be_dateutil_parseable."""
    parse = import_module("dateutil.parser").parse

    def parses(value: str) -> bool:
        try:
            parse(value)
        except (ValueError, OverflowError):
            return False
        except Exception:  # noqa: BLE001 (as above)
            raise Refuse("a text on which dateutil breaks") from None
        return True

    return judged(draft, _texts(draft), parses)


def is_json(draft: Draft) -> Finish:
    """expect_column_values_to_be_json_parseable."""
    column = draft.column()
    of(column, *(family for family in Family if family is not Family.OTHER))
    if column.family is not Family.TEXT:
        return each(draft, column, "false")  # json.loads takes texts only
    return judged(draft, _texts(draft), lambda value: _json(value)[0])


def json_schema(draft: Draft) -> Finish:
    """expect_column_values_to_match_json_schema; a reference to anything outside the schema is refused."""
    schema = draft.kwargs.get("json_schema")
    if not isinstance(schema, dict) or _refers(schema):
        raise Refuse("a JSON schema that refers to something else")
    column = _texts(draft)
    library = import_module("jsonschema")
    kind = library.validators.validator_for(schema)
    try:
        kind.check_schema(schema)
    except library.SchemaError:
        raise Refuse("a JSON schema that is none") from None
    validator = kind(schema)

    def fits(value: str) -> bool:
        readable, content = _json(value)
        if not readable:
            raise Refuse("a text that is no JSON")
        try:
            return bool(validator.is_valid(content))
        except Exception:  # noqa: BLE001 (as above)
            raise Refuse("a JSON schema on which the validator breaks") from None

    return judged(draft, column, fits)


def _texts(draft: Draft) -> Column:
    """The expectation's column of texts; of categories pandas asks about those that no record has, too."""
    column = draft.one_of(Family.TEXT)
    if column.category:
        raise Refuse("a function of categories")
    return column


def _json(value: str) -> tuple[bool, Any]:
    try:
        return True, json.loads(value)
    except Exception:  # noqa: BLE001 (Great Expectations takes any)
        return False, None


def _refers(schema: Any) -> bool:
    if isinstance(schema, dict):
        return any(
            "ref" in str(key).lower() or "schema" in str(key).lower() or _refers(value) for key, value in schema.items()
        )
    return isinstance(schema, list) and any(_refers(one) for one in schema)


def _first(
    read: Read, column: Column, present: str, expected: Callable[[str], bool], name: str, count: int
) -> list[object]:
    """The names of the first records that are not as expected, in the order of the file."""
    found: list[object] = []
    for value, named in _rows(read, f"{column.sql}, {name}", present):
        if not expected(value):
            found.append(named)
        if len(found) >= count:
            break
    return found


def _rows(read: Read, columns: str, where: str, rest: str = "") -> Any:
    cursor = read.query(columns, where, rest)
    while rows := cursor.fetchmany(_AT_ONCE):
        yield from rows


KINDS = {
    "expect_column_values_to_match_strftime_format": strftime,
    "expect_column_values_to_be_dateutil_parseable": dateutil,
    "expect_column_values_to_be_json_parseable": is_json,
    "expect_column_values_to_match_json_schema": json_schema,
}
