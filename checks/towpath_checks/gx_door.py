"""The door to Great Expectations: it understands suites, and validates them over a frame of pandas or of Spark.

What comes out of `validate` can hold records' values: `suited` leaves them out before anything is written.
"""

from __future__ import annotations

import difflib
import importlib
import logging
import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib import metadata
from typing import Any

from towpath_checks.findings import EXAMPLES
from towpath_checks.gx_imports import trimmed
from towpath_checks.suite import Json, Suite, where
from towpath_core.errors import CouldNot, Misused

_MARK = "towpath_position"  # Great Expectations answers in another order than it was asked


def version() -> str:
    """Of Great Expectations, without importing it."""
    return metadata.version("great_expectations")


def understand(suite: Suite, *, spark: bool = False) -> None:
    """Let Great Expectations make each expectation, and run none.

    With `spark` it is imported so that it can use Spark later. Raises: Misused with file and position for what it does
    not know or take.
    """
    with _opened(spark=spark):
        for position, asked in enumerate(suite.expectations):
            _made(suite.file, position, asked)


def validate(
    suite: Suite, expectations: Sequence[Json], frame: Any, *, name: str = "", spark: bool = False
) -> list[Json | None]:
    """One result for each expectation, in their order, as Great Expectations shapes it; None where it gave none.

    `frame` is of pandas, or with `spark` of Spark. Where `name` is one of its columns, the results of expectations
    about records carry `partial_unexpected_index_list`, the first few.
    Raises: Misused as `understand` does, CouldNot when it fails as a whole.
    """
    with _opened(spark=spark):
        import great_expectations as gx

        made = [_made(suite.file, position, asked) for position, asked in enumerate(expectations)]
        form: Json = {"result_format": "SUMMARY", "partial_unexpected_count": EXAMPLES if name else 0}
        if name:
            form["unexpected_index_column_names"] = [name]
        try:
            batch = _batch(frame, spark=spark)
        except Exception as error:  # noqa: BLE001 (its message can hold values: only its kind is told)
            raise _failed(suite, error) from None

        def results(asked: Sequence[Any]) -> list[Json]:
            try:
                understood = gx.ExpectationSuite(name=suite.name, expectations=list(asked))
                raw: Json = batch.validate(understood, result_format=form).to_json_dict()
            except Exception as error:  # noqa: BLE001 (as above)
                raise _failed(suite, error) from None
            listed: list[Json] = raw["results"]
            return listed

        found = _each_or_all(made, results)
    for item in found:
        item["success"] = bool(item["success"])  # of quantiles it is NumPy's, which is not `True`
    by_position = {int(item["expectation_config"]["meta"].pop(_MARK)): item for item in found}
    return [by_position.get(position) for position in range(len(expectations))]


def _each_or_all(made: Sequence[Any], results: Callable[[Sequence[Any]], list[Json]]) -> list[Json]:
    """The results of all at once; where one of them breaks the whole, of each by itself, and none of that one.

    Raises: CouldNot where every one breaks.
    """
    try:
        return results(made)
    except CouldNot as failed:
        found: list[Json] = []
        for one in made if len(made) > 1 else ():
            with suppress(CouldNot):
                found += results([one])
        if not found:
            raise failed from None
        return found


def _failed(suite: Suite, error: Exception) -> CouldNot:
    return CouldNot(f"Great Expectations failed on {suite.file}: {type(error).__name__}")


def _batch(frame: Any, *, spark: bool) -> Any:
    import great_expectations as gx
    from great_expectations.data_context.types.base import ProgressBarsConfig

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False, metric_calculations=False)
    source = context.data_sources.add_spark("towpath") if spark else context.data_sources.add_pandas("towpath")
    asset = source.add_dataframe_asset("records")
    return asset.add_batch_definition_whole_dataframe("all").get_batch({"dataframe": frame})


@contextmanager
def _opened(*, spark: bool = False) -> Iterator[None]:
    """Great Expectations is there, calls nobody, and says nothing: its messages can hold values."""
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
    logging.getLogger("great_expectations").setLevel(logging.CRITICAL)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with trimmed(spark=spark):
            importlib.import_module("great_expectations")
        yield


def _made(file: str, position: int, asked: Json) -> Any:
    """Great Expectations' own object, made by itself: in a list it would be left out where it is not taken."""
    from great_expectations.exceptions.exceptions import ExpectationNotFoundError
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration
    from great_expectations.expectations.registry import list_registered_expectation_implementations

    place = where(file, position + 1, asked)
    marked = {**asked, "meta": {**(asked.get("meta") or {}), _MARK: position}, "id": None}
    try:
        return ExpectationConfiguration(**marked).to_domain_obj()
    except ExpectationNotFoundError as error:
        near = difflib.get_close_matches(asked["type"], list_registered_expectation_implementations(), 1)
        hint = f"did you mean {near[0]}?" if near else f"mend {file}"
        raise Misused(f"{place}: there is no such expectation", hint=hint) from error
    except Exception as error:
        raise Misused(f"{place}: {_plain(error)}", hint=f"mend {file}") from error


def _plain(error: Exception) -> str:
    """What pydantic said, on one line."""
    if hasattr(error, "errors"):
        faults = error.errors()
        return "; ".join(f"{'.'.join(map(str, f['loc'])).replace('__root__', 'kwargs')}: {f['msg']}" for f in faults)
    return " ".join(str(error).split())[:300]
