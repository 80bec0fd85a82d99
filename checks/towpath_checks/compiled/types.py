"""Types as pandas has them: the dtype that it would make of a column, which hangs on whether a value is missing."""

from __future__ import annotations

from towpath_checks.compiled._nouns import Refuse
from towpath_checks.compiled.columns import Column, Family
from towpath_checks.compiled.draft import Draft, Finish, Outcome, Read
from towpath_checks.compiled.results import of_records

# What numpy.dtype(name) is, for the names that people write; only these are known here.
_NUMPY = {
    "int": "int64",
    "float": "float64",
    "double": "float64",
    "object": "object",
    "O": "object",
    "bool": "bool",
    **{name: name for name in ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")},
    **{name: name for name in ("float16", "float32", "float64")},
    "datetime64": "datetime64",
    "timedelta64": "timedelta64",
    "str": "numpy.str",
}
_OWN = {"int": "int", "float": "float", "bool": "bool", "str": "str", "list": "list", "dict": "dict", "bytes": "bytes"}
_STRINGS = {"str": "str", "string": "string"}
_DATES = tuple(f"datetime64[{unit}]" for unit in ("s", "ms", "us", "ns"))


def type_is(draft: Draft) -> Finish:
    """expect_column_type_to_be: the dtype itself."""
    column, expected = draft.column(), draft.kwargs.get("type_")
    canonical = _dtype(expected)
    missing = draft.scan.ask(f"count(*) FILTER (WHERE {column.sql} IS NULL)")

    def finish(read: Read) -> Outcome:
        actual = dtype(column, read[missing])
        same = (
            actual.startswith("datetime64[") and "," not in actual if canonical == "datetime64" else actual == canonical
        )
        return Outcome(same, {"observed_value": actual})

    return finish


def values_are(draft: Draft) -> Finish:
    """expect_column_values_to_be_of_type: the kind of scalar, or, where pandas holds objects, of each value."""
    expected = draft.kwargs.get("type_")
    objects = isinstance(expected, str) and expected in ("object", "O")
    return _of_types(draft, [expected], whole_column=objects)


def values_are_of(draft: Draft) -> Finish:
    """expect_column_values_to_be_in_type_list."""
    expected = draft.kwargs.get("type_list")
    if not isinstance(expected, list) or not expected:
        raise Refuse("a type_list of nothing")
    return _of_types(draft, expected, whole_column=False)


def dtype(column: Column, missing: int) -> str:
    """What pandas makes of the column, given how many values are missing."""
    if column.family is Family.OTHER:
        raise Refuse(column.why)
    if missing and column.family is Family.WHOLE:
        return "float64"
    if missing and column.family is Family.TRUTH:
        return "object"
    return column.dtype


def _of_types(draft: Draft, expected: list[object], whole_column: bool) -> Finish:
    column, mostly = draft.column(), draft.mostly
    if column.category or column.family is Family.OTHER:
        raise Refuse(column.why or "the type of categories")
    kinds = {kind for name in expected for kind in _kinds(name)}
    missing = draft.scan.ask(f"count(*) FILTER (WHERE {column.sql} IS NULL)")
    present = f"{column.sql} IS NOT NULL"
    elements, considered = draft.count(), draft.count(present)

    def finish(read: Read) -> Outcome:
        actual = dtype(column, read[missing])
        if actual != "object" or whole_column:
            scalar = "datetime64" if actual in _DATES else actual
            listed = draft.kind.endswith("in_type_list")
            same = scalar in (_equal_to(kinds) if listed else kinds)
            return Outcome(same, {"observed_value": _scalar_name(actual)})
        if kinds == {"object"}:
            raise Refuse("objects of type object")
        fits = bool(_OBJECTS[column.family] & kinds)
        unexpected = 0 if fits else read[considered]
        condition = draft.within(present) if unexpected else ""
        return of_records(read[elements], read[considered], unexpected, mostly, condition)

    return finish


# Of the types known here, those that such a value is an instance of in Python, where True is a whole number.
_OBJECTS: dict[Family, set[str]] = {Family.DATE: set(), Family.DECIMAL: set(), Family.TRUTH: {"bool", "int"}}


def _equal_to(kinds: set[str]) -> set[str]:
    """The dtypes that equal a type: Python's own equal NumPy's of their size; none equals one of texts or times."""
    return {{"int": "int64", "float": "float64"}.get(kind, kind) for kind in kinds} - {"str", "datetime64"}


def _kinds(name: object) -> set[str]:
    """The scalar types that a name stands for: NumPy's, and Python's own."""
    if not isinstance(name, str) or name not in _NUMPY:
        raise Refuse("a type whose name is not known here")
    return {_NUMPY[name], *({_OWN[name]} if name in _OWN else ())}


def _dtype(name: object) -> str:
    """The dtype that a name stands for."""
    if isinstance(name, str) and name in (*_DATES, "category", *_STRINGS):
        return name
    if isinstance(name, str) and name in _NUMPY and name != "timedelta64":
        return _NUMPY[name]
    raise Refuse("a type whose name is not known here")


def _scalar_name(actual: str) -> str:
    if actual.startswith("datetime64["):
        return "Timestamp" if "," in actual else "datetime64"
    return {"object": "object_", "str": "str"}.get(actual, actual)


KINDS = {
    "expect_column_type_to_be": type_is,
    "expect_column_values_to_be_of_type": values_are,
    "expect_column_values_to_be_in_type_list": values_are_of,
}
