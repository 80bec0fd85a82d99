"""What Great Expectations itself, on pandas, says to expectations: the reference that the compiler is held against."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from towpath_checks.compiled import Relation
from towpath_checks.tables._connection import MEMORY, connected

Json = dict[str, Any]


def written(table: pa.Table, folder: Path) -> Relation:
    """The table as a Parquet file, and as what DuckDB sees of it."""
    file = folder / "records.parquet"
    pq.write_table(table, file)
    return relation(f"read_parquet('{file}')", file, pq.read_schema(file))


def relation(source: str, file: Path, schema: pa.Schema | None = None) -> Relation:
    """What DuckDB sees of a FROM item that reads the file, on a connection as tables have it."""
    connection = connected(MEMORY, [file], file.parent)
    columns = {row[0]: row[1] for row in connection.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()}
    return Relation(connection, source, columns, schema)


def great_expectations_says(asked: Sequence[Json], frame: pd.DataFrame) -> list[Json | None]:
    """Its result for each expectation, without values; None where it does not take the configuration or breaks."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import great_expectations as gx
        from great_expectations.exceptions.exceptions import GreatExpectationsError

        batch = _records().get_batch({"dataframe": frame})

        def said(understood: list[Any]) -> list[Json]:
            suite = gx.ExpectationSuite(name="records", expectations=understood)
            form = {"result_format": "SUMMARY", "partial_unexpected_count": 0}
            try:
                results: list[Json] = batch.validate(suite, result_format=form).to_json_dict()["results"]
            except GreatExpectationsError:  # of all, where one of them breaks it
                return [result for one in understood for result in said([one])] if len(understood) > 1 else []
            return results

        results = said([one for one in map(_understood, range(len(asked)), asked) if one is not None])
    by_position = {one["expectation_config"]["meta"]["position"]: one for one in results}
    return [by_position.get(position) for position in range(len(asked))]


def raised(said: Json) -> bool:
    """Whether it ended in an exception."""
    info = said["exception_info"]
    several = [info] if "raised_exception" in info else info.values()
    return any(one["raised_exception"] for one in several)


def _understood(position: int, asked: Json) -> Any:
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

    try:
        marked = ExpectationConfiguration(asked["type"], asked["kwargs"], meta={"position": position})
        return marked.to_domain_obj()
    except Exception:  # noqa: BLE001 (it raises many kinds for a configuration that it does not take)
        return None


@cache
def _records() -> Any:
    logging.getLogger("great_expectations").setLevel(logging.CRITICAL)
    import great_expectations as gx
    from great_expectations.data_context.types.base import ProgressBarsConfig

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False, metric_calculations=False)
    asset = context.data_sources.add_pandas("records").add_dataframe_asset("records")
    return asset.add_batch_definition_whole_dataframe("all")
