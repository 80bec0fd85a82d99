"""A suite over a table: each expectation by the quickest engine that answers exactly as Great Expectations would."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from towpath_checks import suited
from towpath_checks.findings import Finding
from towpath_checks.suite import Json, Suite, columns_of, subject
from towpath_checks.suited import ABOUT_MISSING, AVERAGES, COMPILED, GX, SPARK, TOWPATH, About, Said
from towpath_core.digests import sha256_bytes, sha256_file
from towpath_core.errors import CouldNot, Misused, Refused

if TYPE_CHECKING:
    from towpath_checks.remembered import Memory
    from towpath_checks.tables import Table

Engine = Literal["auto", "fast", "gx", "spark"]
ENGINES: tuple[Engine, ...] = ("auto", "fast", "gx", "spark")
CROSS_CHECK = "cross_check"
_NO_AGGREGATES = (
    "expect_column_values_",
    "expect_column_value_lengths_",
    "expect_column_pair_",
    "expect_column_to_exist",
)


@dataclass(frozen=True, slots=True)
class Suited:
    """One finding for each expectation, in the suite's order, and Great Expectations' own result without any values.

    `engines` counts the verdicts by the engine that gave them.
    """

    findings: tuple[Finding, ...]
    evidence: Json
    engines: Mapping[str, int]


def run(
    suite: Suite,
    table: Table,
    *,
    engine: Engine = "auto",
    name: str = "record_id",
    cross_check: bool = False,
    memory: Memory | None = None,
) -> Suited:
    """Ask everything of the table's records; `name` is the column whose values name a record in examples, if any.

    Engines: `auto` compiles to DuckDB what compiles exactly, and asks Great Expectations, on pandas, for the rest;
    `fast` leaves the rest not assessed; `gx` asks Great Expectations for all; `spark` does so on Spark. With
    `cross_check` what was compiled is asked of Great Expectations too, and each difference is one more finding that
    fails. `memory` remembers that Great Expectations takes the suite, so that a known one need not be shown to it.

    Raises: Refused for no records and for what cannot be read as a table, Misused with file and position for an
    expectation that Great Expectations does not know or take, CouldNot when an engine fails as a whole.
    """
    if engine not in ENGINES:
        raise Misused(f"there is no engine {engine!r}", hint=f"one of {', '.join(ENGINES)}")
    _refuse_delimiter(suite, table)
    if not table.rows:
        raise Refused("there are no records: every expectation would hold")
    _understood(suite, memory, spark=engine == "spark")
    shown = name if name in table.names else ""
    probes = _probes(suite.expectations, table.names)
    said = _asked(suite, (*suite.expectations, *probes.values()), table, engine, shown)
    mine, extra = said[: len(suite.expectations)], said[len(suite.expectations) :]
    about = _about(suite, table, {place: one.result for place, one in zip(probes, extra, strict=True)})
    findings = [
        suited.finding(suite.file, place, asked, one, about)
        for place, (asked, one) in enumerate(zip(suite.expectations, mine, strict=True))
    ]
    pairs = enumerate(zip(suite.expectations, mine, strict=True))
    results = [_result(asked, one, about.values(place)) for place, (asked, one) in pairs]
    assessed = not any(found.got.startswith("not assessed") for found in findings)
    evidence = suited.evidence(suite.name, results, _meta(suite, table, mine), assessed=assessed)
    if cross_check:
        findings += _crossed(suite, table, mine)
    engines = [found.engine for found in findings]
    return Suited(tuple(findings), evidence, {kind: engines.count(kind) for kind in dict.fromkeys(engines)})


def versions() -> dict[str, str]:
    """What a verdict depends on beside the data and the suite; it goes into the key of a remembered one.

    `checks` is over the sources of this package, none of which is imported: a change of them forgets what was known.
    """
    here = Path(__file__).parent
    sources = sorted([*here.glob("*.py"), *(here / "compiled").glob("*.py"), *(here / "tables").glob("*.py")])
    listed = "".join(f"{sha256_file(path)}  {path.relative_to(here).as_posix()}\n" for path in sources)
    packages = ("towpath", "duckdb", "great-expectations", "pandas", "pyarrow")
    return {"checks": sha256_bytes(listed.encode()), **{package: metadata.version(package) for package in packages}}


def _refuse_delimiter(suite: Suite, table: Table) -> None:
    """A header that was cut at the wrong sign is told before the lines below it are."""
    named = [name for asked in suite.expectations for name in columns_of(asked["type"], asked["kwargs"])]
    missing = list(dict.fromkeys(name for name in named if name not in table.names))
    if missing and table.hint(missing):
        table.require(missing)


def _understood(suite: Suite, memory: Memory | None, *, spark: bool) -> None:
    """Shown to Great Expectations once: it says best what it does not take. Raises: Misused."""
    from towpath_checks import gx_door

    about = {"understood": suite.digest, "great-expectations": gx_door.version()}
    if memory is not None and memory.recall(about) is not None:
        return
    gx_door.understand(suite, spark=spark)
    if memory is not None:
        memory.keep(about, {})


def _asked(suite: Suite, expectations: Sequence[Json], table: Table, engine: Engine, name: str) -> list[Said]:
    """An answer to each, in order; no engine is asked about a column that is not there."""
    there = [
        place
        for place, asked in enumerate(expectations)
        if all(column in table.names for column in columns_of(asked["type"], asked["kwargs"]))
    ]
    answers = {place: Said(TOWPATH, None) for place in range(len(expectations))}
    wanted = [expectations[place] for place in there]
    if engine in ("auto", "fast"):
        answers |= dict(zip(there, _compiled(wanted, table, name), strict=True))
        left = [place for place in there if answers[place].result is None] if engine == "auto" else []
    else:
        left = there
    if left:
        spark = engine == "spark"
        given = _great_expectations(suite, [expectations[place] for place in left], table, name, spark=spark)
        answers |= {place: replace(one, refused=answers[place].refused) for place, one in zip(left, given, strict=True)}
    return [answers[place] for place in range(len(expectations))]


def _compiled(expectations: Sequence[Json], table: Table, name: str) -> list[Said]:
    import duckdb

    from towpath_checks.compiled import validate

    relation = table.relation()
    try:
        answers = validate(expectations, relation, name)
    except CouldNot as error:
        if isinstance(error.__cause__, duckdb.OutOfMemoryException):
            raise
        # where the data are damaged, Great Expectations' reader says so
        return [Said(COMPILED, None, error.message) for _ in expectations]
    return [Said(COMPILED, answer.result, answer.refused, answer.rows) for answer in answers]


def _great_expectations(
    suite: Suite, expectations: Sequence[Json], table: Table, name: str, *, spark: bool = False
) -> list[Said]:
    """As one suite, over a frame of no more columns than they name."""
    from towpath_checks import gx_door

    if spark:
        from towpath_checks import spark_door

        with spark_door.frame(table) as frame:
            results = gx_door.validate(suite, expectations, frame, name=name, spark=True)
    else:
        frame = table.frame(_needed(expectations, table.names, name))
        results = gx_door.validate(suite, expectations, frame, name=name)
    return [Said(SPARK if spark else GX, result, rows=_rows(result, name)) for result in results]


def _rows(result: Json | None, name: str) -> tuple[object, ...]:
    listed = ((result or {}).get("result") or {}).get("partial_unexpected_index_list") or []
    return tuple(row[name] for row in listed if isinstance(row, dict) and name in row)


def _needed(expectations: Sequence[Json], names: Sequence[str], name: str) -> list[str] | None:
    """The columns to load; None: all, because one expectation is about the table, or may name any of them."""
    needed = {name}
    for asked in expectations:
        kind, kwargs = asked["type"], asked["kwargs"]
        if not kind.startswith(("expect_column_", "expect_compound_", "expect_multicolumn_", "expect_select_")):
            return None
        if kind == "expect_column_to_exist" or not columns_of(kind, kwargs):
            return None
        condition = str(kwargs.get("row_condition") or "")
        needed |= {column for column in names if column in columns_of(kind, kwargs) or column in condition}
    return [column for column in names if column in needed]


def _probes(expectations: Sequence[Json], names: Sequence[str]) -> dict[int, Json]:
    """By position: what else must be asked of an aggregate under a row condition, to know that it says something.

    Of an average always, to know that it is no record's own value.
    """
    found = {}
    for place, asked in enumerate(expectations):
        kind, kwargs = asked["type"], asked["kwargs"]
        aggregate = kind.startswith("expect_column_") and not kind.startswith(_NO_AGGREGATES)
        if (
            aggregate
            and (kwargs.get("row_condition") or kind in AVERAGES)
            and kind not in ABOUT_MISSING[:1]
            and kwargs.get("column") in names
        ):
            under = {key: kwargs[key] for key in ("column", "row_condition", "condition_parser") if key in kwargs}
            found[place] = {"type": "expect_column_values_to_not_be_null", "kwargs": under}
    return found


def _about(suite: Suite, table: Table, probed: Mapping[int, Json | None]) -> About:
    needed = [
        name
        for asked in suite.expectations
        if asked["type"] not in ABOUT_MISSING
        for name in columns_of(asked["type"], asked["kwargs"])
    ]
    absent = [name for name in needed if name not in table.names]
    return About(table.rows, table.names, table.all_missing(needed), probed, table.hint(absent))


def _result(asked: Json, said: Said, values: int) -> Json:
    why = said.refused or "there is no such column, or no answer"
    return suited.scrubbed(said.result, values) if said.result else suited.nothing(asked, why)


def _meta(suite: Suite, table: Table, said: Sequence[Said]) -> Json:
    """What an auditor must know to have the same verdicts again."""
    found = versions()
    return {
        "great_expectations_version": found["great-expectations"],
        "suite_digest": suite.digest,
        "data": {"table": table.shown, "digest": table.digest, "records": table.rows},
        "versions": found,
        "engines": [{"engine": one.engine, **({"not_compiled": one.refused} if one.refused else {})} for one in said],
    }


def _crossed(suite: Suite, table: Table, said: Sequence[Said]) -> list[Finding]:
    """What was compiled, asked of Great Expectations too."""
    places = [place for place, one in enumerate(said) if one.engine == COMPILED and one.result is not None]
    if not places:
        return []
    asked = [suite.expectations[place] for place in places]
    again = _great_expectations(suite, asked, table, "")
    found = []
    for expectation, place, other in zip(asked, places, again, strict=True):
        if different := _differences(said[place].result, other.result):
            got = f"{', '.join(different)} of {expectation['type']} differ between the engines"
            found.append(
                Finding(CROSS_CHECK, subject(expectation["kwargs"]), False, got, "the same from both", engine=TOWPATH)
            )
    if found:
        return found
    got = f"{len(places)} of {len(places)} compiled verdicts are the same"
    expected = "the same from both engines"
    return [Finding(CROSS_CHECK, suite.file, True, got, expected, severity="warning", engine=TOWPATH)]


def _differences(one: Json | None, other: Json | None) -> list[str]:
    """The names of what is not the same in two results; rounding of an observed value is no difference."""
    if one is None or other is None:
        return ["answers"]
    if suited.raised(other["exception_info"]):
        return [] if suited.raised(one["exception_info"]) else ["exceptions"]
    mine, theirs = one["result"] or {}, other["result"] or {}
    found = [] if one["success"] is other["success"] else ["success"]
    keys = ("element_count", "unexpected_count", "missing_count", "observed_value")
    return found + [key for key in keys if key in theirs and not _same(mine.get(key), theirs[key])]


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, (int, float)) and isinstance(other, (int, float)):
        return math.isclose(one, other, rel_tol=1e-6, abs_tol=1e-12) or (math.isnan(one) and math.isnan(other))
    return isinstance(other, (str, list, dict)) or one == other
